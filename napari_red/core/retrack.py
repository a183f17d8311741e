"""Re-track from here: a face is followed anew from a frame that a person set right.

The landmarks of that frame enter the network as its label map. What would change is a
proposal first; keeping it is one edit, which one undo takes back.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from napari_red.core.aligner import Follower
from napari_red.core.blend import between, farthest, smoothstep
from napari_red.core.edits import EditError
from napari_red.core.jobs import Progress, ProgressCallback, ShouldStop, StopWork
from napari_red.core.marks import MARKS
from napari_red.core.proposal import (
    SAME,
    Direction,
    Kind,
    Proposal,
    ProposedFrame,
    is_on,
)
from napari_red.core.records import Prediction
from napari_red.core.session import Session
from napari_red.core.track_data import TrackData
from trainer.carry import Carried

Ending = Literal["agreed", "lost", "met", "held", "end", "part"]

AGREED = 0.02
"""Of the face box's side: as near is what was there to be found again."""

AGREED_FRAMES = 5
"""So many frames on end, of those that are worked on, have to agree until there is nothing more
to follow."""

CARRIED_FRAMES = 25
"""Frames over which a correction that the network doesn't see itself fades. On rendered heads
that a person set exactly right, the next frame's error fell from 1.7 to 0.5 % of the face box by
it, that of the twelfth from 1.8 to 1.4; 12 and 60 frames were not better."""

_ENDINGS: dict[Ending, str] = {
    "agreed": "there it agrees with what was there",
    "lost": "there the face is lost",
    "met": "there it meets another face",
    "held": "there a person corrected or accepted it",
    "end": "the end of the video",
    "part": "the end of the part that is worked on",
}


@dataclass
class _Strand:
    """A face followed from one known frame: ``found`` by frame, in the order followed; only
    frames that are worked on, and the one that holds it."""

    start: int
    step: int
    found: dict[int, Prediction] = field(default_factory=dict)
    ending: Ending = "end"

    @property
    def last(self) -> int:
        return next(reversed(self.found), self.start)


def propose(
    session: Session,
    aligner: Follower,
    frame: int,
    face: int,
    direction: Direction,
    on_progress: ProgressCallback = lambda _: None,
    should_stop: ShouldStop = lambda: False,
    *,
    model: str = "",
    device: str = "",
) -> Proposal:
    """Follow a face anew from ``frame``, as far as to the next frame that a person has
    corrected or accepted, on each side.

    Such a frame is followed from too, and the two tracks pass over into each other, so that
    neither end jumps. A track ends early where it has found again what was there. The face is
    followed through frames that aren't worked on, as far as to the last one that is; nothing
    is proposed in them.

    Parameters
    ----------
    frame, face : where the landmarks are right
    direction : {"forward", "backward", "both"}
    model, device : what is noted as the origin

    Raises
    ------
    EditError
        If the face has no landmarks in that frame.
    StopWork
        When ``should_stop`` answers True.
    RedError
        Whatever the aligner reports.
    """
    track = session.track(face)
    if not _is_known(track, frame):
        raise EditError(
            f"frame {frame + 1}: face {face + 1} has no landmarks there to re-track from; "
            "place them first, or choose a frame that has"
        )
    told = track.merged(frame)
    work = _Work(session, aligner, track, on_progress, should_stop)
    frames: list[ProposedFrame] = []
    endings: list[str] = []
    for name, step in (("backward", -1), ("forward", 1)):
        if direction in (name, "both"):
            found, ending = work.side(frame, step)
            frames += found
            endings.append(f"{name} {ending}")
    frames.sort(key=lambda one: one.frame)
    record = track.record.id
    return Proposal(frame, record, direction, told, tuple(frames), tuple(endings), model, device)


