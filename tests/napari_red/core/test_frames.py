from typing import ClassVar

import numpy as np
import pytest

from napari_red.core import frames
from napari_red.core.frames import FramesError, Screen, VideoStack
from trainer.data.video import VideoError


class Video:
    path, name, n_frames, height, width, fps = "clip.mp4", "clip", 6, 4, 5, 25.0
    frame_names = None
    warnings: ClassVar[list[str]] = []

    def close(self):
        pass


class SlowFrames:
    """Frames that are there only once they are let through."""

    def __init__(self):
        self.ready = set(range(Video.n_frames))
        self.damaged = set()

    def get(self, number, timeout=None):
        if number in self.damaged:
            raise VideoError(f"clip.mp4: frame {number} is damaged")
        if number not in self.ready:
            raise TimeoutError
        return self.peek(number)

    def peek(self, number):
        return np.full((4, 5, 3), number, np.uint8) if number in self.ready else None

    def close(self):
        self.ready.clear()


class FewPreviews:
    """Previews, one pixel each, of the frames that are said."""

    def __init__(self):
        self.numbers = []
        self.turns = 0

    def nearest(self, number):
        if not self.numbers:
            return None
        found = min(self.numbers, key=lambda n: abs(n - number))
        return found, np.full((1, 1, 3), 100 + found, np.uint8)

    def turned(self):
        self.turns += 1

    def close(self):
        self.numbers.clear()


@pytest.fixture
def stack():
    return VideoStack(Video(), SlowFrames(), FewPreviews())


def test_a_stack_looks_like_an_array(stack):
    assert stack.shape == (6, 4, 5, 3)
    assert (stack.ndim, stack.size, len(stack), stack.dtype) == (4, 360, 6, np.uint8)


@pytest.mark.parametrize(
    "key",
    [
        3,
        -1,
        np.int64(2),
        slice(1, 4),
        slice(None, None, 2),
        (2, slice(1, 3)),
        (slice(0, 2), 1, 2),
        (3, ..., 0),
        ...,
        (..., 1),
        [0, 5],
        np.array([True, False, False, True, False, False]),
    ],
)
def test_indexing_gives_what_an_array_would(stack, key):
    whole = np.broadcast_to(np.arange(6, dtype=np.uint8)[:, None, None, None], stack.shape)
    np.testing.assert_array_equal(stack[key], whole[key])


def test_there_is_no_frame_after_the_last(stack):
    with pytest.raises(IndexError, match="frames 0 to 5"):
        stack[6]


def test_a_long_video_is_never_loaded_whole(stack, monkeypatch):
    assert np.asarray(stack).shape == (6, 4, 5, 3)
    monkeypatch.setattr(frames, "CACHE_BYTES", 100)
    with pytest.raises(FramesError, match=r"take some of them"):
        np.asarray(stack)


@pytest.mark.parametrize("key", [slice(None), ..., (slice(0, 4), 0), [0, 1, 2]])
def test_more_frames_at_once_than_memory_is_for_are_refused(stack, monkeypatch, key):
    monkeypatch.setattr(frames, "CACHE_BYTES", 2 * 60)
    with pytest.raises(FramesError, match=r"clip\.mp4: . frames .* at most 2"):
        stack[key]
    with pytest.raises(FramesError, match="at most 2"):
        Screen(stack)[0:4, ...]
    assert stack[1:3].shape == (2, 4, 5, 3)
    monkeypatch.setattr(frames, "CACHE_BYTES", 1)
    assert stack[3:4].shape == (1, 4, 5, 3)


def test_large_frames_are_kept_too(monkeypatch):
    small, large = Video(), Video()
    monkeypatch.setattr(small, "frame_bytes", 100, raising=False)
    monkeypatch.setattr(large, "frame_bytes", 64_000_000, raising=False)
    assert frames.cache_bytes(small) == frames.CACHE_BYTES
    assert frames.cache_bytes(large) // large.frame_bytes == frames.LEAST_FRAMES


def test_a_frame_that_cannot_be_had_is_never_replaced_by_another(stack):
    stack.frames.damaged = {3}
    with pytest.raises(VideoError, match="frame 3"):
        stack[3]


def test_the_screen_keeps_the_frame_before_until_the_wanted_one_is_there(stack):
    screen = Screen(stack)
    key = (slice(None), slice(None), slice(None))
    assert screen[0, *key][0, 0, 0] == 0
    stack.frames.ready = {0, 1}
    assert screen[4, *key][0, 0, 0] == 0
    assert (screen.wanted, screen.shown, screen.late) == (4, 0, True)
    assert not screen.arrived()
    stack.frames.ready = {4}
    assert screen.arrived()
    assert screen[4, *key][0, 0, 0] == 4
    assert (screen.shown, screen.late) == (4, False)


def test_a_preview_stands_for_the_wanted_frame_until_that_is_there(stack):
    screen = Screen(stack)
    stack.previews.numbers = [1, 4]
    assert screen[0, ...][0, 0, 0] == 0
    stack.frames.ready = {0}
    picture = screen[5, ...]
    assert picture.shape == (4, 5, 3)
    assert (picture == 104).all()
    assert (screen.wanted, screen.shown, screen.preview, screen.late) == (5, 5, 4, True)
    assert screen[3, ...][0, 0, 0] == 104, "the same preview stands for another frame"
    assert (screen.shown, screen.preview) == (3, 4)
    stack.frames.ready = {3}
    assert screen.arrived()
    assert screen[3, ...][0, 0, 0] == 3
    assert (screen.shown, screen.preview, screen.late) == (3, None, False)


def test_a_preview_of_the_very_frame_is_late_too(stack):
    screen = Screen(stack)
    stack.previews.numbers = [4]
    screen[0, ...]
    stack.frames.ready = {0}
    assert screen[4, ...][0, 0, 0] == 104
    assert screen.late


def test_the_exact_frame_stays_where_no_preview_is_nearer(stack):
    screen = Screen(stack)
    stack.previews.numbers = [5]
    assert screen[2, ...][0, 0, 0] == 2
    stack.frames.ready = {2}
    assert screen[3, ...][0, 0, 0] == 2
    assert (screen.shown, screen.preview, screen.late) == (2, None, True)


def test_a_frame_that_is_there_needs_no_preview(stack):
    screen = Screen(stack)
    stack.previews.numbers = [4]
    screen[0, ...]
    assert screen[5, ...][0, 0, 0] == 5
    assert not screen.late


def test_previews_are_told_of_every_turn(stack):
    screen = Screen(stack)
    for number in (0, 1, 1, 2):
        screen[number, ...]
    assert stack.previews.turns == 3


def test_a_screen_without_hurry_waits(stack):
    stack.previews.numbers = [4]
    screen = Screen(stack, patience=None)
    assert screen[3, ...][0, 0, 0] == 3
    assert not screen.late
    assert screen[4:5, ...].shape == (1, 4, 5, 3)
    assert screen.shown == 4
    assert screen[1:3, ...].shape == (2, 4, 5, 3)
    assert screen.shown == 4


def test_a_frame_that_cannot_be_decoded_is_black_and_says_why(stack):
    stack.frames.damaged = {3}
    screen = Screen(stack)
    assert screen[2, ...].max() == 2
    assert screen[3, ...].max() == 0
    assert (screen.shown, screen.late) == (3, False)
    assert "frame 3 is damaged" in screen.trouble
    assert screen[4, ...].max() == 4
    assert screen.trouble == ""
