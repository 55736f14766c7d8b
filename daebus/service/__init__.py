"""The answering side: an app and its registry, the readers and workers, what a handler sees, tasks, claims, control."""
