"""What a person should know of a face that is followed: turned away, mostly hidden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from trainer.pose import head_angles
from trainer.tracking import FaceResult


@dataclass(frozen=True)
class ConditionRules:
    """When a face counts as turned away or hidden.

    Each state begins and ends at different values, and has to last, so that a face at the
    border isn't told of in every frame.

    Attributes
    ----------
    turned, facing : float
        Degrees of yaw, either way, above which a face is turned away and below which it
        is back.
    doubtful : float
        A landmark with less confidence than this counts as not seen.
    hidden, visible : float
        Part of a face's landmarks not seen, above which it is hidden and below which it
        is back.
    lasting : int
        Frames for which it has to be so.
    """

    turned: float = 60.0
    facing: float = 50.0
    doubtful: float = 0.3
    hidden: float = 0.5
    visible: float = 0.35
    lasting: int = 3


CONDITION_RULES = ConditionRules()


def told_of(
    landmarks: np.ndarray,
    confidence: np.ndarray,
    image_size: tuple[float, float],
    rules: ConditionRules = CONDITION_RULES,
) -> list[str]:
    """What is to be said of one face in one frame: "turned away", "mostly hidden", or nothing.

    Parameters
    ----------
    landmarks : (L, 2) xy in pixels; NaN where not labelled
    confidence : (L,), 0 to 1
    image_size : (width, height) in pixels
    """
    known = np.isfinite(landmarks).all(axis=-1)
    if not known.any():
        return []
    said = []
    if abs(head_angles(landmarks, image_size)[0]) > rules.turned:
        said.append("turned away")
    if (confidence[known] < rules.doubtful).mean() > rules.hidden:
        said.append("mostly hidden")
    return said


@dataclass
class _Switch:
    """Something that is so or isn't, and changes only when that has lasted."""

    on: bool = False
    waited: int = 0

    def changed(self, to_be: bool, lasting: int) -> bool:
        self.waited = self.waited + 1 if to_be != self.on else 0
        if self.waited < lasting:
            return False
        self.on, self.waited = to_be, 0
        return True


@dataclass
class Conditions:
    """The condition of every slot's face, frame after frame."""

    rules: ConditionRules = CONDITION_RULES
    _turned: dict[int, _Switch] = field(default_factory=dict)
    _hidden: dict[int, _Switch] = field(default_factory=dict)

    def notes(self, faces: Mapping[int, FaceResult], image_shape: tuple[int, ...]) -> list[str]:
        """What began or ended with the next frame, in words.

        Parameters
        ----------
        faces : those followed in it, by slot; one that is missing is lost, and starts afresh
        image_shape : (height, width, ...)
        """
        rules, notes = self.rules, []
        for gone in (self._turned.keys() | self._hidden.keys()) - faces.keys():
            self._turned.pop(gone, None)
            self._hidden.pop(gone, None)
        for slot, face in sorted(faces.items()):
            name = f"face {slot + 1}"
            turned = self._turned.setdefault(slot, _Switch())
            yaw = abs(head_angles(face.landmarks, (image_shape[1], image_shape[0]))[0])
            limit = rules.facing if turned.on else rules.turned
            if np.isfinite(yaw) and turned.changed(yaw > limit, rules.lasting):
                notes.append(f"{name} {'turned away' if turned.on else 'no longer turned away'}")
            hidden = self._hidden.setdefault(slot, _Switch())
            unseen = float((face.confidence < rules.doubtful).mean())
            limit = rules.visible if hidden.on else rules.hidden
            if hidden.changed(unseen > limit, rules.lasting):
                notes.append(f"{name} {'mostly hidden' if hidden.on else 'visible again'}")
        return notes
