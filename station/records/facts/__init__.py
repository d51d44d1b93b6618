"""The facts that the journal keeps, by theme: each kind, what it does to the tables, and the questions about it."""
