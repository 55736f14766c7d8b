"""The engine: from bytes off the bus to exchanges, services and figures. It knows no terminal.

Law of this folder: nothing here imports textual, prompt_toolkit, rich, `commands` or `tui`. The pure modules
(frame, ring, exchange, envelope, journal, correlator, directory, filter, stats, capture) import no redis, asyncio
or socket and read no clock: time comes with the frames. Only tap, discovery, sender and session do I/O.
"""
