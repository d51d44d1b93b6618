"""Rigs in software, as processes of their own. Shares no code with drivers or station."""
