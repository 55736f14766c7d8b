"""The flight recorder: what one instance of a service did lately, kept in its memory until somebody asks.

Law of this room: it knows no service, no message and no Redis. A record is one tuple, written to nothing and made into
nothing else until it is asked for; noting one raises nothing, waits for nothing and keeps no object of the program
alive, be it an exception or a payload. What is kept is bounded by count and by bytes.
"""
