"""A few made faces and a network small enough to train in a test."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trainer.config import RED_LITE, NetworkConfig, RedConfig, StageConfig
from trainer.data.faces import PATCH_SIZE, FaceSet


def made_faces(n: int = 12, people: int = 6, n_landmarks: int = 7) -> FaceSet:
    """Noise with a bright dot at each landmark; landmarks differ from face to face."""
    rng = np.random.default_rng(5)
    patches = rng.integers(0, 90, (n, PATCH_SIZE, PATCH_SIZE, 3)).astype(np.uint8)
    ring = np.linspace(0, 2 * np.pi, n_landmarks, endpoint=False)
    shape = PATCH_SIZE / 2 + 35 * np.stack([np.cos(ring), np.sin(ring)], axis=-1)
    landmarks = (shape + rng.normal(0, 4, (n, n_landmarks, 2))).astype(np.float32)
    for patch, points in zip(patches, landmarks, strict=True):
        for x, y in points.round().astype(int):
            patch[y - 2 : y + 3, x - 2 : x + 3] = 250
    identities = np.arange(n) % people
    return FaceSet(
        patches=patches,
        landmarks=landmarks,
        identities=identities,
        groups=[f"person {i}" for i in identities],
        people=[f"person {i}" for i in range(people)],
        order=np.arange(n),
    )


def tiny_config(base: RedConfig = RED_LITE, **network: object) -> RedConfig:
    """A configuration of a few updates per stage with ``base``'s way of learning."""
    stages = (
        StageConfig(epochs=0.3, batch=4, learning_rate=1e-3),
        StageConfig(epochs=0.15, batch=4, learning_rate=1e-3, identity_weight=0.5),
        StageConfig(epochs=0.2, batch=2, learning_rate=1e-3, identity_weight=0.5),
    )
    train = replace(base.train, stages=stages, clip_frames=3, clips_per_video=2)
    config = NetworkConfig(n_landmarks=7, width=0.0625, steps=2, temporal="add")
    return replace(base, network=replace(config, **network), train=train)
