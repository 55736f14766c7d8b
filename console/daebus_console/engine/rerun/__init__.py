"""Running one handler again as it was recorded: what belongs to it, and how what it does now differs. Pure.

What runs it is `daebus.testing.rerun`, which nothing in here imports but `running`.
"""
