"""A folder of pictures, one per frame, as a video."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import imageio.v3 as iio
import numpy as np

from trainer.data.video_base import MAX_PIXELS, Video, VideoError

PICTURE_SUFFIXES = frozenset(
    [".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"]
)

T = TypeVar("T")

_FPS = 25.0
"""Assumed: pictures don't say."""

_SIZES_CHECKED = 64
"""Pictures whose size is looked up on opening, spread evenly; the rest when they are read."""


class FrameFolder(Video):
    """The pictures of a folder in the order of the numbers in their names.

    Grey, RGBA and 16-bit pictures become 8-bit RGB: alpha is dropped, 16 bits lose their
    lower 8. The frame rate is taken to be 25 a second.

    Parameters
    ----------
    path : Path
        The folder.
    name : str
        What to call its results.
    pictures : sequence of Path, optional
        These pictures and no others.

    Raises
    ------
    VideoError
        No picture in it, an unreadable one, or pictures of different sizes.
    """

    def __init__(self, path: Path, name: str, pictures: Sequence[Path] | None = None) -> None:
        self.path = path
        self.name = name
        self.pictures = pictures_in(path) if pictures is None else list(pictures)
        if not self.pictures:
            raise VideoError(
                f"{path}: no video and no pictures in this folder; choose a video file or a "
                f"folder of frames ({', '.join(sorted(PICTURE_SUFFIXES))})"
            )
        self.n_frames = len(self.pictures)
        self.height, self.width = picture_size(self.pictures[0])
        last = self.n_frames - 1
        for number in sorted({round(x) for x in np.linspace(0, last, _SIZES_CHECKED)}):
            self._check_size(number, picture_size(self.pictures[number]))
        self.fps = _FPS
        self.timestamps = np.arange(self.n_frames) / _FPS
        self.frame_names = [p.stem for p in self.pictures]
        self.warnings = _gaps(self.frame_names)
        self._closed = False

    def reopen(self) -> FrameFolder:
        again = object.__new__(FrameFolder)
        again.__dict__.update(self.__dict__, _closed=False)
        return again

    def run_start(self, number: int) -> int:
        return number

    def close(self) -> None:
        self._closed = True

    def _frame(self, number: int) -> np.ndarray:
        if self._closed:
            raise VideoError(f"{self.path}: this video is closed; open it again")
        image = read_picture(self.pictures[number])
        self._check_size(number, image.shape[:2])
        return image

    def _frames(self, numbers: range) -> Iterator[tuple[int, np.ndarray]]:
        for number in numbers:
            yield number, self._frame(number)

    def _check_size(self, number: int, size: tuple[int, ...]) -> None:
        if size != (self.height, self.width):
            raise VideoError(
                f"{self.pictures[number]}: {size[1]} x {size[0]} pixels, the first frame "
                f"({self.pictures[0].name}) has {self.width} x {self.height}; the frames of one "
                "video must be of one size: scale or move this one"
            )


