"""Named configurations: what a network is and how it is trained.

A variant is ``dataclasses.replace(RED_PAPER, ...)``; there are no globals to set.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from trainer.errors import RedError


class ConfigError(RedError):
    """A configuration that doesn't exist or can't be."""


@dataclass(frozen=True)
class NetworkConfig:
    """The shape of a RED-Net.

    Attributes
    ----------
    n_landmarks : int
        L: 68 or 7.
    width : float
        Multiplies every number of channels; 1 is the paper's network.
    steps : int
        K, spatial steps.
    squares : tuple of int
        Side in pixels of the label-map squares fed to step k (the last repeats).
    soft_feedback : bool
        Whether steps after the first are fed the soft response maps of the step before
        instead of squares (the authors' later code has both).
    batch_norm : bool
        Whether convolutions are followed by batch norm.
    n_identities : int
        N, people f_CLS tells apart; 0 leaves f_CLS out.
    identity_standardised : bool
        Whether f_CLS's embedding is standardised over the batch before its linear layer (not in
        the paper). A narrow network's pooled code hardly differs from face to face beside its
        mean, and the linear layer learns next to nothing from it as it is.
    temporal : {"none", "replace", "add"}
        f_tRNN: absent; C_pe' replaces C_pe (the paper); C_pe' is added to C_pe.
    regression_to_maps : bool
        Whether f_REG's loss flows on into the response maps (the paper).
    dropout : float
        Of f_CLS and f_REG's last layers.
    regression_dropout : float or None
        That of f_REG where it differs.
    combine : float
        Weight of f_REG in the final landmarks; the response maps have the rest.
    tracked_steps : int or None
        Spatial steps of a frame that starts from the one before; None is K.
    mirrored : bool
        Whether a face's mirror picture is aligned too and the two answers averaged.
    """

    n_landmarks: int = 68
    width: float = 1.0
    steps: int = 3
    squares: tuple[int, ...] = (7, 5, 3)
    soft_feedback: bool = False
    batch_norm: bool = True
    n_identities: int = 0
    identity_standardised: bool = False
    temporal: str = "none"
    regression_to_maps: bool = True
    dropout: float = 0.4
    regression_dropout: float | None = None
    combine: float = 0.0
    tracked_steps: int | None = None
    mirrored: bool = False

    def channels(self, paper: int) -> int:
        """The number of channels at this width for ``paper`` channels at width 1."""
        return max(4, round(paper * self.width / 4) * 4)

    @property
    def half_code(self) -> int:
        """Channels of C_id and of C_pe, 256 at width 1."""
        return self.channels(512) // 2


@dataclass(frozen=True)
class StageConfig:
    """One of the three training stages (paper, section 4.2).

    ``augmentation`` says how strong the strong augmentation of stills is: 1 is wider than
    what the network meets, 0.6 about as wide as a detector's errors.
    """

    epochs: float
    batch: int
    learning_rate: float
    identity_weight: float = 0.0
    augmentation: float = 1.0


@dataclass(frozen=True)
class TrainConfig:
    """How a network learns.

    Attributes
    ----------
    stages : tuple of StageConfig
        Stages 1, 2, 3. A batch of stage 3 counts clips.
    optimizer : {"sgd", "adamw"}
    schedule : {"step", "constant-linear"}
        ``step``: times ``decay`` every ``decay_epochs``. ``constant-linear``: a short
        warm-up, constant, then a linear fall to ``decay_floor`` of the rate over the last
        ``decay_part`` of the stage.
    frozen_batch_norm : bool
        Whether batch norm keeps its running statistics in all stages, not in the third alone.
    average : float
        Decay of the running mean of the weights that is kept as the result; 0 keeps none.
    variants : int
        Augmented copies of a still that make up one epoch.
    max_gradient : float
        Longest gradient an update follows; longer ones are shortened. 0 shortens none.
    every_step : bool
        Whether each update trains all K steps (the paper) or one drawn step, the
        steps before it being run without gradient.
    step_odds : tuple of float
        How often step k is the one drawn (the last repeats), where not all learn.
    background_weight, expectation_weight, regression_weight : float
        Of the response map's background pixels; of the distance between the map's
        expectation and the landmark; of f_REG's loss.
    tracked_starts : float
        Part of the stills that start from perturbed true landmarks, as in tracking,
        and not from the mean shape.
    degradations : tuple of str
        What strong augmentation does to crops beside placing them, see
        :data:`trainer.data.augment.DEGRADATIONS`.
    off_face : float
        Part of the stills and clips that show no whole face (hair, a cheek, the wall)
        and have no landmarks: what teaches confidence to fall when a face is lost.
    clip_frames : int
        T, frames of a clip.
    """

    stages: tuple[StageConfig, StageConfig, StageConfig]
    optimizer: str = "sgd"
    schedule: str = "step"
    momentum: float = 0.9
    weight_decay: float = 0.0
    decay: float = 0.8
    decay_epochs: float = 10.0
    decay_part: float = 0.3
    decay_floor: float = 0.2
    frozen_batch_norm: bool = False
    average: float = 0.0
    max_gradient: float = 0.0
    variants: int = 10
    every_step: bool = True
    step_odds: tuple[float, ...] = (0.5, 0.3, 0.2)
    background_weight: float = 0.1
    expectation_weight: float = 0.0
    regression_weight: float = 1.0
    tracked_starts: float = 0.0
    off_face: float = 0.0
    strong_augmentation: bool = False
    degradations: tuple[str, ...] = ("light", "colour", "resolution", "noise", "occlusion")
    clip_frames: int = 10
    clips_per_video: int = 100


@dataclass(frozen=True)
class RedConfig:
    """A named network with its way of training."""

    name: str
    network: NetworkConfig = field(default_factory=NetworkConfig)
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            stages=(
                StageConfig(epochs=30, batch=32, learning_rate=0.01),
                StageConfig(epochs=20, batch=32, learning_rate=0.01, identity_weight=1.0),
                StageConfig(epochs=50, batch=5, learning_rate=0.01, identity_weight=1.0),
            ),
            # The paper names no weights. At 1 f_REG diverges within five updates at its
            # learning rate, because 512 batch-normed features feed one linear layer.
            regression_weight=0.01,
        )
    )


RED_PAPER = RedConfig("red-paper", NetworkConfig(temporal="replace"))
"""The paper to the letter: full width, SGD 0.9 / 0.01 / x0.8 per 10 epochs, 30 + 20 + 50 epochs."""

RED_LITE = RedConfig(
    "red-lite",
    NetworkConfig(
        width=0.5,
        temporal="add",
        regression_to_maps=False,
        regression_dropout=0.1,
        tracked_steps=1,
        mirrored=True,
    ),
    TrainConfig(
        stages=(
            StageConfig(epochs=0.4, batch=24, learning_rate=1.2e-3),
            StageConfig(
                epochs=0.5, batch=24, learning_rate=1e-3, identity_weight=0.1, augmentation=0.6
            ),
            StageConfig(epochs=0.02, batch=5, learning_rate=2e-4, identity_weight=0.1),
        ),
        optimizer="adamw",
        schedule="constant-linear",
        weight_decay=0.01,
        decay_part=0.6,
        decay_floor=0.04,
        average=0.995,
        max_gradient=5.0,
        every_step=False,
        step_odds=(0.75, 0.15, 0.1),
        expectation_weight=1.0,
        regression_weight=0.5,
        tracked_starts=0.3,
        off_face=0.08,
        strong_augmentation=True,
        clips_per_video=10,
    ),
)
"""The default that ships: half of the width."""

RED_WIDE = RedConfig(
    "red-wide",
    replace(RED_LITE.network, width=1.0),
    replace(
        RED_LITE.train,
        stages=(
            StageConfig(epochs=0.4, batch=32, learning_rate=5e-4),
            StageConfig(
                epochs=1.6, batch=32, learning_rate=5e-4, identity_weight=0.1, augmentation=0.6
            ),
            StageConfig(epochs=0.02, batch=5, learning_rate=2e-4, identity_weight=0.1),
        ),
        average=0.998,
    ),
)
"""The paper's width, started from VGG-16 as in the paper, trained as red-lite is."""

CONFIGS = {config.name: config for config in (RED_PAPER, RED_LITE, RED_WIDE)}


def config_for(name: str) -> RedConfig:
    """The configuration called ``name``.

    Raises
    ------
    ConfigError
        If there is none.
    """
    try:
        return CONFIGS[name]
    except KeyError:
        raise ConfigError(
            f"no configuration is called '{name}'; choose one of {', '.join(sorted(CONFIGS))}"
        ) from None


def to_dict(config: Any) -> dict[str, Any]:
    """A configuration as plain values, for a model file's header."""
    return asdict(config)


def network_from_dict(values: dict[str, Any]) -> NetworkConfig:
    """The network configuration of a model file's header.

    Raises
    ------
    ConfigError
        If a value is unknown to this version.
    """
    values = {**values, "squares": tuple(values.get("squares", NetworkConfig.squares))}
    try:
        return NetworkConfig(**values)
    except TypeError as error:
        raise ConfigError(
            f"the model file's network configuration isn't understood ({error}); "
            "it was made by a newer version: update napari-red"
        ) from error
