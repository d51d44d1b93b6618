"""What a person or a test does to a jig's I/O board through the rig's control socket.

| `act` | does |
|---|---|
| `close_lid`, `open_lid` | moves the jig's lid |
| `press_start`, `release_start` | moves the start button |
| `press_stop`, `release_stop` | moves the emergency stop, which cuts and gives back the slots' power |
| `plug`, `unplug` | connects or pulls the board's serial cable |
| `restart` | switches the board's own supply off and on |
| `fault` | gives the board the fault `fault`, one of `BoardFault` |
| `arm` | spoils by `fault` the next `times` (1) answers to questions `on`, a kind of `Question` |
| `disarm` | forgets what is armed |
| `lie` | makes the presence inputs of `slots` say the opposite, and of all others the truth |

Without `act` nothing is done. Each request is answered with what the board is like.
"""

from __future__ import annotations

from typing import Any

from simulators.board_faults import BoardFault, Question
from simulators.jig_board import CHANNELS, SimulatedJigBoard


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
        case "arm":
            board.arm(_fault(request.get("fault")), _question(request.get("on")), _times(request))
        case "disarm":
            board.disarm()
        case "lie":
            board.lying = _slots(request.get("slots"))
        case other:
            raise ValueError(
                f"unknown act {other!r}; known: close_lid, open_lid, press_start, release_start, press_stop,"
                " release_stop, plug, unplug, restart, fault, arm, disarm, lie"
            )


def describe_board(board: SimulatedJigBoard) -> dict[str, Any]:
    """Tell what a person sees of the board."""
    return {
        "port": str(board.path) if board.is_plugged else None,
        "lamps": list(board.lamps),
        "powered": list(board.powered),
        "heartbeat": board.holding_registers()[-1],
        "lid_closed": board.lid_closed,
        "start_pressed": board.start_pressed,
        "emergency_stop": board.emergency_stop,
        "fault": board.fault.value,
        "armed": [
            {"fault": each.fault.value, "on": each.on.value, "left": each.left} for each in board.armed
        ],
        "lying": sorted(board.lying),
    }


def _fault(name: Any) -> BoardFault:
    try:
        return BoardFault(name)
    except ValueError:
        raise ValueError(f"unknown fault {name!r} of a board; known: {', '.join(BoardFault)}") from None


def _question(name: Any) -> Question:
    try:
        return Question(name)
    except ValueError:
        raise ValueError(f"no board is asked {name!r}; known: {', '.join(Question)}") from None


def _times(request: dict[str, Any]) -> int:
    times = request.get("times", 1)
    if not isinstance(times, int) or times < 1:
        raise ValueError("'times' is wanted, a number from 1")
    return times


def _slots(numbers: Any) -> set[int]:
    if not isinstance(numbers, list) or not all(number in range(1, CHANNELS + 1) for number in numbers):
        raise ValueError(f"'slots' is wanted, a list of numbers from 1 to {CHANNELS}")
    return set(numbers)
