import json

import numpy as np
import pytest
from training_fixtures import made_faces
from typer.testing import CliRunner

from trainer.cli import app
from trainer.experiments import identity as module
from trainer.experiments.sets import MeasuredFaces
from trainer.validation import centre_crops


@pytest.fixture
def measured():
    crops, landmarks = centre_crops(made_faces())
    return MeasuredFaces("dots", crops, landmarks, np.zeros(12), ["x"] * 12)


def test_only_faces_of_known_people_are_learnt_from():
    faces = made_faces()
    faces.identities[:4] = -1
    assert module.named(faces).order.tolist() == list(range(4, 12))


def test_of_some_people_those_with_the_most_faces_are_learnt_from():
    faces = made_faces()
    faces.people = ["ada", "bo", "cy"]
    faces.identities[:] = [2, 2, 2, 0, 0, 1, 1, 1, 1, -1, -1, -1]
    few = module.named(faces, 2)
    assert few.people == ["bo", "cy"]
    assert few.order.tolist() == [0, 1, 2, 5, 6, 7, 8]
    assert few.identities.tolist() == [1, 1, 1, -1, -1, 0, 0, 0, 0, -1, -1, -1]


def test_both_variants_see_the_same_pictures_and_only_one_has_f_cls(tiny_workshop, measured):
    faces = made_faces()
    base = tiny_workshop.base(faces, 8)
    seen = {}
    for weight in (0.0, 1.0):
        way = module.Way(weight)
        run = module.train_identity(tiny_workshop, way, faces, base, measured, 12, 0)
        seen[weight] = run
    assert seen[0.0].updates == seen[1.0].updates == 3
    assert seen[0.0].model.identity is None
    assert seen[1.0].model.config.n_identities == 6
    assert "identity" not in seen[0.0].losses
    assert seen[1.0].losses["identity"] > 0
    # Before the first update the two are one network.
    assert seen[0.0].watched[0] == seen[1.0].watched[0]
    assert seen[0.0].watched[3] != seen[1.0].watched[3]


def test_without_weight_f_cls_changes_nothing_else(tiny_workshop, measured):
    """The comparison is of the supervision alone: the same pictures, order and updates."""
    faces = made_faces()
    base = tiny_workshop.base(faces, 8)
    runs = [
        module.train_identity(tiny_workshop, module.Way(weight), faces, base, measured, 12, 0)
        for weight in (0.0, 1e-12)
    ]
    first, second = (run.watched[3] for run in runs)
    assert first == pytest.approx(second, rel=1e-3)


def test_the_command_writes_accuracy_by_part_and_look(tiny_workshop, stills):
    docs = tiny_workshop.folder / "docs"
    done = CliRunner().invoke(app, [
        "experiments", "identity", "--data", str(stills), "--work", str(tiny_workshop.folder),
        "--docs", str(docs), "--seeds", "2", "--budget", "12", "--base-budget", "8",
        "--weight", "0.5", "--weight", "1",
    ])  # fmt: skip
    assert done.exit_code == 0, done.output
    values = json.loads((docs / "results" / "identity.json").read_text(encoding="utf-8"))
    names = {row["network"] for row in values["rows"]}
    assert names == {
        "without f_CLS",
        "f_CLS, weight 1",
        "f_CLS standardised, weight 0.5",
        "f_CLS standardised, weight 1",
    }
    assert {row["part"] for row in values["rows"]} == {"eyes", "nose", "mouth", "all", "nme"}
    assert all(len(row["seeds"]) == 2 for row in values["rows"])


def test_a_weight_of_nothing_is_refused_before_anything_is_trained(tmp_path):
    here = str(tmp_path)
    command = ["experiments", "identity", "--data", here, "--work", here, "--weight", "0"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code != 0
    assert "weights above 0" in done.output
    assert not list(tmp_path.iterdir())


def report_of(accuracy, loss):
    rows = [
        {"network": name, "part": part, "updates": [0, 1, 2], "seeds": [[30, 40, v], [30, 41, v]]}
        for name, v in ((module.WITHOUT, 50), ("f_CLS, weight 1", accuracy))
        for part in ("eyes", "all")
    ]
    return module.identity_report(rows, {"f_CLS, weight 1": loss}, made_faces(), 9, "", "")


def test_the_claim_is_judged_only_once_f_cls_has_learnt_something():
    chance = np.log(6)
    assert report_of(60, 0.5 * chance).answer.startswith("Holds (")
    assert report_of(50, 0.5 * chance).answer.startswith("Doesn't hold")
    assert report_of(60, 0.99 * chance).answer.startswith("Can't be judged")


def test_what_has_not_learnt_is_named_and_not_among_what_the_verdict_is_of():
    chance = np.log(6)
    losses = {"f_CLS, weight 1": 0.99 * chance, "f_CLS, weight 2": 0.5 * chance}
    rows = [
        {"network": name, "part": "all", "updates": [0, 1], "seeds": [[30, 50], [30, 51]]}
        for name in (module.WITHOUT, *losses)
    ]
    report = module.identity_report(rows, losses, made_faces(), 9, "", "")
    assert "weight 2" in report.answer
    assert "weight 1" not in report.answer
    assert any("Not judged" in note and "weight 1" in note for note in report.notes)
