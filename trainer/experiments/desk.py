"""Models and what they say of clips with known truth, each worked out once and kept."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trainer.alignment import SequentialAligner
from trainer.checkpoint import LoadedModel, load_model
from trainer.data.video import open_video
from trainer.data.video_sets import AnnotatedVideo
from trainer.devices import autocast_dtype
from trainer.errors import RedError
from trainer.experiments.aligned_heads import LOST
from trainer.experiments.sets import MeasuredFaces, frontal_interocular
from trainer.finetuning.gate import TO_MOVE, landmarks_in
from trainer.finetuning.job import fingerprint
from trainer.metrics import interocular


@dataclass
class Clip:
    """One video of a person with its truth, (T, 68, 2) xy in video pixels."""

    video: AnnotatedVideo
    truth: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        numbers = sorted(self.video.annotations)
        self.truth = np.stack([self.video.landmarks(n, 68) for n in numbers])

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True)
class Shown:
    """What a model says of a clip: ``landmarks`` (T, 68, 2), ``confidence`` (T, 68),
    ``disagreement`` (T,)."""

    landmarks: np.ndarray
    confidence: np.ndarray
    disagreement: np.ndarray


class Desk:
    """Models and what they say of clips, each worked out once and kept.

    Parameters
    ----------
    folder : where it is kept; a killed run goes on from there
    base : the model everybody starts from
    others : faces of other people, on which a model mustn't get worse
    """

    def __init__(self, folder: Path, base: str, others: MeasuredFaces | None) -> None:
        self.folder = folder
        self.base = base
        self.others = others
        self._models: dict[str, tuple[LoadedModel, str]] = {}
        self._aligners: dict[str, SequentialAligner] = {}

    def model(self, path: str) -> tuple[LoadedModel, str]:
        """A model by name or file, and a short name of its weights."""
        if path not in self._models:
            loaded = load_model(path, n_landmarks=68)
            self._models[path] = loaded, fingerprint(loaded.model)[:12]
        return self._models[path]

    def align(self, model: str, clip: Clip, corrected: Sequence[int] = ()) -> Shown:
        """A clip as ``model`` aligns it, with the truth of corrected frames pinned."""
        _, weights = self.model(model)
        pins = _short(sorted(corrected))
        name = f"{clip.video.name.replace('/', '-')}-{weights}-{pins if len(corrected) else 'free'}"
        path = self.folder / "aligned" / f"{name}.npz"
        if not path.is_file():
            aligner = self._aligner(model)
            assert clip.video.video is not None
            with open_video(clip.video.video) as opened:
                pinned = {(n, 0): clip.truth[n] for n in corrected}
                frames = list(aligner.run(opened, corrections=pinned, carry_frames=0))
            _save_arrays(
                path,
                landmarks=np.stack([f.landmarks[0] for f in frames]),
                confidence=np.stack([f.confidence[0] for f in frames]),
                disagreement=np.array([f.disagreement[0] for f in frames], np.float32),
            )
        with np.load(path, allow_pickle=False) as file:
            return Shown(**file)

    def answers(self, model: str, clip: Clip, frames: Sequence[int]) -> np.ndarray:
        """(N, 68, 2) what ``model`` itself says of frames of a clip where the face is known."""
        _, weights = self.model(model)
        name = clip.video.name.replace("/", "-")
        path = self.folder / "answers" / f"{name}-{weights}-{_short(frames)}.npz"
        if not path.is_file():
            assert clip.video.video is not None
            with open_video(clip.video.video) as opened:
                told = [(frame, clip.truth[frame]) for frame in frames]
                _save_arrays(path, seen=self._aligner(model).answers(opened, told))
        with np.load(path, allow_pickle=False) as file:
            return np.asarray(file["seen"])

    def _aligner(self, model: str) -> SequentialAligner:
        aligner = self._aligners.get(model)
        if aligner is None:
            aligner = SequentialAligner(self.model(model)[0], device="cpu", threads=1)
            self._aligners = {model: aligner}  # the last one is used again, others aren't
        return aligner

    def other_errors(self, model: str) -> list[float]:
        """A model's error on each of the other people's faces, per cent."""
        if self.others is None:
            return []
        loaded, weights = self.model(model)
        path = self.folder / "others" / f"{weights}.npz"
        if not path.is_file():
            precision = autocast_dtype(loaded.model, torch.device("cpu"))
            found = landmarks_in(loaded.model, self.others.crops, precision)
            _save_arrays(path, errors=self.others.errors(found))
        with np.load(path, allow_pickle=False) as file:
            return [float(error) for error in file["errors"]]


def figures(landmarks: np.ndarray, truth: np.ndarray, frames: np.ndarray) -> dict[str, float]:
    """How wrong landmarks are in some frames, lost faces counted as :data:`LOST` per cent.

    Returns
    -------
    ``frames``; ``nme`` mean error in per cent of
    :func:`trainer.experiments.sets.frontal_interocular`; ``to_move`` per cent of the
    landmarks off by more than :data:`TO_MOVE` of it and ``points``, how many that are;
    ``to_move_own_eyes`` the same of the face's own interocular distance
    """
    truth, found = truth[frames], landmarks[frames]
    away = np.linalg.norm(found - truth, axis=-1)
    lost = ~np.isfinite(away)
    errors = np.where(lost, LOST, 100 * away / frontal_interocular(truth)[:, None])
    own = np.where(lost, LOST, 100 * away / interocular(truth)[:, None])
    return {
        "frames": len(frames),
        "nme": float(errors.mean()),
        "to_move": 100 * float((errors > TO_MOVE).mean()),
        "points": int((errors > TO_MOVE).sum()),
        "to_move_own_eyes": 100 * float((own > TO_MOVE).mean()),
    }


def people_of(videos: Sequence[AnnotatedVideo]) -> dict[str, list[AnnotatedVideo]]:
    """Videos by person, of people who have two at least.

    Raises
    ------
    RedError
        If nobody has.
    """
    found: dict[str, list[AnnotatedVideo]] = {}
    for video in videos:
        if video.video is not None:
            found.setdefault(video.identity, []).append(video)
    found = {person: own for person, own in found.items() if len(own) > 1}
    if not found:
        raise RedError("nobody has two videos; render heads with --clips 3")
    return found


def _short(frames: Sequence[int]) -> str:
    return hashlib.sha1(json.dumps(list(frames)).encode()).hexdigest()[:8]


def _save_arrays(path: Path, **arrays: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{os.getpid()}-{path.name}")
    np.savez(partial, **arrays)  # type: ignore[arg-type]
    os.replace(partial, path)


def save_json(path: Path, values: dict[str, Any]) -> None:
    """Write values, completely or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{os.getpid()}-{path.name}")
    partial.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    os.replace(partial, path)
