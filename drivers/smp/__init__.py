"""Simple Management Protocol (SMP) over serial, as MCUboot and Zephyr speak it."""
