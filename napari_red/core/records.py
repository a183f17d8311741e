"""The rows of a project, as values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class VideoRecord:
    """A video of a project. ``path`` is where it was last seen; ``frame_names`` what the
    pictures of a folder of frames are called, None for a file."""

    id: int
    path: str
    fingerprint: str
    name: str
    n_frames: int
    height: int
    width: int
    fps: float
    frame_names: list[str] | None = None

    def annotation_stems(self) -> list[str]:
        """What each frame's annotation file is called: counted from 1 with six digits, as
        in 300-VW; pictures that are called by numbers keep those, so that both go together."""
        if self.frame_names and all(name.isdecimal() for name in self.frame_names):
            return self.frame_names
        return [f"{frame + 1:06d}" for frame in range(self.n_frames)]


@dataclass(frozen=True)
class TrackRecord:
    """One face through one video; ``face`` counts from 0."""

    id: int
    video_id: int
    face: int
    n_landmarks: int


@dataclass(frozen=True)
class Edit:
    """One step of the edit history.

    ``kind`` is move, hide, show, undo or redo; ``before`` and ``after`` are the
    corrections of that face in that frame, None where there was none.
    """

    id: int
    at: str
    track_id: int
    frame: int
    kind: str
    before: Correction | None
    after: Correction | None


@dataclass(frozen=True, eq=False)
class Correction:
    """What a person said about one face in one frame.

    Attributes
    ----------
    landmarks : (L, 2) float32 array, xy in video pixels, NaN where nothing was moved
    hidden : (L,) bool array, True where the landmark is not visible
    """

    landmarks: np.ndarray
    hidden: np.ndarray

    @classmethod
    def empty(cls, n_landmarks: int) -> Correction:
        """A correction that says nothing yet."""
        return cls(np.full((n_landmarks, 2), np.nan, np.float32), np.zeros(n_landmarks, dtype=bool))

    @property
    def moved(self) -> np.ndarray:
        """(L,) bool array: True where a person put the landmark."""
        return np.isfinite(self.landmarks).all(axis=1)

    @property
    def says_nothing(self) -> bool:
        """True where no landmark is moved or hidden."""
        return not (self.moved.any() or self.hidden.any())

    def same_as(self, other: Correction | None) -> bool:
        """True where both say exactly the same."""
        return (
            other is not None
            and np.array_equal(self.landmarks, other.landmarks, equal_nan=True)
            and np.array_equal(self.hidden, other.hidden)
        )

    def to_bytes(self) -> bytes:
        """L × 2 little-endian float32, then L bytes of 0 or 1."""
        return self.landmarks.astype("<f4").tobytes() + self.hidden.astype(np.uint8).tobytes()

    @classmethod
    def from_bytes(cls, blob: bytes) -> Correction:
        """The inverse of :meth:`to_bytes`."""
        n_landmarks = len(blob) // 9
        landmarks = np.frombuffer(blob, "<f4", 2 * n_landmarks).reshape(-1, 2)
        hidden = np.frombuffer(blob, np.uint8, n_landmarks, 8 * n_landmarks)
        return cls(landmarks.astype(np.float32), hidden.astype(bool))


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model said about one face in one frame.

    Attributes
    ----------
    frame : int, from 0
    landmarks : (L, 2) float32 array, xy in video pixels; all NaN where the face is lost
    confidence : (L,) float32 array, 0 … 1
    """

    frame: int
    landmarks: np.ndarray
    confidence: np.ndarray

    @property
    def lost(self) -> bool:
        """True where the face was not found in this frame."""
        return not np.isfinite(self.landmarks).all(axis=1).any()
