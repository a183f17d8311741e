"""Improving the model beside the window: what the Improve panel is joined to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_red._qt.job import BackgroundJob
from napari_red.core.improve import Improvement, Improver, RoundLostError
from napari_red.core.jobs import (
    Cancelled,
    Done,
    Failed,
    Progress,
    ProgressCallback,
    ShouldStop,
    StopWork,
)
from napari_red.core.project import Project


class Improving(QObject):
    """One round of fine-tuning at a time, in a process of its own.

    Parameters
    ----------
    make_improver : from a project to what improves its model

    Signals
    -------
    changed : it started, ended, or another project is worked on
    progressed : Progress while frames are pushed
    event : dict, what the trainer says, see docs/finetune.md, or ``anew`` with a ``message``:
        why a round that was broken off isn't gone on with
    ended : Improvement, or None when it was cancelled
    failed : str, what happened and what to do
    """

    changed = Signal()
    progressed = Signal(object)
    event = Signal(object)
    ended = Signal(object)
    failed = Signal(str)

    def __init__(self, make_improver: Callable[[Project], Improver] = Improver) -> None:
        super().__init__()
        self._make_improver = make_improver
        self.improver: Improver | None = None
        self.job: BackgroundJob | None = None

    @property
    def busy(self) -> bool:
        """True while frames are pushed or the model is trained."""
        return self.job is not None

    @property
    def interrupted(self) -> bool:
        """True where a round of this project was broken off and can be gone on with."""
        return self.improver is not None and not self.busy and self.improver.interrupted()

    def set_project(self, project: Project | None) -> None:
        """Work with this project from now on; a round that runs is ended, which is told: a
        training can be gone on with later."""
        if self.improver is not None and self.improver.project is project:
            return
        left = self.improver if self.busy else None
        self.leave()
        if left is not None:
            self.failed.emit(_told_left(left))
        usable = project is not None and not project.read_only
        self.improver = self._make_improver(project) if usable and project else None
        self.changed.emit()

    def start(self, device: str = "auto") -> None:
        """Push what is corrected, and train on it."""
        improver = self.improver
        if improver is None or self.busy:
            return

        def work(report: ProgressCallback, should_stop: ShouldStop) -> Improvement:
            return self._anew(improver, device, report, should_stop)

        self._run(work)

    def resume(self, device: str = "auto", prepare_anew: Callable[[], bool] = lambda: True) -> None:
        """Go on with a round that was broken off; begin anew where that can't be.

        Parameters
        ----------
        device : auto, cpu, cuda or mps
        prepare_anew : called before it begins anew; where it answers False, it doesn't
        """
        improver = self.improver
        if improver is None or self.busy:
            return

        def work(report: ProgressCallback, should_stop: ShouldStop) -> Improvement:
            try:
                return improver.resume(self.event.emit, device=device)
            except RoundLostError:
                if should_stop():
                    raise StopWork from None
                raise

        def begin_anew(lost: RoundLostError) -> None:
            if prepare_anew():
                self.event.emit({"event": "anew", "message": str(lost)})
                self.start(device)
            else:
                self.failed.emit(str(lost))

        self._run(work, begin_anew)

    def stop_early(self) -> None:
        """Keep the best so far; it goes through the gate."""
        if self.improver is not None:
            self.improver.stop_early()

    def cancel(self) -> None:
        """Stop at once; nothing of the round stays."""
        if self.job is not None:
            self.job.cancel()

    def leave(self) -> None:
        """The window or the project closes: what runs can be gone on with later."""
        job, self.job = self.job, None
        if job is not None and self.improver is not None:
            job.stop()
            self.improver.leave()
            job.wait()
        self.improver = None

    def _anew(
        self, improver: Improver, device: str, report: ProgressCallback, should_stop: ShouldStop
    ) -> Improvement:
        improver.push(report, should_stop)
        if should_stop():
            improver.drop()  # what never trained can't be gone on with
            raise StopWork
        return improver.train(self.event.emit, device=device)

    def _run(
        self,
        work: Callable[[ProgressCallback, ShouldStop], Any],
        on_lost: Callable[[RoundLostError], None] | None = None,
    ) -> None:
        assert self.improver is not None
        job = BackgroundJob(work, self.improver.cancel)
        job.progressed.connect(self._on_progress)
        job.ended.connect(lambda outcome: self._on_ended(job, outcome, on_lost))
        self.job = job
        job.start()
        self.changed.emit()

    def _on_progress(self, progress: Progress) -> None:
        self.progressed.emit(progress)

    def _on_ended(
        self,
        job: BackgroundJob,
        outcome: object,
        on_lost: Callable[[RoundLostError], None] | None,
    ) -> None:
        if job is not self.job:
            return
        self.job = None
        match outcome:
            case Done(value):
                self.ended.emit(value)
            case Cancelled():
                self.ended.emit(None)
            case Failed(RoundLostError() as lost) if on_lost is not None:
                on_lost(lost)
            case Failed() as failed:
                self.failed.emit(failed.message)
        self.changed.emit()


def _told_left(improver: Improver) -> str:
    """What a person should know of a round that was ended because its project was left."""
    name = improver.project.path.name
    if improver.interrupted():
        return f"The training of {name} was broken off; go on with it when that project is open."
    return (
        f"Improving the model of {name} was ended before it learned anything; start it again "
        "when that project is open."
    )
