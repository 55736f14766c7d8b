"""The way of a message through a service: one chain, whose links stand in `links` in the order in which they are gone.

It is written once, as coroutines, and gone in two ways (`calls`): by a worker thread, where nothing ever suspends and
a plain function is just called; and as a task on the event loop, where what would wait is awaited. Knows no thread,
no queue and no socket of its own.
"""
