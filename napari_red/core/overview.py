"""A whole video in the columns of the strip under the slider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from napari_red.core.feature_store import FeatureStore
from napari_red.core.marks import Marks
from napari_red.core.session import Session
from trainer.strip import StripColumns, merged, strip


@dataclass(frozen=True, eq=False)
class Overview:
    """All frames of a video in W columns.

    Attributes
    ----------
    n_frames : int
    columns : what each column shows, the worst of all faces
    seen : frames in which each face was found, by number of the face in the session
    wanted : the frames that are worked on
    """

    n_frames: int
    columns: StripColumns
    seen: tuple[int, ...]
    wanted: range

    def frame_of(self, column: int) -> int:
        """The first frame that a column shows, of those that are worked on if there are any."""
        width = len(self.columns.confidence)
        column = min(max(column, 0), width - 1)
        first, stop = (place * self.n_frames // width for place in (column, column + 1))
        before = -(-max(first - self.wanted.start, 0) // self.wanted.step)
        here = self.wanted[before : before + 1]
        return here[0] if here and here[0] < max(stop, first + 1) else first

    def column_of(self, frame: int) -> int:
        """The column that shows a frame, the middle one of several."""
        width = len(self.columns.confidence)
        return min(int((frame + 0.5) * width / self.n_frames), width - 1)

    def words(self, column: int) -> str:
        """What a column shows, in words."""
        columns, frame = self.columns, self.frame_of(column)
        if not columns.worked[column]:
            return f"Frame {frame + 1}: not worked on"
        confidence = float(columns.confidence[column])
        parts = ["no face" if np.isnan(confidence) else f"confidence {confidence:.2f}"]
        if columns.lost[column] and not np.isnan(confidence):
            parts.append("a face is lost")
        if columns.jump[column]:
            parts.append("jumps")
        if columns.corrected[column]:
            parts.append("corrected")
        if columns.accepted[column]:
            parts.append("done")
        return f"Frame {frame + 1}: {', '.join(parts)}"


def overview_of(session: Session, store: FeatureStore, width: int) -> Callable[[], Overview | None]:
    """What makes the overview, to be called beside the window; what a person said is taken
    from the session now.

    None where there are no faces.
    """
    n_frames, wanted = session.n_frames, session.wanted
    tracks = [
        (track.record.id, np.array(track.corrected, int), Marks(track.accepted.blocks))
        for track in session.all_tracks()
    ]

    def make() -> Overview | None:
        if not tracks or width < 1:
            return None
        columns, seen = [], []
        for track_id, corrected, accepted in tracks:
            features = store.of(track_id, n_frames)
            made = strip(features, corrected, accepted.as_array(n_frames), width, wanted)
            there = np.flatnonzero(~features.lost)
            columns.append(_within(made, there, n_frames))
            seen.append(len(there))
        return Overview(n_frames, merged(columns), tuple(seen), wanted)

    return make


def _within(columns: StripColumns, there: np.ndarray, n_frames: int) -> StripColumns:
    """A face isn't lost before its first frame and after its last."""
    width = len(columns.confidence)
    starts = np.arange(width) * n_frames // width
    first, last = (int(there[0]), int(there[-1])) if len(there) else (n_frames, -1)
    return replace(columns, lost=columns.lost & (starts > first) & (starts < last))
