"""Who answers a hub's challenge, how often it may be asked, and how many answers count against a hub."""
