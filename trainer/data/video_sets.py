"""Annotated videos in 300-VW's published layout.

``NAME/vid.*`` (or numbered pictures in ``NAME/imgs`` or in ``NAME``) beside
``NAME/annot/000001.pts``: files count from 1 and are zero-padded; a frame without a face
has no file. A person's folder above the videos is the identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import imageio.v3 as iio
import numpy as np

from trainer.data.pts import read_pts
from trainer.data.stills import PICTURE_SUFFIXES
from trainer.data.video import open_video
from trainer.errors import RedError

TRUTH_FILE = "truth.npz"
"""What a rendered video has beside its annotations: all that is known of it exactly."""


class VideoSetError(RedError):
    """A folder of annotated videos that can't be used."""


@dataclass(frozen=True)
class AnnotatedVideo:
    """One video and its annotation files by 0-based frame number.

    ``pictures`` maps frame numbers to picture files where the video is a folder of frames;
    ``video`` is the file otherwise. ``identity`` is the person's folder, or the video's name.
    """

    name: str
    identity: str
    annotations: dict[int, Path]
    video: Path | None
    pictures: dict[int, Path]

    @property
    def rendered(self) -> bool:
        """Whether it was made by ``python -m trainer heads`` and not filmed."""
        return any(
            (path.parent.parent / TRUTH_FILE).is_file() for path in self.annotations.values()
        )

    def runs(self, length: int) -> list[int]:
        """First frames of all stretches of ``length`` annotated frames without a gap."""
        return [
            n for n in self.annotations if all(n + t in self.annotations for t in range(length))
        ]

    def landmarks(self, frame: int, n_landmarks: int) -> np.ndarray:
        """(L, 2) float32 of a frame, xy in video pixels, 0-based."""
        return read_pts(self.annotations[frame], n_landmarks)

    def frames(self, wanted: list[int]) -> Iterator[tuple[int, np.ndarray]]:
        """(number, (H, W, 3) uint8 image) of the wanted frames, in order.

        Raises
        ------
        VideoSetError
            If the video ends before a wanted frame.
        """
        if self.video is None:
            for number in sorted(wanted):
                yield number, iio.imread(self.pictures[number], plugin="pillow", mode="RGB")
            return
        left = set(wanted)
        with open_video(self.video) as video:
            if max(wanted) >= video.n_frames:
                raise VideoSetError(
                    f"{self.video}: has {video.n_frames} frames, {self.name}/annot names frame "
                    f"{max(wanted) + 1}; the annotation belongs to another video"
                )
            for number, image in video.frames(min(wanted), max(wanted) + 1):
                if number in left:
                    yield number, image


def find_annotated_videos(folder: str | Path) -> list[AnnotatedVideo]:
    """All annotated videos under ``folder``, in a fixed order.

    Raises
    ------
    VideoSetError
        If there is none, or a folder has annotations and no video.
    """
    folder = Path(folder)
    found = []
    for annot in sorted(folder.rglob("annot")):
        annotations = {
            int(path.stem) - 1: path
            for path in sorted(annot.glob("*.pts"))
            if path.stem.isdecimal()
        }
        if annotations:
            found.append(_annotated(folder, annot.parent, annotations))
    if not found:
        raise VideoSetError(
            f"{folder}: no NAME/annot/000001.pts in it; give a folder in 300-VW's layout"
        )
    return found


def _annotated(root: Path, folder: Path, annotations: dict[int, Path]) -> AnnotatedVideo:
    name = folder.relative_to(root).as_posix() if folder != root else folder.name
    identity = folder.parent.name if folder.parent != root and folder != root else folder.name
    videos = sorted(path for path in folder.glob("vid.*") if path.is_file())
    if videos:
        return AnnotatedVideo(name, identity, annotations, videos[0], {})
    for place in (folder / "imgs", folder):
        pictures = {
            int(path.stem) - 1: path
            for path in sorted(place.glob("*"))
            if path.suffix.lower() in PICTURE_SUFFIXES and path.stem.isdecimal()
        }
        if pictures:
            both = {n: path for n, path in annotations.items() if n in pictures}
            return AnnotatedVideo(name, identity, both, None, pictures)
    raise VideoSetError(
        f"{folder}: has annot/ but neither vid.* nor numbered pictures; put the video beside it"
    )
