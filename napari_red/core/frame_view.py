"""The landmarks of one frame, as they are shown and exported."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class FrameView:
    """The landmarks of one frame, corrections before predictions.

    Attributes
    ----------
    frame : int, from 0
    landmarks : (F, L, 2) float32 array, xy in video pixels, NaN = not labelled
    confidence : (F, L) float32 array, 0 … 1; 1 where a person put the landmark
    corrected, hidden : (F, L) bool arrays
    accepted : (F,) bool array, True where a person said that the face is right
    run : (F,) int32 array, the run that predicted the face; 0 where none did
    """

    frame: int
    landmarks: np.ndarray
    confidence: np.ndarray
    corrected: np.ndarray
    hidden: np.ndarray
    accepted: np.ndarray
    run: np.ndarray

    @classmethod
    def empty(cls, frame: int, n_faces: int, n_landmarks: int) -> FrameView:
        """A frame nobody said anything about."""
        shape = (n_faces, n_landmarks)
        return cls(
            frame,
            np.full((*shape, 2), np.nan, np.float32),
            np.zeros(shape, np.float32),
            np.zeros(shape, bool),
            np.zeros(shape, bool),
            np.zeros(n_faces, bool),
            np.zeros(n_faces, np.int32),
        )

    @property
    def visible(self) -> np.ndarray:
        """(F, L) bool array: labelled and not hidden."""
        return np.isfinite(self.landmarks).all(axis=-1) & ~self.hidden
