"""One device flashed by a person, outside every work order."""
