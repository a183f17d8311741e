"""Pre-annotate a video: run an aligner over it and keep what it finds, as it finds it.

Works with any aligner that has the interface of
:class:`trainer.alignment.SequentialAligner`; what is written stays when the work is
stopped or fails half-way.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import numpy as np

from napari_red.core.aligner import AlignedFrameLike, Aligner
from napari_red.core.corrected_faces import KnownAnswers, person_of
from napari_red.core.jobs import Progress, ProgressCallback, ShouldStop, StopWork
from napari_red.core.records import Prediction
from napari_red.core.session import Session
from napari_red.core.spans import Span, cut_off, first_after, spans
from napari_red.core.video_part import OTHER_PART
from trainer.errors import RedError
from trainer.geometry import FaceBox
from trainer.shape_residuals import CorrectedFaces

FLUSH_SECONDS = 0.4
"""How often what was found is written and shown."""

FLUSH_FRAMES = 100
"""Frames after which it is written anyway."""

Held = dict[tuple[int, int], np.ndarray]
"""(frame, face) to (L, 2) landmarks that an aligner holds on to."""


class BoxFrameError(RedError):
    """A face box in a frame from where its face can't be followed."""


@dataclass(frozen=True)
class Settings:
    """What to look for.

    Attributes
    ----------
    model, device : what is noted as the origin, and opened where an aligner is made
    faces : how many to follow
    boxes, box_frame : face boxes in a frame, from where the faces are followed both ways;
        None lets the detector find them
    start, stop : part of the video; None is what the project says of it
    resume : go on where a run of the same model was cut off
    only_missing : leave out the frames in which a face is known already
    """

    model: str
    device: str = "auto"
    faces: int = 1
    boxes: tuple[FaceBox, ...] | None = None
    box_frame: int = 0
    start: int | None = None
    stop: int | None = None
    resume: bool = False
    only_missing: bool = False


@dataclass(frozen=True)
class PrealignSummary:
    """How a run went: frames seen, frames in which no face was found, wall seconds, and in
    words what of the project couldn't be used."""

    frames: int
    without_face: int
    seconds: float
    notes: tuple[str, ...] = ()


def prealign(
    session: Session,
    aligner: Aligner,
    settings: Settings,
    on_progress: ProgressCallback = lambda _: None,
    should_stop: ShouldStop = lambda: False,
    *,
    known: KnownAnswers | None = None,
) -> PrealignSummary:
    """Align a session's video and store the predictions in batches as they come.

    Frames that a person corrected or accepted enter the aligner, and stay as they are; what was
    corrected in faces of a like shape, here or in the project's other videos, is changed in
    all others too. ``known`` keeps what that takes for several videos. Of a
    video with a stride every n-th frame is kept; the aligner sees those between too, because
    it follows a face by what little it moves from one frame to the next.

    Raises
    ------
    StopWork
        When ``should_stop`` answers True; what was found until then is stored.
    BoxFrameError
        Before anything is changed, if the boxes are drawn in a frame that isn't aligned, or
        in which their faces are settled elsewhere.
    RedError
        Whatever the aligner or the project file report.
    """
    began = time.monotonic()
    plan, run_id = _plan(session, settings)
    total = sum(len(span.wanted) for span in plan)
    known = known or KnownAnswers(aligner)
    batch: list[tuple[int, Prediction]] = []
    done = without_face = 0
    last_flush = began
    with _noted(session, settings, run_id):
        try:
            corrected = known.of(session, on_progress, should_stop)
            for result, is_wanted in _results(session, aligner, settings, plan, corrected):
                if is_wanted:
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
        finally:
            session.store(run_id, batch)
    on_progress(Progress(total, total, f"{done} frames"))
    return PrealignSummary(done, without_face, time.monotonic() - began, tuple(known.notes))


def _plan(session: Session, settings: Settings) -> tuple[list[Span], int]:
    """What to align, and the number of the run that finds it."""
    project, record = session.opened()
    every = project.video(record.id).wanted_frames
    start = every.start if settings.start is None else settings.start
    stop = every.stop if settings.stop is None else min(settings.stop, session.n_frames)
    wanted = range(start, max(stop, start), every.step)
    run_id = cut_off(project, record.id, settings.model) if settings.resume else None
    after = 0 if run_id is None else first_after(session, run_id)
    plan = spans(session, wanted, settings.faces, after=after, only_missing=settings.only_missing)
    if settings.boxes:
        _check_box_frame(settings.box_frame, wanted, plan)
        _check_held(session, settings.boxes, settings.box_frame)
    if run_id is None:
        run_id = session.start_run(settings.model, settings.device)
    return plan, run_id


