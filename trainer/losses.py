"""The four losses of RED-Net (paper, section 3; equations 2, 4, 5, 6)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


class _PickChannel(torch.autograd.Function):
    """``maps[b, target[b, y, x], y, x]`` with a backward pass that only scatters."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, target: Tensor) -> Tensor:
        """(B, P, C) maps, (B, P) int64 channels to (B, P)."""
        ctx.save_for_backward(target)
        ctx.like = maps.shape, maps.dtype
        return maps.gather(2, target[..., None])[..., 0]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        """Gradient with respect to ``maps``."""
        (target,) = ctx.saved_tensors
        shape, dtype = ctx.like
        out = torch.zeros(shape, dtype=dtype, device=grad.device)
        return out.scatter_(2, target[..., None], grad[..., None].to(dtype)), None


def response_loss(
    maps: Tensor,
    target: Tensor,
    background_weight: float,
    landmark_weights: Tensor | None = None,
) -> Tensor:
    """Pixel-wise cross entropy of soft-maxed response maps, background down-weighted.

    Parameters
    ----------
    maps : (B, L + 1, S, S) soft-maxed over channels
    target : (B, S, S) int64, the label map drawn at the true landmarks; 0 is background
    background_weight : float
        Background is about 97 % of the pixels, so its pixels count for this much.
    landmark_weights : (B, L) how much each landmark's pixels count, None is 1 each
        A face's background counts for their mean.

    Returns
    -------
    scalar: the weighted mean over all pixels
    """
    picked = _PickChannel.apply(maps.permute(0, 2, 3, 1).flatten(1, 2), target.flatten(1))
    if landmark_weights is None:
        weight = torch.where(target.flatten(1) == 0, background_weight, 1.0)
    else:
        background = background_weight * landmark_weights.mean(dim=1, keepdim=True)
        weight = torch.cat([background, landmark_weights], dim=1).gather(1, target.flatten(1))
    return -(weight * picked.float().clamp_min(1e-30).log()).sum() / weight.sum().clamp_min(1e-6)


def smooth_distance(predicted: Tensor, truth: Tensor, weight: Tensor, beta: float = 1.0) -> Tensor:
    """Mean distance in pixels between landmarks, quadratic below ``beta`` pixels.

    ``predicted`` and ``truth`` are (B, L, 2) in crop pixels; ``weight`` (B, L), bool or
    float, says how much each landmark counts, and is 0 where it isn't labelled.
    """
    difference = _difference(predicted, truth, weight)
    squared = difference.square().sum(dim=-1)
    distance = torch.where(
        squared < beta**2, squared / (2 * beta), (squared + 1e-12).sqrt() - beta / 2
    )
    return (distance * weight).sum() / weight.sum().clamp_min(1)


def euclidean_loss(predicted: Tensor, truth: Tensor, weight: Tensor, size: int) -> Tensor:
    """The paper's regression loss: squared distances in crop units, summed over landmarks.

    ``predicted`` and ``truth`` are (B, L, 2) in crop pixels, ``weight`` (B, L) as in
    :func:`smooth_distance`, ``size`` the crop's side. Mean over the batch.
    """
    squared = (_difference(predicted, truth, weight) / size).square().sum(dim=2)
    return 0.5 * (squared * weight).sum(dim=1).mean()


def _difference(predicted: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """(B, L, 2), 0 where a landmark doesn't count and may not be a number."""
    return torch.where((weight > 0)[..., None], predicted - truth, torch.zeros_like(predicted))


def identity_loss(logits: Tensor, identity: Tensor) -> Tensor:
    """Cross entropy over people: (B, N) logits, (B,) int64; -1 marks unknown people."""
    if (identity < 0).all():
        return logits.sum() * 0
    return F.cross_entropy(logits.float(), identity, ignore_index=-1)
