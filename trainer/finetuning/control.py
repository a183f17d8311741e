"""What a run hears: ``stop`` and ``cancel`` on its input, and signals."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class Cancelled(BaseException):
    """The run was cancelled; not an error, so that nothing takes it for one."""


@contextmanager
def heard(commands: TextIO | None = None) -> Iterator[threading.Event]:
    """Listen inside the block; the event says that the run shall stop and keep its best.

    A line ``stop`` sets the event. A line ``cancel``, SIGTERM or Ctrl+C raises
    :class:`Cancelled` in the main thread, at once. The end of the input means nothing: a
    run goes on when the program that started it has gone.

    Parameters
    ----------
    commands : read line by line; standard input if None
    """
    stop = threading.Event()

    def cancel(*_: object) -> None:
        for number in before:  # what cleans up isn't cancelled again
            signal.signal(number, signal.SIG_IGN)
        raise Cancelled

    def listen() -> None:
        for line in commands or sys.stdin:
            word = line.strip().casefold()
            if word == "stop":
                stop.set()
            elif word == "cancel":
                signal.raise_signal(signal.SIGTERM)  # handled in the main thread

    before = {number: signal.signal(number, cancel) for number in (signal.SIGTERM, signal.SIGINT)}
    threading.Thread(target=listen, name="commands", daemon=True).start()
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def be_quiet() -> None:
    """Let every other program go first."""
    if hasattr(os, "nice"):
        os.nice(10)
