"""How long the broker may take: as configured, and longer for one that was seen to need it. Pure."""

from __future__ import annotations

from typing import Final

_LONGEST_ANSWER_S: Final = 3600.0
"""A broker that does not answer within an hour is not there."""
_LONGEST_UNKNOWN_S: Final = 60.0
"""What was acknowledged and did not come back may have been dropped: it is not waited for as an answer is."""
_MARGIN: Final = 2.0
"""So many times what answers took lately."""
_FORGETTING: Final = 0.9
"""What is left of the slowest answer with each later one that was faster."""


class Patience:
    """Knows, over all connections of one publisher, how slow the broker is.

    Waiting longer costs little: whether the broker lives at all is found out by the connection's keep-alive.
    """

    def __init__(self, configured: float) -> None:
        """`configured` is in seconds, as all here."""
        self._configured = configured
        self._answer = self._delivery = configured
        self._slowest = 0.0

    @property
    def answer(self) -> float:
        """How long an answer may take. One that was too late doubles it: no wait is longer than those before, taken together."""
        return max(self._answer, self.needed)

    @property
    def delivery(self) -> float:
        """How long what was acknowledged may take to come back."""
        return max(self._delivery, self.needed)

    @property
    def needed(self) -> float:
        """What answers need by those that came lately; 0 while none has."""
        return min(_LONGEST_ANSWER_S, _MARGIN * self._slowest)

    @property
    def sign_of_life(self) -> float:
        """For how long a broker that lives may be silent: by its answers, and as long as none is known by what it gets."""
        return self.needed or self._answer

    def answered(self, after: float) -> None:
        """Take in how long an answer took."""
        self._slowest = max(after, _FORGETTING * self._slowest)

    def too_late(self, waited: float) -> None:
        """Take in that an answer did not come in so many seconds: what is known of earlier ones holds no more."""
        self._slowest = 0.0
        self._answer = max(self._answer, min(_LONGEST_ANSWER_S, 2 * waited))

    def not_delivered(self, waited: float) -> None:
        """Take in that something acknowledged did not come back in so many seconds: late, or dropped."""
        self._delivery = max(self._delivery, min(_LONGEST_UNKNOWN_S, 2 * waited))

    def delivered(self) -> None:
        """Take in that all that was sent has come back: what it took is known now."""
        self._answer = self._delivery = self._configured
