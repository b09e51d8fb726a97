"""The names of the extractors: importable without torch, so that a suite can be checked in a blink."""

from __future__ import annotations

EXTRACTORS: dict[str, str] = {
    "random": "untrained three-layer convolutional network, fixed weights: needs no file, fits any domain",
    "pixels": "32 principal components of the reference images' pixels",
    "inception": "clean-fid's Inception v3 with clean-fid's resizing; needs its weights file",
    "clip": "CLIP's ViT-B/32 with clean-fid's resizing; needs its weights file and timm",
    "dinov2": "DINOv2's ViT-L/14 at 224 px; needs its weights file and timm",
    "classifier": "small network taught the labels of the training pool; needs a labelled dataset (digits)",
}
