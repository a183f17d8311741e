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


def response_loss(maps: Tensor, target: Tensor, background_weight: float) -> Tensor:
    """Pixel-wise cross entropy of soft-maxed response maps, background down-weighted.

    Parameters
    ----------
    maps : (B, L + 1, S, S) soft-maxed over channels
    target : (B, S, S) int64, the label map drawn at the true landmarks; 0 is background
    background_weight : float
        Background is about 97 % of the pixels, so its pixels count for this much.

    Returns
    -------
    scalar: the weighted mean over all pixels
    """
    picked = _PickChannel.apply(maps.permute(0, 2, 3, 1).flatten(1, 2), target.flatten(1))
    weight = torch.where(target.flatten(1) == 0, background_weight, 1.0)
    return -(weight * picked.float().clamp_min(1e-30).log()).sum() / weight.sum()


def smooth_distance(predicted: Tensor, truth: Tensor, mask: Tensor, beta: float = 1.0) -> Tensor:
    """Mean distance in pixels between landmarks, quadratic below ``beta`` pixels.

    ``predicted`` and ``truth`` are (B, L, 2) in crop pixels, ``mask`` (B, L) is true where
    the landmark is labelled.
    """
    difference = torch.where(mask[..., None], predicted - truth, torch.zeros_like(predicted))
    squared = difference.square().sum(dim=-1)
    distance = torch.where(
        squared < beta**2, squared / (2 * beta), (squared + 1e-12).sqrt() - beta / 2
    )
    return distance.sum() / mask.sum().clamp_min(1)


def euclidean_loss(predicted: Tensor, truth: Tensor, mask: Tensor, size: int) -> Tensor:
    """The paper's regression loss: squared distances in crop units, summed over landmarks.

    ``predicted`` and ``truth`` are (B, L, 2) in crop pixels, ``mask`` (B, L), ``size`` the
    crop's side. Mean over the batch.
    """
    difference = torch.where(mask[..., None], predicted - truth, torch.zeros_like(predicted))
    return 0.5 * (difference / size).square().sum(dim=(1, 2)).mean()


def identity_loss(logits: Tensor, identity: Tensor) -> Tensor:
    """Cross entropy over people: (B, N) logits, (B,) int64; -1 marks unknown people."""
    if (identity < 0).all():
        return logits.sum() * 0
    return F.cross_entropy(logits.float(), identity, ignore_index=-1)
