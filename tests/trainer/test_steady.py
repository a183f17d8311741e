"""Landmarks that tremble are steadied, without delay; what really moves is left alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from trainer.alignment import AlignedFrame
from trainer.geometry import FaceBox
from trainer.metrics import jitter, lag
from trainer.scheme import POINTS7
from trainer.steady import steadied

FACE = np.array(
    [[100, 100], [115, 100], [145, 100], [160, 100], [130, 130], [115, 160], [145, 160]],
    np.float32,
)
EYES = np.linalg.norm(FACE[POINTS7.eye_corners[0]] - FACE[POINTS7.eye_corners[1]])


def frames(tracks: np.ndarray) -> Iterator[AlignedFrame]:
    """(T, F, 7, 2) landmarks as an aligner hands them out."""
    for number, faces in enumerate(tracks):
        boxes = [FaceBox.around(f) if np.isfinite(f).all() else None for f in faces]
        yield AlignedFrame(number, faces.copy(), np.ones(faces.shape[:2]), boxes, {})


def run(tracks: np.ndarray, **options: object) -> np.ndarray:
    out = list(steadied(frames(tracks), **options))
    assert [f.frame for f in out] == list(range(len(tracks)))
    return np.stack([f.landmarks for f in out])


def moving(n: int) -> np.ndarray:
    way = np.stack([20 * np.sin(np.arange(n) / 8), 10 * np.cos(np.arange(n) / 11)], axis=-1)
    return (FACE + way[:, None]).astype(np.float32)


def test_trembling_becomes_less_the_error_too_and_nothing_comes_late() -> None:
    truth = moving(120)
    noise = np.random.default_rng(0).normal(0, 0.004 * EYES, truth.shape)
    noisy = (truth + noise).astype(np.float32)
    steady = run(noisy[:, None])[:, 0]
    assert jitter(steady - truth, np.full(120, EYES)) < 0.5 * jitter(
        noisy - truth, np.full(120, EYES)
    )
    assert np.abs(steady - truth).mean() < 0.85 * np.abs(noisy - truth).mean()
    assert abs(lag(steady, truth)) < 0.02


def test_a_sudden_movement_of_one_landmark_keeps_its_height() -> None:
    tracks = np.repeat(FACE[None, None], 9, axis=0)
    tracks[4, 0, 2, 1] += 0.2 * EYES
    steady = run(tracks)
    assert steady[4, 0, 2, 1] - FACE[2, 1] > 0.95 * 0.2 * EYES


def test_the_ends_missing_faces_and_fixed_frames_stay_as_they_are() -> None:
    rng = np.random.default_rng(1)
    tracks = (FACE + rng.normal(0, 1, (8, 2, 7, 2))).astype(np.float32)
    tracks[4, 1] = np.nan
    steady = run(tracks, fixed={(2, 0)})
    for frame, slot in ((0, 0), (7, 0), (2, 0), (3, 1), (4, 1), (5, 1)):
        assert np.array_equal(steady[frame, slot], tracks[frame, slot], equal_nan=True)
    assert not np.allclose(steady[3, 0], tracks[3, 0])


def test_neighbours_enter_as_they_were_and_zero_changes_nothing() -> None:
    tracks = (FACE + np.random.default_rng(2).normal(0, 1, (6, 1, 7, 2))).astype(np.float32)
    reversed_too = run(tracks[::-1].copy())[::-1]
    assert np.allclose(run(tracks), reversed_too, atol=1e-4)
    assert np.array_equal(run(tracks, tremble=0.0), tracks)


def test_frames_before_an_error_come_out_first() -> None:
    def broken() -> Iterator[AlignedFrame]:
        yield from frames(np.repeat(FACE[None, None], 3, axis=0))
        raise ValueError("damaged")

    out = steadied(broken())
    assert [next(out).frame for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="damaged"):
        next(out)
