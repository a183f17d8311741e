"""One job at a time, and how it stands, for the whole window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.utils.notifications import (
    ErrorNotification,
    notification_manager,
    show_error,
    show_info,
)
from qtpy.QtCore import QObject, Signal

from napari_red._qt.job import BackgroundJob
from napari_red.core.jobs import (
    Cancelled,
    Done,
    Failed,
    Progress,
    ProgressCallback,
    ShouldStop,
)
from trainer.errors import RedError

Work = Callable[[ProgressCallback, ShouldStop], Any]
Finish = Callable[[Any], str]


class JobRunner(QObject):
    """Starts jobs and says how they go and end.

    Signals
    -------
    changed : a job began or ended
    progressed : Progress of the running job
    told : str, one line on how the last job ended
    failed : str, what went wrong with it
    """

    changed = Signal()
    progressed = Signal(object)
    told = Signal(str)
    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.job: BackgroundJob | None = None
        self.holds_video = False

    @property
    def busy(self) -> bool:
        """True while a job runs."""
        return self.job is not None

    def start(
        self,
        work: Work,
        finish: Finish,
        *,
        message: str,
        interrupt: Callable[[], None] = lambda: None,
        holds_video: bool = True,
    ) -> None:
        """Run work beside the window; nothing happens while another job runs.

        Parameters
        ----------
        finish : called here with the work's result; gives the line that says how it went
        message : what is said until the first progress
        interrupt : ends the work at once
        holds_video : whether the open video must stay open until it has ended
        """
        if self.busy:
            return
        job = BackgroundJob(work, interrupt)
        job.progressed.connect(self.progressed)
        job.ended.connect(lambda outcome: self._on_ended(job, outcome, finish))
        self.job, self.holds_video = job, holds_video
        job.start()
        self.changed.emit()
        self.progressed.emit(Progress(0, 0, message))

    def cancel(self) -> None:
        """Stop the running job; what it has found is kept."""
        if self.job is not None:
            self.job.cancel()

    def end(self) -> None:
        """Stop the running job and wait until it has; its result is forgotten."""
        if self.leave():
            self.changed.emit()

    def leave(self) -> bool:
        """As :meth:`end`, without a word to anybody; whether there was one."""
        job, self.job = self.job, None
        if job is not None:
            job.cancel()
            job.wait()
        return job is not None

    def _on_ended(self, job: BackgroundJob, outcome: object, finish: Finish) -> None:
        if job is not self.job:
            return
        self.job = None
        match outcome:
            case Done(value):
                self.told.emit(finish(value))
            case Cancelled():
                self.told.emit("Cancelled; what was found until then is kept.")
            case Failed() as failed:
                self.failed.emit(failed.message)
                if isinstance(failed.error, RedError):
                    show_error(failed.message)
                else:
                    notification_manager.dispatch(ErrorNotification(failed.error))
        self.changed.emit()


class Jobs(QObject):
    """The jobs of a window: one on the open video or on files, one that goes through many
    videos beside it, and one edit of whole tracks, which may be made meanwhile.

    Signals
    -------
    changed : one of them began or ended
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.runner, self.batch, self.edit = JobRunner(), JobRunner(), JobRunner()
        self.all = (self.runner, self.batch, self.edit)
        for one in self.all:
            one.changed.connect(self.changed)

    @property
    def busy(self) -> bool:
        """True while any of them runs."""
        return any(one.busy for one in self.all)

    @property
    def holds_video(self) -> bool:
        """Whether the open video must stay open."""
        return any(one.busy and one.holds_video for one in (self.runner, self.edit))

    def hold_video(self) -> bool:
        """Whether the open video must stay open; says so."""
        if self.holds_video:
            show_info("The running job belongs to the open video; cancel it or let it end.")
        return self.holds_video

    def hold_project(self) -> bool:
        """Whether the project must stay open; says so."""
        if self.busy:
            show_info("A job is running in this project; cancel it or let it end.")
        return self.busy

    def end(self) -> None:
        """Stop them and wait; nobody is told how they ended."""
        for one in self.all:
            one.blockSignals(True)
        self.leave()

    def leave(self) -> None:
        """As :meth:`end`, in a window that may be gone."""
        for one in self.all:
            one.leave()
