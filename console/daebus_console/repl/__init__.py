"""Typing commands: what the line REPL and the command pane of the TUI share, and the line REPL itself.

Law of this folder: completer, history, suggestions, validation and lexer are prompt_toolkit's kinds, made from
`commands`; whatever can be decided without a terminal is decided there. Nothing here imports textual or `tui`.
"""
