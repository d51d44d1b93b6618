"""Rigs measured with the golden hubs that sit in them: written at full speed into their spare slots, and left as they were."""
