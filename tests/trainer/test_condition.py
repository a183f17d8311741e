"""A face turned away or hidden is said to be so, once, and once more when that ends."""

from __future__ import annotations

import numpy as np
import pytest
from posed_heads import seen

from trainer.condition import CONDITION_RULES, Conditions, told_of
from trainer.tracking import FaceResult

SHAPE = (720, 1280, 3)


def face(yaw: float = 0.0, unseen: float = 0.0) -> FaceResult:
    """A head in a pose, this part of its landmarks without confidence."""
    confidence = np.full(68, 0.9, np.float32)
    confidence[: round(68 * unseen)] = 0.1
    return FaceResult(seen(yaw).astype(np.float32), confidence, 0.99, None, np.zeros(2))


def told(faces: list[FaceResult | None], slot: int = 0) -> list[tuple[int, str]]:
    """(frame, note) of one slot's face through a video; None where it is lost."""
    conditions = Conditions()
    return [
        (frame, note)
        for frame, one in enumerate(faces)
        for note in conditions.notes({} if one is None else {slot: one}, SHAPE)
    ]


@pytest.mark.parametrize("side", [-1, 1])
def test_turning_away_and_back_is_told_once_each(side):
    turn = [*range(0, 85, 5), *range(80, -1, -5)]
    (left, away), (back, facing) = told([face(side * yaw) for yaw in turn])
    assert (away, facing) == ("face 1 turned away", "face 1 no longer turned away")
    assert 60 <= turn[left - 2] < 75
    assert 35 < turn[back - 2] <= 50


def test_a_face_at_the_border_is_not_told_of_in_every_frame():
    rng = np.random.default_rng(0)
    assert len(told([face(60 + rng.uniform(-6, 6)) for _ in range(60)])) <= 1


def test_a_glance_of_two_frames_is_nothing():
    assert told([face(), face(80), face(80), face(), face(unseen=0.9), face()]) == []


def test_a_hidden_face_is_told_and_so_is_its_return():
    notes = told([face()] * 3 + [face(unseen=0.8)] * 6 + [face(unseen=0.4)] * 3 + [face()] * 5)
    assert notes == [(5, "face 1 mostly hidden"), (14, "face 1 visible again")]


def test_half_a_face_is_not_hidden():
    assert told([face(unseen=0.45)] * 20) == []


def test_both_can_be_so_at_once_and_slots_are_apart():
    conditions = Conditions()
    for _ in range(CONDITION_RULES.lasting - 1):
        assert conditions.notes({0: face(), 1: face(80, 0.8)}, SHAPE) == []
    notes = conditions.notes({0: face(), 1: face(80, 0.8)}, SHAPE)
    assert notes == ["face 2 turned away", "face 2 mostly hidden"]


def test_a_lost_face_starts_afresh():
    away = [face(80)] * 4
    assert told([*away, None, *away]) == [(2, "face 1 turned away"), (7, "face 1 turned away")]


def test_landmarks_without_a_pose_change_nothing():
    nowhere = face()
    nowhere.landmarks = np.full((68, 2), 5, np.float32)
    assert told([face(80)] * 3 + [nowhere] * 5) == [(2, "face 1 turned away")]


def test_a_single_frame_tells_its_state_by_itself():
    def words(one: FaceResult) -> list[str]:
        return told_of(one.landmarks, one.confidence, (SHAPE[1], SHAPE[0]))

    assert words(face()) == []
    assert words(face(yaw=70)) == ["turned away"]
    assert words(face(unseen=0.8)) == ["mostly hidden"]
    assert told_of(np.full((68, 2), np.nan), np.zeros(68), (1280, 720)) == []
