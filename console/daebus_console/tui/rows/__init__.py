"""What stands in a row, as pieces of text, each with a role. Pure: it draws nothing."""
