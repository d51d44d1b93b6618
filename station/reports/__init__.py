"""How the bench fared: a copy of what the journal says, made for questions over any span. It may be deleted at any time."""
