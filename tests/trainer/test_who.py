"""How a face looks, from a network's identity code."""

import numpy as np
import pytest

from trainer import who
from trainer.alignment import SequentialAligner
from trainer.checkpoint import LoadedModel, available_models, load_model
from trainer.config import config_for
from trainer.models.rednet import RedNet
from trainer.who import SURE, _axes, likeness, look


@pytest.fixture(scope="module")
def aligner():
    config = config_for("red-lite").network
    model = RedNet(config).eval()
    people = [f"person {n}" for n in range(config.n_identities)]
    return SequentialAligner(LoadedModel(model, {"people": people}, "untrained"), device="cpu")


class Pictures:
    """A video of noise."""

    def frame(self, number):
        rng = np.random.default_rng(number)
        return rng.integers(0, 255, (120, 160, 3), dtype=np.uint8)


def face(x=60):
    angles = np.linspace(0, 6, 68)
    return np.column_stack([x + 30 * np.cos(angles), 60 + 30 * np.sin(angles)]).astype(np.float32)


def test_a_face_is_alike_to_itself_and_has_no_looks_without_frames(aligner):
    looks = look(aligner, Pictures(), [(0, face()), (1, face())])
    _, _, sure = _axes(aligner.runner.model.config.half_code)
    assert likeness(looks, looks) == pytest.approx(SURE / sure, abs=1e-5)
    assert look(aligner, Pictures(), []) is None


def test_the_classes_of_f_cls_are_named_most_likely_first(aligner):
    looks = look(aligner, Pictures(), [(0, face())])
    if aligner.runner.model.identity is None:
        assert looks.people == ()
        return
    chances = [chance for _, chance in looks.people]
    assert chances == sorted(chances, reverse=True)
    assert all(name.startswith("person") for name, _ in looks.people)


@pytest.mark.parametrize("name", available_models())
def test_every_model_that_ships_has_its_axes(name):
    length = load_model(name).model.config.half_code
    mean, axes, sure = _axes(length)
    assert len(mean) == len(axes) == length
    assert SURE <= sure < 1


def test_a_network_that_has_to_be_surer_finds_faces_less_alike(aligner, monkeypatch):
    faces = [(0, face()), (1, face())]
    usual = look(aligner, Pictures(), faces)
    length = aligner.runner.model.config.half_code
    mean, axes, sure = _axes(length)
    monkeypatch.setattr(who, "_axes", lambda length: (mean, axes, 0.9))
    surer = look(aligner, Pictures(), faces)
    assert likeness(surer, surer) == pytest.approx(sure / 0.9 * likeness(usual, usual), abs=1e-5)


def test_codes_of_another_network_have_no_axes():
    assert _axes(33) is None
