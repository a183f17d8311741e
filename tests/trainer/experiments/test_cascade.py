import json

import numpy as np
import pytest
import torch
from training_fixtures import made_faces
from typer.testing import CliRunner

from trainer.cli import app
from trainer.config import NetworkConfig
from trainer.experiments import cascade as module
from trainer.experiments.sets import MeasuredFaces
from trainer.experiments.steps import train_variant
from trainer.models.initialise import gaussian
from trainer.models.rednet import RedNet
from trainer.validation import centre_crops

TINY = NetworkConfig(n_landmarks=7, width=0.0625, steps=1)


def networks(*seeds):
    out = [RedNet(TINY) for _ in seeds]
    for network, seed in zip(out, seeds, strict=True):
        gaussian(network, seed)
    return [network.eval() for network in out]


def test_a_cascade_has_three_times_the_parameters_and_shares_no_storage():
    shared = networks(0)
    cascade = networks(0, 0, 0)
    assert module.size(cascade)["parameters"] == 3 * module.size(shared)["parameters"]
    assert module.size(cascade)["bytes"] == 3 * module.size(shared)["bytes"]
    assert module.size(shared * 3) == module.size(shared)
    pointers = [{p.data_ptr() for p in network.parameters()} for network in cascade]
    assert len(set.union(*pointers)) == sum(map(len, pointers))


def test_each_network_of_a_cascade_is_fed_with_the_answer_before():
    first, second, third = networks(1, 2, 3)
    images = torch.randint(0, 256, (2, 128, 128, 3), dtype=torch.uint8)
    found = module.Cascade([first, second, third]).align(images)
    assert found.shape == (3, 2, 7, 2)
    one = first.align(images).landmarks
    two = second.align(images, one).landmarks
    assert torch.allclose(found[1], two)
    assert torch.allclose(found[2], third.align(images, two).landmarks)


def test_shared_and_cascade_learn_from_equally_many_images(tiny_workshop):
    faces = made_faces()
    base = tiny_workshop.base(faces, 8)
    shared = train_variant(tiny_workshop, "steps-mean", faces, base, 24, 0)
    cascade = module.train_cascade(tiny_workshop, faces, base, 24 // 3, 0)
    assert shared.updates == sum(one.updates for one in cascade) == 6
    assert len({one.updates for one in cascade}) == 1
    assert [one.model.config.squares for one in cascade] == [(7,), (5,), (3,)]
    assert len({one.key for one in cascade}) == 3


def test_a_later_network_learns_from_the_earlier_ones_answers(tiny_workshop, monkeypatch):
    faces = made_faces()
    base = tiny_workshop.base(faces, 8)
    seen = []
    original = module._Before.__call__

    def spy(self, batch, rng):
        out = original(self, batch, rng)
        seen.append((len(self.networks), torch.equal(out.starts, batch.starts)))
        return out

    monkeypatch.setattr(module._Before, "__call__", spy)
    module.train_cascade(tiny_workshop, faces, base, 4, 0)
    assert seen == [(1, False), (2, False)]


def test_rows_tell_errors_at_large_yaw_apart():
    crops, landmarks = centre_crops(made_faces())
    yaw = np.array([0.0] * 9 + [31, -50, 80])
    faces = MeasuredFaces("dots", crops, landmarks, yaw, ["x"] * 12)
    rows = module.rows_of("cascade", [networks(1, 2, 3), networks(4, 5, 6)], faces)
    assert [(r["yaw"], r["faces"]) for r in rows] == [("all", 12), ("> 30°", 3)]
    assert all(len(r["seeds"]) == 2 and len(r["steps"]) == 3 for r in rows)


def report_of(shared, cascade):
    def row(kind, seeds, yaw):
        return {"kind": kind, "set": "s", "yaw": yaw, "faces": 9, "steps": [5, 5, 5],
                "error": 5, "seeds": seeds, "parameters": 1, "bytes": 1}  # fmt: skip

    rows = [
        row(kind, seeds, yaw)
        for kind, seeds in (("shared", shared), ("cascade", cascade))
        for yaw in ("all", "> 30°")
    ]
    return module.cascade_report(rows, "", "")


def test_the_answer_says_whether_sharing_wins():
    assert report_of([4.0, 4.1, 4.0], [5.0, 5.0, 5.1]).answer.startswith("Holds at")
    assert report_of([5.0, 5.1, 5.0], [4.0, 4.0, 4.1]).answer.startswith("Doesn't hold")
    assert report_of([4.0, 6.0, 5.0], [5.0, 5.0, 5.0]).answer.startswith("Doesn't hold")


def test_a_difference_that_is_there_at_step_1_isnt_said_to_come_from_the_steps():
    def rows(shared, cascade):
        pairs = (("shared", shared), ("cascade", cascade))
        return [{"kind": kind, "yaw": "> 30°", "steps": steps} for kind, steps in pairs]

    assert "before any feedback" in module.gap(rows([4, 4, 4], [5, 5, 5]))
    assert "comes with the steps" in module.gap(rows([5, 4.5, 4], [5, 5, 5]))


def test_the_command_resumes_from_what_is_trained(tiny_workshop, stills, drawn_heads, monkeypatch):
    docs = tiny_workshop.folder / "docs"

    def run():
        done = CliRunner().invoke(app, [
            "experiments", "cascade", "--data", str(stills), "--people", "4",
            "--work", str(tiny_workshop.folder), "--docs", str(docs), "--seeds", "2",
            "--budget", "12", "--base-budget", "8", "--limit", "10",
        ])  # fmt: skip
        assert done.exit_code == 0, done.output
        return (docs / "results.md").read_text(encoding="utf-8")

    first = run()
    monkeypatch.setattr("trainer.engine.Trainer.run", lambda self: pytest.fail("trained again"))
    assert run() == first
    values = json.loads((docs / "results" / "cascade.json").read_text(encoding="utf-8"))
    assert {r["kind"] for r in values["rows"]} == {"shared", "cascade"}
