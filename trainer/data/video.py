"""Videos, exact to the frame: open one, or find all of them in a folder.

>>> with open_video("talk.mp4") as video:
...     picture = video.frame(812)
...     for number, picture in video.frames(start=812, stop=900):
...         ...
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.data.frame_folder import (
    PICTURE_SUFFIXES,
    FrameFolder,
    are_numbered,
    natural_key,
    pictures_in,
)
from trainer.data.video_base import Video, VideoError
from trainer.data.video_check import check
from trainer.data.video_decoder import Decoder, Turn, to_rgb
from trainer.data.video_index import PacketIndex, check_size, explain, scan

__all__ = ["VIDEO_SUFFIXES", "Video", "VideoError", "find_videos", "open_video"]

VIDEO_SUFFIXES = frozenset(
    [
        ".3g2",
        ".3gp",
        ".asf",
        ".avi",
        ".flv",
        ".gif",
        ".m1v",
        ".m2ts",
        ".m2v",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpe",
        ".mpeg",
        ".mpg",
        ".mts",
        ".mxf",
        ".ogv",
        ".ts",
        ".vob",
        ".webm",
        ".wmv",
        ".y4m",
    ]
)
"""What `find_videos` takes for a video inside a folder; `open_video` tries any file."""

_FRAMES_OF_300VW = "imgs"


def open_video(path: str | os.PathLike[str]) -> Video:
    """Open a video file, or a folder of numbered pictures, or one picture.

    The file's packets are listed once and its frames checked against decoding in order, as
    far as that is quick. Frames are in the order they are shown, 0-based, upright.

    Parameters
    ----------
    path : path of a file or folder

    Raises
    ------
    VideoError
        Missing, empty, unreadable, without pictures, or with pictures too large.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return FrameFolder(path, result_name(path))
        if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file():
            return FrameFolder(path, path.stem, [path])
        path.stat()
    except OSError as error:
        raise VideoError(explain(path, error)) from error
    index, warnings = scan(path)
    first, more = check(path, index)
    turn = Turn.of(first)
    height, width = first.height, first.width
    if turn.transpose:
        height, width = width, height
    check_size(path, width, height)
    return VideoFile(_Opened(path, index, turn, height, width, warnings + more))


def find_videos(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """The videos that files and folders stand for, each once, in natural order.

    Parameters
    ----------
    paths : files and folders
        A file stands for itself. A folder stands for the videos in it and below it: video
        files, and folders of numbered frames. Where frames lie beside or below a video file
        of the same folder (300-VW's ``vid.avi`` and ``imgs``), the file is taken.

    Returns
    -------
    Paths for `open_video`. A path with nothing to be found stays in the list, so that opening
    it tells the user what is wrong with it.
    """
    found: dict[Path, Path] = {}
    for path in map(Path, paths):
        inside = _videos_below(path) if os.path.isdir(path) else [path]
        for video in inside or [path]:
            found.setdefault(video.absolute().resolve(), video)
    return list(found.values())


def result_name(path: Path) -> str:
    """What to call a video's results: its name, or its folder's in 300-VW's layout."""
    path = path.absolute()
    folder = os.path.isdir(path)
    inner = path.name == _FRAMES_OF_300VW if folder else path.stem == "vid"
    if inner and path.parent.name:
        return path.parent.name
    return path.name if folder else path.stem


def _videos_below(folder: Path) -> list[Path]:
    found: list[Path] = []

    def keep_for_its_error(error: OSError) -> None:
        found.append(Path(error.filename))

    for here, folders, files in os.walk(folder, onerror=keep_for_its_error):
        place = Path(here)
        folders[:] = sorted((f for f in folders if not f.startswith(".")), key=natural_key)
        visible = sorted((f for f in files if not f.startswith(".")), key=natural_key)
        videos = [place / f for f in visible if Path(f).suffix.lower() in VIDEO_SUFFIXES]
        if videos:
            found += videos
            if any(v.stem == "vid" for v in videos) and _FRAMES_OF_300VW in folders:
                folders.remove(_FRAMES_OF_300VW)
        elif are_numbered([f for f in visible if Path(f).suffix.lower() in PICTURE_SUFFIXES]) or (
            place == folder and not folders and pictures_in(place)
        ):
            found.append(place)
    return found


@dataclass(frozen=True)
class _Opened:
    """What is found out once and shared by all readers of a file."""

    path: Path
    index: PacketIndex
    turn: Turn
    height: int
    width: int
    warnings: list[str]


class VideoFile(Video):
    """A video in one file, decoded with FFmpeg. Made by `open_video`.

    Sound frames are the same bytes however they are reached. What a decoder makes of damaged
    data (then `warnings` says so) may differ from one time to the next.
    """

    frame_names = None

    def __init__(self, opened: _Opened) -> None:
        self._opened = opened
        self.path = opened.path
        self.name = result_name(opened.path)
        self.height, self.width = opened.height, opened.width
        self.n_frames = opened.index.n_frames
        self.timestamps = opened.index.timestamps()
        self.fps = opened.index.fps()
        self.warnings = opened.warnings
        self._decoder: Decoder | None = None
        self._closed = False
        self._lock = threading.Lock()

    @property
    def lost(self) -> Set[int]:
        return frozenset(self._opened.index.lost)

    def reopen(self) -> VideoFile:
        return VideoFile(self._opened)

    def run_start(self, number: int) -> int:
        place = self._opened.index.key_before(number) if self._opened.index.seekable else None
        return int(self._opened.index.key_frames[place]) if place else 0

    def close(self) -> None:
        self._closed = True
        if decoder := self._decoder:
            decoder.stopped = True
        with self._lock:
            if self._decoder is not None:
                self._decoder.close()
                self._decoder = None

    def _frame(self, number: int) -> np.ndarray:
        with self._lock:
            if self._closed:
                raise VideoError(f"{self.path}: this video is closed; open it again")
            if self._decoder is None:
                self._decoder = Decoder(self.path, self._opened.index)
            return self._picture(self._decoder, number)

    def _frames(self, numbers: range) -> Iterator[tuple[int, np.ndarray]]:
        if self._closed:
            raise VideoError(f"{self.path}: this video is closed; open it again")
        decoder = Decoder(self.path, self._opened.index)
        try:
            for number in numbers:
                try:
                    image = self._picture(decoder, number)
                except VideoError:
                    if number not in self.lost:
                        raise
                    self.warn(f"frame {number} can't be decoded, its data is damaged: left out")
                else:
                    yield number, image
        finally:
            decoder.close()

    def _picture(self, decoder: Decoder, number: int) -> np.ndarray:
        frame = decoder.picture(number)
        image = to_rgb(frame, self._opened.turn)
        if image.shape != (self.height, self.width, 3):
            self.warn(  # the same words for every frame, so that they are said once
                "its pictures change their size on the way: those of another size are scaled to "
                f"{self.width} x {self.height}, as the first"
            )
            image = to_rgb(frame, self._opened.turn, (self.height, self.width))
        return image
