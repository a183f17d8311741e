"""Head angles against projected heads of known pose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from posed_heads import seen

from trainer.pose import angles_of, head_angles, rotation_of
from trainer.scheme import IBUG68, subset_7

SIZE = (1280, 720)


@settings(deadline=None)
@given(st.floats(-85, 85), st.floats(-50, 50), st.floats(-80, 80))
def test_a_projected_head_has_the_pose_it_was_projected_in(yaw, pitch, roll):
    assert head_angles(seen(yaw, pitch, roll), SIZE) == pytest.approx((yaw, pitch, roll), abs=2.5)


@settings(deadline=None)
@given(st.floats(-179, 179), st.floats(-85, 85), st.floats(-179, 179))
def test_angles_and_rotations_undo_each_other(yaw, pitch, roll):
    assert angles_of(rotation_of(yaw, pitch, roll)) == pytest.approx((yaw, pitch, roll), abs=1e-6)


def test_signs_are_those_of_the_picture():
    nose, between = 30, 27
    turned, raised, tilted = seen(yaw=30), seen(pitch=20), seen(roll=20)
    assert turned[nose, 0] > turned[between, 0], "the nose points to the right"
    straight = seen()
    rise = (raised[nose] - raised[between])[1]
    assert rise < (straight[nose] - straight[between])[1], "the nose points up"
    first, second = tilted[36], tilted[45]
    assert second[1] > first[1], "clockwise: the eye on the right is lower"


def test_a_mirrored_face_is_turned_the_other_way():
    mirrored = IBUG68.flip_landmarks(seen(40, 10, 5), SIZE[0])
    assert head_angles(mirrored, SIZE) == pytest.approx((-40, 10, -5), abs=1)


@pytest.mark.parametrize("at", [(100, 100), (1200, 700)])
def test_the_place_in_the_picture_does_not_matter(at):
    assert head_angles(seen(50, -10, 5, at=at), SIZE) == pytest.approx((50, -10, 5), abs=1)


@pytest.mark.parametrize("focal", [1000, 1800, 4000])
@pytest.mark.parametrize("side", [80, 250])
def test_another_lens_changes_little(focal, side):
    yaw, pitch, roll = head_angles(seen(60, 10, 0, side=side, focal=focal), SIZE)
    assert (yaw, pitch, roll) == pytest.approx((60, 10, 0), abs=5)


def test_noise_of_a_network_changes_little():
    rng = np.random.default_rng(0)
    for yaw in (-70, -30, 0, 30, 70):
        points = seen(yaw) + rng.normal(0, 6, (68, 2))  # 3 % of the eyes' distance
        assert head_angles(points, SIZE)[0] == pytest.approx(yaw, abs=6)


def test_seven_landmarks_are_enough():
    assert head_angles(subset_7(seen(35, 5, 10)), SIZE) == pytest.approx((35, 5, 10), abs=2.5)


def test_jaw_and_lips_do_not_count():
    points = seen(20)
    points[:17] += 50
    points[56:59, 1] += 60
    assert head_angles(points, SIZE)[0] == pytest.approx(20, abs=1)


def test_what_has_no_pose_has_none():
    half = seen()
    half[20:] = np.nan
    for points in (half, np.full((68, 2), np.nan), np.full((68, 2), 5.0)):
        assert np.isnan(head_angles(points, SIZE)).all()
