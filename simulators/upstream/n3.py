"""Reads and answers pre-notifications of the CSP Management Interface (CSPM-N3). **Provisional**: its schema is unpublished.

The rules that are known (Preliminary Impact Assessment 6.2.3): all parameters are mandatory, and a notification carries the whole
record. Their names are those of SR 12.2 (DUIS 5.4), with region and HAN variant.
"""

from __future__ import annotations

import re
from typing import Final
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

from simulators.upstream.smi import Record, Refusal

_SPACE: Final = "urn:reflash:provisional:cspm-n3:1"
_EUI: Final = r"([0-9A-F]{2}-){7}[0-9A-F]{2}"
_WORDS: Final = r"\S(.{0,28}\S)?"
_CHF: Final = {
    "DeviceID": _EUI,
    "DeviceManufacturer": _WORDS,
    "DeviceModel": _WORDS,
    "DeviceType": "CHF",
    "SMETSCHTSVersion": r"\S(.{0,18}\S)?",
    "FirmwareVersion": r"[0-9A-F]{8}",
    "AssociatedGPFDeviceID": _EUI,
    "Region": _WORDS,
    "HANVariant": _WORDS,
}
_GPF: Final = {
    **{name: form for name, form in _CHF.items() if name != "AssociatedGPFDeviceID"},
    "DeviceType": "GPF",
}


def notification_id_of(body: bytes) -> str | None:
    """Return the id that a notification names; None where it cannot be read so far."""
    try:
        return _root(body).get("NotificationID")
    except Refusal:
        return None


def read_notification(body: bytes) -> Record:
    """Return what a notification says. Raises Refusal."""
    root = _root(body)
    children = list(root)
    if [child.tag for child in children] != [_tag("CommunicationsHubFunction"), _tag("GasProxyFunction")]:
        raise Refusal(
            "MALFORMED", "a pre-notification has a CommunicationsHubFunction and a GasProxyFunction"
        )
    chf, gpf = (_device(child, form) for child, form in zip(children, (_CHF, _GPF), strict=True))
    if chf["AssociatedGPFDeviceID"] != gpf["DeviceID"]:
        raise Refusal("ASSOCIATION", "the associated GPF is not the one that is notified")
    for name in set(_GPF) - {"DeviceID", "DeviceType"}:
        if chf[name] != gpf[name]:
            raise Refusal("DEVICES_DIFFER", f"{name} of the two devices differs")
    return Record(
        chf=chf["DeviceID"],
        gpf=gpf["DeviceID"],
        manufacturer=chf["DeviceManufacturer"],
        model=chf["DeviceModel"],
        chts_version=chf["SMETSCHTSVersion"],
        firmware=chf["FirmwareVersion"],
        region=chf["Region"],
        han_variant=chf["HANVariant"],
    )


def answer_text(notification_id: str, result: str, code: str = "", detail: str = "") -> bytes:
    """Return an answer's XML."""
    more = f"<Code>{escape(code)}</Code><Detail>{escape(detail)}</Detail>" if code else ""
    return (
        f'<PreNotificationAnswer xmlns="{_SPACE}" NotificationID={quoteattr(notification_id)}>'
        f"<Result>{result}</Result>{more}</PreNotificationAnswer>"
    ).encode()


def _root(body: bytes) -> ET.Element:
    if b"<!DOCTYPE" in body:
        raise Refusal("MALFORMED", "a document type is not taken")
    try:
        root = ET.fromstring(body)  # noqa: S314 - without a document type there is nothing to expand
    except ET.ParseError as error:
        raise Refusal("MALFORMED", str(error)) from error
    if root.tag != _tag("CommunicationsHubPreNotification"):
        raise Refusal("MALFORMED", f"{root.tag} is no pre-notification")
    if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", root.get("NotificationID", "")) is None:
        raise Refusal("MALFORMED", "it has no NotificationID")
    return root


def _device(element: ET.Element, forms: dict[str, str]) -> dict[str, str]:
    found = {child.tag: child.text or "" for child in element}
    for name, form in forms.items():
        value = found.get(_tag(name))
        if not value:
            raise Refusal("PARAMETER_MISSING", f"{name} is mandatory")
        if re.fullmatch(form, value) is None:
            raise Refusal("PARAMETER_WRONG", f"{name} is {value[:40]!r}")
    if [child.tag for child in element] != [_tag(name) for name in forms]:
        raise Refusal("MALFORMED", "parameters are in another order, twice, or unknown")
    return {name: found[_tag(name)] for name in forms}


def _tag(local: str) -> str:
    return f"{{{_SPACE}}}{local}"
