"""f_sRNN: response maps to a label map and back (paper, section 3.2)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def square_offsets(side: int, device: torch.device) -> Tensor:
    """(side², 2) xy offsets of a square's pixels, outermost first.

    Drawn in this order the middle of every square is written last, so no landmark's
    centre is covered by the rim of a neighbour.
    """
    reach = side // 2
    axis = torch.arange(-reach, reach + 1, device=device)
    offsets = torch.cartesian_prod(axis, axis)
    ring = offsets.abs().amax(dim=1)
    return offsets[torch.argsort(ring, descending=True, stable=True)]


def draw_squares(landmarks: Tensor, side: int, size: int) -> Tensor:
    """The label map z: a filled square with the value l around landmark l (1 … L).

    Parameters
    ----------
    landmarks : (B, L, 2) float tensor, xy in crop pixels; NaN draws nothing
    side : int
        7, 5 or 3 pixels in the paper, by spatial step.
    size : int
        Side of the map.

    Returns
    -------
    (B, size, size) int64 tensor, 0 where there is no landmark. Squares are cut at the
    border; where two overlap, the pixel nearer to its centre wins.
    """
    batch, n_landmarks = landmarks.shape[:2]
    device = landmarks.device
    known = landmarks.isfinite().all(dim=-1)
    centre = torch.where(known[..., None], landmarks, -10.0 * side).round().long()
    canvas = torch.zeros(batch, size * size + 1, dtype=torch.long, device=device)
    labels = torch.arange(1, n_landmarks + 1, device=device).expand(batch, -1)
    offsets = square_offsets(side, device)
    ring = offsets.abs().amax(dim=1)
    for radius in range(side // 2, -1, -1):
        xy = centre[:, :, None, :] + offsets[ring == radius]
        inside = ((xy >= 0) & (xy < size)).all(dim=-1)
        flat = torch.where(inside, xy[..., 1] * size + xy[..., 0], size * size)
        values = labels[..., None].expand_as(flat)
        # amax makes the winner of a tie the same on every run and device.
        ring_map = torch.zeros_like(canvas).scatter_reduce_(
            1, flat.flatten(1), values.flatten(1), "amax"
        )
        canvas = torch.where(ring_map > 0, ring_map, canvas)
    return canvas[:, :-1].view(batch, size, size)


def label_map(landmarks: Tensor, side: int, size: int) -> Tensor:
    """z as the encoder wants it: (B, 1, size, size) float, the label scaled by 1/L."""
    squares = draw_squares(landmarks, side, size)
    return squares.unsqueeze(1).to(torch.float32) / landmarks.shape[1]


def soft_label_map(maps: Tensor) -> Tensor:
    """z from the soft response maps themselves: each pixel's expected label.

    ``maps`` is (B, L + 1, S, S), soft-maxed over channels; returns (B, 1, S, S) float,
    scaled by 1/L as :func:`label_map` is, and without gradient.
    """
    count = maps.shape[1] - 1
    labels = torch.arange(count + 1, device=maps.device, dtype=torch.float32) / count
    with torch.autocast(maps.device.type, enabled=False):
        return (maps.detach().permute(0, 2, 3, 1).float() @ labels)[:, None]


def cluster_centres(response: Tensor) -> tuple[Tensor, Tensor]:
    """Landmarks as the paper finds them: the centre of the pixels each one wins.

    Parameters
    ----------
    response : (B, L + 1, S, S) response maps, raw or soft-maxed; channel 0 is background

    Returns
    -------
    centres : (B, L, 2) float32 tensor, xy in crop pixels. A landmark that wins no pixel
        is put where its own response is highest.
    counts : (B, L) float32 tensor, how many pixels each landmark won
    """
    batch, channels, _, size = response.shape
    labels = response.argmax(dim=1).flatten(1)
    axis = torch.arange(labels.shape[1], device=response.device)
    xy = torch.stack([axis % size, axis // size], dim=-1).to(torch.float32)
    sums = torch.zeros(batch, channels, 3, device=response.device)
    votes = torch.cat([xy, torch.ones_like(xy[:, :1])], dim=-1).expand(batch, -1, -1)
    sums.scatter_add_(1, labels[..., None].expand(-1, -1, 3), votes)
    counts = sums[:, 1:, 2]
    centres = sums[:, 1:, :2] / counts.clamp_min(1)[..., None]
    if (counts == 0).any():
        best = response[:, 1:].flatten(2).argmax(dim=2)
        fallback = torch.stack([best % size, best // size], dim=-1).to(torch.float32)
        centres = torch.where(counts[..., None] > 0, centres, fallback)
    return centres, counts


class _SquaredMoments(torch.autograd.Function):
    """Sums of p² times each column of a basis over the pixels of soft-maxed maps, in float32.

    Written by hand because the graph of the plain expression keeps three copies of the
    largest tensor of the network; here the backward pass is one product per image.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, basis: Tensor) -> Tensor:
        """(B, P, C) maps and a (P, N) float32 basis to (B, C, N)."""
        ctx.save_for_backward(maps, basis)
        return torch.stack([one.to(torch.float32, copy=True).square_().T @ basis for one in maps])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        """Gradient with respect to ``maps``."""
        maps, basis = ctx.saved_tensors
        out = torch.empty_like(maps)
        for i, one in enumerate(maps):
            out[i] = (basis @ grad[i].T).mul_(2).mul_(one)
        return out, None


