"""The systems that hubs' versions are told to, simulated: the inventory, and its two ways in. Provisional: both are unpublished."""
