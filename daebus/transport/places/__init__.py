"""Where a connection goes: to one server, to the master that sentinels name, or to any node of a cluster.

`dialing` is the one place that connections are made in. A `Lookout` keeps watch over the servers behind one URL, on one
thread for all connections of the process, and ends those whose server is no place to be any more. Knows addresses and
links; nothing of messages.
"""
