"""The screen: a Textual application on a session of the engine.

Law of this folder: no redis and no socket here; what is on the bus is read from the session under its lock, what is
to be sent goes through `commands`. Modules beside `widgets/` and `screens/` are pure functions of what they are given
and import no Textual. Widgets draw and post messages (see messages.py); the screen wires them. Importing this package
imports nothing of Textual, so the shell's verbs stay quick.
"""
