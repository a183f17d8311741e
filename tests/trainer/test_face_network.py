"""Faces that are followed: one look, and a second one for those that jumped."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fake_faces import landmarks_at

from trainer.face_network import FaceNetwork
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
