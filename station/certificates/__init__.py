"""Certificates of a site: when they end, whose they are, and made for a first set-up."""
