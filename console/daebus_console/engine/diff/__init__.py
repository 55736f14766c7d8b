"""What differs between two JSON values, or two exchanges, and the rules of what does not count. Pure."""
