"""What services tell of themselves: the records of their flight recorders, and what they are doing just now. Pure.

Law of this room: nothing here does I/O or reads a clock, and whatever is in a record, nothing raises. What a service
tells may be wrong, lost, or of another clock: what cannot be joined to a message for certain is not joined. What is
kept is bounded by count and by bytes. Times of records are by the service's own clock; whoever shows them says so.
"""
