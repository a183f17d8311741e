import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from training_fixtures import made_faces
from typer.testing import CliRunner

from trainer.checkpoint import load_model
from trainer.cli import app
from trainer.config import RED_LITE
from trainer.experiments import variants as module
from trainer.experiments.teaching import Teacher
from trainer.models.rednet import RedNet
from trainer.stages import Batch


@pytest.fixture
def small(monkeypatch):
    """Batches of four, since the made faces are few."""
    stages = tuple(replace(stage, batch=4) for stage in RED_LITE.train.stages)
    config = replace(RED_LITE, train=replace(RED_LITE.train, stages=stages))
    monkeypatch.setattr(module, "RED_LITE", config)


def network(seed, **config):
    torch.manual_seed(seed)
    return RedNet(replace(RED_LITE.network, width=0.0625, temporal="none", **config)).eval()


def batch(n=4):
    rng = torch.Generator().manual_seed(1)
    points = 64 + 20 * torch.randn(n, 68, 2, generator=rng)
    points[0, :5] = torch.nan
    images = torch.randn(n, 3, 128, 128, generator=rng)
    return Batch(images, points, points.clone(), torch.zeros(n, dtype=torch.long))


def test_a_teacher_moves_labels_its_share_of_the_way():
    teacher, given = network(0), batch()
    pixels = (given.images * 64 + 127.5).permute(0, 2, 3, 1)
    answers = teacher.align(pixels, steps=1).landmarks
    taught = Teacher(teacher, share=0.25)(given, torch.Generator())
    assert torch.allclose(
        taught.landmarks, given.landmarks + 0.25 * (answers - given.landmarks), equal_nan=True
    )
    assert taught.landmarks[0, :5].isnan().all()
    assert torch.equal(taught.images, given.images)


def test_a_teacher_says_nothing_of_faces_that_are_not_labelled():
    given = batch()
    given.landmarks[:] = torch.nan
    assert Teacher(network(0))(given, torch.Generator()).landmarks.isnan().all()


def test_every_change_is_one_change(small):
    usual = module._narrow(0.25)
    for change in module.CHANGES[1:]:
        assert change.taught or change.applied(usual) != usual
    assert module.CHANGES[0].applied(usual) == usual
    names = [change.name for change in module.CHANGES]
    assert len(set(names)) == len(names)


def test_own_statistics_change_running_ones_and_no_weight(small):
    model = network(0)
    apart = module.with_own_statistics(model, made_faces(n_landmarks=68), updates=2)
    assert len(apart.copies) == model.config.steps
    for copy in apart.copies:
        for name, value in copy.named_parameters():
            assert torch.equal(value, dict(model.named_parameters())[name])
    means = [dict(c.named_buffers())["encoder.groups.0.0.1.running_mean"] for c in apart.copies]
    assert not torch.equal(
        means[0], dict(model.named_buffers())["encoder.groups.0.0.1.running_mean"]
    )
    assert not torch.equal(means[0], means[1])
    kept = {n: v for n, v in model.state_dict().items() if n.startswith("regression.")}
    for copy in apart.copies:
        assert all(torch.equal(copy.state_dict()[name], value) for name, value in kept.items())
    images = torch.zeros(2, 128, 128, 3, dtype=torch.uint8)
    again = module.StepsApart([model] * 3).align(images, steps=3).landmarks
    assert torch.equal(again, model.align(images, steps=3).landmarks)


def test_the_command_writes_a_row_for_every_change(tmp_path, stills, small, monkeypatch):
    few = [change for change in module.CHANGES if change.name in ("usual", "even", "taught")]
    monkeypatch.setattr(module, "CHANGES", few)
    docs, work = tmp_path / "docs", tmp_path / "work"
    command = [
        "experiments", "variants", "--data", str(stills), "--work", str(work), "--docs", str(docs),
        "--seeds", "1", "--budget", "4", "--base-budget", "4", "--width", "0.0625", "--device",
        "cpu",
    ]  # fmt: skip
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    rows = json.loads((docs / "results" / "variants.json").read_text())["rows"]
    assert [row["label"] for row in rows] == [
        *(change.label for change in module.CHANGES[:2]),
        module.APART,
        *(change.label for change in module.CHANGES[2:]),
    ]
    assert all(np.isfinite(row[figure]).all() for row in rows for figure in module.FIGURES)
    page = (docs / "results.md").read_text()
    assert "What helps in training" in page
    runs = sorted(path.name for path in work.iterdir())
    assert len(runs) == 1 + len(module.CHANGES)
    taught = load_model(next(work.glob("variants-taught-0-*")) / "model.safetensors")
    usual = load_model(next(work.glob("variants-usual-0-*")) / "model.safetensors")
    assert not all(
        torch.equal(a, b)
        for a, b in zip(taught.model.parameters(), usual.model.parameters(), strict=True)
    )


def test_a_change_is_better_only_where_its_interval_says_so():
    def row(label, *errors):
        return {"label": label, "step1": errors, "step3": errors, "regression": errors}

    report = module.variants_report(
        [row("usual", 5.0, 5.2, 5.1), row("a", 4.5, 4.7, 4.6), row("b", 5.5, 5.7, 5.6),
         row("c", 4.0, 5.6, 5.2)], 9, "", "",
    )  # fmt: skip
    better, worse = report.answer.split(" Worse for sure: ")
    assert "a -9.8 %" in better
    assert "b +9.8 %" in worse
    assert "c " not in report.answer
