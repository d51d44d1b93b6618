"""USB/IP, the device's end: an asyncio server of protocol 1.1.1, and what a simulated USB device is to it."""
