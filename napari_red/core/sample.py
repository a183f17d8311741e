"""The sample video that ships with the package."""

from __future__ import annotations

from pathlib import Path

from trainer.errors import RedError

SAMPLE_FOLDER = Path(__file__).parent.parent / "sample"
VIDEO_NAME = "talking_face.mp4"


class SampleError(RedError):
    """The sample isn't where it should be."""


def sample_path() -> Path:
    """Path of the sample video; its annotation is in ``annot`` beside it.

    Raises
    ------
    SampleError
        If it isn't there.
    """
    path = SAMPLE_FOLDER / VIDEO_NAME
    if not path.is_file():
        raise SampleError(f"{path}: the sample video is missing; install napari-red again")
    return path
