import json
import sys

import pytest
import torch

from napari_red.core import model_store
from napari_red.core.jobs import StopWork
from napari_red.core.model_comparison import (
    ComparedModel,
    ModelComparison,
    ModelComparisonError,
    cells,
    words,
)
from napari_red.core.models import shipped_models
from napari_red.core.prealign import Settings, prealign
from napari_red.core.push import PushError
from napari_red.core.session import Session
from napari_red.core.track_edits import add_track
from trainer.checkpoint import save_tensors
from trainer.data.video import open_video

ROW = {
    "model": "red-lite",
    "faces": 1,
    "nme": 4.0,
    "to_move": 9.5,
    "groups": {"jaw": 5.0, "mouth": 3.0},
    "people": {"Ada": 4.0},
}


class Scripted(ModelComparison):
    """Runs lines of a script in place of the trainer."""

    script = ""

    def command(self, pushed, models):
        self.pushed = json.loads((pushed / "set.json").read_text())
        self.models = models
        return [sys.executable, "-c", self.script]


def say(*events):
    return "\n".join(f"print({json.dumps(event)!r}, flush=True)" for event in events)


@pytest.fixture
def session(tmp_path, make_video, make_aligner):
    path = make_video(tmp_path / "talk.mp4", n_frames=60)
    with open_video(path) as video, Session(video) as session:
        prealign(session, make_aligner(), Settings("made"))
        yield session


@pytest.fixture
def comparison(session, tmp_path, monkeypatch):
    monkeypatch.setattr(model_store.platformdirs, "user_cache_path", lambda _: tmp_path / "cache")
    for frame in (2, 12, 22, 32, 42, 55):
        session.move(frame, 0, {30: (50, 60)})
    return Scripted(session.opened()[0])


def test_only_the_frames_set_aside_are_pushed_and_all_models_measured(comparison, tmp_path):
    file = tmp_path / "mine.safetensors"
    save_tensors(file, {"w": torch.ones(3)}, {"network": {}})
    model_store.add_model(comparison.project, file, name="mine")
    events = [{"event": "model", "done": 1, "total": 2} | ROW, {"event": "done", "models": [ROW]}]
    comparison.script = say("no event", *events)
    told = []
    (row,) = comparison.run(told.append)
    assert row == ComparedModel("red-lite", 1, 4.0, 9.5, ROW["groups"], ROW["people"])
    assert [name for name, _ in comparison.models] == [*shipped_models(), "mine"]
    frames = [frame for video in comparison.pushed["videos"] for frame in video["frames"]]
    assert frames
    assert all(frame["held_out"] for frame in frames)
    assert (told[-1].done, told[-1].total) == (1, 2)


def test_too_few_corrections_are_told(session):
    session.move(5, 0, {30: (50, 60)})
    with pytest.raises(PushError, match="correct at least 5 frames"):
        Scripted(session.opened()[0]).run()


def test_a_video_that_is_gone_is_told(comparison, tmp_path, make_video):
    other = make_video(tmp_path / "other.mp4", n_frames=30)
    with open_video(other) as video, Session(video, project=comparison.project) as second:
        add_track(second)
        for frame in (2, 12, 22, 24, 27):
            second.move(frame, 0, {i: (50 + i, 60) for i in range(68)})
    other.unlink()
    comparison.script = say({"event": "done", "models": [ROW]})
    said = words(comparison.run(), comparison.notes)
    assert "other.mp4: the video isn't there any more" in said


def test_an_error_of_the_trainer_and_a_crash_are_told(comparison):
    comparison.script = say({"event": "error", "message": "set.json: push again"})
    with pytest.raises(ModelComparisonError, match=r"^set.json: push again$"):
        comparison.run()
    comparison.script = "raise MemoryError('no more')"
    with pytest.raises(ModelComparisonError, match=r"MemoryError: no more.*as it was"):
        comparison.run()


def test_it_can_be_stopped_at_once(comparison):
    script = say({"event": "model", "done": 1, "total": 2} | ROW)
    comparison.script = f"{script}\nimport time; time.sleep(60)"

    def stop(progress):
        if progress.message == "red-lite":
            comparison.stop()

    with pytest.raises(StopWork):
        comparison.run(stop)


def test_a_model_that_could_not_be_measured_has_a_row_and_a_reason():
    nan = float("nan")
    fine = ComparedModel("red-lite", 3, 4.0, 9.5, ROW["groups"], ROW["people"])
    broken = ComparedModel("old", 0, nan, nan, {}, {}, "7 landmarks")
    headings, texts = cells([broken, fine])
    assert headings == ["Model", "All", "To move", "jaw", "mouth", "Ada"]
    assert texts[0] == ["old", "–", "–", "–", "–", "–"]
    assert texts[1] == ["red-lite", "4.00", "9.5", "5.00", "3.00", "4.00"]
    assert "3 faces" in words([broken, fine])
    assert "old: 7 landmarks." in words([broken, fine])
