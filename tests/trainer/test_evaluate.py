import json
from types import SimpleNamespace

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from trainer.checkpoint import LoadedModel, save_model
from trainer.config import NetworkConfig
from trainer.data.pts import write_pts
from trainer.data.stills import find_stills
from trainer.evaluate import Convention, evaluate
from trainer.geometry import FaceBox
from trainer.models.rednet import RedNet
from trainer.step_pictures import step_picture

# Seven landmarks in a box 100 wide and 60 high: crop side 1.4 * 80 = 112 image pixels.
SHAPE = np.array([[0, 0], [30, 0], [70, 0], [100, 0], [50, 30], [20, 60], [80, 60]], np.float32)
OFFSETS = {"Ann": (40, 50), "Bob": (90, 70), "Cyd": (60, 90)}
CROP_PIXEL = 112 / 128


@pytest.fixture
def stills(tmp_path):
    for name, offset in OFFSETS.items():
        (tmp_path / name).mkdir()
        iio.imwrite(tmp_path / name / "1.png", np.zeros((220, 260, 3), np.uint8))
        write_pts(tmp_path / name / "1.pts", SHAPE + offset)
    return tmp_path


class Constant:
    """A network that answers the same crop coordinates whatever it sees."""

    def __init__(self, by_step, regression, mirrored=False):
        self.config = NetworkConfig(n_landmarks=7, steps=len(by_step), mirrored=mirrored)
        self.mean_shape = torch.zeros(7, 2)
        self.by_step = torch.from_numpy(np.stack(by_step))
        self.regression = torch.from_numpy(regression)
        self.starts = []

    def align(self, images, start=None, *, with_regression):
        n = len(images)
        self.starts.append(start)
        assert images.dtype == torch.uint8
        assert images.shape[1:] == (128, 128, 3)
        steps = self.by_step[:, None].expand(-1, n, -1, -1)
        return SimpleNamespace(
            landmarks=steps[-1],
            per_step=steps,
            regression=self.regression.expand(n, -1, -1) if with_regression else None,
        )


def off_by(*image_pixels):
    """Crop coordinates that are this many image pixels too far right, by step and f_REG."""
    crop = (SHAPE - [50, 30]) / CROP_PIXEL + 63.5
    moved = [(crop + [d / CROP_PIXEL, 0]).astype(np.float32) for d in image_pixels]
    return LoadedModel(Constant(moved[:-1], moved[-1]), {}, "constant")


def test_errors_are_in_per_cent_of_the_distance_of_the_outer_eye_corners(stills):
    result = evaluate(off_by(8, 3, 5), find_stills(stills)).summary()
    assert result["images"] == 3
    assert result["no_face"] == 0
    assert result["nme_interocular_mean"] == pytest.approx(3.0, abs=1e-3)
    assert result["per_step"] == pytest.approx([8.0, 3.0], abs=1e-3)
    assert result["regression"] == pytest.approx(5.0, abs=1e-3)
    assert result["failure_rate_10"] == 0
    assert result["auc_10"] == pytest.approx(0.7, abs=1e-4)
    assert result["groups"] == pytest.approx({"eyes": 3.0, "nose": 3.0, "mouth": 3.0}, abs=1e-3)


def many_faces(folder, count):
    """As many people as asked for, one picture each, with the labels of :data:`SHAPE`."""
    for number in range(count):
        place = folder / "many" / f"P{number:02d}"
        place.mkdir(parents=True)
        iio.imwrite(place / "1.png", np.zeros((220, 260, 3), np.uint8))
        write_pts(place / "1.pts", SHAPE + (60 + number, 70))
    return find_stills(folder / "many")


def beside(pixels, mirrored, learned=(0, 0)):
    """Answers so many image pixels to the left of and above the labels, and what the model
    learned of that."""
    crop = ((SHAPE - [50, 30] - pixels) / CROP_PIXEL + 63.5).astype(np.float32)
    return LoadedModel(Constant([crop], crop, mirrored), {"label_shift": list(learned)}, "constant")


def test_errors_are_against_labels_as_they_are_and_their_shift_is_told_beside(tmp_path):
    stills = many_faces(tmp_path, 40)
    result = evaluate(beside(1.5, mirrored=True), stills)
    summary = result.summary()
    assert summary["nme_interocular_mean"] == pytest.approx(1.5 * 2**0.5, abs=1e-3)
    assert summary["per_step"] == pytest.approx([1.5 * 2**0.5], abs=1e-3)
    (name, shift), *others = summary["label_shifts"].items()
    assert others == []
    assert name == f"{tmp_path.name}/many"
    assert shift["pixels"] == pytest.approx(1.5, abs=1e-3)
    assert shift["faces"] == 40
    assert shift["sure"]


def test_answers_are_drawn_as_the_models_training_labels_lay(tmp_path):
    stills = many_faces(tmp_path, 40)
    loaded = beside(1.5, mirrored=True, learned=(1.0, 1.5))
    result = evaluate(loaded, stills)
    summary = result.summary()
    assert summary["convention"] == "labels"
    assert summary["answers_moved"] == [1.0, 1.5]
    assert summary["nme_interocular_mean"] == pytest.approx(0.5, abs=1e-3)
    assert summary["per_step"] == pytest.approx([0.5], abs=1e-3)
    assert summary["regression"] == pytest.approx(0.5, abs=1e-3)
    assert result.truth[0] == pytest.approx(SHAPE + (60, 70), abs=1e-4)
    on_the_face = summary["on_the_face"]
    assert on_the_face["nme_interocular_mean"] == pytest.approx(1.5 * 2**0.5, abs=1e-3)
    (shift,) = summary["label_shifts"].values()
    assert shift["pixels"] == pytest.approx(1.5, abs=1e-3)
    plain = evaluate(loaded, stills, convention=Convention.face)
    assert plain.summary()["convention"] == "face"
    assert plain.summary()["answers_moved"] == [0, 0]
    assert plain.errors == pytest.approx(result.errors_on_the_face(), abs=1e-4)


