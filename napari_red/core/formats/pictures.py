"""The pictures that some formats refer to: their names, and writing them."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

import imageio.v3 as iio

from napari_red.core.annotation import VideoAnnotation
from napari_red.core.formats.base import Options, claim_folder, file_name, unwritable
from trainer.data.frame_folder import pictures_in


class Pictures:
    """Names the pictures of one video, and writes them if the options say so.

    A folder of frames is referred to where it is. Frames of a video file are
    ``NAME/000001.png`` and so on, below the folder of the export, called like the frame's
    ``.pts`` file; ``ffmpeg -i VIDEO -fps_mode passthrough NAME/%06d.png`` makes them, and
    so does an export with pictures.

    Parameters
    ----------
    video : VideoAnnotation
    out : folder of the export
    options : Options
    """

    def __init__(self, video: VideoAnnotation, out: Path, options: Options) -> None:
        self._video, self._out, self._make = video, out, options.frame_image
        self._folder = file_name(video.name)
        self._claimed: set[Path] = set()
        self._there: list[Path] = []
        if self._make is None and video.path is not None and video.path.is_dir():
            pictures = pictures_in(video.path)
            self._there = pictures if len(pictures) == video.n_frames else []

    def name(self, frame: int) -> str:
        """The picture of a frame (from 0): a path with / that starts at the export's
        folder, or an absolute one."""
        if self._there:
            return self._there[frame].resolve().as_posix()
        return str(PurePosixPath(self._folder, f"{file_name(self._video.stem(frame))}.png"))

    def write(self, frame: int, path: Path | None = None) -> None:
        """Write the picture of a frame, if pictures are wanted."""
        if self._make is None:
            return
        path = path or self._out / self.name(frame)
        if path.parent not in self._claimed:
            claim_folder(path.parent, "*.png", "pictures")
            self._claimed.add(path.parent)
        partial = path.with_name(f".partial.{path.name}")
        try:
            iio.imwrite(partial, self._make(self._video, frame), extension=".png")
            os.replace(partial, path)
        except OSError as error:
            raise unwritable(path, error) from error


def frames_by_name(video: VideoAnnotation) -> dict[str, int]:
    """File stem to frame (from 0), for looking names of pictures up."""
    return {video.stem(frame): frame for frame in range(video.n_frames)}


def frame_of_picture(name: str, stems: dict[str, int]) -> int | None:
    """The frame, from 0, that a picture's name means; None where it can't be told.

    A stem that a frame of the video has counts; otherwise the last number in the name is
    the frame's, from 0, as in DeepLabCut's ``img0012.png``.
    """
    stem = re.split(r"[/\\]", name)[-1].rpartition(".")[0] or name
    if stem in stems:
        return stems[stem]
    match = re.search(r"(\d+)\D*$", stem)
    return int(match[1]) if match else None
