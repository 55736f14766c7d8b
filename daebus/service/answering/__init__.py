"""What becomes of an answer: given by a handler or later, held by a debugger, sent, and seen to have arrived.

Law of this room: it knows nothing of the chain that a message goes through, and sends nothing twice.
"""
