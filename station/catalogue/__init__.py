"""The catalogue that a station works by: opened as configured, and renewed while it works."""
