"""What a spatial step makes of the label map z that it is fed: the feedback of f_sRNN."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainer.data.augment import seeded, uniform
from trainer.devices import autocast_dtype
from trainer.experiments.sets import MeasuredFaces
from trainer.metrics import interocular, nme
from trainer.models.rednet import RedNet
from trainer.models.spatial import label_map

BATCH = 32
FACES = 150
"""As many faces tell why."""

MOVED = 6.0
"""Pixels by which a label map is moved to see whether the answer follows."""


def displaced(starts: Tensor, rng: torch.Generator) -> Tensor:
    """Starts moved by 10 to 20 pixels in any direction and turned by up to 30 degrees.

    (B, L, 2) xy in crop pixels to the same.
    """
    n = len(starts)
    way, turn = uniform(rng, 0, 2 * math.pi, n), uniform(rng, -1, 1, n) * math.radians(30)
    far = uniform(rng, 10, 20, n)
    c, s = turn.cos(), turn.sin()
    matrix = torch.stack([torch.stack([c, -s], -1), torch.stack([s, c], -1)], -2)
    middle = starts.nanmean(dim=1, keepdim=True)
    shift = torch.stack([way.cos() * far, way.sin() * far], -1)[:, None]
    return (starts - middle) @ matrix.transpose(1, 2) + middle + shift


def bad_starts(model: RedNet, n: int) -> Tensor:
    """The same ``n`` bad starts every time: the mean shape, :func:`displaced`."""
    return displaced(model.mean_start(n).cpu(), seeded(n))


def step_errors(
    model: RedNet, faces: MeasuredFaces, starts: Tensor | None, steps: int
) -> np.ndarray:
    """Errors after each spatial step, (steps, N), as :meth:`MeasuredFaces.errors`.

    ``starts`` (N, L, 2) in crop pixels, NaN for an empty label map; None is the mean shape.
    """
    device = model.mean_shape.device
    precision = autocast_dtype(model, device)
    found = []
    for part, images in _batches(faces, device):
        start = None if starts is None else starts[part].to(device)
        with torch.autocast(device.type, precision, precision != torch.float32):
            out = model.align(images, start, steps=steps, mirrored=False)
        found.append(out.per_step.cpu().numpy())
    return faces.errors(np.concatenate(found, axis=1))


def why(model: RedNet, faces: MeasuredFaces) -> dict[str, Any]:
    """What step 2 does when it is fed something else than step 1's answer.

    Returns
    -------
    ``errors``: NME of step 2 by what it was fed; ``moved``: how far its answer is from the
    usual one, in per cent of the interocular distance; ``follows``: the part of a shift of
    its label map that the answer goes along with; ``first``: NME of step 1; ``layer``: how
    strongly z speaks in the first convolution; ``text``: all that in words.
    """
    spread = np.linspace(0, len(faces.crops) - 1, min(FACES, len(faces.crops)))
    faces = faces.subset(spread.round().astype(int))
    device = model.mean_shape.device
    first = _answers(model, faces, model.mean_start(len(faces.crops)).cpu(), 0)
    truth = torch.from_numpy(faces.landmarks)
    order = torch.randperm(first.shape[1], generator=seeded(1))
    fed = {
        "own answer": first,
        "nothing": torch.full_like(first, torch.nan),
        "the mean shape": model.mean_start(len(first)).cpu(),
        "a stranger's answer": first.roll(1, 0),
        "its labels shuffled": first[:, order],
        "the truth": truth,
    }
    answers = {name: _answers(model, faces, points, 1) for name, points in fed.items()}
    shifted = _answers(model, faces, first + torch.tensor([MOVED, 0.0]), 1)
    usual = answers["own answer"]
    follows = float((shifted - usual)[..., 0].mean()) / MOVED
    scale = torch.from_numpy(interocular(faces.landmarks))[:, None]
    moved = {
        name: float(100 * (torch.linalg.vector_norm(a - usual, dim=-1) / scale).mean())
        for name, a in answers.items()
    }
    errors = {name: float(nme(a.numpy(), faces.landmarks).mean()) for name, a in answers.items()}
    result = {
        "first": float(nme(first.numpy(), faces.landmarks).mean()),
        "errors": errors,
        "moved": moved,
        "follows": follows,
        "layer": first_layer(model, faces.subset(np.arange(min(BATCH, len(first)))), first, device),
        "faces": len(first),
    }
    return {**result, "text": in_words(result)}


def first_layer(
    model: RedNet, faces: MeasuredFaces, points: Tensor, device: torch.device
) -> dict[str, float]:
    """How z moves the first convolution's output inside its squares, against the picture.

    ``all``: z against an empty map; ``next``: one label more everywhere. Both are root mean
    squares over the squares' pixels, in per cent of the picture's own spread there.
    """
    convolution = next(m for m in model.encoder.modules() if isinstance(m, torch.nn.Conv2d))
    images = model.normalise(torch.from_numpy(faces.crops).to(device))
    z = label_map(points[: len(images)].to(device), 5, images.shape[-1])
    inside = z > 0
    count = points.shape[1]
    with torch.inference_mode():
        none = convolution(torch.cat([images, torch.zeros_like(z)], 1))
        own = convolution(torch.cat([images, z], 1)) - none
        raised = torch.where(inside, z + 1 / count, z)
        other = convolution(torch.cat([images, raised], 1)) - none - own
    mask = inside.expand_as(none)
    spread = float((none - none.mean(dim=(0, 2, 3), keepdim=True))[mask].square().mean().sqrt())
    return {
        "all": 100 * float(own[mask].square().mean().sqrt()) / spread,
        "next": 100 * float(other[mask].square().mean().sqrt()) / spread,
    }


def in_words(result: dict[str, Any]) -> str:
    """One note of a report, with a gap {network} for the network's name."""
    errors, moved, layer = result["errors"], result["moved"], result["layer"]
    used = result["follows"]
    if used > 0.5:
        kind = "trusts the label map more than the picture"
    elif used > 0.1:
        kind = "weighs the label map against the picture"
    else:
        kind = "finds the landmarks in the picture and hardly looks at the label map"
    fed = ", ".join(
        f"{name} {errors[name]:.2f} (moves it {moved[name]:.2f})"
        for name in errors
        if name != "own answer"
    )
    return (
        f"Why, {{network}}: step 1 errs {result['first']:.2f}, step 2 fed with that answer "
        f"{errors['own answer']:.2f}; fed with {fed}. A label map moved by {MOVED:.0f} px takes "
        f"{100 * used:.0f} % of that along: it {kind}. In the first convolution z is "
        f"{layer['all']:.0f} % of the picture's spread, one label more or less "
        f"{layer['next']:.1f} % ({result['faces']} stills, all in % of interocular)."
    )


def _answers(model: RedNet, faces: MeasuredFaces, starts: Tensor, k: int) -> Tensor:
    """Spatial step ``k`` alone: (N, L, 2) crop pixels."""
    device = model.mean_shape.device
    precision = autocast_dtype(model, device)
    found = []
    for part, images in _batches(faces, device):
        with (
            torch.inference_mode(),
            torch.autocast(device.type, precision, precision != torch.float32),
        ):
            out = model.step(model.normalise(images), starts[part].to(device), k)
            found.append(model.locate(out)[0].float().cpu())
    return torch.cat(found)


def _batches(faces: MeasuredFaces, device: torch.device) -> Iterator[tuple[slice, Tensor]]:
    for first in range(0, len(faces.crops), BATCH):
        part = slice(first, first + BATCH)
        yield part, torch.from_numpy(np.ascontiguousarray(faces.crops[part])).to(device)
