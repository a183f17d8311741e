"""Small stand-ins: a made face, a made video, an aligner that knows the answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from knowing_aligner import KnowingAligner, truth, write_video


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
def made_truth():
    """``made_truth(frame, face=0)``: (68, 2) landmarks of the made face."""
    return truth
