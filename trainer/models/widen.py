"""A wider network that computes the same as a narrower one (Net2Net: Chen et al., ICLR 2016).

Every channel is repeated and what reads it is shared out among the copies, in uneven
parts, so that the copies drift apart once training goes on.
"""

from __future__ import annotations

import re
from dataclasses import replace

import torch
from torch import Tensor

from trainer.models.rednet import RedNet

_KEPT = ("mean_shape",)

Joint = tuple[int, int]
"""Where two features enter a convolution joined: channels of the first, before and after."""


def widened(parent: RedNet, width: float, seed: int = 0) -> RedNet:
    """A network of another ``width`` with the answers of ``parent``.

    f_CLS isn't carried over: who it tells apart depends on the data.

    Parameters
    ----------
    parent : a network in eval mode
    width : at least the parent's
    seed : draws how the copies of a channel share its weight

    Raises
    ------
    ValueError
        If ``width`` is below the parent's.
    """
    if width < parent.config.width:
        raise ValueError(f"width {width} is below the parent's {parent.config.width}")
    model = RedNet(replace(parent.config, width=width, n_identities=0))
    rng = torch.Generator().manual_seed(seed)
    small, large = parent.config.channels, model.config.channels
    joints = {
        "regression.conv2.0.weight": (small(64), large(64)),
        "regression.conv4.0.weight": (small(256), large(256)),
    }
    old = parent.state_dict()
    new = model.state_dict()
    for name, value in new.items():
        if name.endswith("num_batches_tracked") or name in _KEPT:
            new[name] = old[name].clone()
        else:
            new[name] = _fitted(name, old[name], value.shape, joints, rng)
    model.load_state_dict(new)
    return model.eval()


def _fitted(
    name: str, old: Tensor, shape: torch.Size, joints: dict[str, Joint], rng: torch.Generator
) -> Tensor:
    if re.search(r"cell\.(weight|bias)_", name):  # four gates, one below the other
        gates = zip(old.chunk(4), torch.empty(shape).chunk(4), strict=True)
        return torch.cat([_grown(one, like.shape, rng, None) for one, like in gates])
    return _grown(old, shape, rng, joints.get(name))


def _grown(old: Tensor, shape: torch.Size, rng: torch.Generator, joint: Joint | None) -> Tensor:
    grown = old[_copies(old.shape[0], shape[0])]
    if old.ndim == 1 or old.shape[1] == shape[1]:
        return grown
    if joint:
        first = _copies(joint[0], joint[1])
        second = _copies(old.shape[1] - joint[0], shape[1] - joint[1]) + joint[0]
        source = torch.cat([first, second])
    else:
        source = _copies(old.shape[1], shape[1])
    share = 0.5 + torch.rand(grown.shape[0], shape[1], generator=rng)
    total = torch.zeros(grown.shape[0], old.shape[1]).index_add_(1, source, share)
    share = share / total[:, source]
    return grown[:, source] * share.view(*share.shape, *[1] * (old.ndim - 2))


def _copies(old: int, new: int) -> Tensor:
    """For each new channel the old one that it copies: evenly, copies side by side.

    Both halves of the code stay halves that way, since both numbers are even there.
    """
    return torch.arange(new) * old // new
