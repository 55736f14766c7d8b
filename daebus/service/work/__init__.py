"""Where the work of a service is done: worker threads, the event loop, and the bounded queue of what waits for either.

Knows nothing of messages and handlers: what it is given are jobs, and what to do with one.
"""
