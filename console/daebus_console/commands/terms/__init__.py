"""What a line is made of: words, paths, items, kinds of arguments, and what a verb says of itself. Knows no verb."""
