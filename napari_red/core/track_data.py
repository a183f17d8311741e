"""What is known of one face through one video, read from the project as it is needed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar

import numpy as np

from napari_red.core.cells import Change, chunk_from
from napari_red.core.chunks import CHUNK, Chunk, chunk_of
from napari_red.core.features import features_from
from napari_red.core.frame_view import FrameView
from napari_red.core.marks import MARKS, Marks, marks_from
from napari_red.core.project import Project
from napari_red.core.records import Correction, TrackRecord

KEPT_CHUNKS = 24
"""Chunks of a track that stay in memory: about 2 MB."""

KEPT_CORRECTIONS = 1024

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class TrackData:
    """One track of an open video. Nothing here is as long as the video, but the numbers
    of the corrected frames.

    Parameters
    ----------
    project : the open project
    record : the track
    """

    def __init__(self, project: Project, record: TrackRecord) -> None:
        self.record = record
        self.corrected: list[int] = project.corrected_frames(record.id)
        self.accepted = Marks(project.accepted(record.id))
        self._project = project
        self._chunks: OrderedDict[int, Chunk | None] = OrderedDict()
        self._corrections: OrderedDict[int, Correction] = OrderedDict()

    def chunk(self, number: int) -> Chunk | None:
        """What models said in 128 frames; not to be changed."""
        return _remembered(
            self._chunks, number, KEPT_CHUNKS, lambda: self._project.chunk(self.record.id, number)
        )

    def correction(self, frame: int) -> Correction | None:
        """What a person said about a frame."""
        if not self.is_corrected(frame):
            return None

        def read() -> Correction:
            found = self._project.correction(self.record.id, frame)
            return found or Correction.empty(self.record.n_landmarks)

        return _remembered(self._corrections, frame, KEPT_CORRECTIONS, read)

    def is_corrected(self, frame: int) -> bool:
        """True where a person corrected the frame."""
        index = bisect_left(self.corrected, frame)
        return index < len(self.corrected) and self.corrected[index] == frame

    def is_held(self, frame: int) -> bool:
        """True where no model may change the frame: it is corrected or accepted."""
        return self.is_corrected(frame) or self.accepted[frame]

    def accepted_faces(self) -> np.ndarray:
        """(n,) int64 frames in which a person accepted what a model found, in order; without
        those in which they accepted that the face isn't there. Read from the project."""
        found = [np.zeros(0, np.int64)]
        for number, block in sorted(self.accepted.blocks.items()):
            begin, end = number * MARKS // CHUNK, (number + 1) * MARKS // CHUNK
            there = np.zeros(MARKS, bool)
            for chunk, blob in self._project.feature_blobs(self.record.id, begin, end):
                first = (chunk - begin) * CHUNK
                there[first : first + CHUNK] = ~features_from(blob).lost
            found.append(np.flatnonzero(block & there) + number * MARKS)
        return np.concatenate(found)

    def before(self, frame: int) -> int | None:
        """The last corrected frame before ``frame``."""
        index = bisect_left(self.corrected, frame)
        return self.corrected[index - 1] if index else None

    def after(self, frame: int) -> int | None:
        """The first corrected frame after ``frame``."""
        index = bisect_right(self.corrected, frame)
        return self.corrected[index] if index < len(self.corrected) else None

    def predicted(self, frame: int) -> np.ndarray:
        """(L, 2) float32 landmarks of the model; NaN where there is none. A copy."""
        number, index = chunk_of(frame)
        chunk = self.chunk(number)
        if chunk is None:
            return np.full((self.record.n_landmarks, 2), np.nan, np.float32)
        return chunk.landmarks[index].copy()

    def run(self, frame: int) -> int:
        """The run that predicted the frame, 0 where none did."""
        number, index = chunk_of(frame)
        chunk = self.chunk(number)
        return 0 if chunk is None else int(chunk.run[index])

    def merged(self, frame: int) -> np.ndarray:
        """(L, 2) float32 landmarks, corrections before predictions. A copy."""
        correction = self.correction(frame)
        if correction is None:
            return self.predicted(frame)
        return np.where(correction.moved[:, None], correction.landmarks, self.predicted(frame))

    def complete(self, frame: int) -> np.ndarray | None:
        """(L, 2) float32 landmarks of a corrected frame where each has a position and not
        all are hidden; None elsewhere."""
        correction = self.correction(frame)
        if correction is None or correction.hidden.all():
            return None
        merged = self.merged(frame)
        return merged if np.isfinite(merged).all() else None

    def known(self, first: int, size: int) -> np.ndarray:
        """(size,) uint8 of frames from ``first``, the more the better it is known where the
        face is: 4 where a person corrected it, 3 where they accepted what a model found, 2
        where a model found it, 1 where they accepted that nothing is there, else 0."""
        found = np.zeros(size, np.uint8)
        for frame in range(first - first % CHUNK, first + size, CHUNK):
            chunk = self.chunk(frame // CHUNK)
            if chunk is not None:
                begin = max(frame, first)
                end = min(frame + CHUNK, first + size)
                found[begin - first : end - first] = 2 * chunk.present[begin - frame : end - frame]
        for frame in range(first - first % MARKS, first + size, MARKS):
            block = self.accepted.blocks.get(frame // MARKS)
            if block is not None:
                begin, end = max(frame, first), min(frame + MARKS, first + size)
                found[begin - first : end - first] += block[begin - frame : end - frame]
        low = bisect_left(self.corrected, first)
        high = bisect_left(self.corrected, first + size)
        found[np.array(self.corrected[low:high], int) - first] = 4
        return found

    def fill(self, view: FrameView, face: int) -> None:
        """Put this track's part into a view, as face number ``face``."""
        number, index = chunk_of(view.frame)
        chunk = self.chunk(number)
        if chunk is not None:
            view.landmarks[face] = chunk.landmarks[index]
            view.confidence[face] = chunk.confidence[index]
            view.run[face] = chunk.run[index]
        view.accepted[face] = self.accepted[view.frame]
        correction = self.correction(view.frame)
        if correction is not None:
            moved = correction.moved
            view.corrected[face], view.hidden[face] = moved, correction.hidden
            view.landmarks[face, moved] = correction.landmarks[moved]
            view.confidence[face, moved] = 1

    def forget(self, first: int, last: int) -> None:
        """Predictions of these frames are others in the project."""
        for number in range(first // CHUNK, last // CHUNK + 1):
            self._chunks.pop(number, None)

    def follow(self, change: Change, value: bytes | None) -> None:
        """A cell of this track has another value in the project."""
        if change.kind == "prediction":
            _keep(self._chunks, change.b, chunk_from(value), KEPT_CHUNKS)
        elif change.kind == "accepted":
            block = np.zeros(MARKS, bool) if value is None else marks_from(value)
            self.accepted.blocks[change.b] = block
        elif change.kind == "correction":
            self._corrections.pop(change.b, None)
            known = self.is_corrected(change.b)
            if value is None and known:
                del self.corrected[bisect_left(self.corrected, change.b)]
            elif value is not None:
                correction = Correction.from_bytes(value)
                _keep(self._corrections, change.b, correction, KEPT_CORRECTIONS)
                if not known:
                    insort(self.corrected, change.b)


def _remembered(kept: OrderedDict[K, V], key: K, most: int, read: Callable[[], V]) -> V:
    """A value from ``kept``, read if it isn't there; the least used ones go."""
    if key in kept:
        kept.move_to_end(key)
        return kept[key]
    value = read()
    _keep(kept, key, value, most)
    return value


def _keep(kept: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)
