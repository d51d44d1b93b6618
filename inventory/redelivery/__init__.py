"""The way back: what may leave, to whom, what became of it on its way, and what has to be called back."""
