"""The screen's views, one file each: what it shows, and its routes."""
