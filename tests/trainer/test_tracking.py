"""The rules for losing a face, and where found faces go."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from fake_faces import MEAN, landmarks_at

from trainer.geometry import CROP_SCALE, CropTransform
from trainer.tracking import (
    RULES,
    FaceResult,
    Judge,
    Memory,
    Track,
    assign_slots,
    distance,
    impostors,
    shape_residual,
    upright_crop,
)

CORNERS = (36, 45)
SHAPE = (240, 320, 3)


def face(x=160.0, y=120.0, side=60.0, confidence=0.9, identity=(1.0, 0.0)) -> FaceResult:
    return FaceResult(
        landmarks_at(x, y, side),
        np.full(68, confidence, np.float32),
        confidence,
        None,
        np.array(identity, np.float32),
    )


@pytest.fixture
def judge() -> Judge:
    return Judge(RULES, MEAN, CORNERS)


def turned(points: np.ndarray, degrees: float) -> np.ndarray:
    middle = tuple(points.mean(axis=0))
    turn = CropTransform(0, 0, 1, np.radians(-degrees), size=1)
    return turn.apply(points - middle) + np.array(middle, np.float32)


def test_a_face_is_a_face(judge):
    assert judge.why_not(face(), SHAPE) is None
    assert judge.why_not(face(), SHAPE, side_before=58) is None


@pytest.mark.parametrize("degrees", [-170, -90, -30, 30, 90, 180])
def test_a_turned_face_is_a_face(judge, degrees):
    result = replace(face(), landmarks=turned(face().landmarks, degrees))
    assert judge.why_not(result, SHAPE) is None


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (face(confidence=0.1), r"low confidence \(0.10\)"),
        (face(x=330), "left the picture"),
        (face(x=-20), "left the picture"),
        (face(side=5), "too small"),
        (replace(face(), landmarks=face().landmarks * (1, 3) - (0, 240)), "shape"),
        (replace(face(), landmarks=face().landmarks * (0.3, 1) + (100, 0)), "shape"),
        (replace(face(), landmarks=np.full((68, 2), 100, np.float32)), "too small"),
        (replace(face(), landmarks=np.full((68, 2), np.nan, np.float32)), "no landmarks"),
    ],
)
def test_why_a_face_is_lost_is_said(judge, result, reason):
    assert re.search(reason, judge.why_not(result, SHAPE) or "")


def test_scattered_landmarks_are_no_face(judge):
    scattered = np.random.default_rng(0).uniform(100, 160, (68, 2)).astype(np.float32)
    assert judge.why_not(replace(face(), landmarks=scattered), SHAPE) == "not the shape of a face"


@pytest.mark.parametrize("side", [30, 110])
def test_a_jump_in_size_loses_the_face(judge, side):
    assert judge.why_not(face(), SHAPE, side_before=side) == "jumped in size"


def test_the_shape_residual_ignores_place_size_and_roll():
    assert shape_residual(turned(landmarks_at(50, 70, 33), 40), MEAN) == pytest.approx(0, abs=1e-4)
    assert shape_residual(landmarks_at(0, 0, 10)[::-1], MEAN) > 0.2
    assert shape_residual(np.zeros((68, 2)), MEAN) == np.inf


@pytest.mark.parametrize("degrees", [0, 25, -60, 120])
def test_the_crop_of_a_turned_face_shows_it_upright_at_the_usual_size(degrees):
    points = turned(landmarks_at(160, 120, 60), degrees)
    seen = upright_crop(points, CORNERS).apply(points)
    low, high = seen.min(axis=0), seen.max(axis=0)
    assert (high - low).mean() == pytest.approx(128 / CROP_SCALE, rel=1e-3)
    assert (low + high) / 2 == pytest.approx((63.5, 63.5), abs=0.1)
    assert seen[CORNERS[1], 1] == pytest.approx(seen[CORNERS[0], 1], abs=0.1)
    assert seen[CORNERS[0], 0] < seen[CORNERS[1], 0]


def test_distance_is_in_sides_of_the_smaller_face():
    assert distance(landmarks_at(0, 0, 100), landmarks_at(50, 0, 50)) == pytest.approx(1, abs=0.1)


def walked(xs, confidence=0.9) -> Track:
    track = Track(face(xs[0]), 0)
    for x in xs[1:]:
        track.advance(face(x, confidence=confidence))
    return track


def test_the_track_that_left_its_course_is_the_impostor():
    straight = walked([100 + 5 * i for i in range(15)])
    pulled = walked([240 - 5 * i for i in range(11)] + [185, 180, 175, 172])
    assert impostors({0: straight, 1: pulled}, RULES) == {1: 0}
    assert impostors({0: pulled, 1: straight}, RULES) == {0: 1}


def test_two_tracks_of_one_course_lose_the_less_sure_one():
    xs = [100 + i for i in range(10)]
    assert impostors({0: walked(xs, 0.5), 1: walked(xs, 0.9)}, RULES) == {0: 1}


def test_faces_side_by_side_are_two():
    assert impostors({0: walked([100.0]), 1: walked([150.0])}, RULES) == {}


def test_of_three_tracks_on_one_face_one_stays():
    tracks = {slot: walked([100.0]) for slot in range(3)}
    assert len(impostors(tracks, RULES)) == 2


def memory(x, identity, frame=10) -> Memory:
    return Memory(frame, np.array([x, 120.0]), 60.0, np.array(identity, np.float32))


def test_a_lost_face_gets_its_slot_back_wherever_it_is_in_the_detector_s_order():
    red, green = Track(face(200, identity=(1, 0)), 12), Track(face(100, identity=(0, 1)), 12)
    free = {0: memory(100, (0, 1)), 1: memory(200, (1, 0))}
    assert assign_slots([red, green], free, 12) == {0: green, 1: red}


def test_looks_decide_when_the_place_is_long_out_of_date():
    found = Track(face(110, identity=(1, 0)), 400)
    free = {0: memory(100, (0, 1)), 1: memory(250, (1, 0))}
    assert assign_slots([found], free, 400) == {1: found}


def test_a_stranger_takes_an_unused_slot():
    stranger = Track(face(300, identity=(0, 1)), 12)
    assert assign_slots([stranger], {0: memory(50, (1, 0)), 1: None}, 12) == {1: stranger}


def test_new_faces_fill_slots_in_the_detector_s_order():
    faces = [Track(face(x), 0) for x in (200, 100, 50)]
    assert assign_slots(faces, {0: None, 1: None}, 0) == {0: faces[0], 1: faces[1]}
