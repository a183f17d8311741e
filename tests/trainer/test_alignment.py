"""Following faces through a video: what is lost, found, kept apart, corrected."""

from __future__ import annotations

import numpy as np
import pytest
from fake_faces import (
    BLUE,
    DISAGREEMENT,
    GREEN,
    RED,
    FakeDetector,
    FakeNetwork,
    FakeVideo,
    fake_loaded,
    landmarks_at,
)

from trainer.alignment import AlignmentError, SequentialAligner
from trainer.data.video_base import VideoError
from trainer.devices import DeviceError
from trainer.geometry import FaceBox


def align(video, **options):
    """All frames, the aligner and its detector."""
    detector = FakeDetector()
    aligner = SequentialAligner(fake_loaded(), detector=detector, device="cpu")
    return list(aligner.run(video, **options)), aligner, detector


def centres(frames, slot=0):
    """(T, 2) middles of one slot's boxes, NaN where lost."""
    return np.array([f.boxes[slot].centre if f.boxes[slot] else (np.nan, np.nan) for f in frames])


def moving(n, side=60, colour=RED, x0=80.0, dx=2.0, y=120.0):
    return [[(x0 + dx * i, y, side, colour)] for i in range(n)]


def test_a_moving_face_is_followed_in_every_frame():
    frames, _, detector = align(FakeVideo(moving(40)))
    assert [f.frame for f in frames] == list(range(40))
    for f, ((x, y, side, _),) in zip(frames, moving(40), strict=True):
        np.testing.assert_allclose(f.landmarks[0], landmarks_at(x, y, side), atol=2)
        assert f.confidence[0].min() > 0.5
        assert f.landmarks.dtype == f.confidence.dtype == np.float32
    assert len(detector.calls) == 1, "a face that is followed needs no detector"
    assert frames[0].notes == ["face 1 found"]
    assert not any(f.notes for f in frames[1:])


def test_disagreement_is_told_of_faces_and_not_of_corrected_or_empty_frames():
    scenes = [*moving(6), [], []]
    frames, _, _ = align(FakeVideo(scenes), corrections={(3, 0): landmarks_at(86, 120, 60)})
    told = np.concatenate([f.disagreement for f in frames])
    assert told.dtype == np.float32
    np.testing.assert_allclose(told[[0, 1, 2, 4, 5]], DISAGREEMENT, rtol=1e-6)
    assert np.isnan(told[[3, 6, 7]]).all()


def test_the_memory_of_the_lstm_runs_along():
    _, aligner, _ = align(FakeVideo(moving(6)))
    # start, settle, then one call a frame; the settled state is frame 0's
    assert aligner.runner.model.states == [0, 0, 1, 2, 3, 4, 5]


def test_each_frame_starts_where_the_last_one_ended():
    _, aligner, _ = align(FakeVideo(moving(3, dx=0)))
    start = aligner.runner.model.starts[-1][0]
    side = np.ptp(start, axis=0).mean()
    assert side == pytest.approx(128 / 1.4, rel=0.02)


def test_time_is_told_by_part():
    frames, _, _ = align(FakeVideo(moving(3)))
    assert set(frames[0].seconds) == {"decode", "detect", "network"}
    assert frames[0].seconds["detect"] > 0
    assert frames[1].seconds["detect"] == 0
    assert all(f.seconds["network"] > 0 for f in frames)


def test_a_video_without_a_face_has_every_frame_and_few_searches():
    frames, aligner, detector = align(FakeVideo([[]] * 100))
    assert len(frames) == 100
    assert all(np.isnan(f.landmarks).all() and f.boxes == [None] for f in frames)
    assert all(np.isnan(f.confidence).all() for f in frames)
    assert len(detector.calls) <= 100 / 8 + 5
    assert aligner.runner.model.batches == []


def test_a_face_that_leaves_and_comes_back_is_said_and_found_in_every_frame():
    scenes = [*moving(20), *[[]] * 33, *moving(20, x0=200, dx=-2)]
    frames, _, _ = align(FakeVideo(scenes))
    seen = [f.boxes[0] is not None for f in frames]
    assert seen == [True] * 20 + [False] * 33 + [True] * 20
    notes = [(f.frame, note) for f in frames for note in f.notes]
    assert notes[0] == (0, "face 1 found")
    assert notes[1][0] == 20
    assert notes[1][1].startswith("face 1 lost: low confidence")
    assert notes[2][1] == "face 1 found"
    assert np.isnan(frames[30].landmarks).all()


