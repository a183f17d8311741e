"""What one update of each of the three stages computes (paper, section 4.2).

Stage 1 trains f_ENC, f_DENC, the spatial loop and f_REG on stills; stage 2 adds f_CLS on
stills of known people; stage 3 adds f_tRNN on clips and fine-tunes the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from trainer.config import TrainConfig
from trainer.data.augment import (
    degrade,
    off_face,
    paper_placement,
    perturb,
    place,
    placed_weights,
    strong_placement,
)
from trainer.data.clips import ClipBatch
from trainer.data.faces import FaceSet
from trainer.geometry import CROP_SIZE
from trainer.losses import euclidean_loss, identity_loss, response_loss, smooth_distance
from trainer.models.rednet import RedNet, StepOutput
from trainer.models.spatial import draw_squares, expected_positions
from trainer.scheme import scheme_for


@dataclass
class Batch:
    """Crops that enter the network together: T frames of B faces, frame by frame.

    ``images`` (T·B, 3, S, S) normalised; ``landmarks`` and ``starts`` (T·B, L, 2) in crop
    pixels; ``identities`` (T·B,); ``frames`` is T, 1 for stills; ``weights`` (T·B, L) says
    how much each landmark counts, None is 1 each.
    """

    images: Tensor
    landmarks: Tensor
    starts: Tensor
    identities: Tensor
    frames: int = 1
    weights: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return Batch(
            self.images.to(device),
            self.landmarks.to(device),
            self.starts.to(device),
            self.identities.to(device),
            self.frames,
            None if self.weights is None else self.weights.to(device),
        )

    def landmark_weights(self) -> Tensor:
        """(T·B, L) float32: how much each landmark counts, 0 where it isn't labelled."""
        labelled = self.landmarks.isfinite().all(dim=-1)
        return labelled.float() if self.weights is None else labelled * self.weights


def normalised(crops: Tensor) -> Tensor:
    """float crops 0 … 255 to what the network takes, as :meth:`RedNet.normalise` does."""
    return (crops - 127.5) / 64.0


def still_batch(
    faces: FaceSet,
    chosen: np.ndarray,
    mean_start: Tensor,
    config: TrainConfig,
    rng: torch.Generator,
    augmentation: float = 1.0,
) -> Batch:
    """Augmented stills; a part of them starts as if tracked, the rest from the mean shape."""
    scheme = scheme_for(faces.landmarks.shape[1])
    n = len(chosen)
    if config.strong_augmentation:
        placement = strong_placement(rng, n, augmentation)
    else:
        placement = paper_placement(rng, n)
    off = torch.rand(n, generator=rng) < config.off_face
    crops, landmarks = place(
        torch.from_numpy(faces.patches[chosen]),
        torch.from_numpy(faces.landmarks[chosen]),
        off_face(placement, off, rng),
        scheme,
    )
    landmarks[off] = torch.nan
    if config.strong_augmentation:
        crops = degrade(crops, rng, augmentation, config.degradations)
    tracked = (torch.rand(n, generator=rng) < config.tracked_starts) & ~off
    starts = torch.where(tracked[:, None, None], perturb(landmarks, rng), mean_start)
    identities = torch.from_numpy(faces.identities[chosen])
    weights = None
    if faces.weights is not None:
        weights = placed_weights(torch.from_numpy(faces.weights[chosen]), placement, scheme)
        weights[off] = 1.0
    return Batch(
        normalised(crops), landmarks, starts, identities.masked_fill(off, -1), weights=weights
    )


def clip_batch(clips: ClipBatch, mean_start: Tensor, rng: torch.Generator) -> Batch:
    """Clips as tracking sees them: the first frame from the mean shape or a detection, each
    later one from the landmarks of the frame before, a bit off."""
    truth = clips.landmarks
    frames, n = truth.shape[:2]
    before = torch.cat([truth[:1], truth[:-1]])
    starts = perturb(before.flatten(0, 1), rng, 0.6).view_as(truth)
    from_mean = torch.rand(n, 1, 1, generator=rng) < 0.5
    starts[0] = torch.where(from_mean, mean_start, starts[0])
    no_face = truth.isnan().all(dim=3).all(dim=2)[..., None, None]
    starts = torch.where(no_face, mean_start, starts)
    return Batch(
        normalised(clips.crops.flatten(0, 1)),
        truth.flatten(0, 1),
        starts.flatten(0, 1),
        clips.identities.repeat(frames),
        frames,
        None if clips.weights is None else clips.weights.flatten(0, 1),
    )


