"""Works on a project until it is killed, and says on standard output what is done.

    python edit_forever.py WHAT FOLDER SEED

WHAT is "edit", "align", "undo" or "migrate". A line is printed, and flushed, after each
call returned; so whatever was printed must be in the file.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from pathlib import Path

import numpy as np

from napari_red.core import edits, track_edits
from napari_red.core.blank_video import BlankVideo
from napari_red.core.project import Project
from napari_red.core.records import Prediction
from napari_red.core.session import Session

N_FRAMES, L = 3000, 7


def say(**what: object) -> None:
    print(json.dumps(what), flush=True)


def shape(value: float) -> np.ndarray:
    """(L, 2) float32 made landmarks."""
    return (np.arange(2 * L).reshape(L, 2) * 4 + value).astype(np.float32)


def align(session: Session, chance: random.Random, batches: int) -> None:
    """Predictions for two faces, a batch at a time."""
    run = session.start_run("made", "cpu")
    for _ in range(batches):
        first, value = chance.randrange(N_FRAMES - 64), chance.randrange(1000)
        batch = [
            (face, Prediction(first + k, shape(value + k), np.full(L, 0.5, np.float32)))
            for k in range(64)
            for face in range(2)
        ]
        say(will="align", first=first, value=value)
        session.store(run, batch)
        say(did="align", first=first, value=value)


def edit(session: Session, chance: random.Random) -> None:
    """One edit that is told from all others."""
    frame, face, value = chance.randrange(N_FRAMES), chance.randrange(2), chance.randrange(10**6)
    kind = chance.choice(["move", "move", "move", "hide", "accept", "name", "delete"])
    if kind == "move":
        session.move(frame, face, {value % L: (value % 1000, value % 700)})
    elif kind == "hide":
        session.hide(frame, face, [value % L])
    elif kind == "accept":
        edits.accept_up_to(session, frame, [face])
    elif kind == "name":
        track_edits.name_identity(session, face, f"person {value}")
    else:
        track_edits.delete_track(session, face)
        session.undo()


def digest(session: Session) -> dict[str, object]:
    """What a person said, in short, and how many steps the history has."""
    told = hashlib.sha256()
    for face, record in enumerate(session.tracks):
        track = session.track(face)
        told.update(f"{record.id} {record.identity}".encode())
        for frame in track.corrected:
            correction = track.correction(frame)
            assert correction is not None
            told.update(f"{frame}".encode() + correction.to_bytes())
        told.update(track.accepted.as_array(N_FRAMES).tobytes())
    (steps,) = session.opened()[0].database.read("SELECT COUNT(*) FROM steps")[0]
    return {"said": told.hexdigest(), "steps": steps}


def main(what: str, folder: Path, seed: int) -> None:
    if what == "migrate":
        say(did="start")
        Project(folder / "v.red")
        say(did="migrated")
        return
    chance = random.Random(seed)
    with Session(BlankVideo(folder / "v.mp4", N_FRAMES)) as session:
        if not session.n_faces:
            align(session, chance, 1)
        say(did="open", **digest(session))
        while True:
            if what == "align":
                align(session, chance, 1)
                continue
            if what == "undo" and chance.random() < 0.6:
                chance.choice([session.undo, session.undo, session.redo])()
            else:
                edit(session, chance)
            say(did="edit", **digest(session))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
