"""What corrections changed, carried on to the frames around them.

A network that is off in one frame is off in much the same way in the next ones, and in others
that look alike (:mod:`trainer.shape_residuals`): what a person saw there and the network
doesn't is worth more than one frame.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence

import numpy as np

from trainer.geometry import FaceBox
from trainer.shape_residuals import ShapeResiduals, as_complex
from trainer.steady import Frame

CARRY_FRAMES = 10.0
"""Frames over which a change that is carried on goes down to 1/e."""


class Carried:
    """What a person saw in a frame and the network doesn't, for the frames around it.

    Parameters
    ----------
    told : (L, 2) landmarks of the person; NaN where they leave it to the network
    seen : (L, 2) landmarks that the network gives there
    """

    def __init__(self, told: np.ndarray, seen: np.ndarray) -> None:
        self.seen = as_complex(seen)
        self.offset = np.nan_to_num(as_complex(told) - self.seen)

    def onto(self, seen: np.ndarray, weight: float) -> np.ndarray:
        """(L, 2) float32: another frame's landmarks, with the offset turned and scaled as
        the face has."""
        return _plain(as_complex(seen) + weight * self.turned(as_complex(seen)))

    def turned(self, now: np.ndarray) -> np.ndarray:
        """The offset, turned and scaled as another frame's landmarks; both as complex numbers."""
        before, after = self.seen - self.seen.mean(), now - now.mean()
        turn = np.vdot(before, after) / max(np.vdot(before, before).real, 1e-9)
        return turn * self.offset


class Carriers:
    """All that was corrected of the faces of a video, for any frame between.

    Parameters
    ----------
    frames : over which a change goes down to 1/e; 0 carries nothing in time
    residuals : what is known of faces of a like shape; the changes carried in time are those
        that are left after it
    people : who is in each slot, as the residuals call them
    """

    def __init__(
        self,
        frames: float = CARRY_FRAMES,
        residuals: ShapeResiduals | None = None,
        people: Sequence[str] = (),
    ) -> None:
        self._reach = frames
        self._residuals = residuals
        self._people = people
        self._known: dict[int, tuple[list[int], list[Carried]]] = {}

    def add(self, frame: int, slot: int, told: np.ndarray, seen: np.ndarray) -> None:
        """Note a correction of the face in a slot, in the order of the frames."""
        numbers, changes = self._known.setdefault(slot, ([], []))
        numbers.append(frame)
        changes.append(Carried(told, self._alike(slot, seen)))

    def apply(self, frame: Frame, pinned: Collection[int]) -> None:
        """Change what the network sees in a frame, but for the faces that are pinned."""
        if self._residuals is None and not self._known:
            return
        for slot, seen in enumerate(frame.landmarks):
            if slot not in pinned and np.isfinite(seen).all():
                frame.landmarks[slot] = self.onto(frame.frame, slot, seen)
                frame.boxes[slot] = FaceBox.around(frame.landmarks[slot])

    def onto(self, frame: int, slot: int, seen: np.ndarray) -> np.ndarray:
        """(L, 2) float32: what the network sees in a frame, with the changes made to faces of
        a like shape, and those of the correction before it and of the one after it, as far as
        these are known.

        Between two they pass over into each other in a straight line, and each gets less
        the farther it is.
        """
        seen = self._alike(slot, seen)
        numbers, changes = self._known.get(slot, ([], []))
        if self._reach <= 0 or not numbers:
            return seen
        now = as_complex(seen)
        place = bisect_right(numbers, frame)
        around = [index for index in (place - 1, place) if 0 <= index < len(numbers)]
        span = numbers[around[-1]] - numbers[around[0]]
        moved = now.copy()
        for index in around:
            away = abs(frame - numbers[index])
            part = 1 - away / span if span else 1.0
            moved += part * np.exp(-away / self._reach) * changes[index].turned(now)
        return _plain(moved)

    def _alike(self, slot: int, seen: np.ndarray) -> np.ndarray:
        """What the network sees, with the changes made to faces of a like shape."""
        if self._residuals is None:
            return seen
        person = self._people[slot] if slot < len(self._people) else ""
        return _plain(as_complex(seen) + self._residuals.offset(seen, person))


def _plain(points: np.ndarray) -> np.ndarray:
    return np.stack([points.real, points.imag], axis=-1).astype(np.float32)
