"""Clips as a video set in 300-VW's layout, with the truth beside it.

``OUT/SPLIT/PERSON/CLIP/vid.mp4``, ``annot/000001.pts`` … and ``truth.npz``. A clip's folder
is made under another name and renamed when it is complete, so that one that is there is
finished.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from trainer.data.pts import write_pts
from trainer.heads.clips import HeadClip, render_clip
from trainer.heads.gl import HeadsError
from trainer.heads.motion import FPS
from trainer.heads.people import generator, split_of
from trainer.heads.styles import check_style

JAWS = ("contour", "vertex")
SPLITS = ("train", "test", "all")


@dataclass(frozen=True)
class SetOrder:
    """A set that somebody wants. ``jaw`` says which jaw landmarks the ``.pts`` files hold."""

    out: Path
    people: int
    clips: int
    frames: int
    size: int = 256
    split: str = "all"
    jaw: str = "contour"
    seed: int = 0
    style: str = "normal"

    def __post_init__(self) -> None:
        check_style(self.style)
        for value, known, what in (
            (self.split, SPLITS, "split"),
            (self.jaw, JAWS, "jaw"),
        ):
            if value not in known:
                raise HeadsError(f"no {what} is called '{value}'; known: {', '.join(known)}")
        if min(self.people, self.clips, self.frames) < 1:
            raise HeadsError("people, clips and frames must each be 1 or more")

    def jobs(self) -> Iterator[tuple[int, int]]:
        """(person, clip) of every clip wanted, person by person."""
        for person in range(self.people):
            if self.split in ("all", split_of(person)):
                for clip in range(self.clips):
                    yield person, clip

    def folder(self, person: int, clip: int) -> Path:
        """Where a clip goes."""
        return self.out / split_of(person) / f"person{person:04d}" / f"clip{clip:03d}"


def write_clip(order: SetOrder, person: int, clip: int) -> bool:
    """Draw and write one clip; False if it was there.

    Raises
    ------
    HeadsError
        If a clip made with other settings is there, or nothing can be drawn or written.
    """
    folder = order.folder(person, clip)
    if folder.is_dir():
        _check_same(order, folder)
        return False
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        (partial / "annot").mkdir(parents=True)
        drawn = render_clip(
            person, clip, order.frames, size=order.size, seed=order.seed, style=order.style
        )
        quality = int(generator("quality", order.seed, person, clip).integers(18, 33))
        write_video(partial / "vid.mp4", drawn.images, quality)
        chosen = drawn.landmarks_contour if order.jaw == "contour" else drawn.landmarks_vertex
        for number, landmarks in enumerate(chosen, 1):
            write_pts(partial / "annot" / f"{number:06d}.pts", landmarks)
        _write_truth(partial, drawn, order)
        os.replace(partial, folder)
    except OSError as error:
        raise HeadsError(
            f"{folder}: can't be written ({error.strerror}); choose a folder you may write to"
        ) from error
    return True


def write_video(path: Path, images: np.ndarray, quality: int) -> None:
    """H.264 of (T, H, W, 3) uint8 at 25 a second; ``quality`` is x264's crf, 18 fine, 32 poor."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(int(FPS)))
        stream.width, stream.height = images.shape[2], images.shape[1]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(quality), "preset": "veryfast", "threads": "1"}
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def _write_truth(folder: Path, drawn: HeadClip, order: SetOrder) -> None:
    np.savez_compressed(
        folder / "truth.npz",
        landmarks_contour=drawn.landmarks_contour,
        landmarks_vertex=drawn.landmarks_vertex,
        visible=drawn.visible,
        yaw=drawn.yaw,
        pitch=drawn.pitch,
        roll=drawn.roll,
        setting=drawn.setting,
        seed=drawn.seed,
        jaw=order.jaw,
        style=drawn.style,
        person=drawn.person,
        clip=drawn.clip,
        split=drawn.split,
    )
    settings = {
        "jaw": order.jaw,
        "setting": drawn.setting,
        "style": drawn.style,
        "seed": drawn.seed,
        "size": order.size,
        "frames": order.frames,
    }
    (folder / "clip.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


def _check_same(order: SetOrder, folder: Path) -> None:
    try:
        there = json.loads((folder / "clip.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise HeadsError(
            f"{folder}: is there and isn't a clip of made-up heads; choose another folder"
        ) from None
    for name in ("jaw", "style", "seed", "size", "frames"):
        if there.get(name) != getattr(order, name):
            raise HeadsError(
                f"{folder}: was made with {name} {there.get(name)}, asked for is "
                f"{getattr(order, name)}; choose another folder"
            )
