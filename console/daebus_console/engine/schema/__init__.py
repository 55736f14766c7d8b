"""What the actions of services take and answer, as they tell it: JSON Schemas, shown, checked and written out.

Law: pure. Schemas come over the bus, so that anything may stand in them; what is not understood is left out, and
allows everything.
"""
