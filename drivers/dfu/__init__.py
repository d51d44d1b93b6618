"""USB Device Firmware Upgrade (DFU 1.1), over libusb or over USB/IP."""
