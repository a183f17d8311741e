"""Varying faces: placement in the crop, light, sharpness, occlusion (paper, section 4.2)."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from trainer.config import TrainConfig
from trainer.data.faces import PATCH_SIZE
from trainer.geometry import CROP_SIZE
from trainer.scheme import LandmarkScheme

DEGRADATIONS = TrainConfig.degradations
"""All that strong augmentation does to a crop beside placing it."""


@dataclass
class Placement:
    """How each of B faces lies in its crop.

    ``angle`` (radians, clockwise as seen), ``scale`` and ``shift`` (crop pixels) move the
    upright, centred face; ``flip`` mirrors it first. Shapes (B,), (B,), (B, 2), (B,).
    """

    angle: Tensor
    scale: Tensor
    shift: Tensor
    flip: Tensor

    def matrices(self) -> Tensor:
        """(B, 2, 2) linear parts of the map from centred patch to centred crop pixels."""
        c, s = self.angle.cos() * self.scale, self.angle.sin() * self.scale
        mirror = torch.where(self.flip, -1.0, 1.0)
        return torch.stack(
            [torch.stack([c * mirror, -s], -1), torch.stack([s * mirror, c], -1)], -2
        )


def seeded(*numbers: int) -> torch.Generator:
    """A generator that depends on these numbers alone, so that any step can be repeated."""
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]) >> 1)


def uniform(rng: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    """Uniform random numbers, float32."""
    return torch.rand(*shape, generator=rng) * (high - low) + low


def normal(rng: torch.Generator, spread: float, *shape: int) -> Tensor:
    """Normal random numbers cut off at three standard deviations, float32."""
    return (torch.randn(*shape, generator=rng) * spread).clamp(-3 * spread, 3 * spread)


def paper_placement(rng: torch.Generator, n: int) -> Placement:
    """Scale 0.9-1.1, rotation within 15 degrees, shift within 7 px, flip."""
    return Placement(
        angle=uniform(rng, -1, 1, n) * math.radians(15),
        scale=uniform(rng, 0.9, 1.1, n),
        shift=uniform(rng, -7, 7, n, 2),
        flip=torch.rand(n, generator=rng) < 0.5,
    )


def strong_placement(rng: torch.Generator, n: int, amount: float = 1.0) -> Placement:
    """What detectors' boxes and tilted heads ask for: more rotation, normal shift and scale.

    ``amount`` scales all three.
    """
    return Placement(
        angle=normal(rng, math.radians(13) * amount, n),
        scale=normal(rng, 0.08 * amount, n).exp(),
        shift=normal(rng, 4.5 * amount, n, 2),
        flip=torch.rand(n, generator=rng) < 0.5,
    )


def off_face(placement: Placement, off: Tensor, rng: torch.Generator) -> Placement:
    """Look past the face where ``off`` (B,) is true: zoomed in on some place of the patch."""
    n = len(off)
    zoom = uniform(rng, math.log(1.8), math.log(4.0), n).exp()
    away = uniform(rng, -75, 75, n, 2) * zoom[:, None]
    return Placement(
        placement.angle,
        torch.where(off, zoom, placement.scale),
        torch.where(off[:, None], away, placement.shift),
        placement.flip,
    )


def place(
    patches: Tensor, landmarks: Tensor, placement: Placement, scheme: LandmarkScheme
) -> tuple[Tensor, Tensor]:
    """Cut crops out of patches.

    Parameters
    ----------
    patches : (B, 192, 192, 3) uint8
    landmarks : (B, L, 2) xy in patch pixels
    placement : of each face
    scheme : knows how landmarks swap in a mirror

    Returns
    -------
    crops : (B, 3, 128, 128) float32, 0 … 255
    landmarks : (B, L, 2) xy in crop pixels
    """
    matrix = placement.matrices()
    middle_patch, middle_crop = (PATCH_SIZE - 1) / 2, (CROP_SIZE - 1) / 2
    axis = torch.arange(CROP_SIZE, dtype=torch.float32) - middle_crop
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    target = torch.stack([x, y], dim=-1).view(1, -1, 2) - placement.shift[:, None]
    source = target @ torch.linalg.inv(matrix).transpose(1, 2)
    # grid_sample's -1 … 1 spans the outer pixel edges when corners aren't aligned.
    grid = (source * (2 / PATCH_SIZE)).view(-1, CROP_SIZE, CROP_SIZE, 2)
    crops = F.grid_sample(
        patches.permute(0, 3, 1, 2).float(), grid, padding_mode="border", align_corners=False
    )
    moved = (landmarks - middle_patch) @ matrix.transpose(1, 2)
    moved = moved + placement.shift[:, None] + middle_crop
    mirrored = moved[:, list(scheme.flip)]
    return crops, torch.where(placement.flip[:, None, None], mirrored, moved)


def placed_weights(weights: Tensor, placement: Placement, scheme: LandmarkScheme) -> Tensor:
    """(B, L) weights of landmarks in the order that :func:`place` gives these."""
    return torch.where(placement.flip[:, None], weights[:, list(scheme.flip)], weights)


def degrade(
    crops: Tensor,
    rng: torch.Generator,
    amount: float = 1.0,
    kinds: Collection[str] = DEGRADATIONS,
) -> Tensor:
    """Light, colour, sharpness, noise and occluders, each on some of the crops.

    ``crops`` is (B, 3, S, S) float32 0 … 255; returns the same shape and range. ``amount``
    scales how much light and colour change, and how often the rest happens; ``kinds`` of
    :data:`DEGRADATIONS` happen at all, as they would beside the others.
    """
    n, _, size, _ = crops.shape
    contrast = uniform(rng, 1 - 0.4 * amount, 1 + 0.4 * amount, n, 1, 1, 1)
    light = uniform(rng, -35 * amount, 35 * amount, n, 1, 1, 1)
    tint = uniform(rng, 1 - 0.12 * amount, 1 + 0.12 * amount, n, 3, 1, 1)
    grey = torch.rand(n, 1, 1, 1, generator=rng) < 0.15 * amount
    out = crops
    if "light" in kinds:
        mean = crops.mean(dim=(1, 2, 3), keepdim=True)
        out = (out - mean) * contrast + mean + light
    if "colour" in kinds:
        out = out * tint
        out = torch.where(grey, out.mean(dim=1, keepdim=True), out)
    out = out.clone() if out is crops else out
    for i in (torch.rand(n, generator=rng) < 0.3 * amount).nonzero()[:, 0]:
        small = int(uniform(rng, 0.22, 0.7, 1) * size)
        if "resolution" in kinds:
            shrunk = F.interpolate(out[i : i + 1], size=small, mode="area")
            out[i] = F.interpolate(shrunk, size=size, mode="bilinear", align_corners=False)[0]
    noisy = (torch.rand(n, 1, 1, 1, generator=rng) < 0.25 * amount) * uniform(
        rng, 2, 14, n, 1, 1, 1
    )
    noise = torch.randn(crops.shape, generator=rng) * noisy
    if "noise" in kinds:
        out = out + noise
    for i in (torch.rand(n, generator=rng) < 0.25 * amount).nonzero()[:, 0]:
        other = crops[int(torch.randint(n, (1,), generator=rng))]
        if "occlusion" in kinds:
            occlude(out[i], rng, other)
    return out.clamp_(0, 255)


def occlude(crop: Tensor, rng: torch.Generator, other: Tensor) -> None:
    """Cover a random rectangle of a (3, S, S) crop, in place, with one colour or another crop."""
    size = crop.shape[-1]
    h, w = (int(v) for v in uniform(rng, 0.12, 0.42, 2) * size)
    y, x = int(uniform(rng, 0, size - h, 1)), int(uniform(rng, 0, size - w, 1))
    if torch.rand((), generator=rng) < 0.5:
        crop[:, y : y + h, x : x + w] = uniform(rng, 0, 255, 3, 1, 1)
    else:
        v, u = int(uniform(rng, 0, size - h, 1)), int(uniform(rng, 0, size - w, 1))
        crop[:, y : y + h, x : x + w] = other[:, v : v + h, u : u + w].clone()


def perturb(landmarks: Tensor, rng: torch.Generator, amount: float = 1.0) -> Tensor:
    """Landmarks as the last frame would have left them: moved, turned, scaled, each a bit off.

    (B, L, 2) xy in crop pixels to the same; ``amount`` scales all of it.
    """
    n, n_landmarks = landmarks.shape[:2]
    centre = landmarks.nanmean(dim=1, keepdim=True)
    angle, scale = normal(rng, 0.05 * amount, n), normal(rng, 0.04 * amount, n).exp()
    c, s = angle.cos() * scale, angle.sin() * scale
    turn = torch.stack([torch.stack([c, -s], -1), torch.stack([s, c], -1)], -2)
    moved = (landmarks - centre) @ turn.transpose(1, 2) + centre
    moved = moved + normal(rng, 2.5 * amount, n, 1, 2)
    return moved + normal(rng, 1.0 * amount, n, n_landmarks, 2)
