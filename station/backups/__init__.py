"""Copies of what a bench PC must not lose: made, checked, kept for a while, and brought back."""
