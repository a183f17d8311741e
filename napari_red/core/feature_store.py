"""Features of a project's tracks, read once and again where predictions changed."""

from __future__ import annotations

import threading

import numpy as np

from napari_red.core.chunks import CHUNK
from napari_red.core.features import features_from
from napari_red.core.project import Project
from trainer.frame_features import NAMES, FrameFeatures

_AT_ONCE = 256
"""Chunks that are read in one go, so that turning to a frame meanwhile needn't wait."""


class FeatureStore:
    """What :mod:`trainer.strip` and :mod:`trainer.ranking` want to know of every frame.

    Reading belongs to one thread that may take its time; saying what changed to any.

    Parameters
    ----------
    project : an open project
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self._known: dict[int, FrameFeatures] = {}
        self._stale: dict[int, set[int]] = {}
        self._lock = threading.Lock()

    def changed(self, track_id: int, first: int, last: int) -> None:
        """Predictions of these frames may be others."""
        with self._lock:
            if track_id in self._known:
                numbers = range(first // CHUNK, last // CHUNK + 1)
                self._stale.setdefault(track_id, set()).update(numbers)

    def forget(self, track_id: int) -> None:
        """Read all of a track when it is asked for again."""
        with self._lock:
            self._known.pop(track_id, None)
            self._stale.pop(track_id, None)

    def of(self, track_id: int, n_frames: int) -> FrameFeatures:
        """Features of all frames of a track. They change in place with the next call."""
        with self._lock:
            known = self._known.get(track_id)
            stale = self._stale.pop(track_id, set())
            if known is None or len(known) != n_frames:
                known = self._known[track_id] = FrameFeatures.unseen(n_frames)
                stale = set(range(-(-n_frames // CHUNK)))
        for first, stop in _runs(sorted(stale)):
            self._read(track_id, known, first, stop)
        return known

    def _read(self, track_id: int, known: FrameFeatures, first: int, stop: int) -> None:
        for begin in range(first, stop, _AT_ONCE):
            end = min(begin + _AT_ONCE, stop)
            _put(known, begin * CHUNK, FrameFeatures.unseen((end - begin) * CHUNK))
            for number, blob in self.project.feature_blobs(track_id, begin, end):
                if blob:
                    _put(known, number * CHUNK, features_from(blob))


def _put(known: FrameFeatures, first: int, part: FrameFeatures) -> None:
    size = min(len(part), len(known) - first)
    for name in NAMES:
        getattr(known, name)[first : first + size] = getattr(part, name)[:size]


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Numbers in order as first ones and ends of stretches."""
    if not numbers:
        return []
    found = np.array(numbers)
    breaks = np.flatnonzero(np.diff(found) > 1)
    firsts = found[np.concatenate([[0], breaks + 1])]
    lasts = found[np.concatenate([breaks, [len(found) - 1]])]
    return [(int(a), int(b) + 1) for a, b in zip(firsts, lasts, strict=True)]