@pytest.mark.parametrize(("count", "mirrored"), [(29, True), (40, False)])
def test_too_few_faces_or_a_network_that_sees_no_mirror_tell_no_shift(tmp_path, count, mirrored):
    result = evaluate(beside(1.5, mirrored), many_faces(tmp_path, count))
    assert result.shifts == {}
    assert result.errors == pytest.approx(np.full(count, 1.5 * 2**0.5), abs=1e-3)


def test_a_shift_too_small_to_matter_is_told_as_such(tmp_path):
    result = evaluate(beside(0.1, mirrored=True), many_faces(tmp_path, 40))
    (shift,) = result.summary()["label_shifts"].values()
    assert shift["pixels"] == pytest.approx(0.1, abs=1e-3)
    assert not shift["sure"]


class FindsOnly:
    """A detector that finds one person's face, and a wall beside everybody else's.

    It finds the box of 68 landmarks in which, by :func:`box_of_landmarks`, those of the 7 are
    80 wide and high on average, as :data:`SHAPE`'s are.
    """

    def __init__(self, offset):
        self.offset = offset
        self.calls = iter(OFFSETS.values())

    def detect(self, image):
        offset = next(self.calls)
        wall = FaceBox(0, 0, 20, 20)
        side = 80 / ((0.594 + 0.512) / 2)
        x, y = np.add(offset, (50, 30 + 0.073 * side)) - side / 2
        return [wall, FaceBox(x, y, side, side)] if offset == self.offset else [wall]


def test_a_face_not_found_counts_as_failure_and_as_100_per_cent(stills):
    found = evaluate(off_by(2, 2), find_stills(stills), detector=FindsOnly(OFFSETS["Bob"]))
    result = found.summary()
    assert result["no_face"] == 2
    assert result["nme_interocular_mean"] == pytest.approx(4.0, abs=1e-3)
    assert result["nme_with_misses"] == pytest.approx((4 + 100 + 100) / 3, abs=1e-3)
    assert result["failure_rate_10"] == pytest.approx(200 / 3)
    assert result["auc_10"] == pytest.approx(0.6 / 3, abs=1e-4)
    assert np.isnan(found.errors[[0, 2]]).all()


def test_a_face_that_a_detector_found_is_looked_at_again_around_the_answer(stills):
    loaded = off_by(2, 2)
    found = evaluate(loaded, find_stills(stills), detector=FindsOnly(OFFSETS["Bob"]))
    # The network errs by 2 pixels beside the middle of its crop, and the second crop lies there.
    assert found.errors[1] == pytest.approx(4, abs=1e-3)
    first, second = loaded.model.starts
    assert first is None
    centred = (SHAPE - [50, 30]) / CROP_PIXEL + 63.5
    assert second[0].numpy() == pytest.approx(centred, abs=1e-3)


def test_no_face_in_any_picture_still_gives_a_report(stills):
    result = evaluate(off_by(4, 4), find_stills(stills), detector=FindsOnly(None)).summary()
    assert result["nme_interocular_mean"] is None
    assert result["nme_with_misses"] == 100
    assert json.loads(json.dumps(result)) == result | {
        "intervals": {k: list(v) for k, v in result["intervals"].items()}
    }


def test_the_command_writes_the_agreed_keys_and_the_pictures(stills, tmp_path):
    from trainer.cli import app

    network = RedNet(NetworkConfig(n_landmarks=7, width=0.0625))
    save_model(tmp_path / "seven.safetensors", network)
    arguments = ["evaluate", str(stills), "--model", str(tmp_path / "seven.safetensors")]
    arguments += ["--json", str(tmp_path / "out.json"), "--steps", str(tmp_path / "steps")]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    keys = "images no_face nme_interocular_mean nme_interocular_median nme_with_misses"
    keys += " failure_rate_10 auc_10 per_step groups"
    assert set(keys.split()) <= json.loads((tmp_path / "out.json").read_text()).keys()
    assert len(list((tmp_path / "steps").glob("*.png"))) == 3


@pytest.mark.parametrize(("pixels", "told"), [(0.2, True), (1.0, False)])
def test_labels_on_the_face_are_told_from_those_a_model_was_trained_on(
    tmp_path, monkeypatch, pixels, told
):
    from trainer.cli import app

    many_faces(tmp_path, 40)
    loaded = beside(pixels, mirrored=True, learned=(1.0, 1.0))
    monkeypatch.setattr("trainer.checkpoint.load_model", lambda *_: loaded)
    done = CliRunner().invoke(app, ["evaluate", str(tmp_path / "many")], catch_exceptions=False)
    said = " ".join(word for word in done.output.split() if word != "│")
    assert "answers moved by, px +1.00 to the right, +1.00 down" in said
    assert ("these labels lie on the face rather: use --convention face" in said) == told
    done = CliRunner().invoke(
        app, ["evaluate", str(tmp_path / "many"), "--convention", "face"], catch_exceptions=False
    )
    assert "moved by" not in done.output


def test_step_pictures_show_a_column_per_step_and_one_for_the_result():
    loaded = LoadedModel(RedNet(NetworkConfig(width=0.0625)).eval(), {}, "x")
    picture = step_picture(loaded, np.zeros((128, 128, 3), np.uint8))
    assert picture.shape == (2 * 256, 4 * 256, 3)
    assert picture.any()
