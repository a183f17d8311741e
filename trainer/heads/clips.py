"""Clips and stills of made-up people, with exact landmarks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from trainer.heads.motion import FPS
from trainer.heads.people import generator
from trainer.heads.scene import HeadFrame, Scene


@dataclass(frozen=True)
class HeadClip:
    """A clip with its truth.

    Attributes
    ----------
    images : (T, H, W, 3) uint8 RGB
    landmarks_contour, landmarks_vertex : (T, 68, 2) float32, xy in pixels, 0-based, pixel
        centres at integers; the jaw on the visible outline, or at its own vertices
    visible : (T, 68) bool, of the contour landmarks: in the picture and nothing in front
    yaw, pitch, roll : (T,) float32 degrees, as :func:`trainer.pose.head_angles` gives them
    setting : "common" or "challenging"
    person, clip, seed : int
    style : str
    split : "train" or "test"
    """

    images: np.ndarray
    landmarks_contour: np.ndarray
    landmarks_vertex: np.ndarray
    visible: np.ndarray
    yaw: np.ndarray
    pitch: np.ndarray
    roll: np.ndarray
    setting: str
    person: int
    clip: int
    seed: int
    style: str
    split: str


def render_clip(
    person: int, clip: int, frames: int, *, size: int = 256, seed: int = 0, style: str = "normal"
) -> HeadClip:
    """Draw a clip. The same numbers give the same landmarks, bit by bit.

    Raises
    ------
    HeadsError
        If there is no OpenGL, no moderngl, or no such style.
    """
    scene = Scene(person, clip, size=size, seed=seed, style=style, seconds=frames / FPS)
    drawn = [scene.frame(n / FPS, number=n) for n in range(frames)]
    return HeadClip(
        images=np.stack([frame.image for frame in drawn]),
        landmarks_contour=np.stack([frame.contour for frame in drawn]),
        landmarks_vertex=np.stack([frame.vertex for frame in drawn]),
        visible=np.stack([frame.visible for frame in drawn]),
        yaw=np.array([frame.yaw for frame in drawn], np.float32),
        pitch=np.array([frame.pitch for frame in drawn], np.float32),
        roll=np.array([frame.roll for frame in drawn], np.float32),
        setting=scene.setting,
        person=person,
        clip=clip,
        seed=seed,
        style=style,
        split=scene.person.split,
    )


def render_stills(
    person: int,
    count: int,
    *,
    first: int = 0,
    size: int = 256,
    seed: int = 0,
    style: str = "normal",
    per_scene: int = 8,
) -> Iterator[HeadFrame]:
    """Single pictures of one person in random poses, ``per_scene`` with one light and place.

    The n-th picture is the same whatever ``first`` and ``count`` are.
    """
    scene: Scene | None = None
    current = -1
    for n in range(first, first + count):
        if n // per_scene != current:
            current = n // per_scene
            scene = Scene(
                person, current, size=size, seed=seed, style=style, seconds=600.0, stills=True
            )
        assert scene is not None
        moment = float(generator("still", seed, person, n).uniform(0, 600))
        yield scene.frame(moment, number=n)


def render_still(
    person: int, number: int = 0, *, size: int = 256, seed: int = 0, style: str = "normal"
) -> HeadFrame:
    """One picture of a person; :func:`render_stills` is quicker for many."""
    return next(render_stills(person, 1, first=number, size=size, seed=seed, style=style))