def test_after_a_loss_the_lstm_begins_anew():
    scenes = [*moving(4), [], *moving(3)]
    _, aligner, _ = align(FakeVideo(scenes))
    assert aligner.runner.model.states[-2:] == [1, 2]


def test_a_face_that_walks_out_of_the_picture_is_lost_there():
    frames, _, _ = align(FakeVideo(moving(60, dx=5)))
    notes = [note for f in frames for note in f.notes]
    assert any("lost" in note for note in notes)
    assert frames[-1].boxes == [None]


def test_a_jump_to_another_place_is_found_at_once():
    scenes = [*moving(5, x0=60, dx=0), *moving(5, x0=260, dx=0)]
    frames, _, _ = align(FakeVideo(scenes))
    assert centres(frames)[5] == pytest.approx((260, 120), abs=2)
    assert len(frames[5].notes) == 2


def test_two_faces_go_through_the_network_in_one_call():
    scenes = [[(80, 120, 60, RED), (240, 120, 50, GREEN)]] * 5
    frames, aligner, _ = align(FakeVideo(scenes), faces=2)
    assert aligner.runner.model.batches == [2, 2, 2, 2, 2, 2]
    assert centres(frames, 0)[-1][0] == pytest.approx(80, abs=2)
    assert centres(frames, 1)[-1][0] == pytest.approx(240, abs=2)


def crossing(n=60, gap=0.0):
    """Red in front, from the left; green behind, from the right."""
    scenes = []
    for i in range(n):
        red = (60 + 200 * i / (n - 1), 120, 60, RED)
        green = (260 - 200 * i / (n - 1), 120 + gap, 58, GREEN)
        scenes.append([green, red])
    return scenes


@pytest.mark.parametrize("n", [20, 40, 60, 120])
@pytest.mark.parametrize("gap", [0.0, 15.0, 30.0])
def test_two_faces_that_cross_are_neither_swapped_nor_merged(n, gap):
    frames, _, _ = align(FakeVideo(crossing(n, gap)), faces=2)
    red, green = centres(frames, 0), centres(frames, 1)
    assert red[0][0] < 100 < green[0][0]
    assert red[-1][0] > 220 > 100 > green[-1][0]
    expected = [scene[1][0] for scene in crossing(n, gap)]
    np.testing.assert_allclose(red[:, 0], expected, atol=4)
    for f in frames:
        if f.boxes[0] and f.boxes[1]:
            assert f.boxes[0].iou(f.boxes[1]) < 0.7


def test_the_hidden_face_is_said_to_be_hidden():
    frames, _, _ = align(FakeVideo(crossing()), faces=2)
    notes = [note for f in frames for note in f.notes]
    assert any(note.startswith("face 2 lost") for note in notes)
    assert not any(note.startswith("face 1 lost") for note in notes)


def test_a_new_face_gets_a_free_slot_and_moves_nobody():
    scenes = [
        [(80, 120, 60, RED)] if i < 20 else [(80, 120, 60, RED), (240, 120, 70, BLUE)]
        for i in range(40)
    ]
    frames, _, _ = align(FakeVideo(scenes), faces=2)
    assert all(f.boxes[0].centre[0] == pytest.approx(80, abs=2) for f in frames)
    assert all(f.boxes[1] is None for f in frames[:20])
    assert all(f.boxes[1] is not None for f in frames[20:]), "made up for, from its first frame"


def test_a_third_face_is_not_followed_when_two_were_asked_for():
    scenes = [[(50, 120, 60, RED), (150, 120, 50, GREEN), (260, 120, 40, BLUE)]] * 4
    frames, _, _ = align(FakeVideo(scenes), faces=2)
    assert frames[0].landmarks.shape == (2, 68, 2)
    assert centres(frames, 1)[-1][0] == pytest.approx(150, abs=2)


def test_a_face_that_comes_back_gets_its_own_slot_back():
    both = [(80, 120, 60, RED), (240, 120, 60, GREEN)]
    scenes = [both] * 10 + [[]] * 20 + [[(235, 120, 60, GREEN)]] * 10 + [both] * 10
    frames, _, _ = align(FakeVideo(scenes), faces=2)
    assert [b is None for b in frames[35].boxes] == [True, False]
    assert centres(frames, 0)[-1][0] == pytest.approx(80, abs=2)
    assert centres(frames, 1)[-1][0] == pytest.approx(240, abs=2)


