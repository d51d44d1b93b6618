"""One target under atheris: `guided.py TARGET FOLDER [libFuzzer's options]`. Run by `campaign.py`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["drivers", "firmware_catalog", "station"]):
    from targets import TARGETS


def _entry(word: bytes) -> str:
    """Write a line of libFuzzer's dictionary."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n'


def main() -> None:
    """Fuzz until libFuzzer ends the process."""
    logging.disable()
    name, folder, *options = sys.argv[1:]
    corpus, words = Path(folder, "corpus"), Path(folder, "words")
    scratch = Path(folder, "scratch")
    corpus.mkdir()
    scratch.mkdir()
    with TARGETS[name](scratch) as target:
        for number, seed in enumerate(target.seeds):
            Path(corpus, str(number)).write_bytes(seed)
        words.write_text("".join(map(_entry, target.words)))
        if target.words:
            options.append(f"-dict={words}")
        atheris.Setup([sys.argv[0], *options, str(corpus)], target.read)
        atheris.Fuzz()


main()
