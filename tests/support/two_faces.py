"""A video with two predicted faces, for tests of what a person does with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_red.core.blank_video import BlankVideo
from napari_red.core.records import Prediction
from napari_red.core.session import Session

L = 7


def shape(value: float) -> np.ndarray:
    """(L, 2) float32 landmarks, told from others by their first coordinate."""
    return (np.arange(2 * L).reshape(L, 2) + value).astype(np.float32)


def predict(session: Session, frames: Iterable[int], faces: int = 2, offset: float = 0.0) -> None:
    """A run of a model: face k in frame f is at f + 100 k, plus the offset."""
    run = session.start_run("made", "cpu")
    sure = np.full(L, 0.5, np.float32)
    pairs = [(frame, face) for frame in frames for face in range(faces)]
    session.store(run, [(k, Prediction(f, shape(f + 100 * k + offset), sure)) for f, k in pairs])
    session.finish_run(run, "done")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Two faces in the first 300 of 2,100 frames."""
    (tmp_path / "v.mp4").write_bytes(b"a video")
    with Session(BlankVideo(tmp_path / "v.mp4", 2100)) as session:
        predict(session, range(300))
        yield session
