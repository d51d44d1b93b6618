"""A driver of the re-flash station for hubs that take their firmware by XMODEM."""
