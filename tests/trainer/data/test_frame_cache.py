"""The cache around the playhead: right frames, both directions, a budget, a clean end."""

from __future__ import annotations

import mmap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from make_videos import B_FRAMES, damage_frame, number_in, write_video

from trainer.data import frame_cache
from trainer.data.frame_cache import FrameCache
from trainer.data.video import Video, VideoError, open_video

FRAME = 96 * 160 * 3


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    return write_video(folder / "clip.mp4", n_frames=60, b_frames=2, options=B_FRAMES)


@pytest.fixture
def video(path: Path) -> Iterator[Video]:
    with open_video(path) as video:
        yield video


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Until it is true, or fail: no more than a guard against hanging for ever."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "never came true"
        time.sleep(0.005)


def cached(cache: FrameCache) -> list[int]:
    return [n for n in range(cache.n_frames) if cache.peek(n) is not None]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    order=st.lists(st.integers(0, 59), min_size=1, max_size=30),
    capacity=st.integers(0, 70),
)
def test_whatever_is_asked_for_in_any_order_is_right(
    video: Video, order: list[int], capacity: int
) -> None:
    with FrameCache(video, capacity * FRAME) as cache:
        for number in order:
            assert number_in(cache.get(number, timeout=60)) == number
            assert len(cached(cache)) <= max(capacity, 1)


def test_frames_on_both_sides_of_the_playhead_fill_up_by_themselves(video: Video) -> None:
    with FrameCache(video, 13 * FRAME) as cache:
        cache.request(30)
        wait_for(lambda: cached(cache) == list(range(26, 39)))
        for number in (29, 28):
            cache.request(number)
        wait_for(lambda: cached(cache) == list(range(20, 33)))
        for number in cached(cache):
            assert number_in(cache.peek(number)) == number


