"""Errors, failures and curves, with values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.geometry import FaceBox
from trainer.metrics import (
    auc,
    bootstrap_interval,
    failure_rate,
    group_errors,
    interocular,
    matches,
    nme,
    pixel_accuracy,
    point_errors,
)
from trainer.scheme import IBUG68, POINTS7, subset_7


@pytest.fixture
def face() -> np.ndarray:
    """(68, 2) with the outer eye corners 50 pixels apart, 30 across and 40 down."""
    points = np.random.default_rng(0).uniform(0, 100, (68, 2))
    points[36], points[45] = (10, 10), (40, 50)
    return points


def test_interocular_is_the_distance_of_the_outer_eye_corners(face: np.ndarray) -> None:
    assert interocular(face) == pytest.approx(50)
    assert interocular(np.stack([face, 2 * face])) == pytest.approx([50, 100])
    assert interocular(subset_7(face)) == pytest.approx(50), "the 7-point scheme's as well"


def test_nme_by_hand(face: np.ndarray) -> None:
    predicted = face.copy()
    predicted[:34] += (3, 4)  # half of the landmarks 5 px off: 10 % of 50 px
    assert nme(predicted, face) == pytest.approx(5)
    assert point_errors(predicted, face)[0] == pytest.approx(10)
    assert point_errors(predicted, face)[40] == pytest.approx(0)


def test_nme_of_many_faces_is_one_number_each_normalised_by_its_own_truth(
    face: np.ndarray,
) -> None:
    truth = np.stack([face, 2 * face])
    assert nme(truth + (0, 5), truth) == pytest.approx([10, 5])


def test_nme_leaves_unlabelled_landmarks_out(face: np.ndarray) -> None:
    truth, predicted = face.copy(), face + (5, 0)
    truth[0] = np.nan
    predicted[0] += 1000
    assert nme(predicted, truth) == pytest.approx(10)


def test_nme_does_not_depend_on_position_size_or_rotation(face: np.ndarray) -> None:
    predicted = face + np.random.default_rng(1).normal(size=face.shape)
    turn = 3 * np.array([[0.6, -0.8], [0.8, 0.6]])
    moved = nme(predicted @ turn + 20, face @ turn + 20)
    assert moved == pytest.approx(nme(predicted, face))


def test_failure_rate_counts_errors_above_ten_and_misses() -> None:
    errors = np.array([2.0, 10.0, 10.01, 50.0])
    assert failure_rate(errors) == pytest.approx(50)
    assert failure_rate(errors, misses=4) == pytest.approx(75)
    assert failure_rate(np.array([]), misses=3) == pytest.approx(100)
    assert np.isnan(failure_rate(np.array([])))


def test_auc_is_the_area_under_the_cumulative_error_curve() -> None:
    errors = np.array([0.0, 2.5, 5.0, 20.0])
    # One face is right at every threshold, one from 2.5 on, one from 5 on, one never.
    assert auc(errors) == pytest.approx((1 + 0.75 + 0.5 + 0) / 4)
    thresholds = (np.arange(100_000) + 0.5) / 10_000
    curve = (errors[:, None] <= thresholds).mean(axis=0)
    assert auc(errors) == pytest.approx(curve.mean(), abs=1e-4)
    assert auc(errors, misses=4) == pytest.approx(auc(errors) / 2)
    assert auc(np.array([]), misses=2) == 0
    assert np.isnan(auc(np.array([])))


@pytest.mark.parametrize("scheme", [IBUG68, POINTS7], ids=lambda scheme: scheme.name)
def test_group_errors_are_means_over_their_landmarks(face: np.ndarray, scheme) -> None:
    truth = np.stack([face, face])
    if scheme is POINTS7:
        truth = subset_7(truth)
    predicted = truth.copy()
    predicted[0, list(scheme.groups["mouth"])] += (0, 5)  # one of two faces, 10 %
    errors = group_errors(predicted, truth, scheme)
    assert errors.keys() == scheme.groups.keys()
    assert errors["mouth"] == pytest.approx(5)
    assert errors["eyes"] == pytest.approx(0)


def test_found_face_counts_from_an_overlap_of_three_tenths_on() -> None:
    true = FaceBox(0, 0, 10, 10)
    assert matches(FaceBox(0, 0, 10, 3.01), true)
    assert not matches(FaceBox(0, 0, 10, 2.99), true)
    assert not matches(FaceBox(50, 50, 10, 10), true)


def test_bootstrap_interval_draws_whole_groups() -> None:
    # Two people with 50 equal faces each: single faces would give a far tighter interval.
    values = np.repeat([4.0, 6.0], 50)
    people = ["a"] * 50 + ["b"] * 50
    assert bootstrap_interval(values, people) == pytest.approx((4, 6))
    single = bootstrap_interval(values, [str(i) for i in range(100)])
    assert 4.5 < single[0] < 5 < single[1] < 5.5


def test_bootstrap_interval_is_the_same_every_time_and_takes_any_statistic() -> None:
    values = np.random.default_rng(0).gamma(2, 2, 200)
    people = [str(i // 4) for i in range(200)]
    first = bootstrap_interval(values, people, np.median)
    assert first == bootstrap_interval(values, people, np.median)
    assert first[0] < np.median(values) < first[1]


def test_pixel_accuracy_counts_a_parts_own_pixels_by_landmark():
    truth = np.zeros((1, 4, 4), int)
    truth[0, 0] = [1, 1, 2, 5]  # POINTS7: 1-4 eyes, 5 nose, 6-7 mouth
    labels = np.zeros((1, 4, 4), int)
    labels[0, 0] = [1, 2, 2, 0]
    labels[0, 3] = 6  # won where nothing is: no part's own pixel
    found = pixel_accuracy(labels, truth, POINTS7)
    assert found["eyes"] == pytest.approx(100 * 2 / 3)
    assert found["nose"] == 0
    assert np.isnan(found["mouth"])
    assert found["all"] == 50
