"""Drawing items in another thread."""

from __future__ import annotations

import threading
import time

import pytest

from trainer.ahead import ahead


def names() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_items_come_in_order_with_the_time_they_took():
    def slow():
        for i in range(3):
            time.sleep(0.01)
            yield i

    got = list(ahead(slow()))
    assert [item for item, _ in got] == [0, 1, 2]
    assert all(seconds >= 0.01 for _, seconds in got)


def test_nothing_gives_nothing():
    assert list(ahead([])) == []


def test_an_error_comes_after_the_items_before_it():
    def broken():
        yield 1
        raise ValueError("broken")

    source = ahead(broken())
    assert next(source)[0] == 1
    with pytest.raises(ValueError, match="broken"):
        next(source)


def test_it_draws_no_more_than_the_depth_in_advance():
    drawn = []

    def count():
        for i in range(100):
            drawn.append(i)
            yield i

    source = ahead(count(), depth=2)
    next(source)
    time.sleep(0.2)
    assert len(drawn) <= 5
    source.close()


def test_closing_ends_the_thread_and_the_source():
    closed = threading.Event()

    def endless():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    source = ahead(endless())
    next(source)
    assert "ahead" in names()
    source.close()
    assert closed.is_set()
    assert "ahead" not in names()
