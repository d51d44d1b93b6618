"""What hubs answer, over whatever they are reached: both forms of errors, and the maps that SMP and USB share.

Hubs answer in CBOR maps: SMP's image group and group 64, and the same maps in USB vendor requests. They are judged
more strictly in their values than the `smp` package does, and less strictly in their keys: hubs add keys as they
age, and older ones add `rc: 0` to every answer. docs/hub-protocol.md describes group 64.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Annotated, Any, Final, NamedTuple, Self, TypeVar

import cbor2
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from smp.error import MGMT_ERR
from smp.header import GroupId
from smp.image_management import IMG_MGMT_ERR

from drivers.hub import BridgeIdentity, DeviceIdentity, HubIdentity, HubState, ImageSlot
from firmware_catalog.devices import BridgeType
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion, OpaqueName

HUB_GROUP: Final = 64
"""The first group that SMP leaves to applications; here the open stand-in for the makers' own commands."""

_DEEPEST: Final = 8
"""Levels of nesting that an answer may have; the state's has three."""

Answer = TypeVar("Answer", bound=BaseModel)


class MalformedPayload(ValueError):
    """A payload is no answer that the protocol allows; the message says in what."""


class HubError(IntEnum):
    """Errors of group 64. In SMP v1 they read EACCESSDENIED, EBADSTATE and EBUSY."""

    WRONG_ANSWER = 2
    NO_CHALLENGE = 3
    LOCKED_OUT = 4


_REASON_LENGTH: Final = 64

_AGAINST_THE_IMAGE: Final = frozenset(
    {
        IMG_MGMT_ERR.INVALID_IMAGE_HEADER,
        IMG_MGMT_ERR.INVALID_IMAGE_HEADER_MAGIC,
        IMG_MGMT_ERR.INVALID_FLASH_ADDRESS,
        IMG_MGMT_ERR.CURRENT_VERSION_IS_NEWER,
        IMG_MGMT_ERR.INVALID_IMAGE_VECTOR_TABLE,
        IMG_MGMT_ERR.INVALID_IMAGE_TOO_LARGE,
    }
)
_REASONS_AGAINST_THE_IMAGE: Final = frozenset(
    {
        "app reject",
        "downgrade",
        "header malformed",
        "image too large",
        "img addr mismatch",
        "img too large",
        "magic mismatch",
    }
)
"""Zephyr's words (`img_mgmt.c`), for devices that tell a reason and no code of a group."""

_PLAIN_WORDS: Final[Mapping[int, str]] = MappingProxyType(
    {
        MGMT_ERR.EUNKNOWN: "for a reason it does not name",
        MGMT_ERR.ENOMEM: "out of memory",
        MGMT_ERR.EINVAL: "invalid value",
        MGMT_ERR.ETIMEOUT: "timed out",
        MGMT_ERR.ENOENT: "no such entry",
        MGMT_ERR.EBADSTATE: "not in its present state",
        MGMT_ERR.EMSGSIZE: "too large for its packet buffers, have it built with larger ones",
        MGMT_ERR.ENOTSUP: "not supported",
        MGMT_ERR.ECORRUPT: "corrupt",
        MGMT_ERR.EBUSY: "busy",
        MGMT_ERR.EACCESSDENIED: "access denied",
        MGMT_ERR.UNSUPPORTED_TOO_OLD: "SMP version too old",
        MGMT_ERR.UNSUPPORTED_TOO_NEW: "SMP version too new",
    }
)


def _codes_of(group: int) -> type[IntEnum] | None:
    if group == GroupId.OS_MANAGEMENT:
        # A hub on USB has no such group, and its driver need not wait for all the group's messages.
        from smp.os_management import OS_MGMT_RET_RC  # noqa: PLC0415

        return OS_MGMT_RET_RC
    if group == GroupId.IMAGE_MANAGEMENT:
        return IMG_MGMT_ERR
    return HubError if group == HUB_GROUP else None


