"""Makes hostile input of good input: what coverage-guided fuzzers do to their corpus, without the guidance."""

from __future__ import annotations

from random import Random

from target import LONGEST_INPUT, Target

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)


def hostile(random: Random, target: Target) -> bytes:
    """Return the next input: nearly always a seed with a few changes, now and then noise."""
    if random.random() < 0.02:
        return random.randbytes(random.randrange(256))
    data = bytearray(random.choice(target.seeds))
    for _ in range(1 << random.randrange(5)):
        _change(random, data, target)
    return bytes(data[:LONGEST_INPUT])


def _change(random: Random, data: bytearray, target: Target) -> None:
    at = random.randrange(len(data) + 1)
    match random.randrange(9):
        case 0 if data:
            data[at % len(data)] ^= 1 << random.randrange(8)
        case 1 if data:
            data[at % len(data)] = random.randrange(256)
        case 2:
            del data[at : at + 1 + random.randrange(16)]
        case 3:
            data[at:at] = random.randbytes(1 + random.randrange(8))
        case 4:
            size, order = random.choice((1, 2, 4, 8)), random.choice(("little", "big"))
            number = random.choice(_NUMBERS) & ((1 << 8 * size) - 1)
            data[at : at + size] = number.to_bytes(size, order)
        case 5:
            start = random.randrange(len(data) + 1)
            data[at:at] = data[start : start + random.randrange(64)] * random.randrange(1, 4)
        case 6:
            other = random.choice(target.seeds)
            start = random.randrange(len(other) + 1)
            data[at:] = other[start:]
        case 7 if target.words:
            data[at:at] = random.choice(target.words)
        case _:
            del data[at:]
