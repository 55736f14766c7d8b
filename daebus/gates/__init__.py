"""Debug gates: where a message is held, harmed or edited on purpose, by rules that last no longer than a lease.

Law of this room: nothing here outlives its lease, whatever becomes of whoever set it; what is held is let go exactly
once; and what hands a message in is never made to wait. Knows no service, no connection and no handler: who stands at
a gate says what a message is, and what is to be done when it goes on.
"""
