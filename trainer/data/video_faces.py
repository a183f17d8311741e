"""Single faces from annotated videos, to learn from beside stills in stages 1 and 2."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from trainer.data.faces import PATCH_SIZE, FaceSet, patch_of
from trainer.data.video_sets import find_annotated_videos


def load_video_faces(
    folders: Sequence[str | Path],
    n_landmarks: int,
    per_video: int,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> FaceSet:
    """Frames of annotated videos in memory, evenly spread over each video.

    Parameters
    ----------
    folders : folders in 300-VW's layout; the person's folder is the identity
    n_landmarks : L
    per_video : at most so many frames of each video
    on_progress : called with (videos done, videos)

    Raises
    ------
    VideoSetError, PtsError
        If a video or an annotation can't be used.
    """
    videos = [video for folder in folders for video in find_annotated_videos(folder)]
    patches, landmarks, who = [], [], []
    for done, video in enumerate(videos, 1):
        frames = sorted(video.annotations)
        spread = np.linspace(0, len(frames) - 1, min(per_video, len(frames)))
        wanted = [frames[i] for i in spread.round().astype(int)]
        for number, image in video.frames(wanted):
            points = video.landmarks(number, n_landmarks)
            if not np.isfinite(points).all(axis=1).any():
                continue
            patch, moved = patch_of(image, points)
            patches.append(patch)
            landmarks.append(moved)
            who.append(video.identity)
        if on_progress:
            on_progress(done, len(videos))
    people = sorted(set(who))
    number_of = {name: index for index, name in enumerate(people)}
    return FaceSet(
        patches=np.stack(patches).reshape(-1, PATCH_SIZE, PATCH_SIZE, 3),
        landmarks=np.stack(landmarks).astype(np.float32),
        identities=np.array([number_of[name] for name in who], np.int64),
        groups=who,
        people=people,
        order=np.arange(len(patches)),
    )


def joined(first: FaceSet, second: FaceSet) -> FaceSet:
    """Two sets as one; people of the same name are one person.

    The mean shape, where alignment starts, is that of both.
    """
    people = [*first.people, *(name for name in second.people if name not in first.people)]
    number_of = {name: index for index, name in enumerate(people)}
    known = second.identities >= 0
    moved = np.full_like(second.identities, -1)
    moved[known] = [number_of[second.people[i]] for i in second.identities[known]]
    weights = None
    if first.weights is not None or second.weights is not None:
        weights = np.concatenate([_weights(first), _weights(second)])
    return replace(
        first,
        patches=np.concatenate([first.patches, second.patches]),
        landmarks=np.concatenate([first.landmarks, second.landmarks]),
        identities=np.concatenate([first.identities, moved]),
        groups=[*first.groups, *second.groups],
        people=people,
        order=np.concatenate([first.order, second.order + len(first.patches)]),
        weights=weights,
    )


def _weights(faces: FaceSet) -> np.ndarray:
    if faces.weights is not None:
        return faces.weights
    return np.ones(faces.landmarks.shape[:2], np.float32)
