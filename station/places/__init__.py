"""Where adapters are plugged in: which driver a jig has, where its hubs can be found, and how they get power."""
