"""Randomness as a function of names: the same names give the same seed, whatever ran before."""

from __future__ import annotations

import hashlib


def derive_seed(*names: object) -> int:
    """Hash names (strings, integers) into a seed in [0, 2**63).

    A draw seeded with `derive_seed(seed, "prior", "dropout", step)` depends on those names only, so a
    resumed run needs no generator state and two runs that share names share their noise.
    """
    text = "\x1f".join(str(name) for name in names)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
