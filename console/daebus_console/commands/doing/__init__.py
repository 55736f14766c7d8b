"""What verbs do. A module is loaded when a verb that needs it runs; lines are understood and completed without it."""
