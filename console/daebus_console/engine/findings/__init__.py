"""What is wrong on the bus, found while it passes by, each in a sentence with its evidence. Pure.

Law of this room: nothing here does I/O or reads a clock; time comes with the exchanges. No message is looked at
twice, what is remembered is bounded, and beyond so many exchanges a second only a part is looked at, which is counted
(`Findings.skipped`). A rule is one module in `rules`, found there by name; it is told what happens (see `rule.Rule`)
and reports to the book (`book.Book`). A rule may miss what it is for; it must not name what is no fault: where it
cannot be certain it is silent.
"""
