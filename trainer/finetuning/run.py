"""The loop of fine-tuning: stages, early stop on the held-out frames, checkpoints, resuming.

Every update depends on (seed, stage, step), the plan and the state alone, and both of these
are in the checkpoint: a run killed at any moment and started again ends like an unbroken one.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainer.checkpoint import LoadedModel, load_tensors, save_tensors
from trainer.data.augment import seeded
from trainer.finetuning.gate import Errors, measure
from trainer.finetuning.material import FinetuneError, Material
from trainer.finetuning.people import with_people
from trainer.finetuning.recipe import Recipe
from trainer.learner import Learner
from trainer.models.rednet import RedNet
from trainer.stages import Batch, clip_batch, still_batch

STATE_FILE = "state.safetensors"

_FEWEST_UPDATES = 4  # of each stage, however long they take
_OVERTIME = 1.2
_SAVING = 6.0  # seconds kept for what comes after the gate

Emit = Callable[..., None]
"""Called with an event's name and its values, see docs/finetune.md."""


@dataclass
class RunOptions:
    """How a run is done, beside the recipe.

    ``identity`` (JSON values) tells this run from others: a state file with another one is
    refused. ``budget`` is in seconds; the fewest updates of each stage are done even where they
    take longer. ``should_stop`` ends the run early, keeping its best.
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: torch.dtype = torch.float32
    seed: int = 0
    budget: float = 180.0
    identity: dict[str, Any] = field(default_factory=dict)
    checkpoint_seconds: float = 30.0
    emit: Emit = lambda event, **values: None
    should_stop: Callable[[], bool] = lambda: False


@dataclass
class _State:
    """Where a run is; all of it JSON values."""

    stage: int = 0
    step: int = 0
    plan: dict[int, int] = field(default_factory=dict)
    best_error: float = float("inf")
    since_best: int = 0
    elapsed: float = 0.0
    best_stage: int = 0
    seconds: dict[int, float] = field(default_factory=dict)
    figures: dict[int, dict[str, Any]] = field(default_factory=dict)


class FineTuning:
    """One run in one folder. :meth:`run` starts it, or goes on where it was.

    Attributes
    ----------
    best : the state of the best network so far, by name; that of the base where none is better.
        It lies between the base and what was learned, as far as the recipe keeps of that
        (Wortsman et al., CVPR 2022: such a mean forgets less than it loses of what is new).
    old : the base's errors on the held-out frames and on the replayed gate faces
    """

    def __init__(
        self,
        base: LoadedModel,
        material: Material,
        recipe: Recipe,
        out_dir: Path,
        options: RunOptions,
    ) -> None:
        self.material = material
        self.recipe = recipe
        self.options = options
        self.path = out_dir / STATE_FILE
        known = material.people[: material.known]
        model = with_people(base.model, known, material.people, options.seed)
        self.model = model.to(device=options.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.learner = Learner(self.model, recipe.train, options.precision)
        self._probe = copy.deepcopy(self.model).requires_grad_(False)
        self._start = _copied(self.model.state_dict())
        self.best = _copied(self._start)
        self.state = _State()
        self._evaluation, self._gate_seconds = 0.0, 0.0
        self._begun = time.monotonic()
        self.old = self._measure_base(base.model)

    def run(self) -> None:
        """Train to the end, to an early stop, or until the time is up and each stage has done
        its fewest updates.

        Raises
        ------
        FinetuneError
            If the folder holds another run, or the loss is no longer a number.
        """
        if not self._resume():
            self.state.plan = self._plan()
            self.state.stage = next(iter(self.state.plan))
            self.learner.begin(self.state.stage)
            self._save()
        state = self.state
        for stage in state.plan:
            if stage < state.stage:
                continue
            if stage > state.stage:
                self._next(stage)
            if not self._run_stage(stage):
                return

    def network(self, part: float = 1.0) -> RedNet:
        """The best network so far, in eval mode, or one a ``part`` of the way to it."""
        self._probe.load_state_dict(_between(self._start, self.best, part))
        return self._probe.eval()

    @property
    def updates(self) -> int:
        """Updates that were done and measured, of all stages."""
        return sum(figures.get("updates", 0) for figures in self.state.figures.values())

    def elapsed(self) -> float:
        """Seconds since the run began, breaks left out."""
        return self.state.elapsed + time.monotonic() - self._begun

    def seconds_left(self) -> float:
        """About how many seconds are left, the gate included."""
        updates = sum(
            (steps - (self.state.step if stage == self.state.stage else 0)) * self._cost(stage)
            for stage, steps in self.state.plan.items()
            if stage >= self.state.stage
        )
        return updates + self._gate_seconds + _SAVING

    def _measure_base(self, model: RedNet) -> tuple[Errors, Errors]:
        precision = self.options.precision
        began = time.monotonic()
        held_out = measure(model, self.material.held_out, precision)
        gate = measure(model, self.material.gate, precision)
        self._gate_seconds = time.monotonic() - began
        began = time.monotonic()
        self.before = self._error(model)
        self._evaluation = time.monotonic() - began
        self.state.best_error = self.before
        return held_out, gate

    def _plan(self) -> dict[int, int]:
        """Updates of each stage: as many as the recipe wants and the time allows."""
        material, recipe = self.material, self.recipe
        stages = material.stages
        if not stages:
            raise FinetuneError("no stage has anything to learn from")
        plan = recipe.planned_updates(material.own, stages)
        self._time_an_update(stages[0])
        left = self.options.budget - self.elapsed() - self._gate_seconds - _SAVING
        wanted = sum(steps * self._cost(stage) for stage, steps in plan.items())
        part = min(1.0, max(left, 0.0) / wanted)
        return {stage: max(_FEWEST_UPDATES, int(steps * part)) for stage, steps in plan.items()}

    def _cost(self, stage: int) -> float:
        """Seconds of an update and its share of a measurement."""
        stages = self.recipe.train.stages
        crops = {n: s.batch for n, s in enumerate(stages, 1)}
        if self.material.clips is not None:
            crops[3] *= self.material.clips.own.landmarks.shape[1]
        # As long as a timed update of another stage, by the number of its crops.
        timed = self.state.seconds
        other = stage if stage in timed else next(iter(timed))
        update = timed[other] * crops[stage] / crops[other]
        return update + self._evaluation / self.recipe.evaluate_every

    def _time_an_update(self, stage: int) -> None:
        """Time an update that changes nothing: its learning rate is 0."""
        for _ in range(2):  # the first also makes room for everything
            self.learner.begin(stage)
            began = time.monotonic()
            self._update(stage, 0, 0.0, memory=1.0)
            self.state.seconds[stage] = time.monotonic() - began

    def _next(self, stage: int) -> None:
        """Each stage goes on from what was learned when the best so far was found."""
        state = self.state
        state.stage, state.step, state.since_best = stage, 0, 0
        # The best is a part of the way to that; to start from it would lose the rest.
        learned = _between(self._start, self.best, 1 / self.recipe.kept)
        self.model.load_state_dict(learned)
        for name, value in learned.items():
            self.learner.average[name].copy_(value)
        self.learner.begin(stage)
        self._save()

    def _run_stage(self, stage: int) -> bool:
        """False when the run is over before its last stage."""
        state, steps = self.state, self.state.plan[stage]
        figures = state.figures.setdefault(
            stage, {"planned": steps, "error_before": round(state.best_error, 4)}
        )
        longer = self._takes_longer()
        self._tell("stage", message=f"stage {stage}: {steps} updates{longer}", longer=bool(longer))
        saved = time.monotonic()
        while state.step < steps:
            if self.options.should_stop():
                if state.step:
                    self._evaluate(figures)
                return False
            began = time.monotonic()
            losses = self._update(stage, state.step, self._rate(stage, steps), self._memory())
            state.step += 1
            took = time.monotonic() - began
            state.seconds[stage] = 0.7 * state.seconds.get(stage, took) + 0.3 * took
            self._tell("step", loss=round(losses["loss"], 4))
            late = state.step >= _FEWEST_UPDATES and self._over_time() > 0
            if late or state.step % self.recipe.evaluate_every == 0 or state.step == steps:
                self._evaluate(figures)
                if late:
                    break
                if state.since_best >= self.recipe.patience and state.step < steps:
                    self._tell("eval", message=f"stage {stage} gains nothing more and ends early")
                    break
            if time.monotonic() - saved > self.options.checkpoint_seconds:
                self._save()
                saved = time.monotonic()
        return True

    def _over_time(self, more: float = 0.0) -> float:
        """Seconds beyond the time there is after ``more`` seconds; 0 within what is tolerated."""
        needed, budget = self.elapsed() + more, self.options.budget
        return needed - budget if needed > _OVERTIME * budget else 0.0

    def _takes_longer(self) -> str:
        """For a person, where not even the fewest updates fit into the time; else empty."""
        fewest = sum(
            min(steps, _FEWEST_UPDATES) * self._cost(stage)
            for stage, steps in self.state.plan.items()
            if stage >= self.state.stage
        )
        over = self._over_time(fewest + self._gate_seconds + _SAVING)
        if not over:
            return ""
        minutes = f"{over / 60:.1f} minutes"
        return f"; the machine is busy or slow, so it takes about {minutes} longer than planned"

    def _update(self, stage: int, step: int, rate: float, memory: float) -> dict[str, float]:
        rng = seeded(self.options.seed, stage, step)
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=rng)))  # dropout
        batch = self._batch(stage, step, rng).to(self.options.device)
        try:
            return self.learner.update(
                batch,
                rate,
                rng,
                identity_weight=self.recipe.train.stages[stage - 1].identity_weight,
                temporal=self.model.temporal is not None,
                frozen_batch_norm=stage == 3 or self.recipe.train.frozen_batch_norm,
                memory=memory,
            )
        except FloatingPointError as error:
            raise FinetuneError(
                f"stage {stage}, update {step}: {error}; the model is left as it was, try fewer "
                "corrections or look for landmarks far outside their picture"
            ) from error

    def _batch(self, stage: int, step: int, rng: torch.Generator) -> Batch:
        train = self.recipe.train
        stage_config = train.stages[stage - 1]
        mean_start = self.model.mean_start(1).detach().cpu()
        material = self.material
        if stage == 3:
            assert material.clips is not None  # else the stage is skipped
            clips = material.clips.draw(stage_config.batch, self.options.seed, step // 2)
            return clip_batch(clips.reversed() if step % 2 else clips, mean_start, rng)
        own = material.named if stage == 2 else np.arange(material.own)
        replayed = np.arange(material.own, len(material.faces.patches))
        n_replayed = round(self.recipe.replay_part * stage_config.batch)
        chosen = np.concatenate(
            [
                _drawn(own, stage_config.batch - n_replayed, (self.options.seed, stage, 0), step),
                _drawn(replayed, n_replayed, (self.options.seed, stage, 1), step),
            ]
        )
        return still_batch(
            material.faces, chosen, mean_start, train, rng, stage_config.augmentation
        )

    def _rate(self, stage: int, steps: int) -> float:
        train, step = self.recipe.train, self.state.step
        rising = (step + 1) / self.recipe.warm_up
        falling = max((steps - step) / max(train.decay_part * steps, 1), train.decay_floor)
        return train.stages[stage - 1].learning_rate * min(rising, falling, 1.0)

    def _memory(self) -> float:
        # Early in a stage a short one, so that the mean follows at once.
        return min(self.recipe.train.average, (1 + self.state.step) / (5 + self.state.step))

    def _evaluate(self, figures: dict[str, Any]) -> None:
        state = self.state
        averaged = self.recipe.train.average
        learned = self.learner.average if averaged else self.model.state_dict()
        current = _between(self._start, learned, self.recipe.kept)
        self._probe.load_state_dict(current)
        began = time.monotonic()
        error = self._error(self._probe)
        self._evaluation = time.monotonic() - began
        state.since_best += 1
        if error < state.best_error:
            state.best_error, state.since_best, state.best_stage = error, 0, state.stage
            self.best = current
        figures |= {"updates": state.step, "error_after": round(state.best_error, 4)}
        self._tell("eval", error_now=round(error, 4))

    def _error(self, model: RedNet) -> float:
        """Mean error on the held-out frames, without the mirror picture, which takes as long."""
        held_out, precision = self.material.held_out, self.options.precision
        return float(measure(model, held_out, precision, mirrored=False).faces.mean())

    def _tell(self, event: str, **values: Any) -> None:
        state, stage_config = self.state, self.recipe.train.stages[self.state.stage - 1]
        if state.stage == 3 and self.material.clips is not None:
            clips = self.material.clips
            seen, all_of_them = state.step, 2 * len(clips.own.landmarks)
        else:
            part = 1 - self.recipe.replay_part
            seen, all_of_them = round(state.step * stage_config.batch * part), self.material.own
        self.options.emit(
            event,
            stage=state.stage,
            epoch=round(seen / all_of_them, 2),
            step=state.step,
            steps=state.plan[state.stage],
            error_before=round(self.before, 4),
            seconds_left=round(self.seconds_left(), 1),
            **values,
        )

    def _save(self) -> None:
        tensors = self.learner.tensors() | {f"best.{k}": v for k, v in self.best.items()}
        header = {**vars(self.state), "elapsed": self.elapsed(), "identity": self.options.identity}
        save_tensors(self.path, tensors, header)

    def _resume(self) -> bool:
        if not self.path.is_file():
            return False
        tensors, header = load_tensors(self.path)
        if header.pop("identity", None) != self.options.identity:
            raise FinetuneError(
                f"{self.path.parent}: holds an unfinished run of another set, model or settings; "
                "choose an empty folder"
            )
        for name in ("plan", "figures", "seconds"):  # JSON has no numbers as keys
            header[name] = {int(stage): value for stage, value in header[name].items()}
        self.state = _State(**header)
        for name, value in tensors.items():
            if name.startswith("best."):
                self.best[name.removeprefix("best.")].copy_(value)
        self.learner.restore(tensors, self.state.stage)
        return True


def _drawn(indices: np.ndarray, size: int, seed: tuple[int, ...], step: int) -> np.ndarray:
    """Batch ``step`` of ``size`` indices: each comes up equally often, in random order."""
    first = step * size
    passes = range(first // len(indices), (first + size - 1) // len(indices) + 1)
    order = np.concatenate(
        [np.random.default_rng((*seed, number)).permutation(indices) for number in passes]
    )
    begin = first - passes[0] * len(indices)
    return order[begin : begin + size]


def _between(start: dict[str, Tensor], end: dict[str, Tensor], part: float) -> dict[str, Tensor]:
    """A part of the way from one network to another."""
    return {
        name: torch.lerp(value, end[name], part) if value.is_floating_point() else value.clone()
        for name, value in start.items()
    }


def _copied(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in state.items()}