class _Work:
    """One proposal in the making."""

    def __init__(
        self,
        session: Session,
        aligner: Follower,
        track: TrackData,
        on_progress: ProgressCallback,
        should_stop: ShouldStop,
    ) -> None:
        self.session = session
        self.wanted = session.wanted
        self.aligner = aligner
        self.track = track
        self.on_progress = on_progress
        self.should_stop = should_stop
        self.done = 0

    def side(self, frame: int, step: int) -> tuple[list[ProposedFrame], str]:
        """One side of the frame: what is proposed, and how it ended, in words."""
        end = self.end(frame, step)
        if end is None:
            return [], "there is no frame that is worked on"
        far = next_held(self.track, frame, end, self.wanted)
        near = self.strand(frame, step, (end if far is None else far) + step, far)
        if near.ending == "end" and end + step not in (-1, self.session.n_frames):
            near.ending = "part"
        other = None
        if far is not None and far != frame + step and _is_known(self.track, far):
            other = self.strand(far, -step, frame, None)
        frames = [self.proposed(one) for one in _joined(near, other).values()]
        if near.ending == "held":
            at_far = near.found[near.last]
            moved = farthest(self.track.merged(at_far.frame), at_far.landmarks) > SAME
            if moved and at_far.frame in self.wanted:
                before = self.track.predicted(at_far.frame)
                frames.append(ProposedFrame(at_far, "in conflict", before))
        return frames, f"to frame {near.last + 1}: {_ENDINGS[near.ending]}"

    def end(self, frame: int, step: int) -> int | None:
        """The last frame on one side that is worked on, ``frame`` itself where it is that one;
        None where none is."""
        last = self.wanted[-1 if step > 0 else 0] if self.wanted else None
        return None if last is None or (last - frame) * step < 0 else last

    def proposed(self, prediction: Prediction) -> ProposedFrame:
        there = self.track.merged(prediction.frame)
        kind: Kind = "new"
        if np.isfinite(there).all():
            kind = "same" if farthest(there, prediction.landmarks) <= SAME else "changed"
        return ProposedFrame(prediction, kind, self.track.predicted(prediction.frame))

    def strand(self, start: int, step: int, stop: int, held: int | None) -> _Strand:
        """Follow the face from ``start`` until it agrees, is lost, or is at ``stop``."""
        strand = _Strand(start, step)
        told = self.track.merged(start)
        others = self.strangers(start, told)
        agreed = 0
        followed = self.aligner.follow(self.session.video, start, told, stop)
        with closing(followed) as results:
            carried: Carried | None = None
            for result in results:
                if self.should_stop():
                    raise StopWork
                frame, seen = int(result.frame), result.landmarks[0]
                if carried is None:
                    carried = Carried(told, seen)
                    continue
                if not np.isfinite(seen).all():
                    strand.ending = "lost"
                    break
                if self.meets(frame, seen, others):
                    strand.ending = "met"
                    break
                if frame not in self.wanted and frame != held:
                    continue
                away = abs(frame - start)
                strand.found[frame] = Prediction(
                    frame,
                    carried.onto(seen, 1 - smoothstep(away / CARRIED_FRAMES)),
                    np.asarray(result.confidence[0], np.float32),
                    float(result.disagreement[0]),
                )
                self.count()
                there = self.track.merged(frame)
                agreed = agreed + 1 if farthest(there, seen) <= AGREED else 0
                if frame == held:
                    strand.ending = "held"
                elif agreed >= AGREED_FRAMES and away >= CARRIED_FRAMES:
                    self.ease(strand)
                    strand.ending = "agreed"
                    break
        return strand

    def ease(self, strand: _Strand) -> None:
        """Let the last frames of a track pass over into what was there."""
        last = list(strand.found)[-AGREED_FRAMES:]
        for place, frame in enumerate(last, 1):
            weight = smoothstep(place / (AGREED_FRAMES + 1))
            there = Prediction(frame, self.track.merged(frame), strand.found[frame].confidence)
            strand.found[frame] = between(strand.found[frame], there, weight)

    def strangers(self, frame: int, told: np.ndarray) -> list[TrackData]:
        """The other faces that are elsewhere in the frame that is followed from."""
        with self.session.lock:
            tracks = [self.session.track(face) for face in range(self.session.n_faces)]
        others = [other for other in tracks if other.record.id != self.track.record.id]
        return [other for other in others if not is_on(other.merged(frame), told)]

    def meets(self, frame: int, seen: np.ndarray, others: list[TrackData]) -> bool:
        return any(is_on(other.merged(frame), seen) for other in others)

    def count(self) -> None:
        self.done += 1
        self.on_progress(Progress(self.done, 0, f"{self.done} frames re-tracked"))


def _joined(near: _Strand, other: _Strand | None) -> dict[int, Prediction]:
    """Two tracks that come towards each other as one, by frame."""
    mine = dict(near.found)
    if near.ending == "held":
        del mine[near.last]
    if other is None:
        return mine
    theirs = other.found
    both = [frame for frame in mine if frame in theirs]
    if not both:
        return mine | theirs
    begin, end = both[0] - near.step, both[-1] + near.step
    joined = mine | theirs
    for frame in both:
        weight = smoothstep((frame - begin) / (end - begin))
        joined[frame] = between(mine[frame], theirs[frame], weight)
    return joined


def next_held(track: TrackData, frame: int, end: int, wanted: range) -> int | None:
    """The frame nearest to ``frame``, up to and with ``end`` on either side of it, that a person
    corrected, or that is worked on and accepted."""
    step = 1 if end > frame else -1
    corrected = track.after(frame) if step > 0 else track.before(frame)
    found = [] if corrected is None else [corrected]
    for number in sorted(track.accepted.blocks, reverse=step < 0):
        marked = np.flatnonzero(track.accepted.blocks[number]) + number * MARKS
        ahead = [one for one in marked[(marked - frame) * step > 0].tolist() if one in wanted]
        if ahead:
            found.append(ahead[0] if step > 0 else ahead[-1])
            break
    inside = [one for one in found if (end - one) * step >= 0]
    return min(inside, key=lambda one: abs(one - frame), default=None)


def _is_known(track: TrackData, frame: int) -> bool:
    """Whether the face has landmarks in a frame, and isn't said to be hidden there."""
    correction = track.correction(frame)
    if correction is not None and correction.hidden.all():
        return False
    return bool(np.isfinite(track.merged(frame)).all(axis=-1).any())
