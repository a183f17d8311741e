"""From a pushed set to what each of the three stages learns from, and what it is judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from trainer.checkpoint import LoadedModel
from trainer.data.clips import ClipBatch, MovedStills, beside
from trainer.data.faces import PATCH_SIZE, FaceSet, patch_of
from trainer.data.video_clips import CutClips, still_crop
from trainer.data.video_faces import joined
from trainer.errors import RedError
from trainer.finetuning.gate import landmarks_in
from trainer.finetuning.people import known_people
from trainer.finetuning.recipe import STAGES, Recipe
from trainer.models.rednet import RedNet
from trainer.pushed_set import CLIP_FRAMES, PREDICTED, PushedFrame, PushedSet
from trainer.replay import REPLAY_FILE, load_replay
from trainer.scheme import scheme_for
from trainer.validation import centre_crops


class FinetuneError(RedError):
    """A fine-tuning run that can't start or go on."""


@dataclass
class Material:
    """What a run learns from.

    Attributes
    ----------
    faces : the corrected and accepted frames, then the replayed ones
    own : how many of ``faces`` are the person's own
    named : indices of own faces whose identity is known
    clips : for stage 3, None without
    held_out : frames never trained on
    gate : rendered faces never trained on
    people : f_CLS's outputs: those the model knew, then new ones
    known : how many of these the model knew
    skipped : why a stage isn't done, by stage
    counts : of frames by kind, of people and clips, for the report
    """

    faces: FaceSet
    own: int
    named: np.ndarray
    clips: PairedClips | None
    held_out: FaceSet
    gate: FaceSet
    people: list[str]
    known: int
    skipped: dict[int, str]
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def stages(self) -> tuple[int, ...]:
        """The stages that have something to learn from."""
        return tuple(stage for stage in STAGES if stage not in self.skipped)


class PushedClips(CutClips):
    """Clips of ten frames round corrected ones; the others count as the recipe says.

    Parameters
    ----------
    windows : each a clip's frames in order, with a looked-at one among them
    numbers : of people, for f_CLS
    recipe : what predicted and hidden landmarks count
    """

    kind = "corrected video"

    def __init__(
        self,
        windows: Sequence[Sequence[PushedFrame]],
        numbers: dict[str, int],
        n_landmarks: int,
        recipe: Recipe,
    ) -> None:
        shape = (len(windows), CLIP_FRAMES)
        self.scheme = scheme_for(n_landmarks)
        self.patches = np.empty((*shape, PATCH_SIZE, PATCH_SIZE, 3), np.uint8)
        self.landmarks = np.empty((*shape, n_landmarks, 2), np.float32)
        self.weights = np.empty((*shape, n_landmarks), np.float32)
        self.identity_of = [window[0].person for window in windows]
        self.identities = [numbers.get(window[0].identity or "", -1) for window in windows]
        for row, window in enumerate(windows):
            landmarks = np.stack([frame.landmarks() for frame in window])
            crop = still_crop(landmarks)
            self.landmarks[row] = crop.apply(landmarks)
            for t, frame in enumerate(window):
                self.patches[row, t] = crop.warp(frame.read_image())
                self.weights[row, t] = landmark_weights(frame, recipe)


