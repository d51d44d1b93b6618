"""What somebody who is to help from afar may be given: how a bench is and what it logged, without a secret or a person's name."""
