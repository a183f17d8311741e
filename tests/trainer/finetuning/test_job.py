import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from pushed_fixtures import (
    Events,
    fine_tune,
    landmarks_at,
    picture,
    tiny_base,
    tiny_recipe,
    write_set,
)

from trainer.alignment import SequentialAligner
from trainer.checkpoint import load_model, load_tensors, save_model
from trainer.face_network import FaceNetwork
from trainer.finetuning import job, run
from trainer.finetuning.control import Cancelled
from trainer.finetuning.device_lock import DeviceBusyError, device_lock
from trainer.finetuning.gate import Errors
from trainer.finetuning.material import FinetuneError
from trainer.geometry import FaceBox
from trainer.models.confidence import EVIDENCE, Confidence


def errors_along(monkeypatch, first, last):
    """Let each measurement find another error than the one before."""
    error = iter(np.linspace(first, last, 400))

    def measured(model, faces, precision, *, mirrored=None):
        return Errors(np.full(4, next(error)), np.full(4, 0.5))

    for module in (run, job):
        monkeypatch.setattr(module, "measure", measured)


@pytest.fixture
def better(monkeypatch):
    """Each measurement finds a smaller error than the one before."""
    errors_along(monkeypatch, 50, 10)


@pytest.fixture
def worse(monkeypatch):
    """Each measurement finds a larger error than the one before."""
    errors_along(monkeypatch, 10, 50)


class Finished:
    """A run that nothing broke, in a folder with its base and its set."""

    def __init__(self, folder):
        self.folder = folder
        self.base = tiny_base(folder / "base.safetensors")
        self.pushed = write_set(folder / "set")
        with pytest.MonkeyPatch.context() as patch:
            errors_along(patch, 50, 10)
            self.report, self.events = self.again("unbroken")
        self.out = folder / "unbroken"

    def again(self, out, **more):
        return fine_tune(self.folder, out, pushed=self.pushed, base=self.base, **more)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    return Finished(tmp_path_factory.mktemp("unbroken"))


def same(first, second):
    a, b = (load_tensors(path / "model.safetensors")[0] for path in (first, second))
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_all_three_stages_end_in_a_model_that_says_how_it_came_to_be(unbroken):
    report = unbroken.report
    assert report["accepted"]
    assert [row["updates"] for row in report["stages"]] == [4, 4, 4]
    loaded = load_model(unbroken.out / "model.safetensors")
    told = loaded.info["finetuned"]
    assert told["parent"]["fingerprint"] == job.fingerprint(load_model(unbroken.base).model)
    assert told["set"]["corrected"] == 12
    assert told["gate"]["held_out"]["change"] < 0
    assert told["stages"][1]["learning_rate"] == 1e-3
    assert told["date"]
    assert loaded.info["people"] == ["Cy", "Di", "Ada", "Bo"]
    assert loaded.model.config.n_identities == 4
    assert json.loads((unbroken.out / "report.json").read_text()) == report
    assert sorted(p.name for p in unbroken.out.iterdir()) == ["model.safetensors", "report.json"]


def test_a_later_stage_loses_nothing_of_what_was_learned_before(
    tune, better, monkeypatch, tmp_path
):
    recipe = tiny_recipe()
    stages = tuple(
        replace(stage, learning_rate=stage.learning_rate * (number == 1))
        for number, stage in enumerate(recipe.train.stages, 1)
    )
    after_stage_1 = []
    begin = run.FineTuning._next

    def noted(self, stage):
        after_stage_1.append({name: value.clone() for name, value in self.best.items()})
        begin(self, stage)

    monkeypatch.setattr(run.FineTuning, "_next", noted)
    report, _ = tune(recipe=replace(recipe, train=replace(recipe.train, stages=stages)))
    assert report["stages"][2]["error_after"] < report["stages"][0]["error_after"]
    model = load_model(tmp_path / "out" / "model.safetensors").model
    for (
        name,
        value,
    ) in model.named_parameters():  # at a rate of 0 no more is learned; kept as float16
        torch.testing.assert_close(value, after_stage_1[0][name], atol=1e-6, rtol=1e-3)


def test_a_run_tells_its_stages_and_how_far_it_is(unbroken):
    names = [values["event"] for values in unbroken.events]
    assert (names[0], names[-2], names[-1]) == ("start", "gate", "done")
    assert [e["stage"] for e in unbroken.events.named("stage")] == [1, 2, 3]
    steps = unbroken.events.named("step")
    wanted = {"stage", "epoch", "step", "steps", "loss", "error_before", "seconds_left"}
    assert all(wanted <= set(step) for step in steps)
    assert len(steps) == 12
    assert steps[-1]["seconds_left"] < steps[0]["seconds_left"]
    assert all(e["error_now"] < e["error_before"] for e in unbroken.events.named("eval"))


