"""Work orders: import, life cycle, reconciliation."""
