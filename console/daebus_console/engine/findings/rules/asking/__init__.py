"""What those do who ask and publish: what they send, where to, and how often."""
