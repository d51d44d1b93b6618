"""What must not be lost: the journal, results, and their way to the broker."""
