"""Images made by imgtool itself, so that no test reads back what this project wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from imgtool.image import Image
from imgtool.version import decode_version

from firmware_catalog.identity import DeviceModel

MODEL = DeviceModel("10A3", "0BADCAFE")
OTHER_MODEL = DeviceModel("10A3", "0BADBEEF")

ImageMaker = Callable[..., bytes]


@pytest.fixture(scope="session")
def imgtool_image(tmp_path_factory: pytest.TempPathFactory) -> ImageMaker:
    folder = tmp_path_factory.mktemp("images")

    def make(
        version: str = "0.2.303",
        *,
        body: bytes = bytes(range(256)),
        model: DeviceModel | None = MODEL,
        custom_tlvs: dict[int, bytes] | None = None,
        key: Any = None,
        encrypt_for: Any = None,
        create: dict[str, Any] | None = None,
        header_size: int = 32,
        **options: Any,
    ) -> bytes:
        raw, made = folder / "raw.bin", folder / "made.bin"
        raw.write_bytes(body)
        image = Image(
            version=decode_version(version),
            header_size=header_size,
            pad_header=True,
            **options,
        )
        image.load(str(raw))
        tlvs = dict(custom_tlvs or {})
        if model is not None:
            tlvs |= {0xA0: model.manufacturer.encode(), 0xA1: model.model.encode()}
        image.create(key, "hash", encrypt_for, custom_tlvs=tlvs or None, **(create or {}))
        image.save(str(made))
        return made.read_bytes()

    return make


@pytest.fixture
def model() -> DeviceModel:
    return MODEL


@pytest.fixture
def other_model() -> DeviceModel:
    return OTHER_MODEL


@pytest.fixture
def catalog_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "catalogue"
    folder.mkdir()
    return folder
