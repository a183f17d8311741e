"""Pre-annotate a video: run an aligner over it and keep what it finds, as it finds it.

Works with any aligner that has the interface of
:class:`trainer.alignment.SequentialAligner`; what is written stays when the work is
stopped or fails half-way.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from napari_red.core.jobs import Progress, ProgressCallback, ShouldStop, StopWork
from napari_red.core.records import Prediction
from napari_red.core.session import Session
from trainer.data.video import Video
from trainer.geometry import FaceBox

FLUSH_SECONDS = 0.4
"""How often what was found is written and shown."""

FLUSH_FRAMES = 100
"""Frames after which it is written anyway."""


class AlignedFrameLike(Protocol):
    """One frame's result: ``landmarks (F, L, 2)`` xy, NaN where lost; ``confidence (F, L)``."""

    @property
    def frame(self) -> int: ...
    @property
    def landmarks(self) -> np.ndarray: ...
    @property
    def confidence(self) -> np.ndarray: ...


class Aligner(Protocol):
    """What finds the landmarks."""

    def run(
        self,
        video: Video,
        *,
        faces: int = 1,
        boxes: Sequence[FaceBox | None] | None = None,
        start: int = 0,
        stop: int | None = None,
        corrections: Mapping[tuple[int, int], np.ndarray] | None = None,
    ) -> Iterator[AlignedFrameLike]: ...


@dataclass(frozen=True)
class Settings:
    """What to look for. ``boxes`` are face boxes in frame ``box_frame``, from where the
    faces are followed both ways; None lets the detector find them."""

    model: str
    device: str = "auto"
    faces: int = 1
    boxes: tuple[FaceBox, ...] | None = None
    box_frame: int = 0
    start: int = 0
    stop: int | None = None


@dataclass(frozen=True)
class PrealignSummary:
    """How a run went: frames seen, frames in which no face was found, wall seconds."""

    frames: int
    without_face: int
    seconds: float


def prealign(
    session: Session,
    aligner: Aligner,
    settings: Settings,
    on_progress: ProgressCallback = lambda _: None,
    should_stop: ShouldStop = lambda: False,
) -> PrealignSummary:
    """Align the session's video and store the predictions in batches as they come.

    Frames that a person corrected enter the aligner, and keep what the person said.

    Raises
    ------
    StopWork
        When ``should_stop`` answers True; what was found until then is stored.
    RedError
        Whatever the aligner or the project file report.
    """
    began = time.monotonic()
    stop = session.n_frames if settings.stop is None else min(settings.stop, session.n_frames)
    total = max(stop - settings.start, 0)
    run_id = session.start_run(settings.model, settings.device)
    batch: list[tuple[int, Prediction]] = []
    done = without_face = 0
    last_flush = began
    outcome = "failed"
    try:
        for result in _results(session, aligner, settings, stop):
            found = _predictions(result)
            batch += found
            done += 1
            without_face += all(prediction.lost for _, prediction in found)
            now = time.monotonic()
            if now - last_flush >= FLUSH_SECONDS or len(batch) >= FLUSH_FRAMES:
                session.store(run_id, batch)
                batch, last_flush = [], now
                on_progress(Progress(done, total, f"frame {done} of {total}"))
            if should_stop():
                raise StopWork
        outcome = "done"
    except StopWork:
        outcome = "cancelled"
        raise
    finally:
        session.store(run_id, batch)
        session.finish_run(run_id, outcome)
    on_progress(Progress(total, total, f"{done} frames"))
    return PrealignSummary(done, without_face, time.monotonic() - began)


def _results(
    session: Session, aligner: Aligner, settings: Settings, stop: int
) -> Iterator[AlignedFrameLike]:
    """Frames in order. Boxes of a frame in the middle are aligned there first; what is
    found holds like a correction, so that the face is followed both ways from it."""
    corrections = session.complete_corrections()
    boxes = settings.boxes
    anchor: AlignedFrameLike | None = None
    if boxes and settings.box_frame > settings.start:
        (anchor,) = aligner.run(
            session.video,
            faces=settings.faces,
            boxes=boxes,
            start=settings.box_frame,
            stop=settings.box_frame + 1,
        )
        found = {(anchor.frame, face): points for face, points in enumerate(anchor.landmarks)}
        corrections = {k: v for k, v in found.items() if np.isfinite(v).all()} | corrections
        boxes = None
    for result in aligner.run(
        session.video,
        faces=settings.faces,
        boxes=boxes,
        start=settings.start,
        stop=stop,
        corrections=corrections,
    ):
        yield anchor if anchor is not None and result.frame == anchor.frame else result


def _predictions(result: AlignedFrameLike) -> list[tuple[int, Prediction]]:
    return [
        (
            face,
            Prediction(
                int(result.frame),
                np.asarray(landmarks, np.float32),
                np.asarray(confidence, np.float32),
            ),
        )
        for face, (landmarks, confidence) in enumerate(
            zip(result.landmarks, result.confidence, strict=True)
        )
    ]
