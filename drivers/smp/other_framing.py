"""Whether a hub that nobody hears writes its packets in the other way: what its jig's settings say, a person has to know."""

from __future__ import annotations

import asyncio

from drivers.errors import HubAction, NoAnswer
from drivers.smp.client import SmpClient
from drivers.smp.device import McubootDevice

_WORDS = {"console": "console framing", "raw": "raw framing"}


class WrongFraming(NoAnswer):
    """A hub answers in the framing that is not configured. Nothing but its state was asked for, and nothing else may be."""

    def __init__(self, place: str, *, told: str, heard: str, action: HubAction) -> None:
        super().__init__(
            f"the hub at {place} was built for {_WORDS[heard]}, and its jig is set to {_WORDS[told]}",
            action=action,
            state_known=True,
            advice=f'set framing = "{heard}" in the jig\'s driver_settings',
        )
        self.heard = heard
        """The framing that it was built for, as `SmpSettings` names it."""


async def wrong_framing(client: SmpClient, action: HubAction) -> WrongFraming | None:
    """Ask once in the other framing, and return the error that says so if a hub answers. Takes some seconds.

    Raises LinkLost.
    """
    own, link = client.settings, client.link
    other = own.model_copy(update={"framing": "raw" if own.framing == "console" else "console"})
    silence = max(own.silence_seconds, other.silence_seconds)
    await asyncio.sleep(
        silence
    )  # one with raw framing took what it could not understand for the beginning of a packet
    stand_in = SmpClient(link, other)
    try:
        if other.framing == "console":
            link.write(b"\n")  # ends the line that it has got so far
        answers = await McubootDevice(stand_in).answers(action)
    finally:
        link.start(client)
        if own.framing == "console":
            link.write(b"\n")
    if own.framing == "raw":
        await asyncio.sleep(silence)
    if not answers:
        return None
    return WrongFraming(link.path, told=own.framing, heard=other.framing, action=action)
