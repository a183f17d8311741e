import json
import sys

import pytest
import torch

from napari_red.core import improve, model_store
from napari_red.core.finetune_process import FinetuneProcess, FinetuneProcessError
from napari_red.core.improve import Improver, trained_frames
from napari_red.core.jobs import StopWork
from napari_red.core.prealign import Settings, prealign
from napari_red.core.session import Session
from napari_red.core.track_edits import add_track
from trainer.checkpoint import save_tensors
from trainer.data.video import open_video

TRAINER = """
import json, sys, time, pathlib
out = pathlib.Path({out!r}); out.mkdir(parents=True, exist_ok=True)
mode = {mode!r}
print(json.dumps({{"event": "start", "seconds_left": 3}}), flush=True)
if mode == "break":
    sys.exit("MemoryError: no more")
if mode == "error":
    print(json.dumps({{"event": "error", "message": "set.json: push again"}}), flush=True)
    sys.exit(2)
if mode == "wait":
    print("not json", flush=True)
    word = sys.stdin.readline().strip()
    print(json.dumps({{"event": "eval", "message": word}}), flush=True)
    if word != "stop":
        time.sleep(60)
report = {{"accepted": mode != "worse", "gate": {{"held_out": {{}}}}}}
(out / "report.json").write_text(json.dumps(report))
print(json.dumps({{"event": "done", "accepted": mode != "worse", "message": "the error fell",
    "model": {model!r}, "report": str(out / "report.json")}}), flush=True)
"""


@pytest.fixture
def session(video_path, make_aligner):
    with open_video(video_path) as video, Session(video) as session:
        prealign(session, make_aligner(), Settings("made"))
        session.move(5, 0, {30: (50, 60)})
        yield session


@pytest.fixture
def make_improver(session, tmp_path, monkeypatch):
    """An improver whose trainer is a script that behaves as told."""
    monkeypatch.setattr(model_store.platformdirs, "user_cache_path", lambda _: tmp_path / "cache")
    model = tmp_path / "better.safetensors"
    save_tensors(model, {"w": torch.ones(3)}, {"network": {}})

    def make(mode: str) -> Improver:
        class Scripted(FinetuneProcess):
            def __init__(self, pushed, base, out, **options):
                super().__init__(pushed, base, out, **options)
                script = TRAINER.format(out=str(out), mode=mode, model=str(model))
                self._command = [sys.executable, "-c", script]

        monkeypatch.setattr(improve, "FinetuneProcess", Scripted)
        return Improver(session.opened()[0], tmp_path / "training")

    return make


def test_a_better_model_is_kept_in_the_project_and_used(make_improver, session):
    project, _ = session.opened()
    improver = make_improver("better")
    improver.push()
    events = []
    result = improver.train(events.append)
    assert result.accepted
    assert [event["event"] for event in events] == ["start", "done"]
    assert model_store.current(project) == result.version
    assert result.version.details["trained"] == {str(session.track(0).record.id): list(range(10))}
    assert trained_frames(project) == {session.track(0).record.id: list(range(10))}
    assert not improver.interrupted()


def test_a_worse_one_changes_nothing(make_improver, session):
    improver = make_improver("worse")
    improver.push()
    result = improver.train()
    assert (result.accepted, result.version) == (False, None)
    assert model_store.versions(session.opened()[0]) == []


def test_a_crash_leaves_all_as_it_was_says_what_happened_and_can_be_gone_on_with(
    make_improver, session
):
    improver = make_improver("break")
    improver.push()
    with pytest.raises(FinetuneProcessError, match=r"MemoryError: no more.*as they were"):
        improver.train()
    assert model_store.versions(session.opened()[0]) == []
    assert improver.interrupted()
    again = make_improver("better")
    assert again.interrupted()
    assert again.train().accepted


def test_an_error_of_the_trainer_is_told_as_it_is(make_improver):
    improver = make_improver("error")
    improver.push()
    with pytest.raises(FinetuneProcessError, match=r"^set.json: push again$"):
        improver.train()


def test_stopping_early_still_goes_through_the_gate(make_improver):
    improver = make_improver("wait")
    improver.push()

    def stop(event):
        if event["event"] == "start":
            improver.stop_early()

    assert improver.train(stop).accepted


def test_cancelling_leaves_nothing(make_improver, session, tmp_path):
    improver = make_improver("wait")
    improver.push()

    def cancel(event):
        if event["event"] == "start":
            improver.cancel()

    with pytest.raises(StopWork):
        improver.train(cancel)
    assert not (tmp_path / "training").exists()
    assert model_store.versions(session.opened()[0]) == []


def test_the_plan_names_the_model_it_starts_from(make_improver, tmp_path):
    improver = make_improver("better")
    improver.push()
    plan = json.loads((tmp_path / "training" / "plan.json").read_text())
    assert (plan["base"], plan["base_name"]) == ("red-lite", "red-lite")


def test_what_was_left_out_is_told_with_the_result(make_improver, session, tmp_path, make_video):
    other = make_video(tmp_path / "other.mp4", n_frames=30)
    project, _ = session.opened()
    with open_video(other) as video, Session(video, project=project) as second:
        add_track(second)
        second.move(5, 0, {i: (50 + i, 60) for i in range(68)})
    other.unlink()
    improver = make_improver("better")
    improver.push()
    (note,) = improver.train().notes
    assert "other.mp4: the video isn't there any more" in note
