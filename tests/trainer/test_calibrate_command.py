"""``calibrate``: from annotated faces to a model file whose confidence is calibrated."""

from __future__ import annotations

import json

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from trainer.calibration_data import FOUND, NOTHING, TRACKED, VIDEO, observe_stills, observe_videos
from trainer.checkpoint import ModelError, load_model, load_tensors, save_model, save_tensors
from trainer.cli import app
from trainer.config import NetworkConfig
from trainer.data.pts import read_pts, write_pts
from trainer.data.stills import find_stills
from trainer.data.video_sets import find_annotated_videos
from trainer.evaluate import Convention
from trainer.models.confidence import EVIDENCE, Confidence
from trainer.models.rednet import RedNet

SHAPE = np.array([[0, 0], [30, 0], [70, 0], [100, 0], [50, 30], [20, 60], [80, 60]], np.float32)
PEOPLE = ("Ann", "Bob", "Cyd", "Dee", "Eve", "Fay")


@pytest.fixture
def network() -> RedNet:
    torch.manual_seed(0)
    config = NetworkConfig(n_landmarks=7, width=0.0625, steps=2, temporal="add", combine=0.3)
    model = RedNet(config).eval()
    model.mean_shape.copy_(torch.from_numpy(SHAPE / 140 + (0.14, 0.29)))
    return model


@pytest.fixture
def model(network, tmp_path):
    save_model(tmp_path / "mine.safetensors", network, {"data": ["nobody"]})
    return tmp_path / "mine.safetensors"


@pytest.fixture
def stills(tmp_path):
    rng = np.random.default_rng(0)
    for person in PEOPLE:
        folder = tmp_path / "set" / person
        folder.mkdir(parents=True)
        iio.imwrite(folder / "1.png", rng.integers(0, 255, (400, 500, 3), np.uint8))
        write_pts(folder / "1.pts", SHAPE + rng.uniform(0, 100, 2))
    return tmp_path / "set"


@pytest.fixture
def videos(tmp_path):
    rng = np.random.default_rng(1)
    for person in PEOPLE[:3]:
        folder = tmp_path / "moving" / person / "talk"
        (folder / "annot").mkdir(parents=True)
        (folder / "imgs").mkdir()
        for frame in range(3):
            image = rng.integers(0, 255, (200, 240, 3), np.uint8)
            iio.imwrite(folder / "imgs" / f"{frame + 1:06d}.png", image)
            write_pts(folder / "annot" / f"{frame + 1:06d}.pts", SHAPE + 50 + frame)
    return tmp_path / "moving"


def call(*arguments):
    runner = CliRunner(env={"COLUMNS": "200"})
    return runner.invoke(app, ["calibrate", *(str(a) for a in arguments), "--device", "cpu"])


def test_a_picture_without_a_labelled_landmark_is_passed_over(model, stills, tmp_path):
    write_pts(stills / "Ann" / "1.pts", np.full((7, 2), np.nan))
    result = call(model, "--stills", stills, "--out", tmp_path / "new.safetensors")
    assert result.exit_code == 0, result.output
    calibration = load_model(tmp_path / "new.safetensors").info["calibration"]
    assert calibration["people_or_photos"] == len(PEOPLE) - 1


def test_labels_are_judged_on_the_face_or_as_the_training_labels_lay(model, stills, tmp_path):
    loaded = load_model(model)
    save_model(model, loaded.model, {**loaded.info, "label_shift": [2.0, 1.0]})
    for labels in stills.glob("*/*.pts"):
        write_pts(labels, read_pts(labels, 7) + [2, 1])
    shifted = observe_stills(load_model(model), find_stills(stills), "a")
    for labels in stills.glob("*/*.pts"):
        write_pts(labels, read_pts(labels, 7) - [2, 1])
    plain = observe_stills(load_model(model), find_stills(stills), "a", convention=Convention.face)
    np.testing.assert_allclose(shifted.errors, plain.errors, rtol=1e-4)
    result = call(model, "--stills", stills, "--out", model, "--convention", "face")
    assert result.exit_code == 0, result.output
    assert load_model(model).info["calibration"]["convention"] == "face"


