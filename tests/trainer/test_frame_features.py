"""Features of frames: the same chunk by chunk, few bytes, quick, and what they tell."""

from __future__ import annotations

import time

import numpy as np
import pytest

from trainer.face_3d import FACE_3D
from trainer.frame_features import (
    BEFORE,
    NAMES,
    FrameFeatures,
    beside_head,
    frames_mask,
    summarise,
)
from trainer.pose import rotation_of
from trainer.scheme import IBUG68, SUBSET_7

AXES = np.array([1.0, -1.0, -1.0])


def head(yaw: float = 0.0, x: float = 300.0, size: float = 10.0) -> np.ndarray:
    """(68, 2) landmarks of the average head, turned, as a far camera sees it."""
    turned = (FACE_3D * AXES) @ rotation_of(yaw, 5.0, 10.0).T
    return (turned[:, :2] * size + (x, 200.0)).astype(np.float32)


def moving(n: int) -> np.ndarray:
    """(n, 68, 2) of a head that turns and wanders, with some noise."""
    rng = np.random.default_rng(0)
    heads = [head(40 * np.sin(i / 20), 300 + 50 * np.sin(i / 15)) for i in range(n)]
    return (np.stack(heads) + rng.normal(0, 0.5, (n, 68, 2))).astype(np.float32)


def sure(n: int, landmarks: int = 68) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.random((n, landmarks)).astype(np.float32), rng.random(n).astype(np.float32) / 20


@pytest.mark.parametrize("landmarks", [68, 7])
def test_chunks_have_the_same_features_as_the_whole(landmarks):
    points = moving(300)[:, list(SUBSET_7) if landmarks == 7 else slice(None)]
    points[50:60] = np.nan  # lost
    points[128] = np.nan  # lost where a chunk begins
    points[200:210, 3] = np.nan  # one landmark hidden
    confidence, disagreement = sure(300, landmarks)
    confidence[~np.isfinite(points).all(axis=-1)] = np.nan
    whole = summarise(points, confidence, disagreement)
    parts = [
        summarise(
            points[i : i + 128], confidence[i : i + 128], disagreement[i : i + 128],
            points[max(i - BEFORE, 0) : i] if i else None,
        )
        for i in range(0, 300, 128)
    ]  # fmt: skip
    joined = FrameFeatures.joined(parts)
    for name in NAMES:
        np.testing.assert_allclose(
            getattr(joined, name), getattr(whole, name), rtol=1e-4, atol=1e-4, err_msg=name
        )
    assert whole.lost.sum() == 11
    assert np.isfinite(whole.confidence[~whole.lost]).all()
    assert np.isfinite(whole.yaw[200:210]).all()


def test_features_survive_sixteen_bits_and_lost_stays_lost():
    points = moving(40) * 8
    points[5] = np.nan
    features = summarise(points, *sure(40))
    kept = features.to_array()
    assert kept.dtype == np.float16
    assert kept.shape == (40, len(NAMES))
    again = FrameFeatures.from_array(kept)
    np.testing.assert_array_equal(again.lost, features.lost)
    for name in NAMES:
        np.testing.assert_allclose(
            getattr(again, name), getattr(features, name), rtol=1e-3, atol=1e-4, err_msg=name
        )
    huge = summarise(np.full((1, 68, 2), 1e6, np.float32), *sure(1)).to_array()
    assert np.isfinite(huge[0, [NAMES.index("x"), NAMES.index("y")]]).all()
    with pytest.raises(ValueError, match="another version"):
        FrameFeatures.from_array(kept[:, :3])


def test_a_frame_costs_less_than_a_third_of_a_millisecond():
    points, given = moving(128), sure(128)
    summarise(points, *given)
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        summarise(points, *given)
        times.append(time.perf_counter() - begin)
    assert min(times) / 128 < 0.0003


@pytest.mark.parametrize("yaw", [0, 30, -60, 85])
def test_yaw_is_told_and_swapped_sides_look_like_the_back_of_a_head(yaw):
    points = head(yaw)[None]
    assert summarise(points, *sure(1)).yaw[0] == pytest.approx(yaw, abs=1)
    if abs(yaw) < 70:  # a profile's sides lie on one another
        swapped = summarise(points[:, list(IBUG68.flip)], *sure(1)).yaw[0]
        assert abs(swapped) > 110


def test_a_jump_shows_and_even_movement_does_not():
    points = np.stack([head(0, 300 + 6 * i) for i in range(30)])
    points[20:, :, 1] += 30
    jump = summarise(points, *sure(30)).jump
    assert np.isnan(jump[0])
    side = summarise(points, *sure(30)).side[0]
    assert jump[2:20].max() < 0.002
    assert jump[20] == pytest.approx(30 / side, rel=0.02)
    assert jump[21] < jump[20] / 3
    assert jump[22:].max() < 0.002


def test_an_odd_shape_is_further_from_a_head_and_stretching_or_turning_is_not_odd():
    shapes = np.stack([head(0), head(50), head(0) * (1.3, 0.8), head(0)]).astype(np.float32)
    shapes[3, 48:68] += (0, 25)
    odd = summarise(shapes, *sure(4)).oddness
    assert odd[:3].max() < 0.002
    assert odd[3] > 0.02
    beside = beside_head(shapes)
    assert beside.shape == (4, 68, 2)
    assert np.abs(beside[:3]).max() < 0.005


def test_confidence_is_of_all_and_of_the_worst_landmarks():
    confidence = np.full((1, 68), 0.9, np.float32)
    confidence[0, :7] = 0.2
    features = summarise(head()[None], confidence, np.zeros(1, np.float32))
    assert features.low_confidence[0] == pytest.approx(0.2)
    assert features.confidence[0] == pytest.approx((7 * 0.2 + 61 * 0.9) / 68)


def test_nothing_but_lost_frames_is_no_error():
    features = summarise(np.full((3, 68, 2), np.nan), np.zeros((3, 68)), np.zeros(3))
    assert features.lost.all()
    assert len(summarise(np.empty((0, 68, 2)), np.empty((0, 68)), np.empty(0))) == 0


def test_frames_are_given_one_by_one_or_as_stretches():
    assert frames_mask(np.array([[1, 3], [2, 4]]), 6).tolist() == [0, 1, 1, 1, 0, 0]
    assert not frames_mask(np.empty((0, 2), int), 4).any()
    assert frames_mask(np.array([True, False]), 2).tolist() == [True, False]
    with pytest.raises(ValueError, match="expected"):
        frames_mask(np.ones(3, bool), 4)
