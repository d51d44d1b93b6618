"""What people at the bench are told: one file of texts a language, and how sentences are put together from it."""
