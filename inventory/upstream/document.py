"""A pre-notification as it is sent: both devices of a hub, each with its whole record, as XML that was held against a schema.

**Provisional.** The real schema of CSPM-N3 is unpublished; that all its parameters are mandatory is known (Preliminary Impact
Assessment 6.2.3). Ours has the parameters of SR 12.2 (DUIS 5.4) that a Communications Hub has, with region and HAN variant, under the
names that the configuration gives them.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

from lxml import etree

from inventory.errors import WrongInput
from inventory.upstream.settings import N3Elements, N3Settings
from inventory.upstream.update import Told

NAMESPACE: Final = "urn:reflash:provisional:cspm-n3:1"
_AS_DEFAULT: Final[Any] = {None: NAMESPACE}
_SCHEMA: Final = "cspm-n3-provisional.xsd"
_EXAMPLE: Final = Told(
    *("00-00-00-00-00-00-00-00", "00-00-00-00-00-00-00-01", "00000000", 0, "0000", "00000000"),
    *("Central", "SBCH", "CHTS V1.4"),
)


class NotValid(ValueError):
    """A document does not follow the schema; says where on one line."""


class Documents:
    """Writes pre-notifications by one configuration."""

    def __init__(self, settings: N3Settings) -> None:
        """Read the schema. Raises WrongInput for one that cannot be used, or that the configured names do not fit."""
        self._elements = settings.elements
        source = settings.schema_file or files("inventory.upstream") / _SCHEMA
        try:
            self._schema = etree.XMLSchema(etree.fromstring(source.read_bytes(), _parser()))
        except (OSError, etree.LxmlError) as error:
            raise WrongInput(f"{source} is no XSD that can be used: {error}") from error
        try:
            self.write(_EXAMPLE, "00000000-0000-0000-0000-000000000000")
        except NotValid as error:
            raise WrongInput(f"{source} and the configured `elements` do not fit: {error}") from error

    def write(self, hub: Told, notification_id: str) -> str:
        """Return a hub's pre-notification: the same text for the same. Raises NotValid."""
        root = etree.Element(_name("CommunicationsHubPreNotification"), nsmap=_AS_DEFAULT)
        root.set("NotificationID", notification_id)
        self._device(root, "CommunicationsHubFunction", hub, "CHF")
        self._device(root, "GasProxyFunction", hub, "GPF")
        try:
            self._schema.assertValid(root)
        except etree.DocumentInvalid as error:
            raise NotValid(str(error).replace(f"{{{NAMESPACE}}}", "")) from error
        text: str = etree.tostring(root, pretty_print=True, encoding="unicode")
        return text

    def _device(self, root: etree._Element, what: str, hub: Told, device_type: str) -> None:
        names: N3Elements = self._elements
        is_chf = device_type == "CHF"
        record = {
            names.device_id: hub.chf if is_chf else hub.gpf,
            names.manufacturer: hub.manufacturer,
            names.model: hub.model,
            names.device_type: device_type,
            names.chts_version: hub.chts_version,
            names.firmware_version: hub.firmware,
            **({names.gpf_id: hub.gpf} if is_chf else {}),
            names.region: hub.region,
            names.han_variant: hub.han_variant,
        }
        device = etree.SubElement(root, _name(what))
        for name, value in record.items():
            etree.SubElement(device, _name(name)).text = value


def _name(local: str) -> str:
    return f"{{{NAMESPACE}}}{local}"


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True)
