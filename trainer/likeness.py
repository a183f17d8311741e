"""Whether a shape is like those that a project's people accepted, part by part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.frame_features import beside_head
from trainer.reasons import Kind, Reason
from trainer.scheme import scheme_for

FEWEST = 5
"""Accepted shapes below which nothing is said."""

_LEAST_SPREAD = 0.012  # sides of the face box: what people place a landmark to
_STRANGE = 3.0  # times the accepted ones' spread, over a part of the face


@dataclass(frozen=True, eq=False)
class Likeness:
    """Accepted shapes beside the average head laid on each: where landmarks usually lie.

    Attributes
    ----------
    usual : (L, 2) mean distance from the average head, upright, in sides of the face box
    spread : (L,) root mean square of what is left
    """

    usual: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, shapes: np.ndarray) -> Likeness | None:
        """From (n, L, 2) accepted shapes, xy in pixels; those not whole are left out.

        None if fewer than :data:`FEWEST` are left.
        """
        beside = beside_head(shapes[np.isfinite(shapes).all(axis=(1, 2))])
        if len(beside) < FEWEST:
            return None
        usual = np.median(beside, axis=0)
        spread = np.sqrt(((beside - usual) ** 2).sum(axis=-1).mean(axis=0))
        return cls(usual, np.maximum(spread, _LEAST_SPREAD))

    def reasons(self, landmarks: np.ndarray) -> list[Reason]:
        """What is strange about (L, 2) landmarks: the strangest part of the face, or nothing."""
        if landmarks.shape != self.usual.shape or not np.isfinite(landmarks).all():
            return []
        away = np.linalg.norm(beside_head(landmarks[None])[0] - self.usual, axis=-1)
        found = []
        for part, indices in scheme_for(len(landmarks)).groups.items():
            rows = list(indices)
            times = float(np.sqrt(((away[rows] / self.spread[rows]) ** 2).mean()))
            found.append(Reason(Kind.ODD, float(away[rows].mean()), times / _STRANGE, part))
        strangest = max(found, key=lambda reason: reason.strength)
        return [strangest] if strangest.strength >= 1 else []
