"""What set off what: the tree of exchanges that one belongs to, drawn over one time axis, and compared with another.

Law of this room: pure. Exchanges are joined by `parent_id` alone, which is the id of what was being handled when they
were sent; nothing is guessed. All times are those of the tap, but for the seconds in a handler, which its service told.
"""
