"""What helps while a line is typed: how it may go on, what is wrong with it, its colours. Carries nothing out."""
