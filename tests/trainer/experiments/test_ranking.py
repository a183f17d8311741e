"""Whether the queue finds the worst frames: how that is measured and reported."""

import json
from dataclasses import replace

import numpy as np
import pytest
from fake_faces import FakeDetector, FakeVideo, fake_loaded, landmarks_at
from typer.testing import CliRunner

from trainer.alignment import SequentialAligner
from trainer.cli import app
from trainer.data.video_sets import AnnotatedVideo
from trainer.errors import RedError
from trainer.experiments import aligned_heads, ranked
from trainer.experiments import ranking as module
from trainer.experiments.aligned_heads import LOST, AlignedClip, aligned_clips
from trainer.experiments.ranked import BESIDE, Frames, found, measure, stood_for
from trainer.face_3d import FACE_3D


def made_clips(people=6, clips=2, n=60):
    """Clips in which a part of the frames is wrong, and the network is unsure there."""
    rng = np.random.default_rng(0)
    head = (FACE_3D[:, :2] * (8, -8) + (110, 110)).astype(np.float32)
    made = []
    for person in range(people):
        for clip in range(clips):
            truth = np.repeat(head[None], n, axis=0) + np.linspace(0, 60, n)[:, None, None]
            error = np.exp(rng.normal(0.5, 0.3, n))
            start = rng.integers(0, n - 10)
            error[start : start + 6] *= 6
            away = rng.normal(0, 1, truth.shape) * error[:, None, None]
            confidence = np.repeat(1 / (1 + error / 4)[:, None], 68, axis=1)
            made.append(
                AlignedClip(
                    f"person{person}", f"person{person}/clip{clip}",
                    (truth + away).astype(np.float32), confidence.astype(np.float32),
                    (0.005 * error).astype(np.float32), truth.astype(np.float32),
                )
            )  # fmt: skip
    made[0].landmarks[20:24] = np.nan
    return made


def test_errors_are_told_of_a_frontal_face_and_lost_faces_count():
    clip = made_clips()[0]
    errors = clip.errors()
    assert (errors == LOST).sum() == 4
    assert not np.allclose(errors, clip.errors(own_eyes=True))


def test_the_share_found_is_of_the_worst_tenth_among_the_first_tenth():
    errors = np.arange(100.0)
    places = np.full(100, np.inf)
    places[[99, 98, 97, 0, 1]] = np.arange(5)
    everything = np.arange(100)
    assert found(errors, places, everything) == 30
    assert found(errors, 99 - everything, everything) == 100
    assert found(errors, everything.astype(float), everything) == 0
    assert found(errors, 99 - everything, everything, 0.05) == 50


def test_a_proposal_stands_for_frames_near_it_in_its_clip():
    frames = Frames.of(made_clips(people=2, clips=1, n=50))
    frames.errors[:] = 1
    frames.errors[44:54] = 20  # the worst tenth: the end of a clip, the start of the next
    places = np.full(100, np.inf)
    places[[49, 20]] = 0, 1
    everything = np.arange(100)
    assert found(frames.errors, places, everything) == 10
    assert stood_for(frames, places, everything) == 10 * (BESIDE + 1)
    assert stood_for(frames, places, everything, 0.01) == 10 * (BESIDE + 1)
    twice = np.concatenate([everything[50:], everything[50:]])  # its first frames aren't near
    places[50:] = np.inf
    assert stood_for(frames, places, twice) == 0
    places[99] = 0  # beside the first frames of the same clip drawn again
    frames.errors[:] = 1
    frames.errors[50:55] = 20
    assert stood_for(frames, places, twice) == 0


def test_the_queue_finds_more_than_chance_and_the_pure_ranking_more_than_the_queue():
    rows, curves = measure(Frames.of(made_clips()))
    assert rows["truth"]["found"] == 100
    assert rows["ranking"]["found"] > 70
    assert rows["ranking"]["found"] > rows["queue"]["found"] > 2 * rows["chance"]["found"]
    assert rows["evenly"]["found"] < 25
    assert rows["queue"]["proposed"] < 60
    low, high = rows["ranking"]["interval"]
    assert low <= rows["ranking"]["found"] <= high
    assert rows["queue"]["stood_for"] > rows["confidence"]["stood_for"]
    assert rows["confidence"]["stood_for_gain_interval"] == [0, 0]
    assert rows["queue"]["against"] == "confidence, near-duplicates left out"
    assert curves["ranking"][0] == 0
    assert curves["ranking"][-1] == 100


def test_the_command_writes_table_plot_and_figures(tmp_path, monkeypatch):
    folders = []

    def aligned(folder, work, loaded, tell, *, strangers):
        folders.append((folder.name, strangers))
        return made_clips()

    monkeypatch.setattr(module, "aligned_clips", aligned)
    monkeypatch.setattr(ranked, "ROUNDS", 20)
    monkeypatch.setattr(module, "load_model", lambda name, n_landmarks: fake_loaded())
    arguments = ["experiments", "ranking", "--heads", str(tmp_path), "--work", str(tmp_path)]
    told = CliRunner().invoke(app, [*arguments, "--docs", str(tmp_path)], catch_exceptions=False)
    assert told.exit_code == 0
    text = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert "Which frames the review queue proposes" in text
    assert "| queue |" in text
    assert (tmp_path / "images" / "results_ranking.png").is_file()
    values = json.loads((tmp_path / "results" / "ranking.json").read_text(encoding="utf-8"))
    assert values["rows"]["queue"]["found"] > 10
    fitted = CliRunner().invoke(app, [*arguments, "--fit"], catch_exceptions=False)
    assert "slopes=" in fitted.stdout
    assert folders == [("test", False), ("train", True)]


def test_clips_are_aligned_once_and_kept(tmp_path, monkeypatch):
    scenes = [[(80 + i, 120, 60, (250, 60, 60))] for i in range(6)]
    video = AnnotatedVideo("a/clip", "a", dict.fromkeys(range(6)), "vid.mp4", {})
    truth = {i: landmarks_at(80 + i, 120, 60) for i in range(6)}
    monkeypatch.setattr(AnnotatedVideo, "landmarks", lambda self, frame, count: truth[frame])
    monkeypatch.setattr(aligned_heads, "find_annotated_videos", lambda folder: [video])
    monkeypatch.setattr(aligned_heads, "_fingerprint", lambda loaded: "fake")
    opened = []

    def opening(path):
        opened.append(path)
        return FakeVideo(scenes)

    def aligner(loaded, **options):
        return SequentialAligner(loaded, detector=FakeDetector(), **options)

    monkeypatch.setattr(aligned_heads, "open_video", opening)
    monkeypatch.setattr(aligned_heads, "SequentialAligner", aligner)
    (clip,) = aligned_clips(tmp_path, tmp_path / "work", fake_loaded(), lambda what: None)
    assert clip.person == "a"
    assert clip.landmarks.shape == clip.truth.shape == (6, 68, 2)
    assert clip.errors() == pytest.approx(np.zeros(6), abs=8)
    (again,) = aligned_clips(tmp_path, tmp_path / "work", fake_loaded(), lambda what: None)
    np.testing.assert_array_equal(again.landmarks, clip.landmarks)
    assert len(opened) == 1
    learnt = replace(fake_loaded(), info={"people": ["a"]})
    with pytest.raises(RedError, match="has learnt everybody"):
        aligned_clips(tmp_path, tmp_path / "work", learnt, lambda what: None, strangers=True)