class DeviceCode(NamedTuple):
    """A hub's error: of a group (SMP v2), or general (v1, and v2 where no group is concerned)."""

    group: int | None
    rc: int
    reason: str | None = None
    """The hub's own words (`rsn`), if it gave any."""

    def __str__(self) -> str:
        return f"rc {self.rc}" if self.group is None else f"group {self.group} rc {self.rc}"

    @property
    def words(self) -> str | None:
        """Why, for people: the hub's own words, or else what its code is called; None for one that nobody knows."""
        if self.reason is not None:
            return f'"{self.reason}"'
        if self.group is None:
            return _PLAIN_WORDS.get(self.rc)
        codes = _codes_of(self.group)
        if codes is None or self.rc not in set(codes):
            return None
        return codes(self.rc).name.lower().replace("_", " ")

    def explain(self, what: str) -> str:
        """Return what was refused, and why if that is known."""
        return what if self.words is None else f"{what}, {self.words}"

    @property
    def says_unsupported(self) -> bool:
        """Whether the hub does not know the command."""
        return self._is((None, MGMT_ERR.ENOTSUP))

    @property
    def says_other_version(self) -> bool:
        """Whether the hub does not take the version of SMP that it was asked in."""
        return self._is((None, MGMT_ERR.UNSUPPORTED_TOO_OLD), (None, MGMT_ERR.UNSUPPORTED_TOO_NEW))

    @property
    def says_image_unsuitable(self) -> bool:
        """Whether the hub will take this image never, and in no slot."""
        if self.group == GroupId.IMAGE_MANAGEMENT:
            return self.rc in _AGAINST_THE_IMAGE
        return self.says_unsupported or self.reason in _REASONS_AGAINST_THE_IMAGE

    @property
    def says_denied(self) -> bool:
        """Whether the command is forbidden to this client as things stand: the hub's lock is closed."""
        return self._is((None, MGMT_ERR.EACCESSDENIED))

    @property
    def says_locked_out(self) -> bool:
        """Whether the hub, after too many wrong answers, takes none for now."""
        return self._is((None, MGMT_ERR.EBUSY), (HUB_GROUP, HubError.LOCKED_OUT))

    @property
    def says_no_challenge(self) -> bool:
        """Whether the answer came too late for its challenge, and so counts neither as right nor as wrong."""
        return self._is((None, MGMT_ERR.EBADSTATE), (HUB_GROUP, HubError.NO_CHALLENGE))

    @property
    def says_no_buffer(self) -> bool:
        """Whether the request came when every packet buffer was taken: it was not even looked at."""
        return self._is((None, MGMT_ERR.ENOMEM))

    @property
    def says_out_of_memory(self) -> bool:
        """Whether the hub had no buffer for the request: the same request may succeed later."""
        return self._is(
            (None, MGMT_ERR.ENOMEM),
            (None, MGMT_ERR.EBUSY),
            (GroupId.IMAGE_MANAGEMENT, IMG_MGMT_ERR.NO_FREE_MEMORY),
        )

    def _is(self, *codes: tuple[int | None, int]) -> bool:
        return (self.group, self.rc) in codes


def read_payload(payload: bytes) -> dict[Any, Any]:
    """Decode the CBOR map of an answer. Raises MalformedPayload for everything else, whatever the bytes."""
    try:
        fields = cbor2.loads(
            payload, max_depth=_DEEPEST, allow_duplicate_keys=False, strict_hashable_types=True
        )
    except Exception as error:  # hostile tags can raise nearly anything
        raise MalformedPayload("no valid CBOR") from error
    if not isinstance(fields, dict):
        raise MalformedPayload(f"CBOR, but no map: {type(fields).__name__}")
    return fields


def code_in(fields: dict[Any, Any]) -> DeviceCode | None:
    """Return the error that an answer states, in either form, or None. Raises MalformedPayload."""
    group: int | None = None
    if "err" in fields:
        error = fields["err"]
        if not isinstance(error, dict):
            raise MalformedPayload("`err` is no map")
        group, rc = error.get("group"), error.get("rc")
        if type(group) is not int or type(rc) is not int:
            raise MalformedPayload("`err` has no numbers `group` and `rc`")
    else:
        rc = fields.get("rc", 0)
        if type(rc) is not int:
            raise MalformedPayload("`rc` is no number")
    return DeviceCode(group, rc, _reason_in(fields)) if rc else None


def _reason_in(fields: dict[Any, Any]) -> str | None:
    told = fields.get("rsn")
    if not isinstance(told, str):
        return None
    return "".join(sign for sign in told if " " <= sign <= "~").strip()[:_REASON_LENGTH] or None


