"""One update after the other: the optimizer and the running mean of the weights.

What is learned from, and how fast, is said with each update; :mod:`trainer.engine` and
:mod:`trainer.finetuning` decide that.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer.config import TrainConfig
from trainer.errors import RedError
from trainer.models.rednet import RedNet
from trainer.stages import Batch, batch_loss, freeze_batch_norm


class TrainingError(RedError):
    """A training run that can't start or go on."""


class Learner:
    """A network in training.

    Parameters
    ----------
    model : the network, on its device
    train : how it learns
    precision : float32, or bfloat16 for autocast

    Attributes
    ----------
    average : the running mean of the model's state, by name
    """

    def __init__(
        self, model: RedNet, train: TrainConfig, precision: torch.dtype = torch.float32
    ) -> None:
        self.model = model
        self.train = train
        self.precision = precision
        self.average = {k: v.clone() for k, v in model.state_dict().items()}
        self.trained: dict[str, nn.Parameter] = {}
        self.optimizer: torch.optim.Optimizer | None = None

    def begin(self, stage: int) -> None:
        """A fresh optimizer for what a stage (1, 2, 3) trains (paper, section 4.2)."""
        later = {1: ("identity.", "temporal."), 2: ("temporal.",), 3: ()}[stage]
        named = self.model.named_parameters()
        self.trained = {name: p for name, p in named if not name.startswith(later)}
        train, parameters = self.train, list(self.trained.values())
        rate = train.stages[stage - 1].learning_rate
        if train.optimizer == "sgd":
            self.optimizer = torch.optim.SGD(
                parameters, rate, momentum=train.momentum, weight_decay=train.weight_decay
            )
        else:
            self.optimizer = torch.optim.AdamW(parameters, rate, weight_decay=train.weight_decay)

    def update(
        self,
        batch: Batch,
        rate: float,
        rng: torch.Generator,
        *,
        identity_weight: float,
        temporal: bool,
        frozen_batch_norm: bool,
        memory: float,
    ) -> dict[str, float]:
        """Learn from one batch.

        Parameters
        ----------
        batch : on the model's device
        rate : learning rate
        rng : what is left to chance
        identity_weight : of f_CLS's loss
        temporal : whether f_tRNN takes part
        frozen_batch_norm : whether batch norm keeps its running statistics
        memory : how much of the running mean is kept; where the mean is kept at all

        Returns
        -------
        The loss and its parts by name, and the learning rate

        Raises
        ------
        FloatingPointError
            If the loss isn't a number; the weights are as before.
        """
        assert self.optimizer is not None, "begin(stage) comes first"
        train = self.train
        self.model.train()
        if frozen_batch_norm:
            freeze_batch_norm(self.model)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        kind = batch.images.device.type
        with torch.autocast(kind, self.precision, self.precision != torch.float32):
            loss, parts = batch_loss(
                self.model,
                batch,
                train,
                identity_weight=identity_weight,
                temporal=temporal,
                rng=rng,
            )
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is {float(loss.detach())}")
        self.model.zero_grad(set_to_none=True)
        loss.backward()
        if train.max_gradient:
            nn.utils.clip_grad_norm_(self.trained.values(), train.max_gradient)
        self.optimizer.step()
        if train.average:
            self._follow(memory)
        return {"loss": float(loss.detach()), **parts, "learning_rate": rate}

    def tensors(self) -> dict[str, Tensor]:
        """All that a checkpoint needs, by name."""
        assert self.optimizer is not None, "begin(stage) comes first"
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            for key, value in values.items():
                if value is not None:
                    tensors[f"optimizer.{index}.{key}"] = torch.as_tensor(value)
        return tensors

    def restore(self, tensors: dict[str, Tensor], stage: int) -> None:
        """Go on from :meth:`tensors` within ``stage``."""
        self.model.load_state_dict(_part(tensors, "model."))
        # Copied into tensors laid out as before: sums over another memory layout round
        # differently, and the run would no longer end like an unbroken one.
        for name, value in _part(tensors, "average.").items():
            self.average[name].copy_(value)
        self.begin(stage)
        assert self.optimizer is not None  # begin() made it
        parameters = list(self.trained.values())
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in _part(tensors, "optimizer.").items():
            index, key = name.split(".", 1)
            like = parameters[int(index)]
            laid_out = torch.empty_like(like).copy_(value) if value.ndim else value
            state.setdefault(int(index), {})[key] = laid_out
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})

    @torch.no_grad()
    def _follow(self, memory: float) -> None:
        for name, value in self.model.state_dict().items():
            mean = self.average[name]
            if mean.is_floating_point():
                mean.lerp_(value, 1 - memory)
            else:
                mean.copy_(value)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
