"""The jobs that the buttons of the dock start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from napari.utils.notifications import show_error

from napari_red._qt.workbench import Workbench
from napari_red.core.add_videos import Added, add_videos
from napari_red.core.aligner_process import AlignerProcess
from napari_red.core.batch import BatchSummary, VideoState
from napari_red.core.export import ExportChoice, ExportSummary, export_project
from napari_red.core.export_memory import LastExport, remember_export
from napari_red.core.jobs import ProgressCallback, ShouldStop
from napari_red.core.model_store import check_fits, file_for
from napari_red.core.models import check_model
from napari_red.core.prealign import PrealignSummary, Settings, prealign
from napari_red.core.session_pool import PooledBatch
from trainer.detection import default_detector
from trainer.errors import RedError

R = TypeVar("R")


def known_model(work: Workbench, model: str) -> bool:
    """Whether a chosen model is there and fits the project's faces; says so if it doesn't."""
    try:
        project = work.shown_project
        file = file_for(project, model)
        check_model(file)
        if project is not None and Path(file).is_file():
            check_fits(project, file, model)
    except RedError as error:
        show_error(str(error))
        return False
    return True


def run_aligner(
    work: Workbench,
    model: tuple[str, str],
    use: Callable[[AlignerProcess, ProgressCallback, ShouldStop], R],
    finish: Callable[[R], str],
    *,
    message: str,
    holds_video: bool = True,
) -> None:
    """Do something with an aligner as the job on the open video; it is closed after that.

    Parameters
    ----------
    model : name and device
    use : the work, beside the window
    finish : takes what it found, and gives a word on it
    """
    aligner = work.make_aligner(*model)

    def run(report: ProgressCallback, should_stop: ShouldStop) -> R:
        try:
            return use(aligner, report, should_stop)
        finally:
            aligner.close()

    work.runner.start(run, finish, message=message, interrupt=aligner.stop, holds_video=holds_video)


def prealign_video(work: Workbench, model: str, device: str, faces: int) -> None:
    """Pre-annotate the open video; face boxes, if there are any, say which faces."""
    if work.busy or not known_model(work, model):
        return
    session = work.session
    if session is None:
        return
    give_back = work.sessions.borrow(session)
    boxes = work.boxes.boxes()
    settings = Settings(
        model=model,
        device=device,
        faces=len(boxes) if boxes else faces,
        boxes=boxes,
        box_frame=work.boxes.frame or 0,
    )

    def use(
        aligner: AlignerProcess, report: ProgressCallback, should_stop: ShouldStop
    ) -> PrealignSummary:
        try:
            return prealign(session, aligner, settings, report, should_stop)
        finally:
            if give_back is not None:
                give_back()

    run_aligner(
        work,
        (model, device),
        use,
        _say_prealigned,
        message="loading the model …",
        holds_video=give_back is None,
    )


def prealign_many(
    work: Workbench,
    video_ids: Sequence[int] | None,
    settings: Settings,
    on_event: Callable[[VideoState], None],
    *,
    again: bool = False,
) -> None:
    """Pre-annotate videos of the project one after the other, from where they were cut off.

    Parameters
    ----------
    video_ids : which ones, None is all
    on_event : told how each stands, in the thread of the job
    again : also those that are done
    """
    if work.batch.busy or not known_model(work, settings.model) or work.need_project() is None:
        return
    assert work.sessions.pool is not None
    batch = PooledBatch(work.sessions.pool, work.make_aligner, settings)
    work.batch.start(
        lambda report, stop: batch.run(video_ids, report, stop, on_event, again=again),
        _say_many,
        message="loading the model …",
        interrupt=batch.stop,
        holds_video=False,
    )


def add(
    work: Workbench,
    paths: Sequence[str | Path],
    then: Callable[[Added], None],
    **options: Any,
) -> None:
    """Add videos to the project; ``options`` are those of
    :func:`napari_red.core.add_videos.add_videos`."""
    project = work.need_project()
    if project is None or work.busy:
        return
    pool = work.sessions.pool

    def run(report: ProgressCallback, stop: ShouldStop) -> Added:
        try:
            return add_videos(project, paths, on_progress=report, should_stop=stop, **options)
        finally:
            if pool is not None:
                pool.follow_parts()

    def finish(added: Added) -> str:
        then(added)
        return _say_added(added)

    work.runner.start(
        run,
        finish,
        message="looking at the videos …",
        holds_video=False,
    )


def detect(work: Workbench) -> None:
    """Find the faces on the shown frame and put a box round each."""
    if work.video is None or work.busy:
        return
    video, frame = work.video, work.video.shown_frame

    def finish(boxes: list) -> str:
        work.boxes.put(video, frame, boxes)
        if not boxes:
            return f"No face found in frame {frame + 1}: draw a box round it."
        return f"{len(boxes)} face{'s' * (len(boxes) > 1)} found in frame {frame + 1}."

    work.runner.start(
        lambda *_: default_detector().detect(video.data[frame]),
        finish,
        message="looking for faces …",
    )


def export(
    work: Workbench,
    folder: Path,
    choice: ExportChoice,
    *,
    whole_project: bool,
    then: Callable[[str, Path], None],
) -> None:
    """Write annotation files of the open video, or of all videos of its project.

    The project remembers it. ``then`` is told how it went, and where the files are.
    """
    session, project = work.session, work.shown_project
    if project is None:
        return
    video_ids = None
    if not whole_project:
        if session is None or session.video_id is None:
            show_error("No video is open: open one, or export all videos.")
            return
        video_ids = [session.video_id]
    work.view.commit()

    def finish(summary: ExportSummary) -> str:
        then(say_exported(summary), summary.out)
        return f"Exported to {summary.out.name}."

    def run(report: ProgressCallback, should_stop: ShouldStop) -> ExportSummary:
        summary = export_project(
            project, folder, report, should_stop, choice=choice, video_ids=video_ids
        )
        remember_export(project, LastExport(folder, choice, whole_project))
        return summary

    work.runner.start(
        run,
        finish,
        message="writing …",
        holds_video=session is not None,
    )


def say_exported(summary: ExportSummary) -> str:
    """How an export went, in one line."""
    faces = f"{summary.faces} face{'s' * (summary.faces != 1)}"
    lost = f"; {summary.without_face} frames without a face" if summary.without_face else ""
    said = f"{faces} in {summary.out}, {summary.corrected} of them corrected{lost}."
    return " ".join([said, *summary.notes])


def _say_prealigned(summary: PrealignSummary) -> str:
    if summary.frames and summary.without_face == summary.frames:
        return "No face found in any frame: draw a box round one and try again."
    rate = summary.frames / summary.seconds if summary.seconds > 0 else 0
    lost = f", no face in {summary.without_face}" if summary.without_face else ""
    said = f"{summary.frames} frames in {summary.seconds:.0f} s ({rate:.0f} a second){lost}."
    return " ".join([said, *summary.notes])


def _say_many(summary: BatchSummary) -> str:
    said = f"{len(summary.done)} video{'s' * (len(summary.done) != 1)} done"
    if not summary.failed:
        return f"{said}."
    name, message = summary.failed[0]
    more = f" (and {len(summary.failed) - 1} more, see the list)" * (len(summary.failed) > 1)
    return f"{said}, {len(summary.failed)} failed: {name}: {message}{more}"


def _say_added(added: Added) -> str:
    parts = [f"{len(added.new)} video{'s' * (len(added.new) != 1)} added"]
    if added.known:
        parts.append(f"{len(added.known)} known already")
    if added.parts:
        more = f" (and so with {len(added.parts) - 1} more)" * (len(added.parts) > 1)
        parts.append(f"{added.parts[0].words}{more}")
    said = ", ".join(parts)
    if not added.failed:
        return f"{said}."
    return f"{said}, {len(added.failed)} failed: {added.failed[0][1]}"
