"""A slot's place on the bus: a port of the USB/IP server, and the cable from there to the hub."""

from __future__ import annotations

from simulators.usbip.device import Descriptors, Function, Transfer
from simulators.usbip.server import Port


class UsbSocket:
    """Made unplugged; `plug` connects the cable. Stands between port and hub, as the hub's function."""

    def __init__(self, port: Port) -> None:
        self.requests = 0
        """How many class and vendor requests have reached a hub."""
        self._port = port
        self._device: tuple[Descriptors, Function] | None = None
        self._plugged = False
        self._stalled = False
        self._held: list[Transfer] = []
        self._reset_held = False

    @property
    def address(self) -> str:
        """Bus and port, as Linux writes them."""
        return self._port.bus_id

    @property
    def is_plugged(self) -> bool:
        """Whether the cable is connected."""
        return self._plugged

    def plug(self) -> None:
        """Connect the cable. The host resets what it finds newly there, and a hub in DFU mode boots by that."""
        if self._plugged:
            return
        self._plugged = True
        if self._device is not None:
            descriptors, function = self._device
            self._port.attach(descriptors, self)
            function.bus_reset()

    def unplug(self) -> None:
        """Pull the cable. The hub keeps its power, which is the jig's."""
        if self._plugged:
            self._plugged = False
            self._leave()

    def stall(self) -> None:
        """Let the hub answer no class or vendor request, and see no reset."""
        self._stalled = True

    def resume(self) -> None:
        """Let it see what it has missed, but for what the host has given up."""
        self._stalled = False
        held, self._held = self._held, []
        reset, self._reset_held = self._reset_held, False
        for transfer in held:
            if not transfer.is_over:
                self.control(transfer)
        if reset:
            self.bus_reset()

    # The hub's end.

    def attach(self, descriptors: Descriptors, function: Function) -> None:
        """Let the hub appear on the bus, if the cable is connected. Raises usbip.server.PortBusy."""
        self._device = descriptors, function
        if self._plugged:
            self._port.attach(descriptors, self)

    def detach(self) -> None:
        """Let the hub leave the bus."""
        self._device = None
        self._leave()

    def _leave(self) -> None:
        self._held.clear()
        self._reset_held = False
        self._port.detach()

    # What the port tells its device.

    def control(self, transfer: Transfer) -> None:
        """Hand a class or vendor request to the hub."""
        if self._stalled:
            self._held.append(transfer)
        elif self._device is not None:
            self.requests += 1
            self._device[1].control(transfer)

    def bus_reset(self) -> None:
        """Tell the hub that the host reset the port."""
        if self._stalled:
            self._reset_held = True
        elif self._device is not None:
            self._device[1].bus_reset()
