"""What the Smart Metering Inventory is told, by which way, and what it answered. Its interfaces are unpublished: ours are provisional."""
