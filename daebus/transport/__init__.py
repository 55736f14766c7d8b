"""The transport: where Redis is, a connection to it, and the drivers that move its bytes for threads and for asyncio.

Knows nothing of services, callers and their messages: channels and bytes go in, channels and bytes come out.
"""
