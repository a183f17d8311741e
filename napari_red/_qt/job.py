"""A job of the core in a thread, reporting to the GUI thread by signals."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_red.core import jobs

REPORT_S = 0.05
"""Progress is told at most this often, but for the begin and the end of something."""


class BackgroundJob(QObject):
    """Runs work beside the window.

    Parameters
    ----------
    work : callable
        As for :func:`napari_red.core.jobs.run`; runs in a thread of its own.
    interrupt : callable
        Called by :meth:`cancel` in the GUI thread, for work that can be ended at once.

    Signals
    -------
    progressed : Progress
    ended : Done, Cancelled or Failed
    """

    progressed = Signal(object)
    ended = Signal(object)

    def __init__(
        self,
        work: Callable[[jobs.ProgressCallback, jobs.ShouldStop], Any],
        interrupt: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self._work = work
        self._interrupt = interrupt
        self._stop = threading.Event()
        self._last_report = 0.0
        self._thread = threading.Thread(target=self._run, name="red-job", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to stop where it looks."""
        self._stop.set()

    def cancel(self) -> None:
        """Ask it to stop; ``ended`` follows."""
        self.stop()
        self._interrupt()

    def wait(self, seconds: float = 10) -> None:
        """Wait for the thread, without handling events meanwhile."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        outcome = jobs.run(self._work, self._report, self._stop.is_set)
        self._emit(self.ended, outcome)

    def _report(self, progress: jobs.Progress) -> None:
        now = time.monotonic()
        if now - self._last_report >= REPORT_S or progress.done in (0, progress.total):
            self._last_report = now
            self._emit(self.progressed, progress)

    def _emit(self, signal: Any, value: object) -> None:
        try:
            signal.emit(value)
        except RuntimeError:  # the window, and this object in it, are gone
            self._stop.set()
