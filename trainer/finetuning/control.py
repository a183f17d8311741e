"""What a run hears: ``stop`` and ``cancel`` on its input, and signals."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Cancelled(BaseException):
    """The run was cancelled; not an error, so that nothing takes it for one."""


@contextmanager
def heard(commands: int = 0, *, interrupts: bool = True) -> Iterator[threading.Event]:
    """Listen inside the block; the event says that the run shall stop and keep its best.

    A line ``stop`` sets the event. A line ``cancel``, SIGTERM or Ctrl+C raises
    :class:`Cancelled` in the main thread, at once. The end of the input means nothing: a
    run goes on when the program that started it has gone.

    Parameters
    ----------
    commands : file descriptor, read line by line; 0 is standard input
    interrupts : whether Ctrl+C is heard. A terminal says it to every program in it, and the
        one that started this may mean to go on later.
    """
    stop = threading.Event()

    def cancel(*_: object) -> None:
        for number in before:  # what cleans up isn't cancelled again
            signal.signal(number, signal.SIG_IGN)
        raise Cancelled

    def listen() -> None:
        for word in _words(commands):
            if word == "stop":
                stop.set()
            elif word == "cancel":
                signal.raise_signal(signal.SIGTERM)  # handled in the main thread

    handlers = {signal.SIGTERM: cancel, signal.SIGINT: cancel if interrupts else signal.SIG_IGN}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    threading.Thread(target=listen, name="commands", daemon=True).start()
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _words(descriptor: int) -> Iterator[str]:
    """Lines in small letters as they come, until the input ends or if there is none.

    Not by ``sys.stdin``, whose lock a waiting thread would hold when the program ends.
    """
    rest = b""
    while True:
        try:
            read = os.read(descriptor, 4096)
        except OSError:
            return
        if not read:
            return
        *lines, rest = (rest + read).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace").strip().casefold()


def be_quiet() -> None:
    """Let every other program go first."""
    if hasattr(os, "nice"):
        os.nice(10)
