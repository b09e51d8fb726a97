"""Named augmentation spaces, with the origin of every number.

The sources' pixels lie in [-1, 1] and ours in [0, 1], so what is added to pixels is half of theirs. Where a
source draws from a normal distribution, the range of our uniform one has the same standard deviation: sqrt(3)
times it, for a factor in its logarithm. A policy's probability is the strategy's, not the space's.
"""

from __future__ import annotations

from strategies.augmentation.space import AugmentationSpace

# Karras et al. (2020), Training Generative Adversarial Networks with Limited Data; NVlabs' code, pipe "bgc".
# Left out: the luma flip. Theirs rotates before and after the anisotropic scale, ours after it only.
_ADA_BGC = AugmentationSpace(
    {
        "x_flip": 0.5,  # one of two, alike
        "rot90": 0.75,  # one of four, alike
        "integer_shift": 0.125,
        "rotation": 180.0,
        "scale": 0.2714,  # 2^(0.2 N): 2^(0.2 sqrt 3) - 1
        "anisotropic_scale": 0.2714,
        "shift": 0.2165,  # 0.125 N
        "brightness": 0.1732,  # 0.2 N in [-1, 1]
        "contrast": 0.8226,  # 2^(0.5 N)
        "saturation": 2.3220,  # 2^N
        "hue": 180.0,
    }
)
# Zhao et al. (2020), Differentiable Augmentation for Data-Efficient GAN Training, "color,translation,cutout".
# Deviation: theirs shifts after the colours, so that its grey border keeps out of them.
_DIFFAUGMENT = AugmentationSpace(
    {
        "integer_shift": 0.125,
        "brightness": 0.25,  # U(-0.5, 0.5) in [-1, 1]
        "contrast": 0.5,  # U(0.5, 1.5)
        "saturation": 1.0,  # U(0, 2)
        "cutout": 0.5,
    },
    padding="grey",
    contrast_about="mean",
    factors="linear",
)
# Karras et al. (2022), Elucidating the Design Space of Diffusion-Based Generative Models: ADA's geometry,
# no colour; theirs fires each with probability 0.12 (CIFAR-10) or 0.15 (FFHQ, AFHQv2), x-flips always.
# Deviation: theirs stretches half of the images along a turned axis, ours all along the axes.
_GEOMETRY = AugmentationSpace(
    {
        "x_flip": 0.5,
        "y_flip": 0.5,
        "rotation": 180.0,
        "scale": 0.2714,
        "anisotropic_scale": 0.2714,
        "shift": 0.2165,
    }
)
# Ours: what photographs of things that stand upright bear without looking wrong.
_MILD = AugmentationSpace(
    {"x_flip": 0.5, "rotation": 10.0, "scale": 0.1, "shift": 0.1, "brightness": 0.1, "contrast": 0.2}
)

NAMED_SPACES: dict[str, AugmentationSpace] = {
    "ada-bgc": _ADA_BGC,
    "diffaugment": _DIFFAUGMENT,
    "geometry": _GEOMETRY,
    "mild": _MILD,
}