def _check_box_frame(frame: int, wanted: range, plan: list[Span]) -> None:
    """The boxes' frame has to be one that is aligned, be it kept or between two that are."""
    if any(span.start <= frame < span.stop for span in plan):
        return
    drawn = f"the face box is drawn in frame {frame + 1}"
    if wanted and not wanted[0] <= frame <= wanted[-1]:
        raise BoxFrameError(f"{drawn}, which isn't worked on: draw it in {_one_of(wanted)}")
    settled = f"{drawn}, where every face is settled and stays as it is"
    if not plan:
        raise BoxFrameError(f"{settled}, as everywhere: there is nothing to annotate")
    near = min(plan, key=lambda span: max(span.start - frame, frame - span.stop))
    raise BoxFrameError(f"{settled}: draw it in {_one_of(near.wanted)}")


def _check_held(session: Session, boxes: tuple[FaceBox, ...], frame: int) -> None:
    """What a person settled in the boxes' frame goes before a box, so they have to agree."""
    held = Span(frame, frame + 1, range(frame, frame + 1), None).held(session)
    for face, box in enumerate(boxes):
        points = held.get((frame, face))
        if points is not None and box.iou(FaceBox.around(points)) == 0:
            raise BoxFrameError(
                f"the face box drawn in frame {frame + 1} isn't round face {face + 1}, which is "
                "corrected or accepted there and stays as it is: draw it in another frame"
            )


def _one_of(frames: range) -> str:
    if len(frames) == 1:
        return f"frame {frames[0] + 1}"
    return f"a frame from {frames[0] + 1} to {frames[-1] + 1}"


@contextmanager
def _noted(session: Session, settings: Settings, run_id: int) -> Iterator[None]:
    """The project knows how the run, and so the video, stands. Where other frames are worked
    on by the end of it, the video waits for another run."""
    project, record = session.opened()
    part = project.video(record.id).wanted_frames
    whole = settings.start is None and settings.stop is None

    def note(outcome: str, state: str, message: str = "") -> None:
        if project.video(record.id).wanted_frames != part:
            outcome, state, message = OTHER_PART, "waiting", ""
        session.finish_run(run_id, outcome)
        if whole:
            project.set_video(record.id, state=state, message=message)

    if whole:
        project.set_video(record.id, state="running", message="")
    try:
        yield
    except StopWork:
        note("cancelled", "waiting")
        raise
    except Exception as error:
        note("failed", "failed", str(error) or type(error).__name__)
        raise
    except BaseException:  # the program is told to end
        note("cancelled", "waiting")
        raise
    note("done", "done")


def _results(
    session: Session,
    aligner: Aligner,
    settings: Settings,
    plan: list[Span],
    corrected: CorrectedFaces | None,
) -> Iterator[tuple[AlignedFrameLike, bool]]:
    """Frames in order, and whether they are wanted. Boxes of a frame in the middle are
    aligned there first; what is found holds like a correction, so that the face is followed
    both ways from it."""
    boxes, anchored = settings.boxes, {}
    anchor: AlignedFrameLike | None = None
    if plan and boxes and settings.box_frame > plan[0].start:
        with closing(
            aligner.run(
                session.video,
                faces=settings.faces,
                boxes=boxes,
                start=settings.box_frame,
                stop=settings.box_frame + 1,
            )
        ) as found:
            (anchor,) = found
        anchored = {
            (anchor.frame, face): points
            for face, points in enumerate(anchor.landmarks)
            if np.isfinite(points).all()
        }
        boxes = None
    for span in plan:
        within = {key: v for key, v in anchored.items() if span.start <= key[0] < span.stop}
        aligned = aligner.run(
            session.video,
            faces=settings.faces,
            boxes=boxes,
            start=span.start,
            stop=span.stop,
            corrections=within | span.held(session),
            initial=span.initial,
            corrected=corrected,
            people=[person_of(track) for track in session.tracks],
        )
        boxes = None
        with closing(aligned) as results:
            for result in results:
                if anchor is not None and result.frame == anchor.frame:
                    result = anchor
                yield result, result.frame in span.wanted


def _predictions(result: AlignedFrameLike) -> list[tuple[int, Prediction]]:
    return [
        (
            face,
            Prediction(
                int(result.frame),
                np.asarray(landmarks, np.float32),
                np.asarray(confidence, np.float32),
                float(disagreement),
            ),
        )
        for face, (landmarks, confidence, disagreement) in enumerate(
            zip(result.landmarks, result.confidence, result.disagreement, strict=True)
        )
    ]
