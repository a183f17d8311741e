import json
import sys

import pytest
import torch

from napari_red.core import improve, model_store
from napari_red.core.edits import accept_up_to
from napari_red.core.erase import erase_person
from napari_red.core.finetune_process import FinetuneProcess, FinetuneProcessError
from napari_red.core.improve import Improver, RoundLostError, material, trained_frames
from napari_red.core.jobs import StopWork
from napari_red.core.prealign import Settings, prealign
from napari_red.core.push import PushError
from napari_red.core.session import Session
from napari_red.core.track_edits import (
    add_track,
    name_identity,
    rename_identity,
    rename_in_project,
)
from napari_red.core.training_folder import RoundRunningError, running
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
if mode in ("lasting", "busy"):
    (out / "state.safetensors").touch()
    print(json.dumps(
        {{"event": "error", "message": "no way", "lasting": mode == "lasting"}}), flush=True)
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


def test_a_round_that_never_trained_is_not_gone_on_with(make_improver):
    improver = make_improver("error")
    improver.push()
    with pytest.raises(FinetuneProcessError):
        improver.train()
    assert not improver.interrupted()  # the next one pushes what is corrected by then


def test_a_round_that_broke_before_it_trained_begins_anew(make_improver):
    improver = make_improver("break")
    improver.push()
    with pytest.raises(FinetuneProcessError):
        improver.train()
    (improver.folder / "run").rmdir()
    with pytest.raises(RoundLostError, match="hadn't begun to train"):
        improver.resume()
    assert not improver.folder.exists()


@pytest.mark.parametrize(("mode", "kept"), [("lasting", False), ("busy", True)])
def test_what_was_trained_is_kept_unless_it_can_never_be_gone_on_with(make_improver, mode, kept):
    improver = make_improver(mode)
    improver.push()
    with pytest.raises(FinetuneProcessError, match=r"^no way$") as told:
        improver.train()
    assert improver.interrupted() == kept
    assert isinstance(told.value, RoundLostError) != kept
    if kept:
        assert make_improver("better").resume().accepted


@pytest.mark.parametrize("left", ["state.safetensors", "report.json"])
def test_a_wrong_device_leaves_what_was_trained(session, tmp_path, left):
    improver = Improver(session.opened()[0], tmp_path / "training")
    improver.push()
    (improver.folder / "run").mkdir()
    (improver.folder / "run" / left).write_bytes(b"hours of training")
    with pytest.raises(FinetuneProcessError, match="no device is called 'gpu'"):
        improver.resume(device="gpu")
    assert improver.interrupted()
    assert (improver.folder / "run" / left).read_bytes() == b"hours of training"


@pytest.fixture
def broken_off(make_improver):
    """(model, improver) of a round from a model of the project that was broken off."""
    first = make_improver("better")
    first.push()
    model = first.train().version
    improver = make_improver("busy")
    improver.push()
    with pytest.raises(FinetuneProcessError):
        improver.train()
    return model, make_improver("better")


def test_a_round_goes_on_though_the_cache_was_cleaned(broken_off, session):
    model, improver = broken_off
    model_store.model_file(session.opened()[0], model).unlink()
    result = improver.resume()
    assert result.version.parent == model.id


def test_a_model_whose_parent_was_deleted_meanwhile_is_kept_without_one(broken_off, session):
    model, improver = broken_off
    project, _ = session.opened()

    def delete(event):
        if event["event"] == "start":
            model_store.use(project, "red-lite")
            model_store.delete_model(project, model)

    result = improver.resume(delete)
    assert result.version.parent is None
    assert model_store.current(project) == result.version


def test_a_round_without_the_model_it_began_from_begins_anew(broken_off, session):
    model, improver = broken_off
    project, _ = session.opened()
    model_store.model_file(project, model).unlink()
    model_store.use(project, "red-lite")
    model_store.delete_model(project, model)
    with pytest.raises(RoundLostError, match=f"{model.name}, which the round began from"):
        improver.resume()
    assert not improver.interrupted()


@pytest.fixture
def broken_off_on_ada(make_improver, session):
    """An improver of a round with frames of Ada that was broken off."""
    name_identity(session, 0, "Ada")
    improver = make_improver("busy")
    improver.push()
    with pytest.raises(FinetuneProcessError):
        improver.train()
    return make_improver("better")