def test_known_people_keep_what_tells_them_apart(unbroken):
    base = load_model(unbroken.base).model.identity.linear.weight
    tuned = load_model(unbroken.out / "model.safetensors").model.identity.linear.weight
    assert tuned.shape[0] == base.shape[0] + 2
    assert (tuned[:2] - base).abs().max() < 0.05 < base.abs().max()


def test_the_model_aligns_a_video(unbroken):
    model = load_model(unbroken.out / "model.safetensors")
    aligner = SequentialAligner(model, device="cpu")
    network = FaceNetwork(aligner.runner, aligner.scheme)
    (face,) = network.start(picture(3), [FaceBox.around(landmarks_at(3))])
    assert face.landmarks.shape == (7, 2)
    assert np.isfinite(face.landmarks).all()


@pytest.mark.usefixtures("better")
def test_the_parents_confidence_and_where_its_labels_lay_are_kept(tune, tmp_path, base):
    loaded = load_model(base)
    loaded.model.confidence = Confidence(np.ones(len(EVIDENCE)), np.zeros(7))
    more = {"calibration": {"sets": ["a"]}, "label_shift": [1.0, 0.5]}
    save_model(base, loaded.model, {**loaded.info, **more})
    tune()
    tuned = load_model(tmp_path / "out" / "model.safetensors")
    assert torch.equal(tuned.model.confidence.slopes, torch.ones(len(EVIDENCE)))
    assert "parent" in tuned.info["calibration"]["finetuned"]
    assert tuned.label_shift == (1.0, 0.5)


@pytest.mark.usefixtures("worse")
def test_a_worse_model_is_not_offered_and_both_numbers_are_said(tune, tmp_path):
    report, events = tune()
    assert not report["accepted"]
    assert report["message"].startswith("kept the old one")
    assert not (tmp_path / "out" / "model.safetensors").exists()
    assert (tmp_path / "out" / "report.json").is_file()
    gate = events.named("gate")[0]
    assert {"error_before", "error_now", "replay_before", "replay_now"} <= set(gate)
    assert events[-1]["model"] is None


@pytest.mark.usefixtures("worse")
def test_a_stage_that_gains_nothing_ends_early(tune):
    recipe = tiny_recipe(updates=(90.0, 0.0), patience=2)
    report, events = tune(recipe=recipe)
    assert report["stages"][0]["planned"] == 30
    assert report["stages"][0]["updates"] == 4
    assert any("ends early" in e.get("message", "") for e in events.named("eval"))


@pytest.mark.usefixtures("better")
def test_a_skipped_stage_is_told_with_its_reason(tune, tmp_path):
    pushed = write_set(tmp_path / "unnamed", (None,), clips=False)
    report, events = tune(pushed=pushed)
    assert [(e["stage"], bool(e["message"])) for e in events.named("skipped")] == [
        (2, True),
        (3, True),
    ]
    assert "skipped" in report["stages"][1]
    assert report["stages"][0]["updates"] == 12


@pytest.mark.usefixtures("better")
@pytest.mark.parametrize("dies_at", [2, 9])
def test_a_killed_run_ends_like_an_unbroken_one(unbroken, monkeypatch, dies_at):
    update, calls = run.FineTuning._update, iter(range(100))

    def dies(self, stage, step, rate, memory):
        if rate and next(calls) == dies_at:
            raise MemoryError
        return update(self, stage, step, rate, memory)

    monkeypatch.setattr(run.FineTuning, "_update", dies)
    out = f"dies at {dies_at}"
    with pytest.raises(MemoryError):
        unbroken.again(out)
    assert (unbroken.folder / out / "state.safetensors").is_file()
    report, events = unbroken.again(out)
    assert events[0]["resumed"]
    assert report["accepted"]
    assert same(unbroken.out, unbroken.folder / out)


@pytest.mark.usefixtures("better")
@pytest.mark.parametrize("left", [0, 0.5])
def test_a_run_whose_state_is_damaged_begins_anew_and_says_so(unbroken, left):
    out = f"damaged to {left}"

    class Broken(Events):
        def __call__(self, event, **values):
            super().__call__(event, **values)
            if event == "step" and values["step"] == 3:
                raise MemoryError

    with pytest.raises(MemoryError):
        unbroken.again(out, emit=Broken())
    state = unbroken.folder / out / "state.safetensors"
    state.write_bytes(state.read_bytes()[: int(left * state.stat().st_size)])
    _, events = unbroken.again(out)
    assert not events[0]["resumed"]
    assert "begins anew" in events[0]["message"]
    assert same(unbroken.out, unbroken.folder / out)


