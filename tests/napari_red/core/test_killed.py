"""A program that is killed in the middle of its work loses nothing that it had reported."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import edit_forever
import numpy as np
import pytest
from version_1 import Version1

from napari_red.core.blank_video import BlankVideo
from napari_red.core.project import Project
from napari_red.core.session import Session
from trainer.data.fingerprint import video_fingerprint

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="no SIGKILL there"),
]
SCRIPT = Path(edit_forever.__file__)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "v.mp4").write_bytes(b"a video")
    return tmp_path


def killed(what: str, folder: Path, seed: int, after_lines: int, wait: float) -> list[dict]:
    """Run the script, kill it some time after it has said something; what it said."""
    command = [sys.executable, str(SCRIPT), what, str(folder), str(seed)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if len(lines) >= after_lines:
            break
    time.sleep(wait)
    process.send_signal(signal.SIGKILL)
    rest, errors = process.communicate()
    assert lines, errors.decode()
    lines += [line for line in rest.splitlines(keepends=True) if line.endswith(b"\n")]
    return [json.loads(line) for line in lines]


def reopened(folder: Path) -> Session:
    session = Session(BlankVideo(folder / "v.mp4", edit_forever.N_FRAMES))
    assert not session.read_only
    assert session.opened()[0].database.read("PRAGMA integrity_check") == [("ok",)]
    return session


def take_back_to(session: Session, steps: int) -> None:
    """Undo what was done after so many steps, and wasn't reported any more."""
    project, _ = session.opened()
    unreported = project.steps()[steps:]
    assert len(unreported) <= 2
    for step in reversed(unreported):
        assert (session.redo if step.kind == "undo" else session.undo)() is not None


@pytest.mark.parametrize("what", ["edit", "undo"])
def test_edits_that_were_reported_are_there_and_can_be_undone(folder, what):
    chance = random.Random(what)
    for seed in range(6):
        said = killed(what, folder, seed, chance.randrange(3, 15), chance.uniform(0, 0.05))
        last = [line for line in said if "steps" in line][-1]
        with reopened(folder) as session:
            take_back_to(session, last["steps"])
            assert edit_forever.digest(session)["said"] == last["said"]
    with reopened(folder) as session:
        while session.undo() is not None:
            pass
        assert session.corrected_frames() == []
        assert session.can_undo()[0] == 0


def test_predictions_that_were_reported_are_there(folder):
    chance = random.Random("align")
    expected: dict[int, int] = {}
    for seed in range(5):
        said = killed("align", folder, seed, chance.randrange(3, 20), chance.uniform(0, 0.05))
        for line in said:
            if line.get("did") == "align":
                expected |= {line["first"] + k: line["value"] + k for k in range(64)}
        maybe = dict(expected)
        if said[-1].get("will"):
            maybe |= {said[-1]["first"] + k: said[-1]["value"] + k for k in range(64)}
        with reopened(folder) as session:
            found = [shown(session, face) for face in range(2)]
        assert found[0] == found[1]
        assert found[0] in (expected, maybe)
        expected = found[0]


def shown(session: Session, face: int) -> dict[int, int]:
    predictions = session.opened()[0].predictions(session.tracks[face].id)
    for one in predictions:
        value = one.landmarks[0, 0]
        np.testing.assert_array_equal(one.landmarks, edit_forever.shape(value))
    return {one.frame: int(one.landmarks[0, 0]) for one in predictions}


def old_project(folder: Path) -> Path:
    path = folder / "v.red"
    old = Version1(path, folder / "v.mp4", video_fingerprint(folder / "v.mp4"), 3000, faces=2)
    for track in (1, 2):
        old.predict(track, range(1200), 10.0 * track)
    for frame in range(50):
        old.edit(1, frame, "move", old.said({frame: (1, 2)}))
    old.close()
    return path


def test_a_migration_that_is_killed_leaves_the_old_file_or_the_new_one(tmp_path_factory):
    chance = random.Random("migrate")
    folder = tmp_path_factory.mktemp("made")
    (folder / "v.mp4").write_bytes(b"a video")
    made = old_project(folder)
    outcomes = set()
    for seed in range(6):
        folder = tmp_path_factory.mktemp("killed")
        path = folder / "v.red"
        path.write_bytes(made.read_bytes())
        said = killed("migrate", folder, seed, 1, chance.uniform(0, 0.5))
        db = sqlite3.connect(path)  # takes back what was half done
        (version,) = db.execute("PRAGMA user_version").fetchone()
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        if version == 1:
            assert db.execute("SELECT COUNT(*) FROM predictions").fetchone() == (2400,)
            assert db.execute("SELECT COUNT(*) FROM edits").fetchone() == (50,)
        assert version == 2 or said[-1] == {"did": "start"}
        db.close()
        outcomes.add(version)
        with Project(path) as project:
            assert len(project.predictions(1)) == len(project.predictions(2)) == 1200
            assert len(project.corrections(1)) == project.can_undo(1)[0] == 50
        assert (folder / "v.red.v1").read_bytes() == made.read_bytes()
    assert outcomes
