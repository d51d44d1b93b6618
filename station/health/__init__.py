"""How a bench PC is, as it looks from outside: the same answer whether its daemon runs or not."""
