"""Confidence: its measures against numbers worked out by hand, and what fitting recovers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trainer.calibration import (
    auroc,
    confidence_of,
    draw_reliability,
    expected_calibration_error,
    fit,
    fit_observations,
    reliability,
    rows,
    without_face,
)
from trainer.calibration_data import FOUND, NOTHING, TRACKED, VIDEO, Observations
from trainer.data.stills import fold_of
from trainer.models.confidence import EVIDENCE, Confidence, evidence, picture_quality

F = len(EVIDENCE)


def test_auroc_counts_the_pairs_in_the_right_order():
    score = np.array([0.9, 0.8, 0.7, 0.3, 0.2])
    bad = np.array([True, False, True, False, False])
    assert auroc(score, bad) == pytest.approx(5 / 6)
    assert auroc(score, ~bad) == pytest.approx(1 / 6)
    assert auroc(np.zeros(5), bad) == pytest.approx(0.5), "ties count half"
    assert np.isnan(auroc(score, np.zeros(5, bool)))


def test_auroc_equals_the_comparison_of_all_pairs():
    rng = np.random.default_rng(0)
    score, bad = rng.integers(0, 9, 200), rng.random(200) < 0.3
    pairs = score[bad][:, None] - score[~bad][None]
    assert auroc(score, bad) == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())


def test_what_comes_true_as_promised_has_no_calibration_error():
    confidence = np.repeat([0.2, 0.8], 100)
    right = np.tile(np.arange(10) < 2, 10).tolist() + np.tile(np.arange(10) < 8, 10).tolist()
    assert expected_calibration_error(confidence, np.array(right), 2) == pytest.approx(0)
    assert expected_calibration_error(confidence, ~np.array(right), 2) == pytest.approx(0.6)


def test_bins_hold_equally_many_whatever_the_values():
    curve = reliability(np.linspace(0, 1, 100) ** 4, np.ones(100, bool), bins=15)
    assert set(curve.counts) == {6, 7}
    assert (np.diff(curve.promised) > 0).all()
    assert curve.came_true == pytest.approx(np.ones(15))


def drawn(n: int, slopes: np.ndarray, levels: np.ndarray, seed: int):
    """Evidence of n faces, and landmarks right as often as the model says."""
    rng = np.random.default_rng(seed)
    known = rng.normal(2, 3, (n, len(levels), len(slopes))).astype(np.float32)
    truth = 1 / (1 + np.exp(-(known @ slopes + levels)))
    return known, rng.random(truth.shape) < truth, truth


def test_fitting_finds_the_slopes_and_levels_landmarks_were_drawn_from():
    slopes, levels = np.array([0.5, -0.3, 0.0]), np.linspace(-1.5, 1.5, 7)
    known, right, _ = drawn(4000, slopes, levels, 0)
    found = fit(known, right)
    np.testing.assert_allclose(found.slopes, np.tile(slopes, (7, 1)), atol=0.06)
    np.testing.assert_allclose(found.levels, levels, atol=0.2)
    fresh, right, truth = drawn(1000, slopes, levels, 1)
    confidence = confidence_of(found, fresh)
    np.testing.assert_allclose(confidence, truth, atol=0.1)
    assert expected_calibration_error(confidence.ravel(), right.ravel()) < 0.02


def test_a_landmark_to_which_evidence_says_more_has_slopes_of_its_own():
    slopes = np.tile([0.4, 0.0], (7, 1))
    slopes[3] = [-0.2, 0.5]
    rng = np.random.default_rng(0)
    known = rng.normal(0, 2, (3000, 7, 2)).astype(np.float32)
    truth = 1 / (1 + np.exp(-(known * slopes).sum(axis=-1)))
    right = rng.random(truth.shape) < truth
    found = fit(known, right)
    np.testing.assert_allclose(found.slopes, slopes, atol=0.08)
    few = fit(known[:40], right[:40]).slopes
    assert (few[3] - few[:3].mean(axis=0)).abs().max() < 0.2  # little said, little believed


def test_fitting_stands_evidence_that_never_changes_and_landmarks_always_right():
    known, right, _ = drawn(50, np.array([1.0, 0.0]), np.zeros(7), 0)
    known[..., 1] = 0
    right[:, 2] = True
    found = fit(known, right)
    assert (found.slopes[:, 1] == 0).all()
    assert torch.isfinite(found.levels).all()
    assert found.levels[2] > found.levels[3]


def test_a_face_that_weighs_more_counts_more():
    known = np.zeros((2, 7, 1), np.float32)
    right = np.array([[True] * 7, [False] * 7])
    found = fit(known, right, np.array([3.0, 1.0]))
    assert confidence_of(found, known) == pytest.approx(0.75, abs=1e-3)


def observed(n: int = 400, seed: int = 0) -> Observations:
    """Made faces of 100 people in two sets; only the first kind of evidence says anything."""
    rng = np.random.default_rng(seed)
    known = rng.normal(0, 1, (n, 7, F)).astype(np.float32)
    errors = np.where(rng.random((n, 7)) < 1 / (1 + np.exp(-2 * known[..., 0])), 2.0, 9.0)
    ways = rng.choice([FOUND, TRACKED, NOTHING], n, p=[0.45, 0.45, 0.1])
    known[ways == NOTHING, :, 0] -= 8
    errors[ways == NOTHING] = np.inf
    return Observations(
        known,
        errors,
        np.full((n, 7), 0.9, np.float32),
        rng.choice(["one", "other"], n),
        ways,
        np.array([f"person {i % 100}" for i in range(n)]),
    )


def test_nobody_is_in_both_halves():
    seen = observed()
    second = seen.second_half
    assert 0.3 < second.mean() < 0.7
    assert not set(seen.groups[second]) & set(seen.groups[~second])


def test_the_second_half_changes_nothing_in_what_is_fitted():
    seen = observed()
    before = fit_observations(seen)
    seen.errors[seen.second_half] = 9
    seen.evidence[seen.second_half] = 0
    after = fit_observations(seen)
    assert torch.equal(before.slopes, after.slopes)
    assert torch.equal(before.levels, after.levels)


def test_figures_are_those_of_the_second_half_by_set_and_way():
    seen = observed(4000)
    fitted = fit_observations(seen)
    measured = {row.name: row for row in rows(seen, fitted)}
    kinds = {f"{name}, {way}" for name in ("one", "other") for way in (FOUND, TRACKED)}
    assert set(measured) == kinds | {"all"}
    real = seen.second_half & (seen.ways != NOTHING)
    assert measured["all"].faces == real.sum()
    assert measured["all"].auroc > 0.8
    assert measured["all"].calibration_error < 0.05
    assert measured["all"].support_auroc == pytest.approx(0.5)
    nothing = without_face(seen, fitted)
    assert nothing is not None
    assert nothing["confidence_95"] < 0.05
    assert without_face(seen.only(seen.ways != NOTHING), fitted) is None


def test_landmarks_without_a_label_are_left_out():
    seen = observed()
    seen.errors[::2, 3] = np.nan
    assert torch.isfinite(fit_observations(seen).levels).all()
    assert all(np.isfinite(row.auroc) for row in rows(seen, fit_observations(seen)))


def test_the_reliability_plot_is_a_picture(tmp_path):
    seen = observed()
    draw_reliability(rows(seen, fit_observations(seen)), tmp_path / "new" / "reliability.png")
    assert (tmp_path / "new" / "reliability.png").read_bytes()[:4] == b"\x89PNG"


def test_evidence_has_no_unit_and_a_place_for_everything():
    torch.manual_seed(0)
    points, mass = torch.rand(2, 7, 2) * 60 + 30, torch.rand(2, 7) * 40
    points[:, 3] = points[:, 0] + torch.tensor([40.0, 0.0])
    spread, gap = torch.rand(2, 7) * 9, torch.rand(2, 7) * 3
    quality = torch.rand(2, 2)
    known = evidence(points, mass, spread, gap, gap, quality, (0, 3))
    assert known.shape == (2, 7, F)
    assert known.dtype == torch.float32
    large = evidence(points * 2, mass, spread * 4, gap * 2, gap * 2, quality, (0, 3))
    size = EVIDENCE.index("size")
    same = [i for i in range(F) if i != size]
    torch.testing.assert_close(large[..., same], known[..., same])
    torch.testing.assert_close(large[..., size] - known[..., size], torch.full((2, 7), 2.0).log())
    without = evidence(points, mass, spread, None, None, quality, (0, 3))
    assert not without[..., [i for i, name in enumerate(EVIDENCE) if "mirror" in name]].any()


def test_evidence_of_a_collapsed_face_is_finite():
    zeros = torch.zeros(1, 7)
    assert (
        evidence(torch.zeros(1, 7, 2), zeros, zeros, zeros, zeros, torch.zeros(1, 2), (0, 3))
        .isfinite()
        .all()
    )


def test_confidence_is_float32_under_autocast():
    model = Confidence(np.ones(F), np.zeros(7))
    known = torch.randn(1, 7, F)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(model(known), model(known.clone()))
        fast = model(known)
    torch.testing.assert_close(fast, model(known))
    assert fast.dtype == torch.float32


def test_a_blurred_picture_is_less_sharp_and_a_pale_one_has_less_contrast():
    torch.manual_seed(0)
    picture = torch.randn(1, 3, 128, 128)
    blurred = torch.nn.functional.avg_pool2d(picture, 5, 1, 2)
    sharp, pale = picture_quality(picture)[0], picture_quality(picture * 0.5)[0]
    assert picture_quality(blurred)[0, 0] < sharp[0] - 1
    assert (pale < sharp - 0.5).all()
    assert picture_quality(torch.zeros(1, 3, 128, 128)).isfinite().all()
    both = picture_quality(torch.cat([picture, picture.flip(3)]))
    torch.testing.assert_close(both[0], both[1], msg="a mirror picture is as good")


def test_all_frames_of_videos_count_a_quarter_of_all_stills():
    """Ten stills that are right and forty frames that aren't: 1 to 0.25."""
    people = [name for name in (f"person {i}" for i in range(40)) if not second_half_has(name)]
    groups = np.array((people * 10)[:50])
    ways = np.array([FOUND] * 10 + [VIDEO] * 40)
    errors = np.where(ways == FOUND, 1.0, 9.0)[:, None].repeat(7, axis=1)
    blank = np.zeros((50, 7, F), np.float32)
    seen = Observations(blank, errors, np.ones((50, 7)), np.full(50, "set"), ways, groups)
    assert confidence_of(fit_observations(seen), blank) == pytest.approx(0.8, abs=1e-3)


def second_half_has(name: str) -> bool:
    return bool(fold_of(f"calibration of {name}", 2))