def test_after_a_jump_only_what_is_asked_for_is_decoded_at_first(
    video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FrameCache(video, 13 * FRAME) as cache:
        wait_for(lambda: cached(cache) == list(range(13)))
        monkeypatch.setattr(frame_cache, "REST_S", 60.0)
        for number in (40, 41):
            assert number_in(cache.get(number, timeout=60)) == number
        time.sleep(0.1)
        assert {40, 41} <= set(cached(cache)) <= {*range(13), 40, 41}
        monkeypatch.setattr(frame_cache, "REST_S", 0.2)
        cache.request(20)
        wait_for(lambda: cached(cache) == list(range(16, 29)))


def test_at_the_ends_the_room_goes_to_the_other_side(video: Video) -> None:
    with FrameCache(video, 13 * FRAME) as cache:
        wait_for(lambda: cached(cache) == list(range(13)))
        cache.request(59)
        wait_for(lambda: cached(cache) == list(range(47, 60)))


def test_a_video_that_fits_is_kept_whole(video: Video) -> None:
    with FrameCache(video, 10_000 * FRAME) as cache:
        assert cache.capacity == 60
        cache.request(20)
        wait_for(lambda: {*range(20, 60)} <= {*cached(cache)})
        cache.request(59)
        wait_for(lambda: len(cached(cache)) == 60)


def test_going_back_step_by_step_finds_the_frames_waiting(video: Video) -> None:
    with FrameCache(video, 24 * FRAME) as cache:
        for number in range(50, 10, -1):
            cache.get(number, timeout=60)
        wait_for(lambda: all(cache.peek(n) is not None for n in range(3, 11)))


def test_pictures_from_the_cache_cannot_be_changed(video: Video) -> None:
    with FrameCache(video, 5 * FRAME) as cache:
        image = cache.get(3, timeout=60)
        with pytest.raises(ValueError, match="read-only"):
            image[:] = 0


def test_the_memory_of_a_frame_goes_back_to_the_system_with_it(video: Video) -> None:
    with FrameCache(video, 5 * FRAME) as cache:
        image = cache.get(3, timeout=60)
        memory = image
        while isinstance(memory, np.ndarray):
            memory = memory.base
        assert isinstance(memory.obj, mmap.mmap)
        assert number_in(image) == 3
    assert number_in(image) == 3, "who has a frame keeps it"


def test_waiting_no_longer_than_asked(video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    frame = type(video)._frame

    def slow(self: Video, number: int) -> np.ndarray:
        go_on.wait(60)
        return frame(self, number)

    monkeypatch.setattr(type(video), "_frame", slow)
    with FrameCache(video, 5 * FRAME) as cache:
        with pytest.raises(TimeoutError, match="frame 40"):
            cache.get(40, timeout=0.01)
        assert cache.peek(40) is None
        go_on.set()
        assert number_in(cache.get(40, timeout=60)) == 40


def test_many_threads_each_get_what_they_asked_for(video: Video) -> None:
    wrong = []

    def read(seed: int) -> None:
        for number in np.random.default_rng(seed).integers(0, 60, 15):
            if number_in(cache.get(int(number), timeout=60)) != number:
                wrong.append(number)

    with FrameCache(video, 2 * FRAME) as cache:
        threads = [threading.Thread(target=read, args=(seed,)) for seed in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_a_damaged_frame_is_an_error_for_who_asks_and_for_nobody_else(
    path: Path, tmp_path: Path
) -> None:
    damaged = damage_frame(path, tmp_path / "hit.mp4", 15)
    with open_video(damaged) as video, FrameCache(video, 60 * FRAME) as cache:
        for _ in range(2):
            with pytest.raises(VideoError, match=r"frame 15 .*damaged"):
                cache.get(15, timeout=60)
        assert number_in(cache.get(5, timeout=60)) == 5
        assert number_in(cache.get(45, timeout=60)) == 45


def test_an_unforeseen_error_in_the_background_reaches_the_caller(
    video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Video, number: int) -> np.ndarray:
        raise OSError("the disk is on fire")

    monkeypatch.setattr(type(video), "_frame", fail)
    with FrameCache(video, 5 * FRAME) as cache, pytest.raises(VideoError, match="on fire"):
        cache.get(3, timeout=60)


def test_numbers_outside_the_video_are_refused(video: Video) -> None:
    with FrameCache(video, 5 * FRAME) as cache:
        for number in (-1, 60):
            with pytest.raises(IndexError, match="0 to 59"):
                cache.get(number)
            with pytest.raises(IndexError, match="0 to 59"):
                cache.request(number)


def test_closing_ends_the_threads_and_wakes_who_waits(
    video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def never(self: Video, number: int) -> np.ndarray:
        go_on.wait(60)
        raise VideoError("too late")

    before = threading.active_count()
    monkeypatch.setattr(type(video), "_frame", never)
    cache = FrameCache(video, 5 * FRAME)
    caught = []

    def ask() -> None:
        try:
            cache.get(30)
        except VideoError as error:
            caught.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    wait_for(lambda: 30 in cache._waiting)
    threading.Timer(0.05, go_on.set).start()
    cache.close()
    asking.join()
    cache.close()
    assert "closed" in caught[0]
    wait_for(lambda: threading.active_count() == before)
    with pytest.raises(VideoError, match="closed"):
        cache.get(3)
    with pytest.raises(VideoError, match="closed"):
        cache.request(3)
    monkeypatch.undo()
    assert number_in(video.frame(3)) == 3


def test_closing_does_not_wait_for_a_long_way_through_the_file(
    video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainer.data.video_decoder import Decoder

    reading = threading.Event()
    advance = Decoder._next

    def endless(self: Decoder) -> object:
        reading.set()
        item = advance(self)
        return (-1, None) if item is None else (-1, item[1])

    monkeypatch.setattr(Decoder, "_next", endless)
    cache = FrameCache(video, 5 * FRAME)
    assert reading.wait(60)
    cache.close()
