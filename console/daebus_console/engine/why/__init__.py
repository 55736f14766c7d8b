"""Why something has no answer, no effect, or failed: one cause in a sentence, its evidence, and what to do next. Pure.

Law of this room: a cause is told only where what is known leaves no other; else there is none, and what is known is
told all the same. Each module knows the causes of one kind; `asking` knows which are looked for in which order.
"""
