"""Predictions of a track as the project file keeps them: compressed, 128 frames at a time.

A video of a million frames is some thousand chunks, of which turning to a frame reads
one. Landmarks are kept to 1/64 of a pixel, confidence to 1/255.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np

from napari_red.core.records import Prediction

CHUNK = 128
"""Frames of a chunk."""

PER_PIXEL = 64
"""Steps of a landmark's coordinate in a pixel."""

_HEADER = struct.Struct("<BHH")
_FORMAT = 1
_NOWHERE = np.iinfo(np.int32).min
_FARTHEST = 2.0**24


class DamagedChunk(ValueError):
    """Bytes that aren't a chunk."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """What models said about one face in :data:`CHUNK` frames.

    Attributes
    ----------
    landmarks : (C, L, 2) float32 array, xy in video pixels; NaN where there is none
    confidence : (C, L) float32 array, 0 … 1; 0 where there is no prediction
    disagreement : (C,) float32 array, in sides of the face box; NaN where unknown
    run : (C,) int32 array, the run that said it; 0 where there is no prediction
    """

    landmarks: np.ndarray
    confidence: np.ndarray
    disagreement: np.ndarray
    run: np.ndarray

    @classmethod
    def empty(cls, n_landmarks: int) -> Chunk:
        """A chunk without predictions."""
        return cls(
            np.full((CHUNK, n_landmarks, 2), np.nan, np.float32),
            np.zeros((CHUNK, n_landmarks), np.float32),
            np.full(CHUNK, np.nan, np.float32),
            np.zeros(CHUNK, np.int32),
        )

    @property
    def n_landmarks(self) -> int:
        """L."""
        return self.landmarks.shape[1]

    @property
    def present(self) -> np.ndarray:
        """(C,) bool array: True where there is a prediction."""
        return self.run > 0

    def copy(self) -> Chunk:
        """A chunk that can be changed without changing this one."""
        return Chunk(*(np.array(getattr(self, name)) for name in _PARTS))

    def put(self, index: int, run: int, prediction: Prediction) -> None:
        """Set one frame; a lost face empties it."""
        if prediction.lost:
            self.clear(index)
            return
        self.landmarks[index] = quantised(prediction.landmarks)
        sure = np.clip(np.nan_to_num(prediction.confidence), 0, 1)
        self.confidence[index] = np.round(sure * 255) / 255
        self.disagreement[index] = np.float16(prediction.disagreement)
        self.run[index] = run

    def clear(self, index: int | slice | np.ndarray) -> None:
        """Take frames out."""
        self.landmarks[index] = np.nan
        self.confidence[index] = 0
        self.disagreement[index] = np.nan
        self.run[index] = 0

    def take(self, other: Chunk, where: np.ndarray) -> None:
        """Copy the frames of another chunk where a (C,) mask is True."""
        for name in _PARTS:
            getattr(self, name)[where] = getattr(other, name)[where]

    def to_bytes(self) -> bytes:
        """A header, then the frames that are there: a few hundred bytes each."""
        there = self.present
        points = self.landmarks[there].reshape(-1, 2 * self.n_landmarks).astype(np.float64)
        steps = np.where(np.isfinite(points), np.round(points * PER_PIXEL), _NOWHERE)
        body = b"".join(
            [
                np.packbits(there).tobytes(),
                self.run[there].astype("<i4").tobytes(),
                self.disagreement[there].astype("<f2").tobytes(),
                np.round(self.confidence[there] * 255).astype(np.uint8).tobytes(),
                _planes(_differences(steps.astype(np.int64).astype(np.int32))),
            ]
        )
        return _HEADER.pack(_FORMAT, CHUNK, self.n_landmarks) + zlib.compress(body, 1)

    @classmethod
    def from_bytes(cls, blob: bytes) -> Chunk:
        """The inverse of :meth:`to_bytes`.

        Raises
        ------
        DamagedChunk
            If these bytes are no chunk.
        """
        try:
            return cls._read(blob)
        except (struct.error, zlib.error, ValueError) as error:
            raise DamagedChunk(str(error)) from error

    @classmethod
    def _read(cls, blob: bytes) -> Chunk:
        form, size, n_landmarks = _HEADER.unpack_from(blob)
        if form != _FORMAT or size != CHUNK:
            raise ValueError(f"a chunk of format {form} with {size} frames")
        body = memoryview(zlib.decompress(blob[_HEADER.size :]))
        there = np.unpackbits(np.frombuffer(body, np.uint8, CHUNK // 8)).astype(bool)
        n, at = int(there.sum()), CHUNK // 8
        made = cls.empty(n_landmarks)
        made.run[there] = np.frombuffer(body, "<i4", n, at)
        made.disagreement[there] = np.frombuffer(body, "<f2", n, at + 4 * n)
        sure = np.frombuffer(body, np.uint8, n * n_landmarks, at + 6 * n)
        made.confidence[there] = sure.reshape(n, n_landmarks) / np.float32(255)
        steps = _sums(body[at + (6 + n_landmarks) * n :], n, 2 * n_landmarks)
        points = np.where(steps == _NOWHERE, np.nan, steps / PER_PIXEL)
        made.landmarks[there] = points.reshape(n, n_landmarks, 2)
        return made


_PARTS = ("landmarks", "confidence", "disagreement", "run")


def quantised(landmarks: np.ndarray) -> np.ndarray:
    """Landmarks as the file keeps them: float32, to 1/64 of a pixel, at most 2²⁴ pixels."""
    near = np.clip(landmarks.astype(np.float64), -_FARTHEST, _FARTHEST)
    return (np.round(near * PER_PIXEL) / PER_PIXEL).astype(np.float32)


def chunk_of(frame: int) -> tuple[int, int]:
    """Number of the chunk that a frame is in, and its place there."""
    return divmod(int(frame), CHUNK)


def _differences(steps: np.ndarray) -> np.ndarray:
    """(n, K) int32 to zigzag differences in time, as uint32: small numbers for small moves."""
    moves = steps.copy()
    moves[1:] = steps[1:] - steps[:-1]  # wraps round, and back again in _sums
    return ((moves << 1) ^ (moves >> 31)).view(np.uint32)


def _planes(values: np.ndarray) -> bytes:
    """The lowest bytes of all, then the next: what compresses well."""
    as_bytes = np.ascontiguousarray(values, "<u4").view(np.uint8).reshape(-1, 4)
    return as_bytes.T.tobytes()


def _sums(body: memoryview, n: int, width: int) -> np.ndarray:
    planes = np.frombuffer(body, np.uint8, 4 * n * width).reshape(4, -1)
    zigzag = np.ascontiguousarray(planes.T).view("<u4").reshape(n, width).astype(np.uint32)
    moves = (zigzag >> 1).astype(np.int32) ^ -(zigzag & 1).astype(np.int32)
    return np.cumsum(moves, axis=0, dtype=np.int32)
