"""The screen: a Textual application on a session of the engine.

Law of this folder: no redis and no socket here; what is on the bus is read from the session under its lock, what is
to be sent goes through `commands`. What is shown is worked out in `rows`, `titles`, `flow`, `documents`, `draft` and
`compare`, pure functions of what they are given that import no Textual. Widgets draw and post messages (see
messages.py); `screens` wires them. Importing this package imports nothing of Textual, so the shell's verbs stay quick.
"""
