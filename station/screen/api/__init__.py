"""What programs ask over HTTP: every request of the desk, derived from its model and the table of rights."""
