"""The explicit charge of each re-flashed hub, a month and party."""
