"""The rows of a project, as values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class VideoRecord:
    """A video of a project.

    Attributes
    ----------
    path : where it was last seen
    frame_names : what the pictures of a folder of frames are called, None for a file
    start, stop, stride : the frames that are to be worked on; ``stop`` None is the end
    state : new, waiting, running, done or failed: how its pre-annotation stands
    message : why it failed
    """

    id: int
    path: str
    fingerprint: str
    name: str
    n_frames: int
    height: int
    width: int
    fps: float
    frame_names: list[str] | None = None
    start: int = 0
    stop: int | None = None
    stride: int = 1
    state: str = "new"
    message: str = ""

    @property
    def wanted_frames(self) -> range:
        """The frames that are worked on: from ``start`` to before ``stop``, every ``stride``."""
        stop = self.n_frames if self.stop is None else min(self.stop, self.n_frames)
        return range(self.start, stop, self.stride)

    def annotation_stems(self) -> list[str]:
        """What each frame's annotation file is called: counted from 1 with six digits, as
        in 300-VW; pictures that are called by numbers keep those, so that both go together,
        unless two have the same (``1.png`` and ``1.jpg``)."""
        names = self.frame_names
        if names and all(map(str.isdecimal, names)) and len(set(names)) == len(names):
            return names
        return [f"{frame + 1:06d}" for frame in range(self.n_frames)]


@dataclass(frozen=True)
class Identity:
    """A person, known by the same name in every video."""

    id: int
    name: str


@dataclass(frozen=True)
class TrackRecord:
    """One face through one video; ``face`` counts from 0 and has gaps after deleting."""

    id: int
    video_id: int
    face: int
    n_landmarks: int
    identity: Identity | None = None


@dataclass(frozen=True, eq=False)
class Correction:
    """What a person said about one face in one frame.

    Attributes
    ----------
    landmarks : (L, 2) float32 array, xy in video pixels, NaN where nothing was moved
    hidden : (L,) bool array, True where the landmark is not visible
    run : the run whose prediction was corrected, 0 where there was none
    """

    landmarks: np.ndarray
    hidden: np.ndarray
    run: int = 0

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
        """L × 2 little-endian float32, L bytes of 0 or 1, and the run as int32."""
        return (
            self.landmarks.astype("<f4").tobytes()
            + self.hidden.astype(np.uint8).tobytes()
            + self.run.to_bytes(4, "little")
        )

    @classmethod
    def from_bytes(cls, blob: bytes) -> Correction:
        """The inverse of :meth:`to_bytes`."""
        n_landmarks = len(blob) // 9  # the run's four bytes are less than another landmark
        landmarks = np.frombuffer(blob, "<f4", 2 * n_landmarks).reshape(-1, 2)
        hidden = np.frombuffer(blob, np.uint8, n_landmarks, 8 * n_landmarks)
        run = int.from_bytes(blob[9 * n_landmarks :], "little")
        return cls(landmarks.astype(np.float32), hidden.astype(bool), run)


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model said about one face in one frame.

    Attributes
    ----------
    frame : int, from 0
    landmarks : (L, 2) float32 array, xy in video pixels; all NaN where the face is lost
    confidence : (L,) float32 array, 0 … 1
    disagreement : of the model's two answers, in sides of the face box; NaN where unknown
    """

    frame: int
    landmarks: np.ndarray
    confidence: np.ndarray
    disagreement: float = float("nan")

    @property
    def lost(self) -> bool:
        """True where the face was not found in this frame."""
        return not np.isfinite(self.landmarks).all(axis=1).any()
