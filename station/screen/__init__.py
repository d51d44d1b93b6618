"""The bench on a browser's screen: a client of the daemon's desk, in a process of its own."""
