"""Every aligner on the same videos, each in the mode it was made for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.alignment import SequentialAligner
from trainer.data.video import find_videos, open_video
from trainer.data.video_sets import AnnotatedVideo, find_annotated_videos
from trainer.geometry import FaceBox
from trainer.metrics import MIN_IOU, matches
from trainer.peers.environment import PEERS, start
from trainer.peers.memory_video import MemoryVideo
from trainer.peers.process import PeerProcess
from trainer.peers.schemes import to_68
from trainer.peers.stills import OURS


@dataclass(frozen=True)
class Mode:
    """One aligner in one mode."""

    name: str
    peer: str
    mode: str
    title: str


MODES = (
    Mode("mediapipe", "mediapipe", "track", "mediapipe FaceMesh, tracking"),
    Mode("dlib-track", "dlib", "track", "dlib, box from its last landmarks"),
    Mode("dlib-detect", "dlib", "detect", "dlib, its detector in every frame"),
    Mode("opencv-track", "opencv", "track", "OpenCV FacemarkLBF, box from its last landmarks"),
)


@dataclass
class Clip:
    """Neighbouring frames of one video.

    Attributes
    ----------
    person : who must not be split over a bootstrap's draws
    pictures : (H, W, 3) uint8 RGB
    truth : (T, 68, 2) xy in pixels, NaN in frames without a face; None where nothing is known
    faces : how many are looked for
    """

    name: str
    person: str
    pictures: list[np.ndarray]
    truth: np.ndarray | None = None
    faces: int = 1


Found = list[np.ndarray]
"""For every frame (faces, 68, 2) landmarks."""


def annotated_clips(folder: Path, people: int, frames: int) -> Iterator[Clip]:
    """The first video of so many people, evenly over all of them, and its first frames."""
    first: dict[str, AnnotatedVideo] = {}
    for video in find_annotated_videos(folder):
        first.setdefault(video.identity, video)
    videos = list(first.values())
    chosen = np.unique(np.linspace(0, len(videos) - 1, min(people, len(videos))).astype(int))
    for index in chosen:
        video = videos[int(index)]
        begin = min(video.annotations)
        wanted = list(range(begin, min(begin + frames, max(video.annotations) + 1)))
        if video.video is None:
            wanted = [number for number in wanted if number in video.pictures]
        pictures = dict(video.frames(wanted))
        truth = np.full((len(pictures), 68, 2), np.nan, np.float32)
        for row, number in enumerate(sorted(pictures)):
            if number in video.annotations:
                truth[row] = video.landmarks(number, 68)
        ordered = [pictures[number] for number in sorted(pictures)]
        yield Clip(video.name, video.identity, ordered, truth)


def real_clips(folder: Path, frames: int, several: dict[str, int]) -> Iterator[Clip]:
    """The first frames of every video in a folder; ``several`` says who shows more faces."""
    for path in find_videos([folder]):
        with open_video(path) as video:
            pictures = [picture for _, picture in video.frames(0, frames)]
        if pictures:
            yield Clip(path.name, path.name, pictures, faces=several.get(path.stem, 1))


class Everybody:
    """All aligners, running. A context manager."""

    def __init__(self, aligner: SequentialAligner, peers: Sequence[str], folder: Path | None):
        self.aligner = aligner
        self.modes = [mode for mode in MODES if mode.peer in peers]
        self._peers = {peer.name: peer for peer in PEERS}
        self._folder = folder
        self._stack = ExitStack()
        self._running: dict[tuple[str, int], PeerProcess] = {}

    def __enter__(self) -> Everybody:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def names(self) -> list[str]:
        """Ours first."""
        return [OURS, *(mode.name for mode in self.modes)]

    def titles(self) -> dict[str, str]:
        """What to call them in a table."""
        return {OURS: "ours, tracking", **{mode.name: mode.title for mode in self.modes}}

    def follow(self, clip: Clip, on_progress: Callable[[str], None]) -> dict[str, Found]:
        """Every aligner's faces in every frame of a clip."""
        on_progress(f"{clip.name}: {OURS}")
        found = {OURS: self._ours(clip)}
        for mode in self.modes:
            on_progress(f"{clip.name}: {mode.name}")
            process = self._process(mode, clip.faces)
            process.reset()
            found[mode.name] = [
                to_68(process.align(picture).landmarks) for picture in clip.pictures
            ]
        return found

    def _ours(self, clip: Clip) -> Found:
        found = []
        for frame in self.aligner.run(MemoryVideo(clip.pictures, clip.name), faces=clip.faces):
            there = np.isfinite(frame.landmarks).all(axis=(1, 2))
            found.append(frame.landmarks[there])
        return found

    def _process(self, mode: Mode, faces: int) -> PeerProcess:
        key = (mode.name, faces)
        if key not in self._running:
            assert self._folder is not None  # a peer runs only from there
            process = start(self._folder, self._peers[mode.peer], mode.mode, faces=faces)
            self._running[key] = self._stack.enter_context(process)
        return self._running[key]


def one_face(found: Found, truth: np.ndarray | None = None) -> np.ndarray:
    """The face of each frame, (T, 68, 2), NaN where there is none.

    With a truth the one whose box overlaps the true one most, by IoU 0.3 at least;
    otherwise the first.
    """
    chosen = np.full((len(found), 68, 2), np.nan, np.float32)
    for row, faces in enumerate(found):
        if truth is None:
            if len(faces):
                chosen[row] = faces[0]
        elif np.isfinite(truth[row]).all():
            true = FaceBox.around(truth[row])
            boxes = [FaceBox.around(face) for face in faces]
            hits = [k for k, box in enumerate(boxes) if matches(box, true)]
            if hits:
                chosen[row] = faces[max(hits, key=lambda k: true.iou(boxes[k]))]
    return chosen


def unmatched(faces: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """Which faces no face of the others overlaps by IoU 0.3: (F,) bool."""
    boxes = [FaceBox.around(other) for group in others for other in group]
    return np.array(
        [all(FaceBox.around(face).iou(box) < MIN_IOU for box in boxes) for face in faces], bool
    )
