"""The training loop: stages, schedules, checkpoints, resuming.

Every update depends on (seed, stage, step) and the state alone, so that a run killed at
any moment and started again ends like an unbroken one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from trainer.batch_maker import BatchMaker, Made, TrainingData, made_ahead
from trainer.checkpoint import load_tensors, save_model, save_tensors
from trainer.config import RedConfig, to_dict
from trainer.curves import CurveLog
from trainer.learner import Learner, TrainingError
from trainer.model_header import ModelError
from trainer.models.initialise import gaussian
from trainer.models.rednet import RedNet
from trainer.stages import Batch
from trainer.validation import best_combination, validation_errors

WARM_UP = 100
"""Updates over which the learning rate of ``constant-linear`` rises."""

CHECKPOINT_SECONDS = 120.0

MAKERS = 8
"""Threads that make batches while a GPU learns from those before."""

STATE_FILE = "state.safetensors"


@dataclass
class Progress:
    """What the loop says of itself after an update."""

    stage: int
    step: int
    steps: int
    losses: dict[str, float]
    seconds_per_step: float


@dataclass
class TrainOptions:
    """How one run is done, beside the configuration.

    ``stages`` are 1-based; ``initialise`` may put other starting weights into the fresh
    network; ``adapt`` may change each batch, with random numbers from the generator alone;
    ``validate_every`` and ``log_every`` count updates.
    """

    seed: int = 0
    stages: tuple[int, ...] = (1, 2, 3)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: torch.dtype = torch.float32
    initialise: Callable[[RedNet], None] | None = None
    adapt: Callable[[Batch, torch.Generator], Batch] | None = None
    validate_every: int = 500
    log_every: int = 20
    on_progress: Callable[[Progress], None] | None = None
    should_stop: Callable[[], bool] | None = None
    info: dict[str, Any] = field(default_factory=dict)


class Trainer:
    """One run in one folder. :meth:`run` starts it, or goes on where it was."""

    def __init__(
        self, config: RedConfig, data: TrainingData, out_dir: str | Path, options: TrainOptions
    ) -> None:
        self.data = data
        self.out_dir = Path(out_dir)
        self.options = options
        self.device = options.device
        network = replace(config.network, n_identities=len(data.faces.people))
        self.config = replace(config, network=network)
        if 3 in options.stages and data.clips is None and network.temporal != "none":
            raise TrainingError(
                "stage 3 learns from clips and there are none; give --videos, or "
                "--clips-from-stills to make clips by moving the stills"
            )
        self.model = RedNet(network)
        gaussian(self.model, options.seed)
        self.model.mean_shape.copy_(torch.from_numpy(data.faces.mean_shape()))
        if options.initialise is not None:
            options.initialise(self.model)
        self.model.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.learner = Learner(self.model, self.config.train, options.precision)
        self.stage, self.step = options.stages[0], 0
        self.learner.begin(self.stage)
        self.curves = CurveLog(self.out_dir)
        mean_start = self.model.mean_start(1).cpu()
        self.batches = BatchMaker(self.config.train, data, mean_start, options.seed)

    def run(self) -> bool:
        """Train to the end or until ``should_stop``; True when the last stage is done.

        Raises
        ------
        TrainingError
            If the folder holds a run that doesn't fit, or the loss is no longer a number.
        """
        self._resume()
        for stage in self.options.stages:
            if stage < self.stage:
                continue
            if stage != self.stage:
                self.stage, self.step = stage, 0
                self.learner.begin(stage)
                self._save_state()
            if not self._run_stage(stage):
                return False
            self.save_result(self.out_dir / f"stage{stage}.safetensors")
        self.save_result(self.out_dir / "model.safetensors", combined=True)
        return True

    def steps_of(self, stage: int) -> int:
        """Updates of a stage."""
        stage_config = self.config.train.stages[stage - 1]
        return max(1, round(stage_config.epochs * self.batches.an_epoch(stage)))

    def averaged_model(self) -> RedNet:
        """The network with the running mean of its weights: what is kept as the result.

        Before stage 3 it has no f_tRNN, which is still untrained.
        """
        model = RedNet(self.config.network)
        averaged = self.config.train.average
        model.load_state_dict(self.learner.average if averaged else self.model.state_dict())
        if self.stage < 3:
            model.temporal = None
            model.config = replace(model.config, temporal="none")
        model.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return model.eval()

    def save_result(self, path: Path, *, combined: bool = False) -> None:
        """Write the network as a model file that says how it came to be.

        ``combined`` chooses f_REG's weight in the answer on the validation faces.
        """
        model = self.averaged_model()
        if combined and self.data.validation is not None:
            weight = best_combination(model, self.data.validation, self.options.precision)
            model.config = replace(model.config, combine=weight)
        info = {
            **self.options.info,
            "config": to_dict(self.config),
            "stage": self.stage,
            "step": self.step,
            "seed": self.options.seed,
            "people": self.data.faces.people,
            "clips": self.data.clips.kind if self.data.clips and self.stage == 3 else None,
            "validation": self.curves.last_validation(),
        }
        save_model(path, model, info)

    def _run_stage(self, stage: int) -> bool:
        steps = self.steps_of(stage)
        saved = started = time.monotonic()
        # A CPU makes batches and learns from them with the same cores; a GPU would wait.
        threads = 0 if self.device.type == "cpu" else MAKERS
        with closing(made_ahead(self.batches, stage, self.step, steps, threads)) as made:
            while self.step < steps:
                if self.options.should_stop is not None and self.options.should_stop():
                    self._save_state()
                    return False
                losses = self._update(stage, steps, next(made))
                self.step += 1
                now = time.monotonic()
                self._report(stage, steps, losses, now - started)
                if now - saved > CHECKPOINT_SECONDS or self.step == steps:
                    self._save_state()
                    saved = time.monotonic()
                started = time.monotonic()
        return True

    def _update(self, stage: int, steps: int, made: Made) -> dict[str, float]:
        train = self.config.train
        stage_config = train.stages[stage - 1]
        torch.manual_seed(made.dropout)
        batch = made.batch.to(self.device)
        if self.options.adapt is not None:
            batch = self.options.adapt(batch, made.rng)
        try:
            return self.learner.update(
                batch,
                stage_config.learning_rate * self._rate_factor(stage, steps),
                made.rng,
                identity_weight=stage_config.identity_weight,
                temporal=stage == 3,
                frozen_batch_norm=stage == 3 or train.frozen_batch_norm,
                memory=self._memory(stage),
            )
        except FloatingPointError as error:
            raise TrainingError(
                f"stage {stage}, update {self.step}: {error}; "
                "lower the learning rate and start again from the last checkpoint"
            ) from error

    def _rate_factor(self, stage: int, steps: int) -> float:
        train = self.config.train
        if train.schedule == "step":
            epoch = self.step / self.batches.an_epoch(stage)
            return train.decay ** int(epoch / train.decay_epochs)
        rising = min((self.step + 1) / WARM_UP, 1.0)
        left = (steps - self.step) / max(train.decay_part * steps, 1)
        falling = min(max(left, train.decay_floor), 1.0)
        return min(rising, falling)

    def _memory(self, stage: int) -> float:
        # Early on, a short memory: the mean must not drag the random start along.
        average = self.config.train.average
        return min(average, (1 + self.step) / (10 + self.step)) if stage == 1 else average

    def _report(self, stage: int, steps: int, losses: dict[str, float], seconds: float) -> None:
        row: dict[str, float] = {}
        validation = self.data.validation
        if validation is not None and (
            self.step % self.options.validate_every == 0 or self.step == steps
        ):
            row = validation_errors(self.averaged_model(), validation, self.options.precision)
        if row or self.step % self.options.log_every == 0 or self.step == steps:
            self.curves.add(stage, self.step, {**losses, **row})
        if self.options.on_progress is not None:
            self.options.on_progress(Progress(stage, self.step, steps, {**losses, **row}, seconds))

    def _save_state(self) -> None:
        header = {
            "stage": self.stage,
            "step": self.step,
            "seed": self.options.seed,
            "network": to_dict(self.config.network),
            "label_shifts": self._label_shifts(),
            "curves": self.curves.position(),
        }
        save_tensors(self.out_dir / STATE_FILE, self.learner.tensors(), header)
        self.curves.plot()

    def _label_shifts(self) -> dict[str, list[float]]:
        """What is taken off the labels, by folder: part of what a run learns from."""
        shifts: dict[str, list[float]] = self.options.info.get("data", {}).get("label_shifts", {})
        return shifts

    def _resume(self) -> None:
        path = self.out_dir / STATE_FILE
        if not path.is_file():
            self.out_dir.mkdir(parents=True, exist_ok=True)
            return
        try:
            tensors, header = load_tensors(path)
        except ModelError as error:
            raise TrainingError(
                f"{path}: what was saved of the run is damaged; delete this file, and the same "
                "command begins anew"
            ) from error
        same = header["network"] == _as_json(to_dict(self.config.network))
        same = same and header.get("label_shifts", {}) == self._label_shifts()
        if not same or header["seed"] != self.options.seed:
            raise TrainingError(
                f"{self.out_dir}: holds a run with another network, other people, another "
                "--label-shift or another seed; choose an empty --out folder or the same settings"
            )
        self.stage, self.step = header["stage"], header["step"]
        self.learner.restore(tensors, self.stage)
        self.curves.rewind(header["curves"])


def with_lengths(config: RedConfig, epochs: tuple[float, ...]) -> RedConfig:
    """The same configuration with other numbers of epochs for its three stages."""
    pairs = zip(config.train.stages, epochs, strict=True)
    first, second, third = (replace(stage, epochs=length) for stage, length in pairs)
    return replace(config, train=replace(config.train, stages=(first, second, third)))


def _as_json(values: dict[str, Any]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
