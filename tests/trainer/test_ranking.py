"""Which frames are proposed, in which order, and why."""

from __future__ import annotations

import time

import numpy as np
import pytest

from trainer.expected_error import WEIGHTS, expected_error, fit
from trainer.face_3d import FACE_3D
from trainer.frame_features import NAMES, FrameFeatures, summarise
from trainer.ranking import GAP, TrackReview, rank
from trainer.reasons import Kind, Reason
from trainer.scheme import IBUG68

NOBODY = np.empty((0, 2), int)
FACE = (FACE_3D[:, :2] * (10, -10) + (300, 200)).astype(np.float32)


def usual(n: int, seed: int = 0) -> FrameFeatures:
    """A track without anything to say, whose frames all look different."""
    rng = np.random.default_rng(seed)
    made = FrameFeatures.unseen(n)
    made.confidence[:] = 0.85 + 0.02 * rng.random(n)
    made.low_confidence[:] = 0.7
    made.disagreement[:] = 0.011
    made.jump[:] = 0.006
    made.oddness[:] = 0.026
    made.yaw[:] = 10 * np.sin(np.arange(n) / 7)
    made.x[:] = 200 + 0.5 * np.arange(n)
    made.y[:] = 200
    made.side[:] = 100
    return made


def track(
    features: FrameFeatures, corrected=(), accepted=NOBODY, key="track", **options
) -> TrackReview:
    return TrackReview(key, features, np.array(corrected, int), accepted, **options)


def doubt(features: FrameFeatures, frames, confidence: float = 0.2) -> None:
    features.confidence[frames] = confidence
    features.low_confidence[frames] = confidence / 2


def lose(features: FrameFeatures, frames: slice) -> None:
    for name in NAMES:
        getattr(features, name)[frames] = np.nan


def test_the_worst_frames_of_all_videos_come_first():
    first, second = usual(500), usual(400, 1)
    doubt(first, [100], 0.3)
    doubt(second, [250], 0.1)
    found = rank([track(first, key=("a", 1)), track(second, key=("b", 7))], 2)
    assert [(p.key, p.frame) for p in found] == [(("b", 7), 250), (("a", 1), 100)]
    assert found[0].score > found[1].score > 0
    assert "low confidence (0.10)" in found[0].words


def test_no_two_proposals_are_near_in_time():
    features = usual(2000)
    doubt(features, slice(500, 560))
    frames = sorted(p.frame for p in rank([track(features)], 150))
    assert len(frames) > 50
    assert np.diff(frames).min() >= GAP


def test_a_short_track_has_proposals_nearer_to_each_other():
    features = usual(60)
    frames = sorted(p.frame for p in rank([track(features)], 60))
    assert len(frames) > 10
    assert np.diff(frames).min() == 3


def test_frames_that_look_the_same_are_proposed_once_however_far_apart():
    features = usual(1000)
    features.x[:] = 200
    features.yaw[:] = np.where(np.arange(1000) < 500, 0, 30)
    features.confidence[:] = 0.5
    assert len(rank([track(features)], 100)) == 2
    (other,) = rank([track(features, corrected=[900])], 100)
    assert other.frame < 500


def test_accepted_and_corrected_frames_and_their_likes_are_never_proposed():
    features = usual(600)
    doubt(features, slice(100, 200))
    accepted = np.array([[120, 180]])
    frames = np.array([p.frame for p in rank([track(features, [110, 300], accepted)], 600)])
    assert len(frames) > 10
    assert not ((frames >= 120) & (frames < 180)).any()
    assert np.abs(frames[:, None] - [110, 300]).min() >= GAP
    everything = np.ones(600, bool)
    assert rank([track(features, accepted=everything)], 10) == []


def test_after_one_of_a_bad_stretch_another_bad_stretch_comes_first():
    features = usual(900)
    doubt(features, slice(100, 120), 0.10)
    doubt(features, slice(600, 620), 0.12)
    first, second = rank([track(features)], 2)
    assert (first.frame < 200) != (second.frame < 200)


def test_a_correction_nearby_makes_a_frame_worth_less():
    near, far = usual(900), usual(900)
    doubt(near, [420])
    doubt(far, [420])
    (proposal,) = rank([track(near, [400], key=1), track(far, [100], key=2)], 1)
    assert proposal.key == 2
    assert "far from any corrected frame (320 frames)" in proposal.words


def test_a_pose_nobody_has_corrected_comes_first_and_is_told_of():
    features = usual(900)
    features.yaw[450:460] = 62
    doubt(features, [200, 455], 0.5)
    first, second = rank([track(features, [700])], 2)
    assert first.frame == 455
    assert "turned by 62°, a pose nobody has corrected yet" in first.words
    assert "nobody has corrected" not in second.words


def test_jumps_and_disagreement_are_told_of():
    features = usual(300)
    features.jump[100], features.disagreement[200] = 0.08, 0.09
    told = {p.frame: p for p in rank([track(features)], 2)}
    assert told[100].words.startswith("jumps by 8 % of the face")
    assert "response map and regression disagree" in told[200].words
    assert told[200].reasons[0].kind is Kind.DISAGREEMENT
    assert told[200].reasons[0].number == pytest.approx(0.09)


