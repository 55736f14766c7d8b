"""What becomes of messages at those who handle them."""
