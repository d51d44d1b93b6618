"""One hub's way through the station: authorise, unlock, run the sequence, name the outcome."""
