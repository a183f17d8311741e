"""Small stand-ins: a made face, a made video, an aligner that knows the answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from knowing_aligner import KnowingAligner, truth, write_video
from make_videos import damage_frame

from napari_red.core.prealign import Settings, prealign
from napari_red.core.session import Session
from trainer.data.video import open_video


@pytest.fixture
def video_path(tmp_path: Path) -> Path:
    """A made video of 24 frames, 160 × 120, 25 a second."""
    return write_video(tmp_path / "clip.mp4")


@pytest.fixture
def make_video():
    """Writes a made video: ``make_video(path, n_frames=24, fps=25)``."""
    return write_video


@pytest.fixture
def make_aligner():
    """Makes an aligner that knows the made face: ``make_aligner(lost=…, pause=…)``."""
    return KnowingAligner


@pytest.fixture
def damaged_session(tmp_path: Path):
    """A session of a labelled video of 40 frames, of which 19 to 21 can't be decoded."""
    path = write_video(tmp_path / "talk.mp4", n_frames=40)
    with open_video(path) as whole, Session(whole, tmp_path / "whole.red") as session:
        prealign(session, KnowingAligner(), Settings("made"))
        predictions = session.project.predictions(session.tracks[0].id)
    for number in (19, 20, 21):
        damage_frame(path, path, number)
    with open_video(path) as video, Session(video) as session:
        session.store(session.start_run("made", "cpu"), [(0, one) for one in predictions])
        yield session


@pytest.fixture
def made_truth():
    """``made_truth(frame, face=0)``: (68, 2) landmarks of the made face."""
    return truth
