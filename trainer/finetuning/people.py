"""New people for f_CLS: known ones keep what tells them apart (paper, section 3.4)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from trainer.models.identity import Identity
from trainer.models.rednet import RedNet

_SPREAD = 0.01


def known_people(model: RedNet, info: dict[str, Any]) -> list[str]:
    """Names of f_CLS's outputs in order; outputs whose name a model file doesn't say get one."""
    named = [str(name) for name in info.get("people") or ()]
    count = model.config.n_identities
    return [*named[:count], *(f"output {n}" for n in range(len(named[:count]), count))]


def with_people(model: RedNet, known: Sequence[str], people: Sequence[str], seed: int) -> RedNet:
    """A copy of a network, free to learn, whose f_CLS has an output for each of ``people``.

    Parameters
    ----------
    model : its f_CLS has an output for each of ``known``, or it has none
    known, people : names; ``people`` begins with ``known``
    seed : of the new outputs' weights

    Raises
    ------
    ValueError
        If ``people`` doesn't begin with ``known``.
    """
    if list(people[: len(known)]) != list(known):
        raise ValueError("people known before keep their places")
    grown = copy.deepcopy(model)
    grown.confidence = None  # it holds for the weights it was fitted to
    if len(people) > len(known):
        grown.config = replace(model.config, n_identities=len(people))
        head = Identity(grown.config)
        rng = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            nn.init.normal_(head.linear.weight, std=_SPREAD, generator=rng)
            nn.init.zeros_(head.linear.bias)
            if model.identity is not None:
                head.linear.weight[: len(known)] = model.identity.linear.weight
                head.linear.bias[: len(known)] = model.identity.linear.bias
                head.standardise.load_state_dict(model.identity.standardise.state_dict())
        grown.identity = head.to(model.mean_shape.device)
    return grown.requires_grad_(True)
