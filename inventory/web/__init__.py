"""The inventory for other programs: REST with OpenAPI, metrics and health. A process of its own, beside the one that listens."""
