"""Clips of T frames for the third stage: cut from real videos, or made from stills."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from trainer.data.augment import Placement, normal, off_face, place, seeded, uniform
from trainer.data.faces import FaceSet, batches
from trainer.geometry import CROP_SIZE
from trainer.scheme import LandmarkScheme


@dataclass
class ClipBatch:
    """B clips of T frames.

    Attributes
    ----------
    crops : (T, B, 3, 128, 128) float32, 0 … 255
    landmarks : (T, B, L, 2) float32, xy in crop pixels
    identities : (B,) int64, -1 where the person is unknown
    weights : (T, B, L) float32, how much each landmark counts; None is 1 each
    """

    crops: Tensor
    landmarks: Tensor
    identities: Tensor
    weights: Tensor | None = None

    def reversed(self) -> ClipBatch:
        """The same clips played backward."""
        return ClipBatch(
            self.crops.flip(0),
            self.landmarks.flip(0),
            self.identities,
            None if self.weights is None else self.weights.flip(0),
        )


def beside(first: ClipBatch, second: ClipBatch) -> ClipBatch:
    """Two batches of clips as one; clips without weights count fully."""
    weights = None
    if first.weights is not None or second.weights is not None:
        full = (
            torch.ones(b.landmarks.shape[:3]) if b.weights is None else b.weights
            for b in (first, second)
        )
        weights = torch.cat(list(full), dim=1)
    return ClipBatch(
        torch.cat([first.crops, second.crops], dim=1),
        torch.cat([first.landmarks, second.landmarks], dim=1),
        torch.cat([first.identities, second.identities]),
        weights,
    )


class ClipSource(Protocol):
    """Where stage 3 gets its clips."""

    kind: str
    """What the report calls these clips; made ones are never called video."""
    n_clips: int
    """Clips of one epoch."""
    people: list[str]
    """Names of the persons that ``identities`` count through."""

    def draw(self, size: int, seed: int, number: int) -> ClipBatch:
        """Batch ``number`` of ``size`` clips, no two of one identity; the same every time."""
        ...


class MovedStills:
    """Clips made from stills: one crop that moves smoothly, its landmarks with it.

    Shift, scale and rotation follow slow sine waves; light drifts, some clips blur for a
    few frames, and an occluder passes through some. A part ``off_face`` of the clips shows
    no whole face and has no landmarks.
    """

    kind = "moved stills"

    def __init__(
        self,
        faces: FaceSet,
        scheme: LandmarkScheme,
        frames: int,
        per_face: int,
        off_face: float = 0.0,
    ) -> None:
        self.faces = faces
        self.off_face = off_face
        self.scheme = scheme
        self.frames = frames
        self.n_clips = len(faces.order) * per_face
        self.people = faces.people

    def draw(self, size: int, seed: int, number: int) -> ClipBatch:
        """See :class:`ClipSource`."""
        per_pass = max(len(self.faces.order) // size, 1)
        drawn = batches(self.faces, size, np.random.default_rng((seed, number // per_pass)))
        chosen = drawn[number % len(drawn)]
        rng = seeded(seed, number)
        patches = torch.from_numpy(self.faces.patches[chosen])
        landmarks = torch.from_numpy(self.faces.landmarks[chosen])
        off = torch.rand(size, generator=rng) < self.off_face
        motion = _motion(rng, self.frames, off)
        crops, points = [], []
        for t in range(self.frames):
            crop, moved = place(patches, landmarks, motion[t], self.scheme)
            crops.append(crop)
            points.append(torch.where(off[:, None, None], torch.nan, moved))
        batch = torch.stack(crops)
        _change_light(batch, rng)
        _blur_some(batch, rng)
        _pass_occluder(batch, rng)
        identities = torch.from_numpy(self.faces.identities[chosen]).masked_fill(off, -1)
        return ClipBatch(batch.clamp_(0, 255), torch.stack(points), identities)


def _waves(rng: torch.Generator, frames: int, n: int, spread: float) -> Tensor:
    """(T, B) smooth curves through time around a random level: a slow and a faster sine."""
    t = torch.arange(frames, dtype=torch.float32)[:, None]
    level = normal(rng, spread / 2, n)
    curve = level.expand(frames, n)
    for period, part in ((30.0, 1.0), (11.0, 0.35)):
        phase = uniform(rng, 0, 2 * math.pi, n)
        curve = curve + normal(rng, spread * part, n) * torch.sin(2 * math.pi * t / period + phase)
    return curve


def _motion(rng: torch.Generator, frames: int, off: Tensor) -> list[Placement]:
    """Placements of each frame; clips that are ``off`` (B,) move about beside the face."""
    n = len(off)
    flip = torch.rand(n, generator=rng) < 0.5
    angle = _waves(rng, frames, n, math.radians(8))
    scale = _waves(rng, frames, n, 0.06).exp()
    shift = torch.stack([_waves(rng, frames, n, 4.0), _waves(rng, frames, n, 4.0)], dim=-1)
    shift = shift + normal(rng, 0.4, frames, n, 2)  # a hand-held camera's tremble
    zeros = torch.zeros(n)
    beside = off_face(Placement(zeros, zeros + 1, torch.zeros(n, 2), flip), off, rng)
    scale, shift = scale * beside.scale, shift + beside.shift
    return [Placement(angle[t], scale[t], shift[t], flip) for t in range(frames)]


def _change_light(crops: Tensor, rng: torch.Generator) -> None:
    frames, n = crops.shape[:2]
    gain = 1 + _waves(rng, frames, n, 0.15)[:, :, None, None, None]
    tint = uniform(rng, 0.9, 1.1, n, 3, 1, 1)
    crops.mul_(gain).mul_(tint).add_(uniform(rng, -25, 25, n, 1, 1, 1))


def _blur_some(crops: Tensor, rng: torch.Generator) -> None:
    frames, n = crops.shape[:2]
    for clip in (torch.rand(n, generator=rng) < 0.35).nonzero()[:, 0].tolist():
        first = int(torch.randint(frames, (1,), generator=rng))
        small = int(uniform(rng, 0.25, 0.6, 1) * CROP_SIZE)
        part = crops[first : first + 4, clip]
        shrunk = torch.nn.functional.interpolate(part, size=small, mode="area")
        part.copy_(
            torch.nn.functional.interpolate(
                shrunk, size=CROP_SIZE, mode="bilinear", align_corners=False
            )
        )


def _pass_occluder(crops: Tensor, rng: torch.Generator) -> None:
    frames, n = crops.shape[:2]
    for clip in (torch.rand(n, generator=rng) < 0.35).nonzero()[:, 0].tolist():
        side = int(uniform(rng, 20, 52, 1))
        start, end = (uniform(rng, -side, CROP_SIZE, 2) for _ in range(2))
        colour = uniform(rng, 0, 255, 3, 1, 1)
        for t in range(frames):
            x, y = (start + (end - start) * t / max(frames - 1, 1)).round().int().tolist()
            crops[t, clip, :, max(y, 0) : max(y + side, 0), max(x, 0) : max(x + side, 0)] = colour


class MixedClips:
    """Batches drawn from several sources in turn, each as often as its weight says.

    People are counted through all sources; ``kind`` names them all.
    """

    def __init__(self, sources: Sequence[ClipSource], weights: Sequence[int]) -> None:
        self.sources = list(sources)
        self.turns = [i for i, weight in enumerate(weights) for _ in range(weight)]
        self.kind = " and ".join(source.kind for source in sources)
        self.n_clips = sum(source.n_clips for source in sources)
        self.people = list(sources[-1].people)

    def draw(self, size: int, seed: int, number: int) -> ClipBatch:
        """See :class:`ClipSource`."""
        turn, passes = number % len(self.turns), number // len(self.turns)
        source = self.turns[turn]
        before = self.turns[:turn].count(source)
        return self.sources[source].draw(size, seed, passes * self.turns.count(source) + before)
