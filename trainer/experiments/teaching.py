"""A finished network that teaches another: labels are drawn towards its answers.

A wide network that is slow to use can so leave what it knows in a narrow one (knowledge
distillation: Hinton, Vinyals, Dean, 2015; here of positions, whose labels are noisy).
"""

from __future__ import annotations

import torch

from trainer.models.rednet import RedNet
from trainer.stages import Batch

SHARE = 0.5
"""What a teacher's answer counts beside the label."""


class Teacher:
    """Moves the labels of batches towards the answers of a network.

    Parameters
    ----------
    model : in eval mode, on the device of the batches; as many landmarks as they have
    share : from 0, labels as they are, to 1, the answers in their place
    precision : float32, or bfloat16 for autocast
    """

    def __init__(
        self, model: RedNet, share: float = SHARE, precision: torch.dtype = torch.float32
    ) -> None:
        self.model = model
        self.share = share
        self.precision = precision

    def __call__(self, batch: Batch, rng: torch.Generator) -> Batch:
        """The batch with other landmarks; what isn't labelled stays so. ``rng`` isn't used."""
        pixels = (batch.images * 64.0 + 127.5).permute(0, 2, 3, 1)
        kind = pixels.device.type
        with torch.autocast(kind, self.precision, self.precision != torch.float32):
            answers = self.model.align(pixels, steps=1).landmarks
        return Batch(
            batch.images,
            torch.lerp(batch.landmarks, answers.clone(), self.share),
            batch.starts,
            batch.identities,
            batch.frames,
            batch.weights,
        )
