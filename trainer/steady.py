"""Steadier landmarks without delay: each frame is seen between its neighbours.

A network answers every frame anew, and its small errors show as trembling. Pre-annotation
may look one frame ahead, so a landmark that only trembles is moved towards the middle of
the frames before and after; one that really turns, as a lid in a blink, is left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Protocol, TypeVar

import numpy as np

from trainer.geometry import FaceBox
from trainer.metrics import interocular

TREMBLE = 0.03
"""Acceleration in interocular distances a frame, at which half of the pull is left."""


class Frame(Protocol):
    """What is steadied: see :class:`trainer.alignment.AlignedFrame`."""

    frame: int
    landmarks: np.ndarray
    boxes: list[FaceBox | None]


AnyFrame = TypeVar("AnyFrame", bound=Frame)


def steadied(
    frames: Iterable[AnyFrame],
    fixed: Collection[tuple[int, int]] = (),
    tremble: float = TREMBLE,
) -> Iterator[AnyFrame]:
    """The same frames in the same order, each one frame late and steadier.

    Parameters
    ----------
    frames : in order; if they end in an error, those before it come out first
    fixed : (frame, face) pairs that stay exactly as they are
    tremble : see :data:`TREMBLE`; 0 changes nothing
    """
    before: np.ndarray | None = None
    now: AnyFrame | None = None
    try:
        for after in frames:
            if now is not None:
                raw = now.landmarks.copy()
                if before is not None:
                    _steady(now, before, after.landmarks, fixed, tremble)
                yield now
                before = raw
            now = after
    except Exception:
        if now is not None:
            yield now
        raise
    if now is not None:
        yield now


def _steady(
    now: Frame,
    before: np.ndarray,
    after: np.ndarray,
    fixed: Collection[tuple[int, int]],
    tremble: float,
) -> None:
    if tremble <= 0:
        return
    for slot, points in enumerate(now.landmarks):
        seen = np.isfinite(before[slot]) & np.isfinite(points) & np.isfinite(after[slot])
        if not seen.all() or (now.frame, slot) in fixed:
            continue
        bend = before[slot] - 2 * points + after[slot]
        size = np.linalg.norm(bend, axis=-1) / max(float(interocular(points)), 1.0)
        pull = 1 / (1 + (size / tremble) ** 2)
        now.landmarks[slot] = points + (pull / 4)[:, None] * bend
        now.boxes[slot] = FaceBox.around(now.landmarks[slot])