def test_a_lost_stretch_is_proposed_once_and_the_frame_after_says_so():
    features = usual(400)
    lose(features, slice(200, 240))
    doubt(features, [240], 0.1)
    found = rank([track(features)], 2)
    words = {p.frame: p.words for p in found}
    assert words[200] == "face lost for 40 frames from here"
    assert "face lost for 40 frames before" in words[240]
    assert not {p.frame for p in rank([track(features)], 400)} & set(range(201, 240))


def test_a_track_without_any_face_has_nothing_to_propose():
    assert rank([track(FrameFeatures.unseen(100))], 5) == []
    assert rank([], 5) == []


def test_swapped_sides_are_found_and_told_of():
    points = np.repeat(FACE[None], 200, axis=0) + np.linspace(0, 80, 200)[:, None, None]
    points[77] = points[77][list(IBUG68.flip)]
    features = summarise(points, np.full((200, 68), 0.9), np.full(200, 0.01))
    first = rank([track(features)], 1)[0]
    assert first.frame == 77
    assert "left and right may be swapped" in first.words


def test_odd_spacing_is_told_of_beside_the_accepted_shapes():
    rng = np.random.default_rng(0)
    shapes = FACE + rng.normal(0, 0.5, (60, 68, 2)).astype(np.float32)
    points = shapes.copy()
    points[30, 48:68] = points[30, 48:68].mean(axis=0) + 0.3 * (
        points[30, 48:68] - points[30, 48:68].mean(axis=0)
    )
    features = summarise(points, np.full((60, 68), 0.9), np.full(60, 0.01))
    doubt(features, [30, 10])
    found = rank(
        [track(features, landmarks=lambda frame: points[frame])], 2, accepted_shapes=shapes[:20]
    )
    words = {p.frame: p.words for p in found}
    assert "shape unlike the accepted ones: odd spacing of the mouth" in words[30]
    assert "unlike" not in words[10]


def test_every_proposal_has_a_reason_and_strong_ones_come_first():
    features = usual(300)
    for proposal in rank([track(features, [5])], 40):
        strengths = [reason.strength for reason in proposal.reasons]
        assert strengths
        assert strengths == sorted(strengths, reverse=True)
        assert len({reason.kind for reason in proposal.reasons}) == len(strengths)
    assert Reason(Kind.LOST, 1, 2.0).words == "face lost for 1 frame from here"
    assert Reason(Kind.CONFIDENCE, 0.91, 0.2).words == "confidence (0.91)"
    assert Reason(Kind.POSE, 3.0, 1.0).words.startswith("looks straight ahead")


def test_made_errors_are_found_far_above_chance():
    rng = np.random.default_rng(0)
    tracks, errors = [], []
    for number in range(20):
        features = usual(300, number)
        error = np.exp(rng.normal(1, 0.7, 300))
        features.confidence[:] = 1 / (1 + np.exp(1.5 * np.log(error) - 2 + rng.normal(0, 1, 300)))
        features.disagreement[:] = 0.005 * error * np.exp(rng.normal(0, 0.5, 300))
        tracks.append(track(features, key=number))
        errors.append(error)
    worst = np.sort(np.concatenate(errors))[-600]  # by chance a tenth of the proposals
    found = rank(tracks, 300)
    assert np.mean([errors[p.key][p.frame] >= worst for p in found]) > 0.4
    unlimited = rank(tracks, 600, gap=0)
    assert np.mean([errors[p.key][p.frame] >= worst for p in unlimited]) > 0.6


def test_weights_fitted_to_made_errors_give_them_back():
    rng = np.random.default_rng(0)
    features = usual(4000)
    features.confidence[:] = rng.random(4000)
    features.disagreement[:] = 0.1 * rng.random(4000)
    features.jump[:] = 0.1 * rng.random(4000)
    error = expected_error(features)
    lose(features, slice(0, 10))
    fitted = fit(features, error)
    assert np.all(np.sign(fitted.slopes) == np.sign(WEIGHTS.slopes))
    found = expected_error(features, fitted)
    assert np.isnan(found[:10]).all()
    assert np.corrcoef(np.log(found[10:]), np.log(error[10:]))[0, 1] > 0.98


@pytest.mark.parametrize(("tracks", "frames", "most"), [(100, 3000, 1.0), (1, 1_000_000, 2.0)])
def test_a_project_is_ranked_in_a_second_or_two(tracks, frames, most):
    features = [usual(frames, number) for number in range(tracks)]
    for one in features:
        lose(one, slice(1000, 1100))
    corrected = np.arange(0, frames, max(frames // 50, 1))
    reviews = [track(one, corrected, key=number) for number, one in enumerate(features)]
    times = []
    for _ in range(2):
        begin = time.perf_counter()
        found = rank(reviews, 200)
        times.append(time.perf_counter() - begin)
    assert len(found) == 200
    assert min(times) < most
