"""daebus-console: a development console and debugger for services that talk over Redis Pub/Sub.

Rooms: `engine` (what happens on the bus, without a terminal), `commands` (the verbs, shared by every face),
`tui` (the Textual application), and the faces of the shell (`cli`, `repl`).
"""