def test_a_round_on_somebody_who_is_no_longer_in_the_project_begins_anew(
    broken_off_on_ada, session
):
    project, _ = session.opened()
    rename_identity(session, "Ada", "Bea")
    erase_person(project, "Bea")
    session.reload()
    track = add_track(session)
    name_identity(session, track, "Cleo")  # with the number that Ada had
    with pytest.raises(RoundLostError, match="frames of Ada"):
        broken_off_on_ada.resume()
    assert not broken_off_on_ada.interrupted()


def test_a_round_on_somebody_who_is_called_otherwise_now_goes_on(broken_off_on_ada, session):
    rename_identity(session, "Ada", "Bea")
    rename_in_project(session.opened()[0], "Bea", "Cleo")
    assert broken_off_on_ada.resume().accepted


def test_two_rounds_of_a_project_never_run_at_once(make_improver):
    improver = make_improver("better")
    improver.push()
    with running(improver.folder):
        for begin in (improver.push, improver.train, improver.resume):
            with pytest.raises(RoundRunningError, match="is being improved"):
                begin()
    assert improver.train().accepted


def test_a_push_that_is_stopped_leaves_nothing(make_improver):
    improver = make_improver("better")
    with pytest.raises(StopWork):
        improver.push(should_stop=lambda: True)
    assert not improver.folder.exists()


def test_a_round_that_was_broken_off_stays_until_another_is_pushed(broken_off, session):
    model, improver = broken_off
    with pytest.raises(StopWork):
        improver.push(should_stop=lambda: True)
    session.undo()  # so that nothing is corrected
    with pytest.raises(PushError, match="no frame is corrected"):
        improver.push()
    assert improver.interrupted()
    assert sorted(path.name for path in improver.folder.iterdir()) == ["plan.json", "run", "set"]
    session.redo()
    assert improver.push().folder == improver.pushed
    assert sorted(path.name for path in improver.folder.iterdir()) == ["plan.json", "set"]
    assert improver.train().version.parent == model.id


def test_no_training_begins_after_the_window_was_left(make_improver):
    improver = make_improver("better")
    improver.push()
    improver.leave()
    with pytest.raises(StopWork):
        improver.train()
    assert improver.interrupted()


def test_a_training_ended_before_it_had_a_process_starts_none(make_improver, tmp_path):
    make_improver("better")
    process = improve.FinetuneProcess(tmp_path, "red-lite", tmp_path / "run")
    process.kill()
    with pytest.raises(StopWork):
        list(process.events())


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


@pytest.fixture
def video_gone(session, tmp_path, make_video):
    """A corrected video of the project that isn't there any more."""
    other = make_video(tmp_path / "other.mp4", n_frames=30)
    project, _ = session.opened()
    with open_video(other) as video, Session(video, project=project) as second:
        add_track(second)
        second.move(5, 0, {i: (50 + i, 60) for i in range(68)})
    other.unlink()


@pytest.mark.usefixtures("video_gone")
def test_what_was_left_out_is_told_with_the_result(make_improver):
    improver = make_improver("better")
    improver.push()
    (note,) = improver.train().notes
    assert "other.mp4: the video isn't there any more" in note


def test_frames_corrected_beside_one_that_was_learned_are_new(make_improver, session):
    project, _ = session.opened()
    improver = make_improver("better")
    improver.push()
    improver.train()
    for frame in (4, 6):  # a model learned what was predicted there
        session.move(frame, 0, {30: (50, 60)})
    found = material(project)
    assert (found.corrected, found.new) == (3, 2)


def test_frames_accepted_without_the_face_are_not_counted(session):
    project, _ = session.opened()
    before = material(project).accepted
    accept_up_to(session, 11)
    add_track(session)
    accept_up_to(session, 11)
    assert (before, material(project).accepted) == (0, 12)


def test_faces_labelled_in_part_are_not_counted_and_told(session):
    project, _ = session.opened()
    face = add_track(session)
    session.move(3, face, {i: (50 + i, 60) for i in range(17, 68)})
    session.move(4, face, {i: (50 + i, 60) for i in range(68)})
    found = material(project)
    assert (found.corrected, found.partial) == (2, 1)
    assert "1 face was labelled in part; annotate that video" in found.words


@pytest.mark.usefixtures("video_gone")
def test_why_there_is_nothing_to_measure_on_is_told_with_what_was_left_out(make_improver):
    improver = make_improver("error")
    improver.push()
    with pytest.raises(RoundLostError, match=r"push again .*other.mp4: .* isn't there any more"):
        improver.train()
