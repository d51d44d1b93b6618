"""Finds out what is wrong with a bench, and says what to do about it. Changes nothing that it does not put back."""