def test_a_given_box_is_taken_without_a_search():
    scenes = [[(80, 120, 60, RED), (240, 120, 40, GREEN)]] * 3
    frames, _, detector = align(FakeVideo(scenes), boxes=[FaceBox(222, 98, 40, 40)])
    assert centres(frames)[0] == pytest.approx((240, 120), abs=2)
    assert detector.calls == []


def test_a_given_box_without_a_face_is_said_and_the_face_searched():
    frames, _, _ = align(FakeVideo(moving(3)), boxes=[FaceBox(250, 20, 40, 40)])
    assert "none in the box given" in frames[0].notes[0]
    assert frames[0].boxes[0] is not None


def test_part_of_a_video_keeps_its_frame_numbers():
    frames, _, _ = align(FakeVideo(moving(30)), start=10, stop=15)
    assert [f.frame for f in frames] == [10, 11, 12, 13, 14]
    assert centres(frames)[0][0] == pytest.approx(100, abs=2)


def test_going_on_from_known_landmarks_needs_no_detector():
    scene = moving(20)
    known = landmarks_at(*scene[9][0][:3])[None]
    frames, _, detector = align(FakeVideo(scene), start=10, initial=known)
    assert len(frames) == 10
    assert detector.calls == []
    assert frames[0].boxes[0] is not None


def test_an_unreadable_frame_is_lost_and_shifts_nothing():
    scenes = moving(12)
    scenes[5] = scenes[11] = None
    frames, _, _ = align(FakeVideo(scenes))
    assert [f.frame for f in frames] == list(range(12))
    assert [f.boxes[0] is None for f in frames].count(True) == 2
    assert frames[5].notes == ["frame 5 can't be read"]
    assert frames[11].boxes == [None]
    assert centres(frames)[6][0] == pytest.approx(92, abs=2)


def test_an_error_while_decoding_comes_after_the_frames_before_it():
    video = FakeVideo(moving(10))
    video.breaks_at = 6
    aligner = SequentialAligner(fake_loaded(), detector=FakeDetector(), device="cpu")
    seen = []
    with pytest.raises(VideoError, match="frame 6 is damaged"):
        seen.extend(f.frame for f in aligner.run(video))
    run = aligner.run(video)
    assert [next(run).frame for _ in range(6)] == list(range(6))


def test_corrections_come_out_untouched():
    fixed = landmarks_at(150, 90, 50) + 0.25
    hidden = landmarks_at(100, 120, 60)
    hidden[:17] = np.nan
    frames, _, _ = align(FakeVideo(moving(20)), corrections={(4, 0): fixed, (9, 0): hidden})
    np.testing.assert_array_equal(frames[4].landmarks[0], fixed)
    np.testing.assert_array_equal(frames[9].landmarks[0], hidden)
    assert (frames[4].confidence[0] == 1).all()
    assert np.isnan(frames[9].confidence[0][:17]).all()
    assert (frames[9].confidence[0][17:] == 1).all()


def test_a_correction_restarts_the_track_both_ways():
    # Two faces; the larger is followed until the user says it's the other one.
    scenes = [[(80 + i, 120, 60, RED), (240 - i, 120, 40, GREEN)] for i in range(30)]
    fixed = landmarks_at(240 - 15, 120, 40)
    frames, _, _ = align(FakeVideo(scenes), corrections={(15, 0): fixed})
    xs = centres(frames)[:, 0]
    np.testing.assert_allclose(xs, [240 - i for i in range(30)], atol=3)
    assert [f.frame for f in frames] == list(range(30))


def test_between_two_corrections_each_rules_its_half():
    scenes = [[(80, 120, 60, RED), (240, 120, 40, GREEN)]] * 30
    corrections = {(5, 0): landmarks_at(80, 120, 60), (25, 0): landmarks_at(240, 120, 40)}
    frames, _, _ = align(FakeVideo(scenes), corrections=corrections)
    xs = centres(frames)[:, 0]
    assert xs[:16] == pytest.approx([80] * 16, abs=3)
    assert xs[16:] == pytest.approx([240] * 14, abs=3)


