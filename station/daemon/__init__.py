"""One station at work: its rooms put together, and the policies that need several of them."""
