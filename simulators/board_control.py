"""What a person or a test does to a jig's I/O board through the rig's control socket.

| `act` | does |
|---|---|
| `close_lid`, `open_lid` | moves the jig's lid |
| `press_start`, `release_start` | moves the start button |
| `press_stop`, `release_stop` | moves the emergency stop, which cuts and gives back the slots' power |
| `plug`, `unplug` | connects or pulls the board's serial cable |
| `restart` | switches the board's own supply off and on |
| `fault` | gives the board the fault `fault`: none, silent, frozen, short, damaged, exceptions, late |
| `lie` | makes the presence inputs of `slots` say the opposite, and of all others the truth |

Without `act` nothing is done. Each request is answered with what the board is like.
"""

from __future__ import annotations

from typing import Any

from simulators.jig_board import CHANNELS, BoardFault, SimulatedJigBoard


def act_on_board(board: SimulatedJigBoard, request: dict[str, Any]) -> None:
    """Do what a request asks. Raises ValueError with one line that says what is known."""
    match request.get("act"):
        case None:
            pass
        case "close_lid" | "open_lid" as act:
            board.lid_closed = act == "close_lid"
        case "press_start" | "release_start" as act:
            board.start_pressed = act == "press_start"
        case "press_stop":
            board.press_emergency_stop()
        case "release_stop":
            board.release_emergency_stop()
        case "plug":
            board.plug()
        case "unplug":
            board.unplug()
        case "restart":
            board.restart()
        case "fault":
            board.fault = _fault(request.get("fault"))
        case "lie":
            board.lying = _slots(request.get("slots"))
        case other:
            raise ValueError(
                f"unknown act {other!r}; known: close_lid, open_lid, press_start, release_start, press_stop,"
                " release_stop, plug, unplug, restart, fault, lie"
            )


def describe_board(board: SimulatedJigBoard) -> dict[str, Any]:
    """Tell what a person sees of the board."""
    return {
        "port": str(board.path) if board.is_plugged else None,
        "lamps": list(board.lamps),
        "powered": list(board.powered),
        "lid_closed": board.lid_closed,
        "start_pressed": board.start_pressed,
        "emergency_stop": board.emergency_stop,
        "fault": board.fault.value,
        "lying": sorted(board.lying),
    }


def _fault(name: Any) -> BoardFault:
    try:
        return BoardFault(name)
    except ValueError:
        raise ValueError(f"unknown fault {name!r} of a board; known: {', '.join(BoardFault)}") from None


def _slots(numbers: Any) -> set[int]:
    if not isinstance(numbers, list) or not all(number in range(1, CHANNELS + 1) for number in numbers):
        raise ValueError(f"'slots' is wanted, a list of numbers from 1 to {CHANNELS}")
    return set(numbers)
