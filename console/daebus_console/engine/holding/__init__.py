"""What is held and harmed on purpose: rules, what they hold, steps, faults in files. Pure.

The wire is that of the control verbs `rules`, `held`, `release` and `suspend`; `engine.keeping` is who speaks it.
"""
