"""completion: print what makes tab complete verbs, options and the names on the bus in a shell."""

from __future__ import annotations

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Verb
from daebus_console.commands.verbs.usual import AT_SHELL

VERB = Verb(
    "completion",
    "print what makes tab complete verbs, options and the names on the bus in a shell",
    (Argument("shell", Kind.TEXT, "bash or zsh", words=("bash", "zsh")),),
    examples=("completion bash", "completion zsh"),
    details='For bash, put this into ~/.bashrc: eval "$(daebus-console completion bash)". For zsh write'
    " zsh in both places.",
    faces=AT_SHELL,
    place=190,
)
