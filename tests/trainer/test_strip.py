"""The strip: any number of frames in any number of columns."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.frame_features import NAMES, FrameFeatures
from trainer.strip import Strip, merged, strip

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
    one = Strip(features, np.array([n // 2]), np.zeros(n, bool), width)
    for frame in range(n):
        column = one.column_of(frame)
        assert 0 <= column < width
        assert one.columns.confidence[column] <= features.confidence[frame]
        if n <= width:
            assert one.frame_of(column) == frame
    assert one.columns.corrected[one.column_of(n // 2)]
    assert not one.columns.lost.any()
    assert one.columns.confidence.min() == features.confidence.min()
    if n >= width:
        assert [one.column_of(one.frame_of(c)) for c in range(width)] == list(range(width))


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


@pytest.mark.parametrize(("n", "width"), [(1000, 77), (30, 100)])
def test_changes_have_the_same_columns_as_all_made_anew(n, width):
    features, accepted = made(n), np.zeros(n, bool)
    one = Strip(made(n), NOTHING, accepted, width)
    first, stop = n // 3, n // 2
    part = FrameFeatures(*(getattr(features, name)[first:stop].copy() for name in NAMES))
    part.jump[:] = 0.3
    part.confidence[:] = 0.001
    one.put(first, part)
    one.mark(first, stop, accepted=True)
    one.mark(5, 6, corrected=True)
    one.mark(7, 8, corrected=True)
    one.mark(7, 8, corrected=False)
    features.jump[first:stop], features.confidence[first:stop] = 0.3, 0.001
    accepted[first:stop] = True
    anew = strip(features, np.array([5]), accepted, width)
    for name in ("confidence", "jump", "lost", "corrected", "accepted"):
        np.testing.assert_array_equal(getattr(one.columns, name), getattr(anew, name), name)


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
