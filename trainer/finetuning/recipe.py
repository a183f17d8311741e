"""How fine-tuning learns: chosen by measuring, docs/finetune.md has the figures."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trainer.config import RED_LITE, StageConfig, TrainConfig

STAGES = (1, 2, 3)


@dataclass(frozen=True)
class Recipe:
    """Everything about a fine-tuning run that isn't in the material.

    Attributes
    ----------
    train : losses, optimizer, learning rates; a batch of stages 1 and 2 counts faces, one of
        stage 3 clips
    replay_part : of a batch, replayed faces
    kept : how far a model goes from the base's weights to those that were learned, 0 to 1
    updates : of all stages together, for no corrected frame, and for each more
    most_updates : however many frames were corrected
    shares : of the updates for stages 1, 2, 3; a skipped stage's go to the others
    warm_up : updates of a stage over which the learning rate rises
    evaluate_every : updates between measurements on the held-out frames
    patience : measurements in a row without a new best that end a stage
    minutes : for no corrected frame, and for each more; the most the whole run may take
    most_minutes : however many frames were corrected
    predicted_weight : of a predicted landmark, times its confidence
    unknown_confidence : of a prediction that came without
    hidden_weight : of a landmark marked as not visible
    most_clips : clips that stage 3 learns from
    """

    train: TrainConfig
    replay_part: float = 0.5
    kept: float = 0.35
    updates: tuple[float, float] = (35.0, 1.5)
    most_updates: int = 300
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15)
    warm_up: int = 8
    evaluate_every: int = 10
    patience: int = 4
    minutes: tuple[float, float] = (1.4, 0.064)
    most_minutes: float = 14.0
    predicted_weight: float = 0.1
    unknown_confidence: float = 0.5
    hidden_weight: float = 0.3
    most_clips: int = 100

    def budget(self, corrected: int) -> float:
        """Seconds that a run on so many corrected frames may take."""
        first, each = self.minutes
        return 60 * min(first + each * corrected, self.most_minutes)

    def planned_updates(self, corrected: int, stages: tuple[int, ...]) -> dict[int, int]:
        """Updates of each stage that is done, where time doesn't matter."""
        first, each = self.updates
        total = min(first + each * corrected, self.most_updates)
        share = sum(self.shares[stage - 1] for stage in stages)
        return {stage: max(1, round(total * self.shares[stage - 1] / share)) for stage in stages}


_STAGES = (
    StageConfig(epochs=0, batch=24, learning_rate=3e-4, augmentation=0.6),
    StageConfig(epochs=0, batch=24, learning_rate=2e-4, identity_weight=0.1, augmentation=0.6),
    StageConfig(epochs=0, batch=2, learning_rate=1.5e-4, identity_weight=0.1),
)

RECIPE = Recipe(
    replace(
        RED_LITE.train,
        stages=_STAGES,
        weight_decay=0.0,
        decay_part=0.5,
        decay_floor=0.1,
        average=0.9,
        frozen_batch_norm=True,
    )
)
"""The one that is used."""
