"""What re-tracking a face would change, until it is kept or dropped."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_red.core import edits
from napari_red.core.blend import farthest
from napari_red.core.edits import EditError
from napari_red.core.history import Step
from napari_red.core.records import Prediction
from napari_red.core.session import Session
from napari_red.core.spans import RE_TRACKED
from napari_red.core.track_data import TrackData
from trainer.tracking import RULES, distance

Direction = Literal["forward", "backward", "both"]
Kind = Literal["new", "same", "changed", "in conflict"]

SAME = 0.01
"""Of the face box's side: no landmark moves farther than that in a frame that stays the same."""


@dataclass(frozen=True, eq=False)
class ProposedFrame:
    """What re-tracking found in one frame.

    Attributes
    ----------
    prediction : the landmarks that would be there
    kind : new (nothing was there), same (no landmark moves by more than 1 % of the face
        box), changed, or in conflict (a person corrected or accepted the frame otherwise,
        so it stays)
    before : (L, 2) float32 landmarks of the model that were there, NaN where none were
    """

    prediction: Prediction
    kind: Kind
    before: np.ndarray

    @property
    def frame(self) -> int:
        """Its number, from 0."""
        return self.prediction.frame


@dataclass(frozen=True, eq=False)
class Proposal:
    """What re-tracking one face would change; nothing is written yet.

    Attributes
    ----------
    frame, track, direction : from where, whom (a track's id) and which way
    told : (L, 2) float32 landmarks of the face in that frame
    frames : in order, without the one it starts from
    endings : in words, where it ended on each side and why
    model, device : what followed the face
    """

    frame: int
    track: int
    direction: Direction
    told: np.ndarray
    frames: tuple[ProposedFrame, ...]
    endings: tuple[str, ...] = ()
    model: str = ""
    device: str = ""

    @property
    def counts(self) -> dict[Kind, int]:
        """How many frames are of each kind."""
        found = Counter(one.kind for one in self.frames)
        kinds: tuple[Kind, ...] = ("new", "changed", "same", "in conflict")
        return {kind: found[kind] for kind in kinds}

    @property
    def words(self) -> str:
        """The counts and the endings, for a person."""
        named = [f"{count} {kind}" for kind, count in self.counts.items() if count]
        counted = ", ".join(named) or "nothing to re-track"
        return "; ".join([counted, *self.endings])


def face_of(session: Session, proposal: Proposal, changed: tuple[int, int] | None = None) -> int:
    """The number that the proposal's face has now; faces before it may have been deleted.

    Parameters
    ----------
    changed : first and last frame that may be others than they were; all if None

    Raises
    ------
    EditError
        If the face is gone, or is in one of the frames not what it was when it was followed:
        swapped with another one, split, merged, or predicted anew. What a person corrected or
        accepted since is no matter: it stays as it is.
    """
    first, last = (0, session.n_frames - 1) if changed is None else changed
    with session.lock:
        for face, record in enumerate(session.tracks):
            if record.id == proposal.track:
                _check_unchanged(session.track(face), proposal, first, last)
                return face
    raise EditError(_dropped(proposal, "the face that was re-tracked from there is gone"))


@edits.undisturbed
def keep(session: Session, proposal: Proposal) -> Step | None:
    """Write a proposal, as one edit. What a person corrected or accepted stays as it is.

    Returns
    -------
    The step, None where nothing changes.

    Raises
    ------
    EditError
        As :func:`face_of` does; nothing is written then.
    """
    face = face_of(session, proposal)
    predictions = [one.prediction for one in proposal.frames if one.kind != "in conflict"]
    if not predictions:
        return None
    name = f"{proposal.model}, {RE_TRACKED}" if proposal.model else RE_TRACKED
    run = session.start_run(name, proposal.device)
    session.finish_run(run, "done")
    way = "both ways" if proposal.direction == "both" else proposal.direction
    label = f"re-track {way} from frame {proposal.frame + 1}"
    return edits.write_predictions(session, face, run, predictions, label)


def is_on(other: np.ndarray, landmarks: np.ndarray) -> bool:
    """Whether two tracks are on the same face, by the landmarks that both have."""
    both = np.isfinite(other).all(axis=-1) & np.isfinite(landmarks).all(axis=-1)
    return bool(both.any()) and distance(other[both], landmarks[both]) < RULES.same_face


def _check_unchanged(track: TrackData, proposal: Proposal, first: int, last: int) -> None:
    start = track.merged(proposal.frame) if first <= proposal.frame <= last else proposal.told
    if not (np.array_equal(start, proposal.told, equal_nan=True) or is_on(start, proposal.told)):
        raise EditError(_dropped(proposal, "another face is there now than was re-tracked"))
    for one in proposal.frames:
        if not first <= one.frame <= last or track.is_held(one.frame):
            continue
        if not _same_place(one.before, track.predicted(one.frame)):
            why = f"the re-tracked face was changed in frame {one.frame + 1} meanwhile"
            raise EditError(_dropped(proposal, why))


def _same_place(before: np.ndarray, there: np.ndarray) -> bool:
    if not np.isfinite(before).all():
        return not np.isfinite(there).all()
    return farthest(before, there) <= SAME


def _dropped(proposal: Proposal, why: str) -> str:
    return (
        f"frame {proposal.frame + 1}: {why}, so what was found for it is dropped; re-track again "
        "if it is still needed"
    )
