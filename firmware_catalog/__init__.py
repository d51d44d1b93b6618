"""What may be flashed on what. Knows no hardware."""
