"""The shell's face: options, output, questions, and the verbs that only the shell has."""
