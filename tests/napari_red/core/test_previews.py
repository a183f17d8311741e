"""Small pictures of frames all over a video."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from make_videos import HEIGHT, WIDTH, number_in, write_video

from napari_red.core import previews
from napari_red.core.previews import Previews, enlarged
from trainer.data.video import Video, open_video

ONE = 3 * HEIGHT * WIDTH


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Video]:
    path = write_video(tmp_path_factory.mktemp("previews") / "clip.mp4", n_frames=60, gop=12)
    with open_video(path) as video:
        yield video


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "REST_S", 0.0)


def test_previews_lie_evenly_in_the_memory_they_may_take(video: Video) -> None:
    made = Previews(video, 7 * ONE)
    made.turned()
    assert made.done.wait(60)
    found = [made.nearest(number) for number in range(60)]
    numbers = sorted({number for number, _ in found})
    assert len(numbers) == 7
    assert max(abs(found[n][0] - n) for n in range(60)) <= 60 / 7
    for number, picture in found:
        assert number_in(picture) == number
    made.close()


def test_the_frames_that_decoding_can_begin_at_come_first(video: Video) -> None:
    made = Previews(video, 10 * ONE)
    assert made.plan()[:5] == [0, 12, 24, 36, 48]
    assert len(made.plan()) == 10
    made.close()


def test_a_very_long_video_is_not_decoded_whole(
    video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "MOST_DECODED", 59)
    made = Previews(video, 10 * ONE)
    assert made.plan() == [0, 12, 24, 36, 48]
    made.close()


def test_there_is_none_before_anybody_turned_to_a_frame(video: Video) -> None:
    made = Previews(video)
    assert made.nearest(5) is None
    made.close()
    assert not made.done.is_set()


def test_nothing_is_decoded_while_the_window_turns_to_frames(
    video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "REST_S", 0.5)
    made = Previews(video, ONE)
    for _ in range(20):
        made.turned()
        time.sleep(0.01)
    assert made.nearest(0) is None
    assert made.done.wait(60)
    made.close()


def test_closing_ends_the_thread_at_once(video: Video) -> None:
    made = Previews(video)
    made.turned()
    made.close()
    assert "previews" not in [thread.name for thread in threading.enumerate()]
    made.turned()
    assert "previews" not in [thread.name for thread in threading.enumerate()]


def test_a_preview_is_small_and_enlarged_lies_where_the_frame_does(tmp_path: Path) -> None:
    path = write_video(tmp_path / "large.mp4", n_frames=2, size=(480, 800))
    with open_video(path) as large:
        made = Previews(large)
        made.turned()
        assert made.done.wait(60)
        number, picture = made.nearest(1)
        assert (number, picture.shape) == (1, (115, 192, 3))
        whole = enlarged(picture, 480, 800)
        exact = large.frame(1)
        assert whole.shape == exact.shape
        blurred = np.abs(whole.astype(int) - exact).mean()
        assert blurred < np.abs(np.roll(whole, 16, axis=1).astype(int) - exact).mean()
        made.close()
