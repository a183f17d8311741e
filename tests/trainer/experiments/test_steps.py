import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from training_fixtures import made_faces, tiny_config
from typer.testing import CliRunner

from trainer.checkpoint import save_model
from trainer.cli import app
from trainer.experiments import steps as module
from trainer.experiments.feedback import bad_starts, displaced, step_errors, why
from trainer.experiments.sets import MeasuredFaces
from trainer.experiments.steps_reading import reading, verdict
from trainer.models.initialise import gaussian
from trainer.models.rednet import RedNet
from trainer.validation import centre_crops

RUNNER = CliRunner()


@pytest.fixture
def model():
    model = RedNet(tiny_config(temporal="none").network)
    gaussian(model, 0)
    model.mean_shape.copy_(torch.from_numpy(made_faces().mean_shape()))
    return model.eval()


@pytest.fixture
def faces():
    crops, landmarks = centre_crops(made_faces())
    yaw = np.repeat([5.0, 20.0, 50.0], 4)
    return MeasuredFaces("dots", crops, landmarks, yaw, [str(i) for i in range(12)])


def test_bad_starts_are_far_off_and_the_same_each_time(model):
    first, second = bad_starts(model, 5), bad_starts(model, 5)
    assert torch.equal(first, second)
    away = (first.mean(dim=1) - model.mean_start(5).mean(dim=1)).norm(dim=-1)
    assert ((away > 9.9) & (away < 20.1)).all()


def test_a_displaced_start_keeps_its_shape():
    start = torch.rand(3, 7, 2) * 100
    moved = displaced(start, torch.Generator().manual_seed(3))
    before, after = (torch.cdist(points, points) for points in (start, moved))
    assert torch.allclose(before, after, atol=1e-3)


def test_the_fourth_step_runs_a_three_step_network_once_more(model, faces):
    errors = step_errors(model, faces, None, 4)
    assert errors.shape == (4, 12)
    shorter = step_errors(model, faces, None, 2)
    np.testing.assert_allclose(errors[:2], shorter, rtol=1e-3)


def test_an_empty_first_map_is_the_same_wherever_it_would_start(model, faces):
    empty = torch.full((12, 7, 2), torch.nan)
    errors = step_errors(model, faces, empty, 2)
    assert np.isfinite(errors).all()
    assert not np.allclose(errors, step_errors(model, faces, None, 2))


class Believer(torch.nn.Module):
    """A network that answers what it is fed, or always the same."""

    def __init__(self, model, *, listens):
        super().__init__()
        self.inner, self.listens = model, listens
        self.config, self.encoder, self.mean_shape = model.config, model.encoder, model.mean_shape
        self.mean_start, self.normalise, self.align = (
            model.mean_start, model.normalise, model.align,
        )  # fmt: skip

    def step(self, images, start, k):
        return start if self.listens else self.mean_start(len(images))

    def locate(self, out):
        return out, None


@pytest.mark.parametrize(("listens", "part"), [(True, 1.0), (False, 0.0)])
def test_how_much_a_network_follows_its_label_map_is_measured(model, faces, listens, part):
    found = why(Believer(model, listens=listens), faces)
    assert found["follows"] == pytest.approx(part, abs=1e-5)
    assert found["moved"]["own answer"] == 0
    assert (found["errors"]["the truth"] < 0.1) == listens
    assert ("hardly looks" in found["text"]) != listens


def test_z_without_weights_doesnt_speak_in_the_first_layer(model, faces):
    convolution = next(m for m in model.encoder.modules() if isinstance(m, torch.nn.Conv2d))
    with torch.no_grad():
        assert why(model, faces)["layer"]["all"] > 0
        convolution.weight[:, 3:] = 0
    assert why(model, faces)["layer"] == {"all": 0, "next": 0}


def test_rows_are_by_yaw_group_and_small_groups_have_none(model, faces, monkeypatch):
    monkeypatch.setattr(module, "LEAST_FACES", 4)
    rows = module.rows_of("net", [model], faces)
    assert [r["yaw"] for r in rows[:4]] == ["0–15°", "15–30°", "45–90°", "all"]
    assert [r["faces"] for r in rows[:4]] == [4, 4, 4, 12]
    assert {r["start"] for r in rows} == {"mean shape", "bad"}


