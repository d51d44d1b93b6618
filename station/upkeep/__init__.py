"""Jigs that wear: what of them is due to be replaced or checked, and which slots fare worse than the others."""
