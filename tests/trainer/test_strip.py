"""The strip: any number of frames in any number of columns."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.frame_features import NAMES, FrameFeatures
from trainer.strip import merged, strip

NOTHING = np.empty(0, int)


def made(n: int) -> FrameFeatures:
    rng = np.random.default_rng(0)
    columns = {name: rng.random(n).astype(np.float32) for name in NAMES}
    columns["jump"][:] = 0.01
    return FrameFeatures(**columns)


def lose(features: FrameFeatures, frames: slice) -> None:
    for name in NAMES:
        getattr(features, name)[frames] = np.nan


@pytest.mark.parametrize(("n", "width"), [(1000, 100), (1000, 77), (100, 100), (30, 100), (1, 9)])
def test_columns_hold_the_frames_that_fall_into_them(n, width):
    features = made(n)
    columns = strip(features, np.array([n // 2]), np.zeros(n, bool), width)
    starts = np.arange(width) * n // width
    for column, start in enumerate(starts):
        stop = max(starts[column + 1] if column + 1 < width else n, start + 1)
        assert columns.confidence[column] == features.confidence[start:stop].min()
        assert columns.corrected[column] == (start <= n // 2 < stop)
    assert columns.worked.all()
    assert not columns.lost.any()


def test_what_is_worst_in_a_column_shows():
    features = made(1000)
    features.jump[205] = 0.2
    lose(features, slice(300, 330))
    lose(features, slice(415, 416))
    accepted = np.array([[500, 520], [530, 535]])
    columns = strip(features, np.array([535, 536, 537, 538, 539, 999]), accepted, 100)
    assert np.flatnonzero(columns.jump).tolist() == [20]
    assert np.flatnonzero(columns.lost).tolist() == [30, 31, 32, 41]
    assert np.isnan(columns.confidence[30:33]).all()
    assert np.isfinite(columns.confidence[41])
    assert np.flatnonzero(columns.corrected).tolist() == [53, 99]
    assert np.flatnonzero(columns.accepted).tolist() == [50, 51, 53]


def test_frames_that_arent_worked_on_arent_lost_and_wait_for_nobody():
    features = made(100)
    lose(features, slice(40, 100))
    lose(features, slice(10, 12))
    accepted = np.array([[0, 20]])
    part = strip(features, NOTHING, accepted, 10, range(40))
    assert part.worked.tolist() == [True] * 4 + [False] * 6
    assert part.accepted.tolist() == [True] * 2 + [False] * 8
    assert np.flatnonzero(part.lost).tolist() == [1]
    every_fifth = strip(features, NOTHING, np.arange(100) % 5 == 0, 10, range(0, 100, 5))
    assert every_fifth.worked.all()
    assert every_fifth.accepted.all()
    assert np.flatnonzero(every_fifth.lost).tolist() == [1, 4, 5, 6, 7, 8, 9]


def test_two_tracks_in_one_strip_show_the_worse_of_both():
    first, second = made(200), made(200)
    lose(second, slice(100, 200))
    both = merged(
        [
            strip(first, np.array([3]), np.ones(200, bool), 20),
            strip(second, NOTHING, np.zeros(200, bool), 20),
        ]
    )
    assert both.lost[10:].all()
    assert not both.lost[:10].any()
    assert np.isfinite(both.confidence).all()
    assert both.corrected[0]
    assert not both.accepted.any()


def test_a_strip_of_nothing_is_refused():
    with pytest.raises(ValueError, match="shows nothing"):
        strip(made(10), NOTHING, np.zeros(10, bool), 0)