def test_a_gain_has_an_interval_around_it():
    rng = np.random.default_rng(0)
    before = rng.uniform(4, 6, 40)
    errors = np.stack([before, before * 0.9])
    found = module.gain([errors], [str(i) for i in range(40)], 0, 1)
    assert found == pytest.approx([10, 10, 10])
    of_seeds = module.gain([errors, np.stack([before, before * 0.8])], [], 0, 1)
    assert of_seeds[0] == pytest.approx(15)
    assert of_seeds[1] < 15 < of_seeds[2]


def row(yaw, gain):
    return {"network": "m", "set": "s", "start": "mean shape", "yaw": yaw, "faces": 20,
            "steps": [6, 5, 4, 4], "gain": gain, "gain_4": [0.1, -0.1, 0.3]}  # fmt: skip


def test_the_claim_holds_only_if_error_falls_and_more_at_large_yaw():
    near, far, total = row("0–15°", [3, 2, 4]), row("45–90°", [9, 7, 11]), row("all", [5, 4, 6])
    assert verdict([near, far, total], "m").holds
    assert not verdict([far, near, total], "m").holds
    assert not verdict([near, far, {**total, "gain": [5, -1, 6]}], "m").holds


def test_every_variant_learns_all_three_steps_from_starts_of_its_own(tiny_workshop):
    faces = made_faces()
    base = tiny_workshop.base(faces, 8)
    runs = [module.train_variant(tiny_workshop, name, faces, base, 12, 0) for name in module.LABELS]
    assert {run.updates for run in runs} == {3}
    assert {run.model.config.steps for run in runs} == {3}
    first = [next(run.model.encoder.parameters()) for run in runs]
    assert not any(torch.equal(a, b) for i, a in enumerate(first) for b in first[:i])


def reason(follows, truth, layer):
    return {"follows": follows, "layer": {"next": layer},
            "errors": {"own answer": 5.0, "the truth": truth}}  # fmt: skip


def test_the_reason_is_told_only_as_far_as_the_networks_show_it():
    deaf, told = reason(0.02, 4.9, 1.0), reason(0.8, 1.0, 9.0)
    text = reading({"m": deaf, "small": reason(0.01, 5.0, 9.0), "told": told}, "m", "told")
    assert "2 % of a shift of its label map and gains 2.0 %" in text
    assert "labels 9 times as far apart" in text
    assert "along with 80 % of the shift" in text
    alone = reading({"m": deaf}, "m", "told")
    assert "far starts" not in alone
    assert "faint" not in alone
    assert "hardly" not in reading({"m": told}, "m", "told")


def test_the_command_writes_its_report_and_replaces_it_in_place(tmp_path, stills, drawn_heads):
    network = replace(tiny_config().network, n_landmarks=68, temporal="add")
    save_model(tmp_path / "given.safetensors", RedNet(network))
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "results.md").write_text("# Results\n\nKept.\n", encoding="utf-8")

    def run(seeds):
        done = RUNNER.invoke(app, [
            "experiments", "steps", "--data", str(stills), "--people", "4",
            "--model", str(tmp_path / "given.safetensors"), "--work", str(tmp_path / "work"),
            "--docs", str(docs), "--seeds", str(seeds), "--limit", "12",
        ])  # fmt: skip
        assert done.exit_code == 0, done.output
        return (docs / "results.md").read_text(encoding="utf-8")

    text = run(0)
    assert run(0) == text
    assert text.startswith("# Results\n\nKept.\n")
    assert text.count("<!-- steps -->") == 1
    assert "for given" in text
    values = json.loads((docs / "results" / "steps.json").read_text(encoding="utf-8"))
    assert {r["set"] for r in values["rows"]} == {"rendered heads"}  # 7 stills are too few
    assert values["why"]["given"]["first"] > 0
    assert (docs / "images" / "results_steps.png").stat().st_size > 0
