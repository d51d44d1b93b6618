"""How many hubs an hour the bench makes, where the time goes, what stands in the way, and whether a year's volume fits."""
