"""Following the faces of annotated clips, many clips at once: how f_tRNN is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from trainer.data.video_sets import find_annotated_videos
from trainer.devices import autocast_dtype
from trainer.errors import RedError
from trainer.experiments.sets import clip_truth, frontal_interocular, of_scheme
from trainer.geometry import CROP_SIZE, CropTransform, FaceBox
from trainer.metrics import FAILURE, jitter, matches
from trainer.models.rednet import RedNet
from trainer.models.temporal import TemporalState


@dataclass
class Clip:
    """Neighbouring annotated frames of one video, in memory.

    Attributes
    ----------
    person : whom it shows
    setting : "common" or "challenging"
    pictures : (T, H, W, 3) uint8
    truth : (T, 68, 2) xy in pixels
    """

    person: str
    setting: str
    pictures: np.ndarray
    truth: np.ndarray


@dataclass
class Followed:
    """One network on one clip.

    Attributes
    ----------
    setting : the clip's
    errors : (T,) in per cent of :func:`trainer.experiments.sets.frontal_interocular`
    jitter : of the error vectors, in the same unit; a head's own movement doesn't count
    restarts : how often the track was lost and the face found again
    """

    setting: str
    errors: np.ndarray
    jitter: float
    restarts: int


def measured_clips(folder: Path, most: int, frames: int) -> list[Clip]:
    """The middle frames of at most so many clips of rendered heads, evenly over all of them."""
    videos = find_annotated_videos(folder)
    chosen = np.unique(np.linspace(0, len(videos) - 1, min(most, len(videos))).astype(int))
    clips = []
    for video in (videos[int(i)] for i in chosen):
        runs = video.runs(min(frames, len(video.annotations)))
        if not runs:
            continue
        first = runs[len(runs) // 2]
        wanted = list(range(first, first + min(frames, len(video.annotations))))
        truth = np.stack([video.landmarks(number, 68) for number in wanted])
        if np.isfinite(truth).all():
            setting = str(clip_truth(folder, video)["setting"])
            pictures = np.stack([picture for _, picture in video.frames(wanted)])
            clips.append(Clip(video.identity, setting, pictures, truth))
    if not clips:
        raise RedError(f"{folder}: no clip with all its landmarks; render the heads again")
    return clips


def follow(model: RedNet, clips: Sequence[Clip], *, memory: bool = True) -> list[Followed]:
    """Track the face of every clip from its true box in the first frame.

    Each later frame's crop and label map come from the answer before it. A track that has
    left the face, by the rule for a found face (overlap of the boxes), starts again at the true
    box, as after a detector's look. Without ``memory`` the LSTM forgets everything after each
    frame: what is left of f_tRNN is what it makes of a single frame.
    """
    found = [np.empty_like(_truth(clip, model)) for clip in clips]
    restarts = [0] * len(clips)
    state: TemporalState | None = None
    landmarks: list[np.ndarray | None] = [None] * len(clips)
    length = max(len(clip.truth) for clip in clips)
    mean = model.mean_start(1)[0].cpu().numpy()
    for t in range(length):
        crops = [
            CropTransform.from_box(FaceBox.around(clip.truth[min(t, len(clip.truth) - 1)]))
            if last is None
            else crop_like(last, mean)
            for clip, last in zip(clips, landmarks, strict=True)
        ]
        starts = [
            mean if last is None else crop.apply(last)
            for crop, last in zip(crops, landmarks, strict=True)
        ]
        images = [
            crop.warp(clip.pictures[min(t, len(clip.truth) - 1)])
            for crop, clip in zip(crops, clips, strict=True)
        ]
        if state is not None:
            state = _forget(state, [last is None or not memory for last in landmarks])
        answer, state = _look(model, np.stack(images), np.stack(starts), state)
        for i, clip in enumerate(clips):
            if t >= len(clip.truth):
                continue
            points = crops[i].invert(answer[i])
            found[i][t] = points
            lost = not matches(FaceBox.around(points), FaceBox.around(_truth(clip, model)[t]))
            restarts[i] += int(lost and t + 1 < len(clip.truth))
            landmarks[i] = None if lost else points
    return [_judged(*one) for one in zip(clips, found, restarts, strict=True)]


def crop_like(landmarks: np.ndarray, mean: np.ndarray) -> CropTransform:
    """The upright crop in which landmarks lie as the mean shape does, by middle and spread.

    Both (L, 2); ``landmarks`` in image pixels, ``mean`` in crop pixels.
    """
    middle, own = landmarks.mean(axis=0), mean.mean(axis=0)
    spread = np.sqrt(((landmarks - middle) ** 2).sum(axis=1).mean())
    scale = np.sqrt(((mean - own) ** 2).sum(axis=1).mean()) / max(spread, 1e-3)
    centre = middle + ((CROP_SIZE - 1) / 2 - own) / scale
    return CropTransform(float(centre[0]), float(centre[1]), float(scale))


@dataclass
class Figures:
    """Table 3's figures of some clips: errors in per cent."""

    frames: int
    mean: float
    std: float
    failures: float
    jitter: float
    restarts: int


def figures(followed: Sequence[Followed]) -> Figures:
    """Over all frames of all clips; jitter is the mean over the clips."""
    errors = np.concatenate([one.errors for one in followed])
    return Figures(
        len(errors),
        float(errors.mean()),
        float(errors.std()),
        100 * float((errors > FAILURE).mean()),
        float(np.mean([one.jitter for one in followed])),
        sum(one.restarts for one in followed),
    )


def _look(
    model: RedNet, images: np.ndarray, starts: np.ndarray, state: TemporalState | None
) -> tuple[np.ndarray, TemporalState | None]:
    device = model.mean_shape.device
    precision = autocast_dtype(model, device)
    with torch.autocast(device.type, precision, precision != torch.float32):
        out = model.align(
            torch.from_numpy(images).to(device),
            torch.from_numpy(starts).float().to(device),
            state=state,
            mirrored=False,
        )
    return out.landmarks.float().cpu().numpy(), out.state


def _forget(state: TemporalState, fresh: list[bool]) -> TemporalState:
    """The state with zeros for faces that start anew."""
    keep = torch.tensor([not f for f in fresh], device=state.hidden.device)[:, None]
    return TemporalState(state.hidden * keep, state.cell * keep)


def _truth(clip: Clip, model: RedNet) -> np.ndarray:
    return of_scheme(clip.truth, model.config.n_landmarks)


def _judged(clip: Clip, found: np.ndarray, restarts: int) -> Followed:
    truth = of_scheme(clip.truth, found.shape[1])
    scale = frontal_interocular(clip.truth)
    errors = 100 * np.linalg.norm(found - truth, axis=-1).mean(axis=-1) / scale
    return Followed(clip.setting, errors, jitter(found - truth, scale), restarts)
