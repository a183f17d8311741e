"""The batches a run learns from, made while the network learns from those before."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trainer.config import TrainConfig
from trainer.data.augment import seeded
from trainer.data.clips import ClipSource
from trainer.data.faces import FaceSet, batches
from trainer.learner import TrainingError
from trainer.stages import Batch, clip_batch, still_batch


@dataclass
class TrainingData:
    """What the stages learn from. ``validation`` faces are never trained on."""

    faces: FaceSet
    clips: ClipSource | None = None
    validation: FaceSet | None = None


@dataclass
class Made:
    """The batch of one update, on the CPU.

    ``rng`` gives what else the update leaves to chance; ``dropout`` seeds dropout.
    """

    batch: Batch
    rng: torch.Generator
    dropout: int


class BatchMaker:
    """Makes the batch of any update of a run: it depends on the seed, stage and step alone.

    Parameters
    ----------
    train, data : how, and from what, the run learns
    mean_start : (1, L, 2) the mean shape in crop pixels
    seed : of the run
    """

    def __init__(
        self, train: TrainConfig, data: TrainingData, mean_start: Tensor, seed: int
    ) -> None:
        self.train = train
        self.data = data
        self.mean_start = mean_start
        self.seed = seed
        self._passes: dict[tuple[int, int], list[np.ndarray]] = {}
        self._lock = threading.Lock()

    def an_epoch(self, stage: int) -> int:
        """Updates of an epoch."""
        stage_config = self.train.stages[stage - 1]
        if stage == 3 and self.data.clips is not None:
            return max(1, 2 * self.data.clips.n_clips // stage_config.batch)
        return len(self._pass(stage, 0, stage_config.batch)) * self.train.variants

    def make(self, stage: int, step: int) -> Made:
        """The batch of update ``step`` of a stage; any thread may ask."""
        rng = seeded(self.seed, stage, step)
        dropout = int(torch.randint(2**31, (1,), generator=rng))
        return Made(self._batch(stage, step, rng), rng, dropout)

    def _batch(self, stage: int, step: int, rng: torch.Generator) -> Batch:
        stage_config = self.train.stages[stage - 1]
        if stage == 3 and self.data.clips is not None:
            clips = self.data.clips.draw(stage_config.batch, self.seed * 3 + 2, step // 2)
            return clip_batch(clips.reversed() if step % 2 else clips, self.mean_start, rng)
        per_pass = self._pass(stage, 0, stage_config.batch)
        drawn = self._pass(stage, step // len(per_pass), stage_config.batch)
        chosen = drawn[step % len(per_pass) % len(drawn)]
        return still_batch(
            self.data.faces, chosen, self.mean_start, self.train, rng, stage_config.augmentation
        )

    def _pass(self, stage: int, number: int, size: int) -> list[np.ndarray]:
        """The batches of one pass over the stills; the first and the latest few are kept."""
        with self._lock:
            if (stage, number) not in self._passes:
                kept = {(stage, 0), (stage, number - 1), (stage, number + 1)}
                self._passes = {k: v for k, v in self._passes.items() if k in kept}
                rng = np.random.default_rng((self.seed, stage, number))
                drawn = batches(self.data.faces, size, rng)
                if not drawn:
                    raise TrainingError(
                        f"{len(set(self.data.faces.groups))} people or photos can't fill a batch "
                        f"of {size} without repeating one; give more stills or a smaller --batch"
                    )
                self._passes[stage, number] = drawn
            return self._passes[stage, number]


def made_ahead(
    maker: BatchMaker, stage: int, first: int, end: int, threads: int
) -> Generator[Made, None, None]:
    """The batches of updates ``first`` to ``end`` (without it), in order.

    Parameters
    ----------
    threads : how many make them, twice as many batches ahead; 0 makes each when it is asked
        for. The batches are the same.

    Notes
    -----
    What goes wrong in a thread comes out here, in its turn. Closing the generator waits
    for the batches in hand.
    """
    if threads < 1:
        yield from (maker.make(stage, step) for step in range(first, end))
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="batches")
    waiting: deque[Future[Made]] = deque()
    try:
        for step in range(first, end + 2 * threads):
            if step < end:
                waiting.append(pool.submit(maker.make, stage, step))
            if step >= first + 2 * threads or step >= end:
                if not waiting:
                    return
                yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