def natural_key(name: str | Path) -> tuple[list[tuple[int, int, str]], str]:
    """Sort key with numbers as numbers: frame_9 before frame_10."""
    text = Path(name).name
    parts = re.split(r"(\d+)", text.casefold())
    key = [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts if p]
    return key, text


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder in natural order; hidden files are left out."""
    try:
        entries = list(folder.iterdir())
    except OSError as error:
        raise VideoError(
            f"{folder}: the folder can't be read ({error.strerror}); check its permissions"
        ) from error
    return sorted(
        (
            p
            for p in entries
            if p.suffix.lower() in PICTURE_SUFFIXES and p.name[0] != "." and p.is_file()
        ),
        key=natural_key,
    )


def are_numbered(names: Iterable[str]) -> bool:
    """Whether file names differ in one closing number only: 000001.jpg, frame12.png."""
    matches = [re.fullmatch(r"(.*?)(\d+)", Path(n).stem) for n in names]
    return bool(matches) and None not in matches and len({m[1] for m in matches if m}) == 1


def picture_size(path: Path) -> tuple[int, int]:
    """(height, width) of a picture as it is shown, from its header.

    Raises
    ------
    VideoError
        It can't be read, or is too large.
    """
    shape, sideways = _with_plugins(path, _shape)
    height, width = shape[:2] if len(shape) < 4 else shape[1:3]
    if height * width > MAX_PIXELS:
        raise VideoError(
            f"{path}: {width} x {height} pixels, at most {MAX_PIXELS // 10**6} million can be "
            "handled; scale the pictures down"
        )
    return (width, height) if sideways else (height, width)


def read_picture(path: Path, *, upright: bool = True) -> np.ndarray:
    """A picture of any kind as (H, W, 3) uint8 RGB.

    ``upright`` turns it as its camera says; landmarks of published still sets were set on
    the pixels as they are stored.

    Raises
    ------
    VideoError
        It can't be read, or its pixels are no colours (floating point, several pages).
    """
    picture_size(path)
    return np.ascontiguousarray(
        _to_rgb8(path, _with_plugins(path, partial(_read, upright=upright)))
    )


def _with_plugins(path: Path, do: Callable[[Path, str], T]) -> T:
    """Read with those of imageio's plugins that are for it: left to choose, it reads text."""
    # Only tifffile knows colours of 16 bits, only Pillow some kinds of compression.
    tiff = path.suffix.lower() in (".tif", ".tiff")
    trouble: Exception | None = None
    for plugin in ("tifffile", "pillow") if tiff else ("pillow",):
        try:
            return do(path, plugin)
        except Exception as error:
            trouble = error
    if not path.exists():
        raise VideoError(f"{path}: the picture is gone; put it back or open the folder again")
    raise VideoError(
        f"{path}: can't be read as a picture ({trouble}); replace it or move it out of the folder"
    ) from trouble


def _shape(path: Path, plugin: str) -> tuple[tuple[int, ...], bool]:
    """Shape as stored, and whether it lies on its side."""
    shape = iio.improps(path, plugin=plugin).shape
    if plugin != "pillow":
        return shape, False
    meta = iio.immeta(path, plugin=plugin, exclude_applied=False)
    return shape, meta.get("Orientation", 1) in (5, 6, 7, 8)


def _read(path: Path, plugin: str, upright: bool) -> np.ndarray:
    if plugin != "pillow":
        return iio.imread(path, plugin=plugin)
    if str(iio.immeta(path, plugin=plugin)["mode"]).startswith("I"):
        return iio.imread(path, plugin=plugin, rotate=upright)
    return iio.imread(path, plugin=plugin, mode="RGB", rotate=upright)


def _to_rgb8(path: Path, image: np.ndarray) -> np.ndarray:
    if image.dtype in (np.uint16, np.int32):
        # 32 bits is how 16 are handed over for some formats.
        image = (np.clip(image, 0, 65535) >> 8).astype(np.uint8)
    if image.ndim == 2:
        image = image[..., None]
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] > 4:
        raise VideoError(
            f"{path}: an array of {image.dtype} and shape {image.shape} is no picture of 8 or "
            "16 bits; save it as PNG or JPEG, one picture a file"
        )
    return image[..., :3] if image.shape[2] >= 3 else np.repeat(image[..., :1], 3, axis=2)


def _gaps(names: Sequence[str]) -> list[str]:
    """A word on missing numbers: frames are counted as they come, not by their names."""
    if len(names) < 2 or not are_numbered(f"{n}.png" for n in names):
        return []
    numbers = [int(re.sub(r".*\D", "", n)) for n in names]
    missing = numbers[-1] - numbers[0] + 1 - len(numbers)
    if missing <= 0:
        return []
    return [
        f"{missing} numbers are missing between {names[0]} and {names[-1]}; the {len(names)} "
        "pictures there are count as consecutive frames"
    ]
