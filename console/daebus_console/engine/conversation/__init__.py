"""What set off what: the tree of exchanges that one belongs to, drawn over one time axis, and compared with another.

Law of this room: pure. Exchanges are joined by `parent_id`, which is the id of what was being handled when they were
sent; what no id says is joined only where there is one possibility, and is marked. All times are those of the tap, but
for the seconds in a handler, which its service told.
"""
