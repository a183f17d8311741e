"""Which frames of a video are to be aligned, and from where the aligner has to start."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from napari_red.core.chunks import CHUNK
from napari_red.core.edits import INTERPOLATED
from napari_red.core.project import Project
from napari_red.core.session import Session
from napari_red.core.video_part import OTHER_PART

WARM_UP_FRAMES = 10
"""So many frames before a span are aligned again, to give the LSTM its memory back; as in
:mod:`trainer.align_files`, which would load the network's library."""

RE_TRACKED = "re-tracked"
"""What the name of a run that only re-tracked a face ends in."""

GAP = 2 * WARM_UP_FRAMES
"""So few frames that need nothing are aligned along, rather than to start anew after them."""


@dataclass(frozen=True, eq=False)
class Span:
    """A stretch of frames that is aligned in one go.

    Attributes
    ----------
    start, stop : what the aligner sees: warm-up frames, then all to before ``stop``
    wanted : the frames among them whose landmarks are kept
    initial : (F, L, 2) landmarks of frame ``start - 1`` to go on from, NaN where none; None
        where nothing is known there
    """

    start: int
    stop: int
    wanted: range
    initial: np.ndarray | None

    def held(self, session: Session) -> dict[tuple[int, int], np.ndarray]:
        """(frame, face) to (L, 2) landmarks of what a person corrected or accepted in it."""
        found: dict[tuple[int, int], np.ndarray] = {}
        for face in range(session.n_faces):
            track = session.track(face)
            accepted = track.accepted.as_array(session.n_frames)[self.start : self.stop]
            low, high = (bisect_left(track.corrected, end) for end in (self.start, self.stop))
            frames = {*track.corrected[low:high], *(np.flatnonzero(accepted) + self.start)}
            for frame in map(int, sorted(frames)):
                corrected = track.is_corrected(frame)
                points = track.complete(frame) if corrected else track.predicted(frame)
                if points is not None and np.isfinite(points).all():
                    found[frame, face] = points
        return found


def spans(
    session: Session, wanted: range, faces: int, *, after: int = 0, only_missing: bool = False
) -> list[Span]:
    """What there is to align.

    Long stretches in which a person corrected or accepted every face are left out: nothing
    would be kept of them.

    Parameters
    ----------
    wanted : the frames to be annotated. What lies between them is aligned too, because a
        face is followed from one frame to the next
    faces : how many are looked for
    after : earlier frames are done
    only_missing : leave out the frames in which a face is known already
    """
    frames = np.arange(wanted.start, wanted.stop, wanted.step)
    needed = frames[~_settled(session, faces, only_missing)[frames] & (frames >= after)]
    if not len(needed):
        return []
    cuts = np.flatnonzero(np.diff(needed) > GAP + wanted.step) + 1
    return [
        _span(session, wanted, range(int(part[0]), int(part[-1]) + 1, wanted.step))
        for part in np.split(needed, cuts)
    ]


def cut_off(project: Project, video_id: int, model: str) -> int | None:
    """The run of a model over a video that was stopped before its end, if it was the last, and
    over the part that is worked on now.

    One from before the project's model of that name was made is of an earlier one, which was
    called so too.
    """
    rows = project.database.read(
        "SELECT id, model, outcome, started FROM runs WHERE video_id = ? ORDER BY id DESC",
        (video_id,),
    )
    made = project.database.read("SELECT made FROM models WHERE name = ?", (model,))
    for run_id, name, outcome, started in rows:
        if name != INTERPOLATED and not name.endswith(RE_TRACKED):
            same = name == model and not (made and started < made[0][0])
            return run_id if same and outcome not in ("done", OTHER_PART) else None
    return None


def first_after(session: Session, run_id: int) -> int:
    """The frame after the last one in which a run found a face; 0 where it found none."""
    project, _ = session.opened()
    found = -1
    for record in session.tracks:
        for number in reversed(project.chunk_numbers(record.id)):
            if (number + 1) * CHUNK <= found:
                break
            chunk = project.chunk(record.id, number)
            if chunk is not None and (chunk.run == run_id).any():
                last = int(np.flatnonzero(chunk.run == run_id)[-1])
                found = max(found, number * CHUNK + last)
                break
    return found + 1


def _settled(session: Session, faces: int, only_missing: bool) -> np.ndarray:
    """(T,) bool: frames for which there is nothing to do."""
    n_frames = session.n_frames
    tracks = [session.track(face) for face in range(session.n_faces)]
    held = np.full(n_frames, len(tracks) >= faces)
    known = np.zeros(n_frames, bool)
    for track in tracks:
        mine = track.accepted.as_array(n_frames)
        mine[track.corrected] = True
        held &= mine
        if only_missing:
            for first in range(0, n_frames, CHUNK):
                size = min(CHUNK, n_frames - first)
                known[first : first + size] |= track.known(first, size) > 0
    return held | known


def _span(session: Session, all_wanted: range, wanted: range) -> Span:
    first, stop = wanted.start, wanted.stop
    start, initial = first, None
    if first > all_wanted.start:
        start = max(all_wanted.start, first - WARM_UP_FRAMES)
        # Where only some frames are kept, the one before need not be among them.
        for earlier in range(start - 1, max(all_wanted.start, start - all_wanted.step) - 1, -1):
            initial = _known(session, earlier)
            if initial is not None:
                start = earlier + 1
                break
    following = (session.track(face) for face in range(session.n_faces))
    if stop < session.n_frames and any(track.is_held(stop) for track in following):
        stop += 1  # the face is followed back from there
    return Span(start, stop, wanted, initial)


def _known(session: Session, frame: int) -> np.ndarray | None:
    points = [session.track(face).merged(frame) for face in range(session.n_faces)]
    if not any(np.isfinite(one).all() for one in points):
        return None
    return np.stack(points)
