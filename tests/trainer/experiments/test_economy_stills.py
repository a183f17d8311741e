"""Real people: which of their videos are corrected, and what is measured on the others."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from pushed_fixtures import tiny_recipe, write_replay
from training_fixtures import tiny_config

from trainer.checkpoint import save_model
from trainer.data.pts import write_pts
from trainer.data.stills import find_stills
from trainer.experiments.economy_report import economy_report
from trainer.experiments.economy_stills import _after, halves, real_people
from trainer.experiments.sets import MeasuredFaces
from trainer.finetuning import material
from trainer.geometry import CROP_SCALE
from trainer.models.initialise import gaussian
from trainer.models.rednet import RedNet
from trainer.shape_residuals import SOMEBODY_ELSE, UNCHANGED, CorrectedFaces, ShapeResiduals

ANGLES = np.linspace(0, 2 * np.pi, 68, endpoint=False)
SHAPE = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=-1)


@pytest.fixture
def folder(tmp_path):
    """Three people with three videos of two stills each, and one with a single video."""
    rng = np.random.default_rng(0)
    for person in ("ada", "bo", "cy", "di"):
        for video in range(1 if person == "cy" else 3):
            place = tmp_path / "stills" / person / str(video)
            place.mkdir(parents=True)
            for number in range(2):
                image = rng.integers(0, 90, (90, 100, 3)).astype(np.uint8)
                cv2.imwrite(str(place / f"{number:06d}.png"), image)
                write_pts(place / f"{number:06d}.pts", SHAPE * 25 + (50, 45))
    return tmp_path / "stills"


@pytest.fixture
def base(tmp_path, monkeypatch) -> Path:
    """An untrained network of 68 landmarks, and few faces to replay."""
    monkeypatch.setattr(material, "REPLAY_FILE", write_replay(tmp_path / "replay.npz"))
    model = RedNet(tiny_config(n_landmarks=68).network)
    gaussian(model, 0)
    model.mean_shape.copy_(model.mean_shape.new_tensor(SHAPE) / (2 * CROP_SCALE) + 0.5)
    save_model(tmp_path / "base.safetensors", model.eval(), {})
    return tmp_path / "base.safetensors"


def test_half_of_a_persons_videos_is_corrected_and_nobody_with_one_takes_part(folder):
    corrected, measured, others = halves(find_stills(folder), 2)
    assert list(corrected) == ["ada/0", "bo/0"]
    assert {(s.group, s.image.parent.name) for s in measured} == {
        ("ada", "1"), ("ada", "2"), ("bo", "1"), ("bo", "2")
    }  # fmt: skip
    assert {s.group for s in others} == {"cy", "di"}


def test_real_people_are_learned_from_once_and_reported(folder, tmp_path, base):
    recipe = replace(tiny_recipe(), updates=(2.0, 0.0))
    real_people(folder, tmp_path / "real", str(base), 3, recipe=recipe)
    path = tmp_path / "real" / "round.json"
    done = json.loads(path.read_text(encoding="utf-8"))
    assert done["people"] == 3
    assert done["corrected"] == 6
    assert done["held_out"] == 1
    assert [stage["stage"] for stage in done["stages"] if "skipped" not in stage] == [1, 2]
    assert len(done["sets"]["their other videos"]["before"]["nme"]) == 12
    assert len(done["sets"]["other people"]["after"]["to_move"]) == 2
    theirs = done["sets"]["their other videos"]
    assert len(theirs["carried"]["nme"]) == len(theirs["after"]["nme"])
    assert not (tmp_path / "real" / "set").exists()
    before = path.stat().st_mtime_ns
    real_people(folder, tmp_path / "real", "no such model", 3)
    assert path.stat().st_mtime_ns == before
    report = economy_report([], [done], {}, "red-lite", "command")
    assert "Real people (3, 6 corrected frames, named): points to move in their" in report.answer
    assert "corrected (1 of them held out), named;" in report.markdown(None)


def test_corrections_are_carried_on_to_the_same_person_more_than_to_others():
    truth = np.stack([SHAPE.astype(np.float32)] * 2)
    crops = np.zeros((2, 128, 128, 3), np.uint8)
    faces = MeasuredFaces("some", crops, truth, np.zeros(2), ["ada", "bo"])
    found = truth + 0.04 * np.ptp(SHAPE)
    known = ShapeResiduals(SHAPE, CorrectedFaces(truth[:1], found[:1], ("ada",)))
    figures = _after(found, faces, known)
    mine, others = np.array(figures["carried"]["nme"]) / figures["after"]["nme"]
    assert mine == pytest.approx(1 - 1 / (1 + UNCHANGED), abs=1e-3)
    assert others == pytest.approx(1 - SOMEBODY_ELSE / (SOMEBODY_ELSE + UNCHANGED), abs=1e-3)