def test_calibrating_writes_model_figures_and_plot(model, stills, videos, tmp_path):
    new, figures, plot = tmp_path / "new.safetensors", tmp_path / "f.json", tmp_path / "r.png"
    result = call(
        model, "--stills", stills, "--videos", videos,
        "--out", new, "--json", figures, "--picture", plot,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "AUROC" in result.output
    loaded = load_model(new)
    assert loaded.model.confidence is not None
    assert loaded.info["data"] == ["nobody"]
    assert plot.stat().st_size > 1000
    told = json.loads(figures.read_text())
    assert told["measured_on_the_other"] == loaded.info["calibration"]["measured_on_the_other"]
    names = {row["name"].split(", ")[-1] for row in told["measured_on_the_other"]["faces"]}
    assert {FOUND, TRACKED, "all"} <= names <= {FOUND, TRACKED, VIDEO, "all"}
    assert told["measured_on_the_other"]["no_face"]["places"] > 0


def test_only_the_confidence_changes(model, stills, tmp_path):
    assert call(model, "--stills", stills, "--out", model).exit_code == 0
    call(model, "--stills", stills, "--out", tmp_path / "again.safetensors")
    images = torch.randint(0, 256, (2, 128, 128, 3), dtype=torch.uint8)
    (old, _), (new, _) = load_tensors(model), load_tensors(tmp_path / "again.safetensors")
    assert all(torch.equal(old[name], new[name]) for name in old)
    out = load_model(model).model.align(images)
    assert out.confidence.shape == out.support.shape == (2, 7)
    assert not torch.equal(out.confidence, out.support)


def test_a_list_keeps_its_names_in_the_folders_that_have_them(model, stills, tmp_path):
    other = tmp_path / "photos"
    other.mkdir()
    for name in ("a_1", "b_1"):
        iio.imwrite(other / f"{name}.png", np.zeros((300, 300, 3), np.uint8))
        write_pts(other / f"{name}.pts", SHAPE + 60)
    (tmp_path / "names.txt").write_text("a\n")
    result = call(
        model, "--stills", stills, "--stills", other,
        "--only", tmp_path / "names.txt", "--out", tmp_path / "new.safetensors",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    note = load_model(tmp_path / "new.safetensors").info["calibration"]
    assert note["people_or_photos"] == len(PEOPLE) + 1


def test_weights_are_stored_in_eight_bits_where_that_is_asked_for(model, stills, tmp_path):
    full, compact, again = (tmp_path / f"{name}.safetensors" for name in ("f", "c", "a"))
    assert call(model, "--stills", stills, "--out", full).exit_code == 0
    assert call(model, "--stills", stills, "--out", compact, "--compact").exit_code == 0
    assert call(compact, "--stills", stills, "--out", again).exit_code == 0
    kinds = [{t.dtype for t in load_tensors(path)[0].values()} for path in (full, compact, again)]
    assert [torch.int8 in kind for kind in kinds] == [False, True, True]
    assert load_model(compact).model.confidence is not None


def test_nothing_to_calibrate_on_is_said(model, tmp_path):
    result = call(model, "--out", tmp_path / "new.safetensors")
    assert result.exit_code == 2
    assert "give --stills DIR or --videos DIR" in result.output + result.stderr


def test_one_person_is_too_few(model, tmp_path, videos):
    result = call(model, "--videos", videos / "Ann", "--out", tmp_path / "new.safetensors")
    assert result.exit_code == 2
    assert "give more people" in (result.output + result.stderr).replace("\n", " ")


def test_every_frame_of_a_video_is_observed_with_its_own_evidence(model, videos):
    seen = observe_videos(load_model(model), find_annotated_videos(videos), "made")
    assert set(seen.ways) == {VIDEO}
    assert set(seen.groups) == set(PEOPLE[:3])
    assert seen.evidence.shape == (len(seen.errors), 7, len(EVIDENCE))
    flat = seen.evidence.reshape(len(seen.errors), -1)
    assert len(np.unique(flat, axis=0)) == len(flat)
    assert NOTHING not in seen.ways


def test_a_model_of_old_has_its_support_as_confidence(model):
    old = load_model(model).model
    assert old.confidence is None
    out = old.align(torch.randint(0, 256, (2, 128, 128, 3), dtype=torch.uint8))
    assert torch.equal(out.confidence, out.support)


def test_calibrated_confidence_comes_back_as_it_was(network, tmp_path):
    network.confidence = Confidence(np.linspace(-1, 1, len(EVIDENCE)), np.linspace(0, 1, 7))
    save_model(tmp_path / "a.safetensors", network)
    loaded = load_model(tmp_path / "a.safetensors").model
    assert torch.equal(loaded.confidence.slopes, network.confidence.slopes)
    assert torch.equal(loaded.confidence.levels, network.confidence.levels)


def test_a_calibration_that_does_not_fit_is_said(network, tmp_path):
    network.confidence = Confidence(np.zeros(3), np.zeros(7))
    save_model(tmp_path / "a.safetensors", network)
    with pytest.raises(ModelError, match=r"a\.safetensors: its confidence was calibrated by"):
        load_model(tmp_path / "a.safetensors")
    tensors, header = load_tensors(tmp_path / "a.safetensors")
    del tensors["confidence.levels"]
    save_tensors(tmp_path / "b.safetensors", tensors, header)
    with pytest.raises(ModelError, match="calibrated by another version"):
        load_model(tmp_path / "b.safetensors")


def test_training_on_does_not_inherit_a_calibration_it_made_stale(network):
    network.confidence = Confidence(np.zeros(len(EVIDENCE)), np.zeros(7))
    assert not any("confidence" in name for name in network.state_dict())