def batch_loss(
    model: RedNet,
    batch: Batch,
    config: TrainConfig,
    *,
    identity_weight: float,
    temporal: bool,
    rng: torch.Generator,
) -> tuple[Tensor, dict[str, float]]:
    """The loss of one batch, its gradient still to be taken, and its parts by name.

    With ``every_step`` the losses of all K steps are summed (paper, equation 2), else one
    drawn step learns. With ``temporal`` f_tRNN advances at the last step run, so that
    every frame advances it once; without, it isn't there yet.
    """
    steps = model.config.steps
    parts: dict[str, float] = {}
    total = batch.images.new_zeros(())
    learning = range(steps) if config.every_step else [_drawn_step(steps, config.step_odds, rng)]
    points, out = batch.starts, None
    for k in range(learning[-1] + 1):
        learns = k in learning
        last = k == learning[-1]
        with torch.set_grad_enabled(learns):
            out = model.step(
                batch.images, points, k,
                advance=last and temporal, frames=batch.frames, before=out,
            )  # fmt: skip
            if learns:
                total = total + _map_loss(out, batch, config, k, model.config.squares, parts)
            if last:
                total = total + _head_loss(model, out, batch, config, identity_weight, parts)
            else:
                points = model.locate(out)[0].detach()
    return total, parts


def freeze_batch_norm(model: nn.Module) -> None:
    """Keep the running statistics: ten frames of one clip share theirs and would spoil them."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.eval()


def _drawn_step(steps: int, odds: tuple[float, ...], rng: torch.Generator) -> int:
    drawn = torch.tensor([odds[min(k, len(odds) - 1)] for k in range(steps)])
    return int(torch.multinomial(drawn, 1, generator=rng))


def _map_loss(
    out: StepOutput,
    batch: Batch,
    config: TrainConfig,
    k: int,
    squares: tuple[int, ...],
    parts: dict[str, float],
) -> Tensor:
    side = squares[min(k, len(squares) - 1)]
    target = draw_squares(batch.landmarks, side, batch.images.shape[-1])
    loss = response_loss(out.maps, target, config.background_weight, batch.weights)
    parts["response"] = parts.get("response", 0.0) + float(loss.detach())
    if config.expectation_weight:
        positions = expected_positions(out.maps)[0]
        distance = smooth_distance(positions, batch.landmarks, batch.landmark_weights())
        parts["distance"] = float(distance.detach())
        loss = loss + config.expectation_weight * distance
    return loss


def _head_loss(
    model: RedNet,
    out: StepOutput,
    batch: Batch,
    config: TrainConfig,
    identity_weight: float,
    parts: dict[str, float],
) -> Tensor:
    loss = batch.images.new_zeros(())
    if config.regression_weight:
        part = slice(None) if config.every_step else slice(None, None, 2)
        halved = StepOutput(
            out.logits, out.maps[part], out.c_id, out.conv2_2[part], out.conv4_3[part], out.state
        )
        truth = batch.landmarks[part]
        weight = batch.landmark_weights()[part]
        predicted = model.regress(halved)
        if config.expectation_weight:
            regression = smooth_distance(predicted, truth, weight)
        else:
            regression = euclidean_loss(predicted, truth, weight, CROP_SIZE)
        parts["regression"] = float(regression.detach())
        loss = loss + config.regression_weight * regression
    if identity_weight and model.identity is not None:
        identity = identity_loss(model.identity(out.c_id), batch.identities)
        parts["identity"] = float(identity.detach())
        loss = loss + identity_weight * identity
    return loss
