"""How to talk to a hub and to a jig. Knows the catalogue's types and nothing of the station."""
