"""Doing the next thing while the present one is worked on."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Generator, Iterable
from typing import TypeVar

Item = TypeVar("Item")
_END = object()


def ahead(items: Iterable[Item], depth: int = 2) -> Generator[tuple[Item, float], None, None]:
    """Draw items in a thread of their own, at most ``depth`` in advance.

    Decoding the next frame costs nothing while the network works on this one.

    Yields
    ------
    item, seconds : each item, and how long it took to make

    Notes
    -----
    An exception raised by ``items`` comes out here, after the items before it. Closing
    this iterator, or leaving it half-used, ends the thread.
    """
    waiting: queue.Queue[tuple[object, float]] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def put(item: object, seconds: float) -> bool:
        while not stopped.is_set():
            try:
                waiting.put((item, seconds), timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def draw() -> None:
        source = iter(items)
        try:
            while True:
                begin = time.perf_counter()
                try:
                    item = next(source)
                except StopIteration:
                    put(_END, 0.0)
                    return
                if not put(item, time.perf_counter() - begin):
                    return
        except BaseException as error:  # handed to the other thread, whatever it is
            put(_Raised(error), 0.0)
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=draw, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, seconds = waiting.get()
            if item is _END:
                return
            if isinstance(item, _Raised):
                raise item.error
            yield item, seconds  # type: ignore[misc]
    finally:
        stopped.set()
        thread.join()


class _Raised:
    """An exception on its way to the other thread."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
