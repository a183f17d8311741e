"""The pictures that some formats refer to: their names, and writing them."""

from __future__ import annotations

import os
import re
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
    folder of the export, called like the frame's ``.pts`` file, and so are written pictures
    of a folder in which two have one name (``1.png`` and ``1.jpg``); ``ffmpeg -i VIDEO
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
        self._names = _written_names(video)
        self._there = _pictures_there(video) if self._make is None else []

    def name(self, frame: int) -> str:
        """The picture of a frame (from 0): a path with / that starts at the export's
        folder, or an absolute one."""
        if self._there:
            return self._there[frame].resolve().as_posix()
        return str(PurePosixPath(self._folder, f"{file_name(self._names[frame])}.png"))

    def file(self, frame: int) -> str:
        """The file name of the picture of a frame (from 0)."""
        return PurePosixPath(self.name(frame)).name

    def write(self, frame: int, path: Path | None = None) -> bool:
        """Write the picture of a frame, if pictures are wanted; False where it has none, so
        that the frame is to be left out."""
        if self._make is None:
            return True
        image = self._make(self._video, frame)
        if image is None:
            return False
        path = path or self._out / self.name(frame)
        if path.parent not in self._claimed:
            claim_folder(path.parent, "*.png", "pictures", self._origin)
            self._claimed.add(path.parent)
        partial = path.with_name(f".partial.{path.name}")
        try:
            iio.imwrite(partial, image, extension=".png")
            os.replace(partial, path)
        except OSError as error:
            raise unwritable(path, error) from error
        return True


class FramesByPicture:
    """Finds the frames that names of pictures mean.

    The pictures of a folder are found by their names, and as :class:`Pictures` calls them;
    where two have one name, by their suffixes too. A name that is made like theirs, as
    ``img0400`` in a folder of ``img0100`` and so on, means no other frame. Any other name
    was given elsewhere: its last number is the frame, from 0, as in DeepLabCut's
    ``img0012.png``, unless a frame of a video file is called so.

    Parameters
    ----------
    source : the file that names pictures, for messages
    video : what is known of the video
    """

    def __init__(self, source: Path, video: VideoAnnotation) -> None:
        self._source, self._video = source, video
        written, names = _written_names(video), video.picture_names or ()
        self._frames: dict[str, set[int]] = {}
        for frame, name in [*enumerate(written), *enumerate(names)]:
            self._frames.setdefault(name, set()).add(frame)
        self._made = {_without_number(name) for name in names}
        self._files: dict[str, int] = {}
        if len(set(names)) < len(names):
            there = enumerate(_pictures_there(video))
            self._files = {path.name: n for n, path in there if path.stem not in written}

    def named(self, name: str, where: str, told: int | None = None) -> int | None:
        """The frame, from 0, of the picture that is called so; None for names given elsewhere.

        Parameters
        ----------
        name : with folders and suffix, or without
        where : the place in the file, for messages
        told : what the file says itself; taken if one of several pictures of this name is it

        Raises
        ------
        FormatError
            If it is made like the pictures' names, and not exactly one is called so.
        """
        stem = _stem(name)
        frames = self._frames.get(stem, set())
        if len(frames) == 1:
            return min(frames)
        if told in frames:
            return told
        frame = self._files.get(re.split(r"[/\\]", name)[-1])
        if frame is None and (frames or _without_number(stem) in self._made):
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


def _written_names(video: VideoAnnotation) -> list[str]:
    """What the picture of each frame is called where it is written, without its suffix."""
    names = video.picture_names
    distinct = names is not None and len(set(names)) == len(names)
    return [(video.picture if distinct else video.stem)(frame) for frame in range(video.n_frames)]


def _pictures_there(video: VideoAnnotation) -> list[Path]:
    """The pictures of a folder of frames, one for each; none where they aren't all there."""
    if video.path is None or not os.path.isdir(video.path):
        return []
    pictures = pictures_in(video.path)
    return pictures if len(pictures) == video.n_frames else []
