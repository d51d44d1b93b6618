"""A jig's own I/O board: presence, lid, start button and emergency stop in; slot power and lamps out.

Modbus RTU, master side. `board.JigBoard` is what a station uses; `settings.JigBoardSettings` configures it.
"""
