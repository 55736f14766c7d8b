"""One connection: bytes in and out of a socket for any number of threads, and which of them reads for all.

Law of this room: nobody here knows where a connection leads, how it is made, or what is said over it.
"""