def test_a_finished_run_says_so_and_is_left_alone(unbroken):
    before = (unbroken.out / "model.safetensors").read_bytes()
    report, events = unbroken.again("unbroken")
    assert report == unbroken.report
    assert [e["event"] for e in events] == ["done"]
    assert "finished already" in events[0]["message"]
    assert (unbroken.out / "model.safetensors").read_bytes() == before


def test_the_result_of_other_settings_is_not_overwritten(unbroken):
    with pytest.raises(FinetuneError, match="another set, model or settings"):
        unbroken.again("unbroken", seed=1)


def test_a_folder_with_something_else_in_it_is_refused(tune, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "holiday.jpg").touch()
    with pytest.raises(FinetuneError, match=r"holiday\.jpg"):
        tune()


@pytest.mark.usefixtures("better")
def test_stop_keeps_the_best_so_far_and_goes_through_the_gate(tune, tmp_path):
    asked = iter(range(100))
    report, events = tune(should_stop=lambda: next(asked) >= 2)
    assert len(events.named("step")) == 2
    assert report["accepted"]
    assert (tmp_path / "out" / "model.safetensors").is_file()
    assert report["stages"][2]["updates"] == 0


@pytest.mark.usefixtures("better")
@pytest.mark.parametrize("existed", [False, True])
def test_cancel_leaves_nothing_behind(tune, tmp_path, existed):
    out = tmp_path / "out"
    if existed:
        out.mkdir()

    def emit(event, **values):
        if event == "step" and values["step"] == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        tune(emit=emit)
    assert out.exists() == existed
    assert not existed or not list(out.iterdir())
    assert not list((tmp_path / "locks").glob("*.json"))


@pytest.mark.usefixtures("better")
def test_time_that_is_up_ends_the_run_with_its_best(tune):
    recipe = tiny_recipe(updates=(3000.0, 0.0))
    report, _ = tune(recipe=recipe, minutes=0.2)
    assert report["accepted"]
    assert all(row["planned"] < 1000 for row in report["stages"] if "planned" in row)


@pytest.mark.usefixtures("better")
def test_each_stage_does_its_fewest_updates_also_where_the_time_is_up_before_the_first(tune):
    report, events = tune(recipe=tiny_recipe(updates=(300.0, 0.0)), minutes=1e-6)
    assert [row["updates"] for row in report["stages"]] == [4, 4, 4]
    assert len(events.named("step")) == 12
    assert all(e["longer"] and "longer than planned" in e["message"] for e in events.named("stage"))
    assert report["accepted"]


@pytest.mark.usefixtures("better")
def test_a_stage_that_becomes_late_ends_with_its_best_and_the_next_has_its_turn(tune, monkeypatch):
    late = monkeypatch.setattr
    update = run.FineTuning._update

    def slow(self, stage, step, rate, memory):
        if rate and (stage, step) == (1, 5):
            late(run.FineTuning, "elapsed", lambda _: 1e9)
        return update(self, stage, step, rate, memory)

    late(run.FineTuning, "_update", slow)
    report, _ = tune(recipe=tiny_recipe(updates=(60.0, 0.0)))
    assert [row["updates"] for row in report["stages"]] == [6, 4, 4]


def test_a_run_stopped_before_its_first_update_has_no_verdict_on_what_it_learned(tune):
    report, events = tune(should_stop=lambda: True)
    assert not events.named("step")
    assert not report["accepted"]
    assert report["message"] == f"kept the old one: {job.NOTHING_LEARNED}"
    assert events.named("gate")[0]["message"] == job.NOTHING_LEARNED


def test_one_training_at_a_time_on_one_device(tune, tmp_path):
    with (
        device_lock(torch.device("cpu"), "tests", tmp_path / "locks"),
        pytest.raises(DeviceBusyError, match=r"process \d+ \(tests, since"),
    ):
        tune()
    assert not (tmp_path / "out").exists()
    with (
        device_lock(torch.device("cuda:1"), "a", tmp_path / "locks"),
        device_lock(torch.device("cuda:0"), "b", tmp_path / "locks"),
        device_lock(torch.device("cpu"), "c", tmp_path / "locks"),
    ):
        pass


def test_learning_lowers_the_error_on_frames_held_out(tune, tmp_path):
    pushed = write_set(tmp_path / "plain", ("Ada",), clips=False)
    recipe = tiny_recipe(updates=(80.0, 0.0), patience=100, evaluate_every=10)
    report, _ = tune(pushed=pushed, recipe=recipe)
    figures = report["stages"][0]
    assert figures["error_after"] < figures["error_before"]


@pytest.mark.usefixtures("better")
def test_it_goes_on_from_its_own_model(unbroken, tune):
    report, _ = tune(base=unbroken.out / "model.safetensors", pushed=unbroken.pushed)
    assert report["people"] == {"known": 4, "new": []}