class PairedClips:
    """Batches of the person's own clips beside moved replayed faces, no two of one identity."""

    def __init__(self, own: PushedClips, replay: FaceSet, off_face: float) -> None:
        self.own = own
        self.replay = MovedStills(replay, own.scheme, CLIP_FRAMES, 1, off_face)
        self.kind = f"{own.kind} and {self.replay.kind}"
        self.n_people = len(set(own.identity_of))

    def draw(self, size: int, seed: int, number: int) -> ClipBatch:
        """Batch ``number``: half of ``size`` own clips or as many as there are people, and replay.

        The same every time.
        """
        own = self.own.draw(min(size // 2, self.n_people), seed, number)
        return beside(own, self.replay.draw(size - len(own.identities), seed, number))


def gather(
    pushed: PushedSet,
    base: LoadedModel,
    recipe: Recipe,
    *,
    precision: torch.dtype = torch.float32,
) -> Material:
    """Read a pushed set for fine-tuning ``base``.

    Parameters
    ----------
    pushed : from :func:`trainer.pushed_set.read_pushed_set`
    base : the model to go on from
    recipe : what predicted and hidden landmarks count, and how many clips are cut
    precision : of the model's answers for the replayed faces

    Raises
    ------
    FinetuneError
        If the landmarks don't fit the model, or there is nothing to train on or measure on.
    PushedSetError, PtsError, ReplayError
        If a file can't be used.
    """
    n_landmarks = base.model.config.n_landmarks
    if pushed.n_landmarks != n_landmarks:
        raise FinetuneError(
            f"{pushed.folder}: {pushed.n_landmarks} landmarks a face, the model has {n_landmarks}; "
            "choose a model that fits"
        )
    frames = [f for f in pushed.looked_at(held_out=False) if not pushed.near_held_out(f)]
    held_out = pushed.looked_at(held_out=True)
    if not held_out:
        raise FinetuneError(
            f"{pushed.folder}: no corrected frame is held out, so nothing could tell whether a new "
            "model is better; correct at least 5 frames, some of them more than 10 frames apart "
            "and as far from those that a model learned"
        )
    if not frames:
        raise FinetuneError(
            f"{pushed.folder}: no corrected frame is left to train on beside the held-out ones "
            "and those within 10 frames of them; correct frames elsewhere in the videos"
        )
    replay = load_replay(pushed.replay or REPLAY_FILE, n_landmarks)
    known = known_people(base.model, base.info)
    new = sorted({f.identity for f in frames if f.identity is not None} - set(known))
    skipped = _skipped(frames, base)
    people = known if 2 in skipped else [*known, *new]
    numbers = {name: n for n, name in enumerate(people)}
    windows = [] if 3 in skipped else clip_windows(pushed, frames)
    if 3 not in skipped and not windows:
        skipped[3] = (
            f"no {CLIP_FRAMES} frames in a row round a corrected one were pushed, and stage 3 "
            "learns from such clips"
        )
    windows = _spread(windows, recipe.most_clips)
    trained = answered(base.model, replay.trained, precision)
    own = _faces(frames, numbers, recipe)
    aside = _faces(held_out, numbers, recipe)
    clips = None
    if windows:
        cut = PushedClips(windows, numbers, n_landmarks, recipe)
        clips = PairedClips(cut, trained, recipe.train.off_face)
    kinds = [f.kind for f in frames]
    return Material(
        faces=joined(own, trained),
        own=len(frames),
        named=np.flatnonzero(own.identities >= 0),
        clips=clips,
        held_out=aside,
        gate=replay.gate,
        people=people,
        known=len(known),
        skipped=skipped,
        counts={
            **{kind: kinds.count(kind) for kind in sorted(set(kinds))},
            "held_out": len(held_out),
            "near_held_out": len(pushed.looked_at(held_out=False)) - len(frames),
            "people": len({f.person for f in frames}),
            "named_people": len({f.identity for f in frames if f.identity is not None}),
            "clips": len(windows),
            "replayed": len(trained.patches),
        },
    )


def landmark_weights(frame: PushedFrame, recipe: Recipe) -> np.ndarray:
    """(L,) float32: what each landmark of a frame counts."""
    weights = np.where(frame.visible, 1.0, recipe.hidden_weight)
    if frame.kind == PREDICTED:
        sure = recipe.unknown_confidence if frame.confidence is None else frame.confidence
        weights = weights * recipe.predicted_weight * sure
    return weights.astype(np.float32)


def answered(model: RedNet, faces: FaceSet, precision: torch.dtype) -> FaceSet:
    """The same faces with the model's own answers in place of the truth.

    What shall not be forgotten is what the model says; the rendered truth would teach it
    where the renderer puts a jaw (docs/finetune.md has what either costs).
    """
    crops, centred = centre_crops(faces)
    found = landmarks_in(model, crops, precision)
    return replace(faces, landmarks=faces.landmarks + (found - centred))


def clip_windows(pushed: PushedSet, frames: Sequence[PushedFrame]) -> list[list[PushedFrame]]:
    """For each looked-at frame the clip with it nearest the middle, each clip once.

    All ten frames must have been pushed, show a face, and none may be near a held-out one.
    """
    usable = {
        (f.video, f.number): f
        for f in pushed.frames
        if not pushed.near_held_out(f) and np.isfinite(f.landmarks()).all(axis=1).any()
    }
    found: dict[tuple[str, int], list[PushedFrame]] = {}
    for frame in frames:
        for first in sorted(
            range(frame.number - CLIP_FRAMES + 1, frame.number + 1),
            key=lambda first: abs(first + CLIP_FRAMES // 2 - frame.number),
        ):
            window = [usable.get((frame.video, first + t)) for t in range(CLIP_FRAMES)]
            if all(one is not None for one in window):
                found[frame.video, first] = [one for one in window if one is not None]
                break
    return [found[key] for key in sorted(found)]


def _skipped(frames: Sequence[PushedFrame], base: LoadedModel) -> dict[int, str]:
    skipped = {}
    named = sorted({f.identity for f in frames if f.identity is not None})
    if len(named) < 2:
        who = f"only {named[0]} is named" if named else "nobody is named"
        skipped[2] = f"{who} in the frames to train on, and telling people apart takes two"
    if base.model.temporal is None:
        skipped[3] = "the model has no f_tRNN"
    return skipped


def _faces(
    frames: Sequence[PushedFrame],
    numbers: dict[str, int],
    recipe: Recipe,
) -> FaceSet:
    patches, landmarks = [], []
    for frame in frames:
        points = frame.landmarks()
        if not np.isfinite(points).all(axis=1).any():
            raise FinetuneError(
                f"{frame.annotation}: no landmark is labelled; mark the frame as without a face "
                "and push again"
            )
        patch, moved = patch_of(frame.read_image(), points)
        patches.append(patch)
        landmarks.append(moved)
    return FaceSet(
        patches=np.stack(patches),
        landmarks=np.stack(landmarks).astype(np.float32),
        identities=np.array([numbers.get(f.identity or "", -1) for f in frames], np.int64),
        groups=[f.person for f in frames],
        people=list(numbers),
        order=np.arange(len(frames)),
        weights=np.stack([landmark_weights(f, recipe) for f in frames]),
    )


def _spread(windows: list[list[PushedFrame]], most: int) -> list[list[PushedFrame]]:
    if len(windows) <= most:
        return windows
    return [windows[i] for i in np.linspace(0, len(windows) - 1, most).round().astype(int)]