def test_a_correction_of_another_scheme_is_refused():
    seven = np.zeros((7, 2))
    with pytest.raises(AlignmentError, match="frame 3, face 2: a correction of 7 landmarks"):
        align(FakeVideo(moving(5)), corrections={(3, 1): seven})


def test_a_correction_puts_a_face_where_none_was_found():
    frames, _, _ = align(FakeVideo([[]] * 10), corrections={(5, 0): landmarks_at(90, 90, 50)})
    assert [f.boxes[0] is not None for f in frames] == [i == 5 for i in range(10)]


def test_a_correction_of_a_second_face_makes_room_for_it():
    scenes = [[(80, 120, 60, RED), (240, 120, 40, GREEN)]] * 10
    frames, _, _ = align(FakeVideo(scenes), corrections={(3, 1): landmarks_at(240, 120, 40)})
    assert frames[0].landmarks.shape == (2, 68, 2)
    assert centres(frames, 1)[-1][0] == pytest.approx(240, abs=2)


def test_without_corrections_no_frame_waits():
    video = FakeVideo(moving(50))
    aligner = SequentialAligner(fake_loaded(), detector=FakeDetector(), device="cpu")
    run = aligner.run(video)
    next(run)
    assert max(video.decoded) <= 7  # the next one, which is steadied by, waits for a look too
    run.close()


def test_cuda_asked_for_and_not_there(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(DeviceError, match="'cuda' was asked for"):
        SequentialAligner(fake_loaded(), detector=FakeDetector(), device="cuda")


def test_warming_up_changes_no_result():
    video = FakeVideo(moving(5))
    aligner = SequentialAligner(fake_loaded(), detector=FakeDetector(), device="cpu")
    aligner.warm_up(video.frame(0))
    again, _, _ = align(video)
    for a, b in zip(aligner.run(video), again, strict=True):
        np.testing.assert_array_equal(a.landmarks, b.landmarks)


class JudgingDetector(FakeDetector):
    """Knows a face when it sees its colour in the middle of the crop."""

    def face_probability(self, image, places):
        middles = [place.warp(image)[60:68, 60:68].astype(int) for place in places]
        return np.array([float(np.ptp(m.mean(axis=(0, 1))) > 60) for m in middles])


class Dreamer(FakeNetwork):
    """Sees a face in anything, as networks do."""

    def align(self, images, start=None, *, state=None, steps=None):
        out = super().align(images, start, state=state)
        out.support[:] = self.support
        return out

    support = 0.97


def dream(scenes, support=0.97, **options):
    loaded = fake_loaded()
    loaded.model = Dreamer()
    loaded.model.support = support
    aligner = SequentialAligner(loaded, detector=JudgingDetector(), device="cpu")
    return list(aligner.run(FakeVideo(scenes), **options))


def test_a_face_the_network_only_dreams_of_is_taken_back_to_where_it_was_seen_last():
    frames = dream([*moving(9, dx=0), *[[]] * 20])
    seen = [f.boxes[0] is not None for f in frames]
    # The detector looks every third frame: nothing after its last sight of a face stays.
    assert seen[:7] == [True] * 7
    assert not any(seen[9:])
    assert any("no face is there any more" in note for f in frames for note in f.notes)
    assert np.isnan(frames[12].landmarks).all()
    assert np.isnan(frames[12].confidence).all()


def test_an_unsure_network_makes_the_detector_look_in_every_frame():
    frames = dream([*moving(8, dx=0), *[[]] * 20], support=0.9)
    assert [f.boxes[0] is not None for f in frames] == [True] * 8 + [False] * 20


def test_one_doubtful_look_loses_nothing():
    scenes = moving(20, dx=0)
    scenes[7] = []
    frames = dream(scenes, support=0.9)
    assert all(f.boxes[0] is not None for f in frames)


def test_a_face_that_only_a_person_sees_is_followed_all_the_same():
    grey = [[(160, 120, 60, (120, 120, 120))]] * 12
    frames = dream(grey, boxes=[FaceBox(130, 90, 60, 60)])
    assert all(f.boxes[0] is not None for f in frames)


def test_what_the_detector_finds_and_the_network_doubts_is_not_followed():
    frames = dream(moving(10), support=0.45)
    assert all(f.boxes[0] is None for f in frames)
