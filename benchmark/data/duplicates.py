"""Images that stand in both splits: exact copies by hash, near ones by a perceptual hash and a second look.

The hash is the usual one: the signs of the 64 lowest frequencies of a small grey picture against their
median. It forgives another encoder, another resizer and another brightness. A near pair must also look alike
pixel by pixel, since figures on one ground share their low frequencies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.data.decoding import Images
from benchmark.data.loaded import Rows

_SIDE = 32  # of the small picture
_BITS = 6  # that may differ, of 64
_LEVELS = 6.0  # root mean square difference of small pictures, brightness apart, out of 255
_CHUNK = 256


@dataclass(frozen=True)
class Duplicates:
    """Pairs (row of the pool, row of the held-out split), and exact copies inside the pool."""

    exact: list[tuple[int, int]]
    near: list[tuple[int, int]]
    within_pool: int

    def lines(self) -> Iterator[str]:
        """Yield the findings as text."""
        yield f"  in pool and held-out: {len(self.exact)} exact copies, {len(self.near)} near duplicates"
        for kind, pairs in (("copy", self.exact), ("near", self.near)):
            for pool, heldout in pairs[:20]:
                yield f"    {kind}: pool {pool}, held-out {heldout}"
            if len(pairs) > 20:
                yield f"    {kind}: and {len(pairs) - 20} more"
        if self.within_pool:
            yield f"  copies inside the pool: {self.within_pool}"


def find_duplicates(pool: Images | Rows, heldout: Images | Rows) -> Duplicates:
    """Compare every image of the pool with every held-out one."""
    own, own_small, own_bits = _describe(pool)
    other, other_small, other_bits = _describe(heldout)
    by_hash: dict[bytes, list[int]] = {}
    for row, key in enumerate(own):
        by_hash.setdefault(key, []).append(row)
    exact = [(row, j) for j, key in enumerate(other) for row in by_hash.get(key, [])]
    near = []
    for j, bits in enumerate(other_bits):
        for row in np.flatnonzero(np.bitwise_count(own_bits ^ bits) <= _BITS).tolist():
            if own[row] != other[j] and _alike(own_small[row], other_small[j]):
                near.append((row, j))
    return Duplicates(exact, near, len(own) - len(by_hash))


def _describe(images: Images | Rows) -> tuple[list[bytes], NDArray[np.uint8], NDArray[np.uint64]]:
    """Return each image's hash, small grey picture and perceptual hash."""
    chunks = images.chunks() if isinstance(images, Rows) else _chunks(images)
    hashes, small = [], []
    for chunk in chunks:
        hashes += [hashlib.sha256(np.ascontiguousarray(image).data).digest() for image in chunk]
        small.append(_small(chunk))
    pictures = np.concatenate(small)
    return hashes, pictures, perceptual_hash(pictures)


def _chunks(images: Images) -> Iterator[Images]:
    for start in range(0, len(images), _CHUNK):
        yield images[start : start + _CHUNK]


def _small(images: Images) -> NDArray[np.uint8]:
    """Return grey pictures of at most 32 pixels: the mean of whole blocks. (N, h, h)"""
    factor = max(1, images.shape[1] // _SIDE)
    side = images.shape[1] // factor
    cut = images[:, : side * factor, : side * factor].reshape(len(images), side, factor, side, factor, -1)
    return np.asarray(np.rint(cut.mean((2, 4, 5))), dtype=np.uint8)


def perceptual_hash(pictures: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return 64 bits per grey picture (N, h, h)."""
    side = pictures.shape[1]
    steps = np.arange(side)
    waves = np.cos(np.pi * np.outer(np.arange(8), 2 * steps + 1) / (2 * side))  # (8, h): a cosine transform
    low = (waves @ pictures.astype(np.float64) @ waves.T).reshape(len(pictures), 64)
    low[:, 0] = 0  # brightness
    bits = low > np.median(low[:, 1:], axis=1, keepdims=True)
    return np.asarray(np.packbits(bits, axis=1).view(np.uint64)[:, 0])


def _alike(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    difference = one.astype(np.float64) - other
    return bool(np.sqrt(((difference - difference.mean()) ** 2).mean()) <= _LEVELS)
