"""The pictures that some formats refer to: their names, and writing them."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import imageio.v3 as iio

from napari_red.core.annotation import VideoAnnotation
from napari_red.core.formats.base import (
    FormatError,
    Options,
    claim_folder,
    file_name,
    unwritable,
)
from trainer.data.frame_folder import pictures_in


class Pictures:
    """Names the pictures of one video, and writes them if the options say so.

    A folder of frames is referred to where it is; where its pictures are written anew, they
    keep their names. Frames of a video file are ``NAME/000001.png`` and so on, below the
    folder of the export, called like the frame's ``.pts`` file; ``ffmpeg -i VIDEO
    -fps_mode passthrough NAME/%06d.png`` makes them, and so does an export with pictures.

    Parameters
    ----------
    video : VideoAnnotation
    out : folder of the export
    options : Options
    """

    def __init__(self, video: VideoAnnotation, out: Path, options: Options) -> None:
        self._video, self._out, self._make = video, out, options.frame_image
        self._folder = file_name(video.name)
        self._origin = options.origin(video)
        self._claimed: set[Path] = set()
        self._there: list[Path] = []
        self._called = video.picture if _distinct(video.picture_names) else video.stem
        if self._make is None and video.path is not None and video.path.is_dir():
            pictures = pictures_in(video.path)
            self._there = pictures if len(pictures) == video.n_frames else []

    def name(self, frame: int) -> str:
        """The picture of a frame (from 0): a path with / that starts at the export's
        folder, or an absolute one."""
        if self._there:
            return self._there[frame].resolve().as_posix()
        return str(PurePosixPath(self._folder, f"{file_name(self._called(frame))}.png"))

    def file(self, frame: int) -> str:
        """The file name of the picture of a frame (from 0)."""
        return PurePosixPath(self.name(frame)).name

    def write(self, frame: int, path: Path | None = None) -> None:
        """Write the picture of a frame, if pictures are wanted."""
        if self._make is None:
            return
        path = path or self._out / self.name(frame)
        if path.parent not in self._claimed:
            claim_folder(path.parent, "*.png", "pictures", self._origin)
            self._claimed.add(path.parent)
        partial = path.with_name(f".partial.{path.name}")
        try:
            iio.imwrite(partial, self._make(self._video, frame), extension=".png")
            os.replace(partial, path)
        except OSError as error:
            raise unwritable(path, error) from error


class FramesByPicture:
    """Finds the frames that names of pictures mean.

    The pictures of a folder are found by their names. A name that is made like theirs,
    as ``img0400`` in a folder of ``img0100`` and so on, means no other frame. Any other
    name was given elsewhere: its last number is the frame, from 0, as in DeepLabCut's
    ``img0012.png``, unless a frame of a video file is called so.

    Parameters
    ----------
    source : the file that names pictures, for messages
    video : what is known of the video
    """

    def __init__(self, source: Path, video: VideoAnnotation) -> None:
        self._source, self._video = source, video
        names = [video.picture(frame) for frame in range(video.n_frames)]
        many = Counter(names)
        self._frames = {name: frame for frame, name in enumerate(names) if many[name] == 1}
        self._made: set[str] = set()
        if video.picture_names is not None:
            self._made = {_without_number(name) for name in names}

    def named(self, name: str, where: str) -> int | None:
        """The frame, from 0, of the picture that is called so; None for names given elsewhere.

        Parameters
        ----------
        name : with folders and suffix, or without
        where : the place in the file, for messages

        Raises
        ------
        FormatError
            If it is made like the pictures' names, and not exactly one is called so.
        """
        stem = _stem(name)
        frame = self._frames.get(stem)
        if frame is None and _without_number(stem) in self._made:
            names = (self._video.picture(0), self._video.picture(self._video.n_frames - 1))
            raise FormatError(
                f"{self._source}, {where}: not exactly one picture of {self._video.name} is "
                f"called {stem} (they are called {names[0]} to {names[1]}); check that it belongs "
                "to this folder"
            )
        return frame

    def frame(self, name: str, where: str) -> int:
        """The frame, from 0, that a picture's name means; see :meth:`named`.

        Raises
        ------
        FormatError
            If that can't be told.
        """
        frame = self.named(name, where)
        if frame is not None:
            return frame
        match = re.search(r"(\d+)\D*$", _stem(name))
        if match is None:
            raise FormatError(
                f"{self._source}, {where}: {name!r} has no frame number; call pictures by the "
                "number of their frame, as in img0012.png"
            )
        return int(match[1])


def _stem(name: str) -> str:
    return re.split(r"[/\\]", name)[-1].rpartition(".")[0] or name


def _without_number(stem: str) -> str:
    """A name with ``#`` in the place of its last number."""
    return re.sub(r"\d+(\D*)$", r"#\1", stem)


def _distinct(names: Sequence[str] | None) -> bool:
    return names is not None and len(set(names)) == len(names)
