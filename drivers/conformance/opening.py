"""Checks of the plugin itself: how it is found and configured, how a place is taken and given back."""

from __future__ import annotations

from importlib.metadata import entry_points

from pydantic import ValidationError

from drivers.conformance.call import Broken
from drivers.conformance.check import Checks, check
from drivers.conformance.stage import Stage
from drivers.errors import PlaceUnavailable
from drivers.hub import ENTRY_POINT_GROUP, HubDriver


class OpeningChecks(Checks):
    """Before a hub is asked anything."""

    @check()
    async def test_the_entry_point_names_the_plugin(self, stage: Stage) -> None:
        """An installed package names its plugin in the entry-point group `reflash.drivers`, by the plugin's name."""
        name = stage.device.plugin.name
        found = entry_points(group=ENTRY_POINT_GROUP)
        if name not in found.names:
            raise Broken(f"no installed package has an entry point called {name!r}")
        loaded = found[name].load()
        if getattr(loaded, "name", None) != name:
            raise Broken(f"the entry point {name!r} leads to {loaded!r}, which has another name")

    @check()
    async def test_settings_have_defaults_and_descriptions(self, stage: Stage) -> None:
        """Every field of `settings_model` has a default and a description for people."""
        model = stage.device.plugin.settings_model
        for name, field in model.model_fields.items():
            if field.is_required():
                raise Broken(f"the setting {name} has no default")
            if not field.description:
                raise Broken(f"the setting {name} has no description")
        try:
            model()
        except ValidationError as error:
            raise Broken("the defaults alone are no valid settings") from error

    @check()
    async def test_the_driver_offers_the_whole_contract(self, stage: Stage) -> None:
        """`open` returns a HubDriver: every method of it, a place in words, and whether its device can revert."""
        driver: object = await stage.open()  # of which its type only claims to be a HubDriver
        if not isinstance(driver, HubDriver):
            names = [name for name in dir(HubDriver) if not name.startswith("_")]
            missing = ", ".join(name for name in names if not hasattr(driver, name))
            raise Broken(f"{type(driver).__name__} lacks {missing}")
        if not driver.place or "\n" in driver.place:
            raise Broken(f"its place is {driver.place!r}")
        if driver.can_revert not in {True, False}:
            raise Broken(f"its can_revert is {driver.can_revert!r}")

    @check()
    async def test_an_absent_place_is_refused_with_advice(self, stage: Stage) -> None:
        """`open` raises PlaceUnavailable, in one line, for a place that cannot be taken."""
        device = stage.device
        error = await stage.refused(
            PlaceUnavailable, device.plugin.open, device.absent_place, device.settings
        )
        if not error.state_known:
            raise Broken("its state_known is False, though no hub was touched")

    @check()
    async def test_opening_and_closing_leave_the_hub_alone(self, stage: Stage) -> None:
        """Opening and closing a place sends nothing to its hub: it neither boots nor changes."""
        driver, before = await stage.greet()
        await stage.close(driver)
        _, after = await stage.greet()
        if after != before:
            raise Broken(f"it said {before} before, and {after} after")

    @check()
    async def test_closing_never_raises_and_may_be_done_twice(self, stage: Stage) -> None:
        """`close` never raises, may be called twice, and gives the place back."""
        driver, _ = await stage.greet()
        await stage.do(driver.close)
        await stage.do(driver.close)
        await stage.greet()
