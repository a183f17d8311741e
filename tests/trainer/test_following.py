"""Following one face from a frame where its landmarks are known."""

from __future__ import annotations

import numpy as np
import pytest
from fake_faces import GREEN, RED, FakeDetector, FakeVideo, fake_loaded, landmarks_at

from trainer.alignment import AlignmentError, SequentialAligner
from trainer.following import FollowError


@pytest.fixture
def aligner():
    return SequentialAligner(fake_loaded(), detector=FakeDetector(), device="cpu")


def moving(n, x0=80.0, dx=2.0, y=120.0, side=60, colour=RED):
    return [[(x0 + dx * i, y, side, colour)] for i in range(n)]


def told(scene):
    (x, y, side, _), *_ = scene
    return landmarks_at(x, y, side)


@pytest.mark.parametrize(("stop", "expected"), [(20, range(8, 20)), (-1, range(8, -1, -1))])
def test_a_face_is_followed_both_ways_from_a_frame(aligner, stop, expected):
    scenes = moving(20)
    frames = list(aligner.follow(FakeVideo(scenes), 8, told(scenes[8]), stop))
    assert [f.frame for f in frames] == list(expected)
    for f in frames[1:]:
        np.testing.assert_allclose(f.landmarks[0], told(scenes[f.frame]), atol=2)
        assert f.landmarks.shape == (1, 68, 2)
        assert np.isfinite(f.disagreement).all()


def test_what_was_told_enters_the_network_as_its_start(aligner):
    scenes = moving(5)
    list(aligner.follow(FakeVideo(scenes), 2, told(scenes[2]) + 1, 4))
    starts = aligner.runner.model.starts
    side = np.ptp(starts[0][0], axis=0).mean()
    assert side == pytest.approx(128 / 1.4, rel=0.02)
    assert aligner.runner.model.states == [0, 1], "its memory runs on"


def test_only_the_face_that_was_told_is_followed(aligner):
    scenes = [[*a, *b] for a, b in zip(moving(9), moving(9, 240, 0, colour=GREEN), strict=True)]
    frames = list(aligner.follow(FakeVideo(scenes), 0, landmarks_at(240, 120, 60), 9))
    assert all(abs(f.boxes[0].centre[0] - 240) < 2 for f in frames)


@pytest.mark.parametrize(("start", "stop", "lost"), [(3, 20, 6), (12, -1, 9)])
def test_it_ends_with_an_empty_frame_where_the_face_is_lost(aligner, start, stop, lost):
    scenes = [*moving(6), *[[]] * 4, *moving(10, 100)]
    frames = list(aligner.follow(FakeVideo(scenes), start, told(scenes[start]), stop))
    assert frames[-1].frame == lost
    assert np.isnan(frames[-1].landmarks).all()
    assert np.isnan(frames[-1].confidence).all()
    assert all(np.isfinite(f.landmarks).all() for f in frames[:-1])


def test_a_frame_that_cannot_be_read_is_left_out_and_the_face_goes_on(aligner):
    scenes = moving(10, dx=1)
    video = FakeVideo([*scenes[:4], None, *scenes[5:9], None])
    frames = list(aligner.follow(video, 0, told(scenes[0]), 10))
    assert [f.frame for f in frames] == [0, 1, 2, 3, 5, 6, 7, 8]
    assert np.isfinite(frames[-1].landmarks).all()


def test_what_cannot_be_followed_from_is_told(aligner):
    video = FakeVideo([*moving(3), None])
    with pytest.raises(AlignmentError, match="correction of 7 landmarks"):
        list(aligner.follow(video, 0, np.zeros((7, 2)), 3))
    with pytest.raises(FollowError, match="no landmarks to follow"):
        list(aligner.follow(video, 0, np.full((68, 2), np.nan), 3))
    with pytest.raises(FollowError, match="frame 4: can't be read"):
        list(aligner.follow(video, 3, landmarks_at(80, 120, 60), -1))
