"""What can go wrong between the station and a jig's I/O board. Nothing here says anything of a hub."""

from __future__ import annotations


class JigBoardError(Exception):
    """The board could not do what it was asked. `board` names it, `what` says what happened and what to do."""

    def __init__(self, board: str, what: str) -> None:
        super().__init__(board, what)
        self.board = board
        self.what = what

    def __str__(self) -> str:
        return f"{self.board}: {self.what}"


class BoardUnavailable(JigBoardError):
    """The board's port cannot be opened, or vanished: absent, held by another program, or not permitted."""


class BoardSilent(JigBoardError):
    """The board did not answer in time, or no longer takes bytes."""


class BoardLate(BoardSilent):
    """The board answers, but not in the time that it has."""


class BoardAnswerInvalid(JigBoardError):
    """The board answered something too short, damaged, or not asked for."""


class BoardRefused(JigBoardError):
    """The board answered with a Modbus exception; `code` is the one it gave."""

    def __init__(self, board: str, what: str, *, code: int) -> None:
        super().__init__(board, what)
        self.code = code


class BoardTooSlow(JigBoardError):
    """The inputs cannot be looked at often enough to notice that a hub is exchanged."""


class BoardFrozen(JigBoardError):
    """The board answers, but its scan counter stands still: its inputs mean nothing."""


class BoardRestarted(JigBoardError):
    """The board forgot the last heartbeat: it was off for a moment, and slots and lamps with it."""


class WrongBoard(JigBoardError):
    """The board has another serial number than the configured one."""


class BoardOffline(JigBoardError):
    """A command was given while there is no connection to the board."""


class CheckRefused(JigBoardError):
    """A check of the board would touch a slot in use, so it was not made."""
