"""Sharded Pub/Sub: each channel belongs to the node of a cluster that has its slot, and messages go to that one alone.

Whoever publishes to several channels has a connection to each of several nodes; whoever listens is at the owner of the
slot, and moves with it. What a node refuses since the slot is elsewhere it has not done: it is sent once more, there.
"""
