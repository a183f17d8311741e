"""A folder of pictures is a video: order, sizes, every kind of pixel, bad pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from make_videos import number_in, numbered_picture
from PIL import Image

from trainer.data import frame_folder
from trainer.data.frame_folder import are_numbered, natural_key
from trainer.data.video import VideoError, find_videos, open_video


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve numbered pictures whose names sort wrongly as text."""
    folder = tmp_path / "walk"
    folder.mkdir()
    for number in range(12):
        Image.fromarray(numbered_picture(number)).save(folder / f"frame{number}.png")
    return folder


def test_frames_come_in_the_order_of_their_numbers(folder: Path) -> None:
    (folder / "notes.txt").write_text("no picture")
    with open_video(folder) as video:
        assert (video.n_frames, video.height, video.width) == (12, 96, 160)
        assert (video.name, video.fps, video.warnings) == ("walk", 25, [])
        assert [number_in(image) for _, image in video.frames()] == list(range(12))
        assert number_in(video.frame(11)) == 11
        assert video.frame_names == [f"frame{n}" for n in range(12)]
        np.testing.assert_allclose(video.timestamps, np.arange(12) / 25)
        with pytest.raises(IndexError):
            video.frame(12)
        again = video.reopen()
    assert number_in(again.frame(3)) == 3
    with pytest.raises(VideoError, match="closed"):
        video.frame(0)


def test_missing_numbers_are_said(folder: Path) -> None:
    (folder / "frame4.png").unlink()
    (folder / "frame7.png").unlink()
    with open_video(folder) as video:
        assert video.n_frames == 10
        assert "2 numbers are missing" in video.warnings[0]


def test_a_picture_of_another_size_is_named(folder: Path) -> None:
    Image.fromarray(numbered_picture(7)[:90]).save(folder / "frame7.png")
    with pytest.raises(VideoError, match=r"frame7\.png: 160 x 90 pixels.*160 x 96"):
        open_video(folder)


def test_a_picture_of_another_size_is_named_in_a_long_folder_when_it_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_folder, "_SIZES_CHECKED", 3)
    Image.fromarray(numbered_picture(7)[:90]).save(folder / "frame7.png")
    with open_video(folder) as video, pytest.raises(VideoError, match=r"frame7\.png"):
        list(video.frames())


def test_an_unreadable_picture_is_named(folder: Path) -> None:
    with open_video(folder) as video:
        data = (folder / "frame5.png").read_bytes()
        (folder / "frame5.png").write_bytes(data[: len(data) // 2])
        with pytest.raises(VideoError, match=r"frame5\.png: can't be read"):
            video.frame(5)
        (folder / "frame6.png").unlink()
        with pytest.raises(VideoError, match=r"frame6\.png: the picture is gone"):
            video.frame(6)
    (folder / "frame0.png").write_bytes(b"no picture")
    with pytest.raises(VideoError, match=r"frame0\.png: can't be read"):
        open_video(folder)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no pictures"):
        open_video(tmp_path)


def test_one_picture_is_a_video_of_one_frame(folder: Path) -> None:
    with open_video(folder / "frame9.png") as video:
        assert (video.n_frames, video.name) == (1, "frame9")
        assert number_in(video.frame(0)) == 9


def test_pictures_beyond_what_memory_holds_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_folder, "MAX_PIXELS", 100 * 100)
    with pytest.raises(VideoError, match=r"frame0\.png: 160 x 96 pixels"):
        open_video(folder)


GREY = (numbered_picture(5).astype(float) @ [0.299, 0.587, 0.114]).round().astype(np.uint8)
RGB = numbered_picture(5)
GREY_RGB = np.repeat(GREY[..., None], 3, axis=2)
ALPHA = np.full((*GREY.shape, 1), 7, np.uint8)


def save(path: Path, pixels: np.ndarray) -> None:
    if path.suffix == ".tif":
        tifffile.imwrite(path, pixels)
    elif pixels.dtype == np.uint16:
        cv2.imwrite(str(path), pixels[..., ::-1] if pixels.ndim == 3 else pixels)
    else:
        Image.fromarray(pixels).save(path)


@pytest.mark.parametrize(
    ("suffix", "pixels", "expected"),
    [
        (".png", GREY, GREY_RGB),
        (".png", GREY.astype(np.uint16) * 257, GREY_RGB),
        (".png", RGB.astype(np.uint16) * 257, RGB),
        (".png", np.concatenate([RGB, ALPHA], axis=2), RGB),
        (".png", np.concatenate([GREY[..., None], ALPHA], axis=2), GREY_RGB),
        (".png", GREY > 127, np.where(GREY_RGB > 127, 255, 0)),
        (".bmp", RGB, RGB),
        (".pgm", GREY, GREY_RGB),
        (".tif", RGB, RGB),
        (".tif", GREY.astype(np.uint16) * 257, GREY_RGB),
        (".tif", RGB.astype(np.uint16) * 257, RGB),
    ],
)
def test_every_kind_of_pixel_becomes_rgb(
    tmp_path: Path, suffix: str, pixels: np.ndarray, expected: np.ndarray
) -> None:
    save(tmp_path / f"000001{suffix}", pixels)
    with open_video(tmp_path) as video:
        image = video.frame(0)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image, expected)


def test_pixels_that_are_no_colours_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "000001.tif", np.zeros((20, 30), np.float32))
    with open_video(tmp_path) as video, pytest.raises(VideoError, match="float32"):
        video.frame(0)


def test_photographs_held_sideways_are_shown_upright(tmp_path: Path) -> None:
    image = Image.fromarray(RGB)
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    image.save(tmp_path / "000001.png", exif=exif)
    with open_video(tmp_path) as video:
        assert (video.height, video.width) == (160, 96)
        np.testing.assert_array_equal(video.frame(0), np.rot90(RGB, k=-1))


def test_folders_of_frames_are_found(folder: Path) -> None:
    assert find_videos([folder.parent]) == [folder]
    assert find_videos([folder]) == [folder]


def test_what_counts_as_numbered() -> None:
    assert are_numbered(["000001.jpg", "000003.jpg"])
    assert are_numbered(["cam2_9.png", "cam2_10.png"])
    assert not are_numbered(["a_1.jpg", "b_1.jpg"])
    assert not are_numbered(["a.jpg"])
    assert not are_numbered([])


@given(st.lists(st.integers(0, 10**6), unique=True), st.sampled_from(["", "f_", "take2-"]))
def test_natural_order_is_the_order_of_the_numbers(numbers: list[int], prefix: str) -> None:
    names = [f"{prefix}{n}.png" for n in numbers]
    assert sorted(names, key=natural_key) == [f"{prefix}{n}.png" for n in sorted(numbers)]


@given(st.lists(st.text(min_size=1, max_size=8)))
def test_any_names_can_be_put_in_order(names: list[str]) -> None:
    backwards = names[::-1]
    assert sorted(names, key=natural_key) == sorted(backwards, key=natural_key)


@pytest.mark.real_data
def test_the_published_layout_of_300vw_opens(data_dir: Path) -> None:
    found = find_videos([data_dir / "300vw_sample"])
    assert [p.relative_to(data_dir).as_posix() for p in found] == [
        "300vw_sample/001/imgs",
        "300vw_sample/401/imgs",
    ]
    with open_video(found[0]) as video:
        assert (video.name, video.frame_names) == ("001", ["000006", "000009"])
        assert video.frame(1).shape == (video.height, video.width, 3)
        assert "missing" in video.warnings[0]
