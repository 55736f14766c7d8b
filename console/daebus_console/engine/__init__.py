"""The engine: from bytes off the bus to exchanges, services and figures. It knows no terminal.

Law of this folder: nothing here imports textual, prompt_toolkit, rich, `commands` or `tui`. The rooms of what is worked
out (`message`, `pairing`, `figures`, `hiding`, `filter`, `insight`, `diff`, `capture`, and the directory) import no
redis, asyncio or socket and read no clock: time comes with the frames. Only `live`, sender, session and `replay` do
I/O.
"""
