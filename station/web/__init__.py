"""What everything that serves browsers here has in common: who may ask, from where, over what; and how pages look and ask."""
