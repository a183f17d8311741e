"""Clips cut from annotated videos for stage 3 (paper, section 4.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from trainer.data.augment import paper_placement, place, placed_weights, seeded
from trainer.data.clips import ClipBatch
from trainer.data.faces import PATCH_SIZE, patch_transform
from trainer.data.video_sets import AnnotatedVideo, VideoSetError, find_annotated_videos
from trainer.geometry import CropTransform, FaceBox
from trainer.scheme import LandmarkScheme, scheme_for


class CutClips:
    """Clips of real video; the crop stands still while the face moves in it.

    Attributes
    ----------
    patches : (C, T, 192, 192, 3) uint8
    landmarks : (C, T, L, 2) float32, xy in patch pixels, NaN where not labelled
    identity_of : C names; clips of one never share a batch
    identities : C numbers for f_CLS, -1 where the person is unknown
    weights : (C, T, L) float32, how much each landmark counts; None is 1 each
    scheme : of the landmarks
    """

    patches: np.ndarray
    landmarks: np.ndarray
    identity_of: list[str]
    identities: list[int]
    weights: np.ndarray | None = None
    scheme: LandmarkScheme

    def draw(self, size: int, seed: int, number: int) -> ClipBatch:
        """See :class:`trainer.data.clips.ClipSource`."""
        rng = np.random.default_rng((seed, number))
        chosen: list[int] = []
        for index in rng.permutation(len(self.landmarks)):
            if self.identity_of[index] not in {self.identity_of[other] for other in chosen}:
                chosen.append(int(index))
            if len(chosen) == size:
                break
        placement = paper_placement(seeded(seed, number), len(chosen))
        crops, points, weights = [], [], []
        for t in range(self.landmarks.shape[1]):
            crop, moved = place(
                torch.from_numpy(self.patches[chosen, t]),
                torch.from_numpy(self.landmarks[chosen, t]),
                placement,
                self.scheme,
            )
            crops.append(crop)
            points.append(moved)
            if self.weights is not None:
                these = torch.from_numpy(self.weights[chosen, t])
                weights.append(placed_weights(these, placement, self.scheme))
        identities = torch.tensor([self.identities[index] for index in chosen])
        return ClipBatch(
            torch.stack(crops),
            torch.stack(points),
            identities,
            torch.stack(weights) if weights else None,
        )


class VideoClips(CutClips):
    """Clips of annotated videos.

    Parameters
    ----------
    folders : folders in 300-VW's layout
    n_landmarks, frames : L and T
    per_video : clips drawn of each video, or all there are if fewer
    cache : file for the cut-out pictures (110 KB a frame), made anew at each start
    people : names that f_CLS tells apart already; those of the videos are added after them
    seed : which clips are drawn
    on_progress : called with (videos done, videos)

    Raises
    ------
    VideoSetError
        If no video has ``frames`` annotated frames in a row.
    """

    def __init__(
        self,
        folders: Sequence[str | Path],
        n_landmarks: int,
        frames: int,
        per_video: int,
        *,
        cache: Path,
        people: Sequence[str] = (),
        seed: int = 0,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.scheme = scheme_for(n_landmarks)
        videos = [video for folder in folders for video in find_annotated_videos(folder)]
        kinds = {"talking heads" if video.rendered else "video" for video in videos}
        self.kind = " and ".join(sorted(kinds))
        rng = np.random.default_rng(seed)
        chosen = [(video, _chosen(video.runs(frames), per_video, rng)) for video in videos]
        self.n_clips = sum(len(starts) for _, starts in chosen)
        if not self.n_clips:
            names = ", ".join(str(folder) for folder in folders)
            raise VideoSetError(
                f"{names}: no video has {frames} annotated frames in a row; annotate more "
                "frames, or give the set as --stills with --clips-from-stills"
            )
        number = {name: index for index, name in enumerate(people)}
        shape = (self.n_clips, frames, PATCH_SIZE, PATCH_SIZE, 3)
        cache.parent.mkdir(parents=True, exist_ok=True)
        self.patches = np.lib.format.open_memmap(cache, "w+", np.uint8, shape)
        self.landmarks = np.empty((self.n_clips, frames, n_landmarks, 2), np.float32)
        self.identity_of = []
        for done, (video, starts) in enumerate(chosen, 1):
            if starts:
                self._cut(video, starts, frames, n_landmarks)
            number.setdefault(video.identity, len(number))
            self.identity_of += [video.identity] * len(starts)
            if on_progress:
                on_progress(done, len(chosen))
        self.people = list(number)
        self.identities = [number[name] for name in self.identity_of]

    def _cut(self, video: AnnotatedVideo, starts: list[int], frames: int, n_landmarks: int) -> None:
        first_row = len(self.identity_of)
        wanted: dict[int, list[tuple[int, int]]] = {}
        crops = []
        for row, start in enumerate(starts, first_row):
            truth = np.stack([video.landmarks(start + t, n_landmarks) for t in range(frames)])
            crops.append(still_crop(truth))
            self.landmarks[row] = crops[-1].apply(truth)
            for t in range(frames):
                wanted.setdefault(start + t, []).append((row, t))
        for number, image in video.frames(sorted(wanted)):
            for row, t in wanted[number]:
                self.patches[row, t] = crops[row - first_row].warp(image)


def _chosen(runs: list[int], count: int, rng: np.random.Generator) -> list[int]:
    return sorted(int(n) for n in rng.permutation(runs)[:count])


def still_crop(landmarks: np.ndarray) -> CropTransform:
    """One patch for a whole clip: around the mean of its frames' boxes.

    ``landmarks`` is (T, L, 2) xy in the frames' pixels, each frame with a finite one.
    """
    boxes = [FaceBox.around(points) for points in landmarks]
    mean = FaceBox(*(float(np.mean([getattr(b, n) for b in boxes])) for n in
                     ("x", "y", "width", "height")))  # fmt: skip
    return patch_transform(mean)
