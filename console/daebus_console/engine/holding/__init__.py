"""What is held and harmed on purpose: rules, what they hold, steps, orders of release. Pure, but for no clock.

The wire is that of the control verbs `rules`, `held`, `release` and `suspend`; whoever sends them is `engine.keeper`.
"""
