"""What parties send: announced, received against the order, accepted or rejected, and sent back."""
