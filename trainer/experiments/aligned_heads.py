"""Rendered heads as alignment sees them, beside the truth: what a queue of frames is judged on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.alignment import SequentialAligner
from trainer.checkpoint import LoadedModel
from trainer.data.video import open_video
from trainer.data.video_sets import AnnotatedVideo, find_annotated_videos
from trainer.errors import RedError
from trainer.experiments.sets import frontal_interocular
from trainer.metrics import interocular

LOST = 100.0
"""Error in per cent of a face that alignment doesn't find."""


@dataclass
class AlignedClip:
    """One rendered clip, aligned from its first frame as any video is.

    Attributes
    ----------
    person, name : whom it shows; the clip's folder
    landmarks : (T, L, 2) float32, xy in video pixels, NaN where the face was lost
    confidence : (T, L) float32, 0 to 1
    disagreement : (T,) float32, see :class:`trainer.alignment.AlignedFrame`
    truth : (T, L, 2) float32, xy in video pixels
    """

    person: str
    name: str
    landmarks: np.ndarray
    confidence: np.ndarray
    disagreement: np.ndarray
    truth: np.ndarray

    def errors(self, *, own_eyes: bool = False) -> np.ndarray:
        """(T,) mean distance to the truth in per cent, :data:`LOST` where the face was lost.

        Of a frontal face's distance of the outer eye corners
        (:func:`trainer.experiments.sets.frontal_interocular`), or of the face's own, which
        goes to nothing in profile.
        """
        scale = interocular(self.truth) if own_eyes else frontal_interocular(self.truth)
        away = np.linalg.norm(self.landmarks - self.truth, axis=-1).mean(axis=-1)
        return np.where(np.isfinite(away), 100 * away / scale, LOST)


def aligned_clips(
    folder: Path,
    work: Path,
    loaded: LoadedModel,
    tell: Callable[[str], None],
    *,
    strangers: bool = False,
) -> list[AlignedClip]:
    """Every clip of a folder, aligned; kept in ``work`` for the next time.

    Parameters
    ----------
    folder : rendered heads in 300-VW's layout, every frame annotated
    work : where alignments are kept, by clip and by the model's weights
    loaded : a model of 68 landmarks
    tell : is told what is being done
    strangers : leave out people whom the model says it has learnt

    Raises
    ------
    RedError
        If there is no such clip, or one has frames without truth.
    """
    known = set(loaded.info.get("people", ())) if strangers else set()
    videos = [video for video in find_annotated_videos(folder) if video.identity not in known]
    if not videos:
        raise RedError(f"{folder}: the model has learnt everybody in it; render other people")
    kept = work / f"aligned-{folder.name}-{_fingerprint(loaded)}"
    kept.mkdir(parents=True, exist_ok=True)
    aligner: SequentialAligner | None = None
    clips = []
    for number, video in enumerate(videos, 1):
        path = kept / f"{video.name.replace('/', '-')}.npz"
        if not path.is_file():
            tell(f"Aligning {video.name} ({number} of {len(videos)})")
            aligner = aligner or SequentialAligner(loaded, device="cpu", threads=1)
            aligned = _align(aligner, video)
            np.savez(path, allow_pickle=False, **aligned)
        with np.load(path, allow_pickle=False) as file:
            clips.append(AlignedClip(video.identity, video.name, **file))
    return clips


def _align(aligner: SequentialAligner, video: AnnotatedVideo) -> dict[str, np.ndarray]:
    if video.video is None:
        raise RedError(f"{video.name}: a folder of frames; render the heads again as videos")
    with open_video(video.video) as source:
        missing = sorted(set(range(source.n_frames)) - video.annotations.keys())
        if missing:
            raise RedError(f"{video.name}: frame {missing[0]} has no truth; render the heads again")
        frames = list(aligner.run(source))
    return {
        "landmarks": np.stack([frame.landmarks[0] for frame in frames]),
        "confidence": np.stack([frame.confidence[0] for frame in frames]),
        "disagreement": np.array([frame.disagreement[0] for frame in frames], np.float32),
        "truth": np.stack([video.landmarks(frame.frame, 68) for frame in frames]),
    }


def _fingerprint(loaded: LoadedModel) -> str:
    """Names the weights: a model that was trained on or calibrated again has another."""
    digest = hashlib.sha1(usedforsecurity=False)
    tensors = {**loaded.model.state_dict(), **dict(loaded.model.named_buffers())}
    for name in sorted(tensors):
        digest.update(tensors[name].float().numpy().tobytes())
    return digest.hexdigest()[:10]
