"""The asking side for an event loop: the same as for threads, to be awaited.

Law of this room: nothing here holds the event loop up. What may take a while is done beside it, on a thread.
"""
