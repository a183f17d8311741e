"""Faces that are followed: one look, and a second one for those that jumped."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fake_faces import landmarks_at

from trainer.face_network import FaceNetwork
from trainer.geometry import FaceBox
from trainer.scheme import scheme_for

SCHEME = scheme_for(68)
IMAGE = np.zeros((300, 300, 3), np.uint8)


@pytest.fixture
def face():
    """(68, 2) landmarks of a face in the middle of the picture."""
    return landmarks_at(150, 150, 60)


class Jumping:
    """Sees the first face of each call ``by`` crop pixels from where it starts; then there."""

    device = torch.device("cpu")

    def __init__(self, by, sure):
        self.by, self.sure, self.calls = by, sure, []

    def align(self, pictures, start, state, *, tracked):
        assert tracked
        look = len(self.calls)
        self.calls.append((len(pictures), state))
        points = start.clone()
        if look == 0:
            points[0] += torch.tensor(self.by)
        return SimpleNamespace(
            landmarks=points,
            confidence=torch.full(points.shape[:2], self.sure[look]),
            support=torch.ones(points.shape[:2]),
            identity=torch.zeros(len(points), 4),
            disagreement=None,
            state=None,
        )


def test_a_face_that_hardly_moved_is_looked_at_once(face):
    runner = Jumping((6.0, 0.0), [0.8])
    FaceNetwork(runner, SCHEME).follow(IMAGE, [face], [None])
    assert [faces for faces, _ in runner.calls] == [1]


def test_a_face_that_jumped_is_looked_at_again_from_there(face):
    runner = Jumping((0.0, -40.0), [0.3, 0.9])
    still = landmarks_at(230, 150, 60)
    jumped, other = FaceNetwork(runner, SCHEME).follow(IMAGE, [face, still], [None, None])
    assert [faces for faces, _ in runner.calls] == [2, 1], "the other face isn't looked at again"
    assert jumped.confidence == pytest.approx(0.9)
    assert other.confidence == pytest.approx(0.3)
    up = (jumped.landmarks - face).mean(axis=0)
    assert up[0] == pytest.approx(0, abs=0.5)
    assert up[1] < -15
    np.testing.assert_allclose(other.landmarks, still, atol=0.01)


def test_the_first_look_stays_where_the_second_is_less_sure(face):
    runner = Jumping((0.0, -40.0), [0.6, 0.2])
    (seen,) = FaceNetwork(runner, SCHEME).follow(IMAGE, [face], [None])
    assert len(runner.calls) == 2
    assert seen.confidence == pytest.approx(0.6)


def test_the_second_look_starts_from_the_memory_of_the_frame_before(face, monkeypatch):
    runner = Jumping((0.0, -40.0), [0.3, 0.9])
    monkeypatch.setattr("trainer.face_network.join_states", lambda states: ("joined", *states))
    FaceNetwork(runner, SCHEME).follow(IMAGE, [face], ["before"])
    assert [state for _, state in runner.calls] == [("joined", "before")] * 2


class Starting:
    """Answers where it starts from, or a fixed shape where it is told nothing."""

    device = torch.device("cpu")

    def __init__(self, shape):
        self.shape = torch.from_numpy(shape)

    def align(self, pictures, start, state, *, tracked):
        points = self.shape.expand(len(pictures), -1, -1) if start is None else start
        ones = torch.ones(points.shape[:2])
        return SimpleNamespace(
            landmarks=points,
            confidence=ones,
            support=ones,
            identity=torch.zeros(len(points), 4),
            disagreement=None,
            state=None,
        )


def test_a_box_around_seven_landmarks_is_taken_as_it_is_and_a_faces_made_smaller():
    shape = np.array([[0, 0], [30, 0], [70, 0], [100, 0], [50, 30], [20, 60], [80, 60]], np.float32)
    # Centred in the crop, and as large in it as in a picture whose crop the box lays.
    crop = (shape - (50, 30)) * 128 / (1.4 * 80) + 63.5
    network = FaceNetwork(Starting(crop), scheme_for(7))
    points = shape + (100, 120)
    box = FaceBox.around(points)
    (own,) = network.start(IMAGE, [box], around_landmarks=True)
    np.testing.assert_allclose(own.landmarks, points, atol=0.01)
    (faces,) = network.start(IMAGE, [box])
    width = np.ptp(faces.landmarks[:, 0])
    assert width == pytest.approx(100 * (0.594 + 0.512) / 2, abs=0.1)
