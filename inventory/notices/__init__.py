"""What parties are told, by e-mail: written down with the act that it is about, sent afterwards, kept as sent."""
