"""The queue over a whole project, and the features it reads."""

import numpy as np
import pytest

from napari_red.core import edits, review, track_edits
from napari_red.core.chunks import CHUNK
from napari_red.core.feature_store import FeatureStore
from napari_red.core.prealign import Settings, prealign
from napari_red.core.project import Project
from napari_red.core.records import Prediction
from napari_red.core.session import Session
from trainer.data.video import open_video


@pytest.fixture
def project(tmp_path):
    with Project(tmp_path / "p.red") as project:
        yield project


@pytest.fixture
def add(project, make_video, tmp_path):
    """Adds a made video of so many frames, and gives its session."""
    opened = []

    def make(name, n_frames=24):
        video = open_video(make_video(tmp_path / f"{name}.mp4", n_frames=n_frames))
        opened.append((video, Session(video, project=project)))
        return opened[-1][1]

    yield make
    for video, session in opened:
        session.close()
        video.close()


def doubtful(session, frames, confidence=0.1):
    """A run that is unsure of these frames."""
    run = session.start_run("made", "cpu")
    rows = []
    for frame in frames:
        landmarks = session.track(0).predicted(frame)
        rows.append((0, Prediction(frame, landmarks, np.full(68, confidence, np.float32))))
    session.store(run, rows)


def test_an_unsure_frame_of_any_video_comes_first_and_its_reason_is_said(
    project, add, make_aligner
):
    first, second = add("one"), add("two", 60)
    for session in (first, second):
        prealign(session, make_aligner(), Settings("made"))
    doubtful(second, [40])
    found = review.propose(project, FeatureStore(project))
    assert (found[0].video.name, found[0].frame, found[0].face) == ("two", 40, 0)
    assert "low confidence" in found[0].words


def test_accepted_and_corrected_frames_are_never_proposed(project, add, make_aligner):
    session = add("one", 60)
    prealign(session, make_aligner(), Settings("made"))
    doubtful(session, [40, 10])
    session.move(40, 0, {3: (1.0, 2.0)})
    edits.accept(session, 10)
    proposed = {one.frame for one in review.propose(project, FeatureStore(project))}
    assert not proposed & {10, 40}
    edits.accept_up_to(session, 59)
    assert review.propose(project, FeatureStore(project)) == []


def test_only_frames_that_are_worked_on_are_proposed(project, add, make_aligner):
    session = add("one", 60)
    prealign(session, make_aligner(), Settings("made"))
    doubtful(session, range(60))
    project.set_video(session.video_id, start=20, stop=50, stride=10)
    proposed = {one.frame for one in review.propose(project, FeatureStore(project))}
    assert proposed
    assert proposed <= {20, 30, 40}


def test_a_video_nobody_aligned_has_nothing_to_review(project, add):
    add("one").opened()
    assert review.propose(project, FeatureStore(project)) == []


def test_features_are_read_again_where_predictions_changed(project, add, make_aligner):
    session = add("long", 2 * CHUNK + 10)
    prealign(session, make_aligner(), Settings("made"))
    (track,) = session.tracks
    store = FeatureStore(project)
    assert np.allclose(store.of(track.id, session.n_frames).confidence, 0.9, atol=0.01)
    doubtful(session, [CHUNK + 3])
    assert store.of(track.id, session.n_frames).confidence[CHUNK + 3] > 0.5
    store.changed(track.id, CHUNK + 3, CHUNK + 3)
    confidence = store.of(track.id, session.n_frames).confidence
    assert confidence[CHUNK + 3] < 0.2
    assert np.isfinite(confidence).all()
    store.forget(track.id)
    assert store.of(track.id, session.n_frames).confidence[CHUNK + 3] < 0.2


def test_shapes_are_taken_where_a_face_is(project, add, make_aligner, monkeypatch):
    session = add("one", 40)
    prealign(session, make_aligner(), Settings("made"))
    edits.accept_up_to(session, 39)
    track_edits.split_track(session, 0, 30)
    given = {}
    monkeypatch.setattr(review, "SHAPES", 10)
    monkeypatch.setattr(review, "rank", lambda *_, **more: given.update(more) or [])
    review.propose(project, FeatureStore(project))
    assert len(given["accepted_shapes"]) == 10
    assert np.isfinite(given["accepted_shapes"]).all()