def validate(model: type[Answer], fields: dict[Any, Any]) -> Answer:
    """Return the answer as its model. Raises MalformedPayload naming the first field that is wrong."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise MalformedPayload(f"field `{field}`: {what}" if field else what) from error


class HubAnswer(BaseModel):
    """What all answers have in common."""

    # Values are taken as they are typed on the wire: no text for a number, no number for a flag.
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


_DeviceId = Annotated[bytes, Field(min_length=8, max_length=8)]
_ShortText = Annotated[str, StringConstraints(max_length=64, pattern=r"^[ -~]*$")]


class Done(HubAnswer):
    """An answer that only says that it was done."""


class IdentityAnswer(HubAnswer):
    """Who the hub is."""

    chf: _DeviceId | None = None
    gpf: _DeviceId | None = None
    device: _DeviceId | None = None
    """A bridge's one id."""
    bridge: Annotated[BridgeType | None, Field(strict=False)] = None
    """A bridge's type."""
    manufacturer: OpaqueName
    model: OpaqueName
    hw: _ShortText
    variant: _ShortText | None = None
    """Of a hub."""
    fw: int = Field(ge=0, lt=1 << 32)
    locked: bool
    boots: int = Field(ge=0, lt=1 << 32)

    @model_validator(mode="after")
    def _is_of_one_family(self) -> Self:
        of_hub = {"chf": self.chf, "gpf": self.gpf, "variant": self.variant}
        of_bridge = {"device": self.device, "bridge": self.bridge}
        is_bridge = any(value is not None for value in of_bridge.values())
        for name, value in (of_bridge if is_bridge else of_hub).items():
            if value is None:
                raise ValueError(f"`{name}` is missing")
        for name, value in of_hub.items():
            if is_bridge and value is not None:
                raise ValueError(f"a bridge has no `{name}`")
        return self

    def identity(self) -> DeviceIdentity:
        """Return it in the drivers' common form."""
        model, firmware = DeviceModel(self.manufacturer, self.model), FirmwareVersion(self.fw)
        if self.device is not None and self.bridge is not None:
            return BridgeIdentity(
                device_id=Eui64.from_bytes(self.device),
                bridge_type=self.bridge,
                model=model,
                hardware_version=self.hw,
                firmware=firmware,
                locked=self.locked,
                boots=self.boots,
            )
        assert self.chf is not None and self.gpf is not None and self.variant is not None  # noqa: PT018, S101 - as was validated
        return HubIdentity(
            chf=Eui64.from_bytes(self.chf),
            gpf=Eui64.from_bytes(self.gpf),
            model=model,
            hardware_version=self.hw,
            variant=self.variant,
            firmware=firmware,
            locked=self.locked,
            boots=self.boots,
        )


class ChallengeAnswer(HubAnswer):
    """A fresh challenge, good for one answer, and whose it is."""

    chf: _DeviceId | None = None
    device: _DeviceId | None = None
    """A bridge's."""
    nonce: bytes = Field(min_length=16, max_length=32)

    @model_validator(mode="after")
    def _is_somebodys(self) -> Self:
        if (self.chf is None) == (self.device is None):
            raise ValueError("either `chf` or `device` says whose challenge it is")
        return self

    @property
    def device_id(self) -> Eui64:
        """Whose challenge it is."""
        return Eui64.from_bytes(self.chf or self.device or b"")


class _ImageEntry(HubAnswer):
    image: int = 0
    slot: int = Field(ge=0)
    version: _ShortText
    hash: Annotated[bytes, Field(min_length=32, max_length=64)] | None = None
    bootable: bool = False
    pending: bool = False
    confirmed: bool = False
    active: bool = False
    permanent: bool = False


class StateAnswer(HubAnswer):
    """What the image slots hold."""

    images: list[_ImageEntry] = Field(max_length=16)

    @property
    def size(self) -> int:
        """How many bytes this answer takes at least."""
        return _list_size(self._listed(self.images))

    def size_with(self, version: str) -> int:
        """Return how many it takes at least once the slot that is not running holds an image of this version to be tried.

        A device may be built to leave out what is false (Zephyr's CONFIG_MCUMGR_GRP_IMG_FRUGAL_LIST).
        """
        listed = self._listed(entry for entry in self.images if entry.active or entry.image)
        held = {"slot": 1, "version": version, "hash": bytes(32), "bootable": True, "pending": True}
        if any(value is False for entry in listed for value in entry.values()):
            held |= {"confirmed": False, "active": False, "permanent": False}
        return _list_size([*listed, held])

    @staticmethod
    def _listed(entries: Iterable[_ImageEntry]) -> list[dict[str, object]]:
        return [entry.model_dump(exclude_unset=True) for entry in entries]

    def state(self) -> HubState:
        """Return the slots of image 0, which is the hub's firmware, in the drivers' common form."""
        return HubState(
            tuple(
                ImageSlot(
                    slot=entry.slot,
                    version=entry.version,
                    image_hash=entry.hash,
                    bootable=entry.bootable,
                    pending=entry.pending,
                    confirmed=entry.confirmed,
                    active=entry.active,
                    permanent=entry.permanent,
                )
                for entry in self.images
                if entry.image == 0
            )
        )


def _list_size(entries: list[dict[str, object]]) -> int:
    return len(cbor2.dumps({"images": entries}))
