"""Frame numbers never lie: random access, in any container, equals decoding in order."""

from __future__ import annotations

import hashlib
import random
import threading
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from make_videos import (
    KINDS,
    UNEVEN,
    decode_in_order,
    number_in,
    numbered_picture,
    start_later,
    write_video,
)

from trainer.data import video_check
from trainer.data.video import VideoError, find_videos, open_video


def digest(image: np.ndarray) -> str:
    return hashlib.blake2b(np.ascontiguousarray(image)).hexdigest()


def assert_exact(path: Path, n_random: int = 80) -> None:
    truth = [digest(image) for image in decode_in_order(path)]
    with open_video(path) as video:
        assert video.n_frames == len(truth)
        order = list(range(len(truth))) * 2
        random.Random(0).shuffle(order)
        for number in [*order[:n_random], len(truth) - 1, 0]:
            assert digest(video.frame(number)) == truth[number], f"{path} frame {number}"
        read = [(number, digest(image)) for number, image in video.frames()]
        assert read == list(enumerate(truth)), path


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_asked_for_out_of_order_is_the_one_decoded_in_order(
    made: dict[str, Path], kind: str
) -> None:
    assert_exact(made[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_frame_numbers_are_those_of_the_pictures_that_went_in(
    made: dict[str, Path], kind: str
) -> None:
    with open_video(made[kind]) as video:
        assert video.n_frames == KINDS[kind].get("n_frames", 40)
        for number in range(video.n_frames - 1, -1, -1):
            assert number_in(video.frame(number)) == number


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    gaps=st.lists(st.integers(1, 3000), min_size=1, max_size=25),
    start=st.integers(0, 100_000),
    gop=st.integers(1, 30),
    b_frames=st.integers(0, 3),
    data=st.data(),
)
def test_any_spacing_of_frames_is_exact_and_keeps_its_times(
    tmp_path: Path, gaps: list[int], start: int, gop: int, b_frames: int, data: st.DataObject
) -> None:
    times = np.cumsum([start, *gaps])
    path = write_video(
        tmp_path / "any.mp4",
        times=[int(t) for t in times],
        gop=gop,
        b_frames=b_frames,
        options={"x264-params": "b-adapt=0:scenecut=0"},
    )
    order = data.draw(st.lists(st.integers(0, len(gaps)), min_size=1, max_size=20))
    with open_video(path) as video:
        np.testing.assert_allclose(video.timestamps, (times - start) / 1000, atol=1e-3)
        assert [number_in(video.frame(n)) for n in order] == order


def test_frames_gives_parts_in_steps_and_leaves_random_access_alone(
    made: dict[str, Path],
) -> None:
    with open_video(made["constant.mp4"]) as video:
        seen = []
        for number, image in video.frames(start=5, stop=38, step=11):
            assert number_in(image) == number
            assert number_in(video.frame(39 - number)) == 39 - number
            seen.append(number)
        assert seen == [5, 16, 27]
        assert [n for n, _ in video.frames(start=38, stop=999)] == [38, 39]
        with pytest.raises(ValueError, match="start"):
            video.frames(start=-1)
        with pytest.raises(ValueError, match="step"):
            video.frames(step=0)


def test_a_video_tells_its_size_rate_and_times(made: dict[str, Path]) -> None:
    with open_video(made["mpeg1.mpg"]) as video:
        assert (video.height, video.width, video.n_frames, video.name) == (96, 160, 40, "mpeg1")
        assert video.fps == pytest.approx(25)
        np.testing.assert_allclose(video.timestamps, np.arange(40) / 25, atol=1e-6)
        assert video.timestamps.dtype == np.float64
        assert video.warnings == []
    with open_video(made["variable.mp4"]) as video:
        span = (UNEVEN[-1] - UNEVEN[0]) / 1000
        assert video.fps == pytest.approx(39 / span, rel=0.01)


def test_numbers_outside_the_video_are_refused(made: dict[str, Path]) -> None:
    with open_video(made["constant.mp4"]) as video:
        for number in (-1, 40):
            with pytest.raises(IndexError, match="0 to 39"):
                video.frame(number)


def test_a_closed_video_says_so_and_closing_twice_is_fine(made: dict[str, Path]) -> None:
    video = open_video(made["constant.mp4"])
    video.frame(3)
    video.close()
    video.close()
    with pytest.raises(VideoError, match="closed"):
        video.frame(3)
    with pytest.raises(VideoError, match="closed"):
        next(iter(video.frames()))


def test_several_threads_get_the_right_frames_from_one_video(made: dict[str, Path]) -> None:
    wrong = []
    with open_video(made["h264_b.avi"]) as video:

        def read(seed: int) -> None:
            for number in random.Random(seed).sample(range(40), 20):
                if number_in(video.frame(number)) != number:
                    wrong.append(number)

        threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_a_caller_may_change_the_picture_it_got(made: dict[str, Path]) -> None:
    with open_video(made["constant.mp4"]) as video:
        image = video.frame(7)
        image[:] = 0
        assert number_in(video.frame(7)) == 7


def test_where_seeks_lie_frames_are_decoded_in_order_and_the_user_is_told(
    made: dict[str, Path],
) -> None:
    with open_video(made["no_times.h264"]) as video:
        assert any("jumping" in w and "ffmpeg" in w for w in video.warnings)


def test_a_wrong_picture_after_a_seek_is_noticed_on_opening(
    made: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    land = video_check.Decoder.land

    def land_elsewhere(self: video_check.Decoder, place: int) -> int | None:
        landed = land(self, place)
        if landed is not None and self._ready:
            number, frame = self._ready[0]
            frame = av.VideoFrame.from_ndarray(numbered_picture(number + 1), format="rgb24")
            self._ready[0] = (number, frame)
        return landed

    monkeypatch.setattr(video_check.Decoder, "land", land_elsewhere)
    video = open_video(made["constant.mp4"])
    monkeypatch.undo()
    with video:
        assert any("jumping" in w for w in video.warnings)
        assert [number_in(video.frame(n)) for n in (30, 2, 17)] == [30, 2, 17]


def test_long_videos_are_checked_in_part(
    made: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_check, "_BUDGET", 6 * 96 * 160)
    monkeypatch.setattr(video_check, "_SEEK_BUDGET", 20 * 96 * 160)
    for kind in ("constant.mp4", "mpeg1_b.mpg", "open_gop.mkv", "intra_refresh.mp4"):
        assert_exact(made[kind])


@pytest.mark.parametrize("skipped", [5, 12, 29])
def test_an_edit_list_that_starts_later_is_followed(
    made: dict[str, Path], tmp_path: Path, skipped: int
) -> None:
    path = start_later(made["constant.mp4"], tmp_path / "edited.mp4", skipped)
    with open_video(path) as video:
        assert video.n_frames == 40 - skipped
        assert video.warnings == []
        for number in random.Random(1).sample(range(video.n_frames), video.n_frames):
            assert number_in(video.frame(number)) == number + skipped
        assert video.timestamps[0] == 0


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
def test_turned_and_mirrored_videos_are_shown_upright(
    tmp_path: Path, degrees: int, flip: bool
) -> None:
    path = write_video(tmp_path / "turned.mp4", n_frames=3, rotation=degrees, flip=flip)
    stored = list(decode_in_order(path))[2]
    with av.open(str(path)) as file:
        matrix = next(file.decode(video=0)).side_data.get("DISPLAYMATRIX")
    with open_video(path) as video:
        shown = video.frame(2)
    if matrix is None:
        np.testing.assert_array_equal(shown, stored)
        return
    # By definition x' = a x + c y, y' = b x + d y, here for the corners of the picture.
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5] / 65536
    height, width = stored.shape[:2]
    for y, x in ((0, 0), (0, width - 1), (height - 1, 0), (height - 1, width - 1)):
        sx, sy = 2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1
        tx, ty = a * sx + c * sy, b * sx + d * sy
        row, column = (
            round((ty + 1) / 2 * (shown.shape[0] - 1)),
            round((tx + 1) / 2 * (shown.shape[1] - 1)),
        )
        np.testing.assert_array_equal(shown[row, column], stored[y, x])
    expected = (width, height) if degrees in (90, -90) else (height, width)
    assert shown.shape[:2] == expected == (video.height, video.width)


def test_a_quarter_turn_clockwise_puts_the_left_column_on_top(tmp_path: Path) -> None:
    path = write_video(tmp_path / "phone.mp4", n_frames=1, rotation=-90)
    with open_video(path) as video:
        np.testing.assert_array_equal(video.frame(0), np.rot90(next(decode_in_order(path)), k=-1))


@pytest.mark.parametrize("pix_fmt", ["gray", "gray16le", "bgra", "rgb48le", "yuv444p16le"])
def test_grey_sixteen_bit_and_transparent_frames_become_rgb(tmp_path: Path, pix_fmt: str) -> None:
    path = write_video(tmp_path / "odd.mkv", "ffv1", n_frames=6, pix_fmt=pix_fmt)
    with open_video(path) as video:
        image = video.frame(5)
    assert (image.shape, image.dtype) == ((96, 160, 3), np.uint8)
    expected = numbered_picture(5).astype(float)
    if pix_fmt.startswith("gray"):
        expected = expected @ [[0.299] * 3, [0.587] * 3, [0.114] * 3]
    inner = (slice(40, -8), slice(8, -8))
    assert np.median(np.abs(image[inner] - expected[inner])) <= 4


def test_frames_that_change_their_size_are_scaled_to_the_first_and_said(tmp_path: Path) -> None:
    big = write_video(tmp_path / "big.h264", n_frames=3, size=(192, 320))
    small = write_video(tmp_path / "small.h264", n_frames=3)
    path = tmp_path / "both.h264"
    path.write_bytes(small.read_bytes() + big.read_bytes())
    with open_video(path) as video:
        assert [i.shape for _, i in video.frames()] == [(96, 160, 3)] * 6
        assert sum("scaled to 160 x 96" in w for w in video.warnings) == 1, "once, not per frame"


# --- real recordings --------------------------------------------------------------------------


@pytest.mark.real_data
@pytest.mark.slow
def test_every_real_recording_is_exact(data_dir: Path) -> None:
    paths = find_videos([data_dir / "videos"])
    assert paths
    for path in paths:
        assert_exact(path, n_random=40)
