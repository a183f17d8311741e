"""Work that the window only shows the latest result of: newer requests replace older ones."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from trainer.errors import RedError

Work = Callable[[], Any]


class Background(QObject):
    """One thread beside the window, for what is read and computed to be looked at.

    Signals
    -------
    failed : str, what went wrong with a request that nobody replaced
    """

    failed = Signal(str)
    _done = Signal(str, int, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="red-background")
        self._tickets: dict[str, int] = {}
        self._then: dict[str, Callable[[Any], None]] = {}
        self._timers: dict[str, QTimer] = {}
        self._closed = False
        self._done.connect(self._deliver)

    def ask(
        self,
        key: str,
        prepare: Callable[[], Work | None],
        then: Callable[[Any], None],
        wait_ms: int = 0,
    ) -> None:
        """Do work and hand its result over, unless the same is asked for again before.

        Parameters
        ----------
        key : what is asked for
        prepare : called here when the time has come; gives the work, or None for nothing
        then : called here with the result
        wait_ms : how long to wait first; asking again in that time doesn't prolong it
        """
        if self._closed:
            return
        self._then[key] = then
        timer = self._timers.get(key)
        if timer is None:
            timer = self._timers[key] = QTimer(self)
            timer.setSingleShot(True)
        elif timer.isActive():
            timer.timeout.disconnect()
            timer.timeout.connect(lambda: self._start(key, prepare))
            return
        else:
            timer.timeout.disconnect()
        timer.timeout.connect(lambda: self._start(key, prepare))
        timer.start(wait_ms)

    def drop(self, *keys: str) -> None:
        """Whatever is asked for under these keys (all, if none is given) isn't wanted."""
        for key in keys or list(self._timers):
            if key in self._timers:
                self._timers[key].stop()
            self._replace(key)

    def current(self, key: str, ticket: int) -> bool:
        """Whether nobody has asked again or dropped it since."""
        return self._tickets.get(key) == ticket

    def close(self) -> None:
        """Wait for what is being done; nothing is delivered any more. The window may be gone."""
        self._closed = True
        for key in list(self._timers):
            self._replace(key)
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _start(self, key: str, prepare: Callable[[], Work | None]) -> None:
        if self._closed:
            return
        ticket = self._replace(key)
        work = prepare()
        if work is None:
            return
        self._thread.submit(self._run, key, ticket, work)

    def _replace(self, key: str) -> int:
        """Whatever was asked for under this key is old; the ticket of what is next."""
        ticket = self._tickets[key] = self._tickets.get(key, 0) + 1
        return ticket

    def _run(self, key: str, ticket: int, work: Work) -> None:
        if not self.current(key, ticket):
            return
        try:
            result = work()
        except Exception as error:
            # A project that is being closed fails in many ways; nobody waits for that.
            result = error
        try:
            self._done.emit(key, ticket, result)
        except RuntimeError:  # the window is gone
            return

    def _deliver(self, key: str, ticket: int, result: Any) -> None:
        if not self.current(key, ticket):
            return
        if isinstance(result, RedError):
            self.failed.emit(str(result))
        elif isinstance(result, Exception):
            raise result
        else:
            self._then[key](result)
