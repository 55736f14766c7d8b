"""The verbs: one grammar and one table of them for the shell, the prompt of the TUI and the line REPL.

Law of this folder: what understands commands (`terms`, `verbs`, `grammar`, `completion`) is pure and light: it imports
the standard library alone, so that help and completion cost no start-up; only a filter is shown to the engine's parser,
when one is there. What carries commands out (`doing`) uses the engine and speaks through the Output of its `context`.
Nothing here imports textual, prompt_toolkit or `tui`, and nothing writes to a terminal.
"""
