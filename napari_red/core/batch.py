"""Work over many videos of a project, one after the other.

How each stands is kept in the project, so that after a crash or a stop the same work goes
on where it was. A video that fails is reported, and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from napari_red.core.aligner import Aligner
from napari_red.core.corrected_faces import KnownAnswers
from napari_red.core.jobs import Progress, ProgressCallback, ShouldStop, StopWork
from napari_red.core.locate import locate
from napari_red.core.prealign import Settings, prealign
from napari_red.core.project import Project
from napari_red.core.records import VideoRecord
from napari_red.core.session import Session
from napari_red.core.video_names import told_apart
from trainer.data.video import open_video


class BatchAligner(Aligner, Protocol):
    """An aligner that serves one video after the other, and can be told to end at once:
    :class:`napari_red.core.aligner_process.AlignerProcess`."""

    def stop(self) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class VideoState:
    """How one video stands: a line of the list that is shown.

    Attributes
    ----------
    state : waiting, running, done or failed
    done, total : frames; 0 of 0 where it isn't known yet
    message : what was done, or what is wrong and what to do
    """

    video_id: int
    name: str
    state: str
    done: int = 0
    total: int = 0
    message: str = ""


@dataclass
class BatchSummary:
    """What became of all videos: ids of those that are done, and (name, message) of those
    that failed."""

    done: list[int] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    frames: int = 0


OnEvent = Callable[[VideoState], None]
Act = Callable[[VideoRecord, ProgressCallback, ShouldStop], str]
"""Does one video; returns a word on how it went."""


class Batch:
    """Alignment of many videos of a project.

    Parameters
    ----------
    project : open for writing; it may be open in a window too
    make_aligner : called with the model's name and the device, once for all videos
    settings : what to look for in each video; its boxes are not used
    session : the window's session with that project, so that its video shows what is found
        as it comes

    Attributes
    ----------
    rows : {video id: how it stands}, in the order they are done
    """

    def __init__(
        self,
        project: Project,
        make_aligner: Callable[[str, str], BatchAligner],
        settings: Settings,
        *,
        session: Session | None = None,
    ) -> None:
        self.project = project
        self.settings = replace(settings, boxes=None)
        self.rows: dict[int, VideoState] = {}
        self._make_aligner = make_aligner
        self._aligner: BatchAligner | None = None
        self._known: KnownAnswers | None = None
        self._session = session
        self._stopped = False

    def stop(self) -> None:
        """End at once, from any thread; :meth:`run` raises StopWork."""
        self._stopped = True
        if self._aligner is not None:
            self._aligner.stop()

    def run(
        self,
        video_ids: Iterable[int] | None = None,
        on_progress: ProgressCallback = lambda _: None,
        should_stop: ShouldStop = lambda: False,
        on_event: OnEvent = lambda _: None,
        *,
        again: bool = False,
    ) -> BatchSummary:
        """Align videos, each from where an earlier run was cut off.

        Parameters
        ----------
        video_ids : which ones; None is all
        on_progress : told frames of all videos together
        on_event : told of each video when its line of the list changes
        again : those that are done too, from their beginning. What a person corrected or
            accepted stays as it is in any case.

        Raises
        ------
        StopWork
            When ``should_stop`` answers True or after :meth:`stop`. What was found until then
            is stored; the same call goes on from there.
        ProjectError
            If the project can't be written.
        """
        chosen = _chosen(self.project, video_ids)
        if not again:
            chosen = [video for video in chosen if video.state != "done"]
        settings = replace(self.settings, resume=not again)
        for video in chosen:
            self.project.set_video(video.id, state="waiting", message="")

        def act(video: VideoRecord, report: ProgressCallback, stop: ShouldStop) -> str:
            with self._opened(video) as session:
                aligner = self._one_aligner()
                known = self._known = self._known or KnownAnswers(aligner)
                summary = prealign(session, aligner, settings, report, stop, known=known)
            lost = f", no face in {summary.without_face}" if summary.without_face else ""
            return " ".join([f"{summary.frames} frames{lost}", *summary.notes, *session.recounted])

        try:
            return each_video(
                self.project,
                [video.id for video in chosen],
                act,
                on_progress,
                lambda: self._stopped or should_stop(),
                on_event,
                rows=self.rows,
                keep_state=True,
            )
        finally:
            if self._aligner is not None:
                self._aligner.close()
                self._aligner = self._known = None

    def _one_aligner(self) -> BatchAligner:
        if self._aligner is None:
            self._aligner = self._make_aligner(self.settings.model, self.settings.device)
        if self._stopped:
            raise StopWork
        return self._aligner

    @contextmanager
    def _opened(self, video: VideoRecord) -> Iterator[Session]:
        path = locate(self.project, video)
        shown = self._session
        if shown is not None and shown.fingerprint == video.fingerprint:
            yield shown
            return
        with open_video(path) as opened, Session(opened, project=self.project) as session:
            yield session


def each_video(
    project: Project,
    video_ids: Iterable[int] | None,
    act: Act,
    on_progress: ProgressCallback = lambda _: None,
    should_stop: ShouldStop = lambda: False,
    on_event: OnEvent = lambda _: None,
    *,
    rows: dict[int, VideoState] | None = None,
    keep_state: bool = False,
) -> BatchSummary:
    """Do something with many videos: export them, for example.

    Parameters
    ----------
    video_ids : which ones; None is all
    act : does one video; an error it raises fails that video alone
    rows : gets the list that is shown
    keep_state : note in the project what fails; for work that makes predictions

    Raises
    ------
    StopWork
        When ``should_stop`` answers True.
    """
    rows = {} if rows is None else rows
    chosen = _chosen(project, video_ids)
    names = told_apart(project.videos())
    summary = BatchSummary()
    weights = {video.id: max(len(video.wanted_frames), 1) for video in chosen}
    total, passed = sum(weights.values()), 0

    def tell(row: VideoState) -> None:
        rows[row.video_id] = row
        on_event(row)

    for video in chosen:
        tell(VideoState(video.id, names[video.id], "waiting", 0, weights[video.id]))
    for video in chosen:
        row = VideoState(video.id, names[video.id], "running", 0, weights[video.id])
        if should_stop():
            raise StopWork
        tell(row)

        def report(progress: Progress, row: VideoState = row, passed: int = passed) -> None:
            tell(replace(row, done=progress.done, total=progress.total))
            part = progress.done / progress.total if progress.total else 0
            done = passed + round(part * weights[row.video_id])
            on_progress(Progress(done, total, f"{row.name}: {progress.message}"))

        try:
            message = act(video, report, should_stop)
        except StopWork:
            tell(replace(row, state="waiting"))
            raise
        except Exception as error:
            message = str(error) or type(error).__name__
            if keep_state:
                project.set_video(video.id, state="failed", message=message)
            summary.failed.append((row.name, message))
            tell(replace(row, state="failed", message=message))
        else:
            summary.done.append(video.id)
            summary.frames += rows[video.id].total
            last = rows[video.id]
            tell(replace(last, state="done", done=last.total, message=message))
        passed += weights[video.id]
        on_progress(Progress(passed, total, row.name))
    return summary


def _chosen(project: Project, video_ids: Iterable[int] | None) -> list[VideoRecord]:
    videos = project.videos()
    if video_ids is None:
        return videos
    wanted = list(dict.fromkeys(video_ids))
    known = {video.id: video for video in videos}
    return [known[video_id] for video_id in wanted if video_id in known]