def expected_positions(probability: Tensor) -> tuple[Tensor, Tensor]:
    """Sub-pixel landmarks: the mean position under the squared soft-maxed maps.

    Squaring lets far-off whispers of probability count for nothing. Sums are float32
    whatever the maps are, because bfloat16 coordinates are 0.25-0.5 px coarse.

    Parameters
    ----------
    probability : (B, L + 1, S, S) soft-maxed over channels; channel 0 is background

    Returns
    -------
    positions : (B, L, 2) float32 tensor, xy in crop pixels
    mass : (B, L) float32 tensor, sum of the squared probabilities: the support of each
        landmark in the picture, about 49 for a perfect 7-pixel square
    """
    positions, mass, _ = _moments(probability, squares=False)
    return positions, mass


def response_moments(probability: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """:func:`expected_positions`, and how far the response is spread around them.

    Returns
    -------
    positions, mass : of :func:`expected_positions`
    spread : (B, L) float32 tensor, mean squared distance from the position under the
        squared maps, pixels²; about 8 for a perfect 7-pixel square
    """
    positions, mass, squares = _moments(probability, squares=True)
    middle = (probability.shape[-1] - 1) / 2
    mean_square = squares[..., 0] / (mass + 1e-6)
    return positions, mass, (mean_square - (positions - middle).square().sum(-1)).clamp_min_(0)


def _moments(probability: Tensor, *, squares: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Positions, mass, and (B, L, 1) sums of p²·(x² + y²) if asked for, else (B, L, 0)."""
    size = probability.shape[-1]
    with torch.autocast(probability.device.type, enabled=False):
        axis = torch.arange(size, device=probability.device, dtype=torch.float32)
        middle = (size - 1) / 2
        y, x = torch.meshgrid(axis - middle, axis - middle, indexing="ij")
        columns = [torch.ones_like(x), x, y, *([x * x + y * y] if squares else [])]
        basis = torch.stack(columns, dim=-1).view(size * size, -1)
        moments = _SquaredMoments.apply(probability.permute(0, 2, 3, 1).flatten(1, 2), basis)[:, 1:]
        mass = moments[..., 0]
        # The small constant pulls a landmark without any support to the middle.
        positions = moments[..., 1:3] / (mass[..., None] + 1e-6) + middle
        return positions, mass, moments[..., 3:]


def soft_maps(logits: Tensor) -> Tensor:
    """Soft-max over the channels of (B, L + 1, S, S), in the maps' own precision.

    Over the last axis of the channels-last memory it is twice as fast as over axis 1.
    """
    with torch.autocast(logits.device.type, enabled=False):
        return F.softmax(logits.permute(0, 2, 3, 1), dim=-1).permute(0, 3, 1, 2)
