"""Where a dock that was closed left off, so that the next one in its window goes on there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

from napari.components import ViewerModel
from napari.layers import Layer

from napari_red._qt.view_options import Sight

L = TypeVar("L", bound=Layer)


@dataclass(frozen=True, eq=False)
class LeftOff:
    """What was worked on; what is in the project file isn't here.

    Attributes
    ----------
    project : the one a person opened; None where every video had its own
    projects : absolute path of a video to its project file, where that isn't the usual one
    frames : path of each video of the project to the frame that was shown last, from 0
    face : the chosen one
    sight : what was chosen to be seen
    model, device : what was chosen to find landmarks
    layers : what each was for to the layer. They are used again: what was drawn and removed
        may crash the graphics library under napari
    """

    project: Path | None
    projects: Mapping[Path, Path | None]
    frames: Mapping[Path, int]
    face: int
    sight: Sight = field(default_factory=Sight)
    model: str = ""
    device: str = "auto"
    layers: WeakValueDictionary[str, Layer] = field(default_factory=WeakValueDictionary)

    def keep(self, **layers: Layer | None) -> None:
        """Remember layers by what they are for."""
        self.layers.update({name: one for name, one in layers.items() if one is not None})

    def layer(self, name: str, kind: type[L]) -> L | None:
        """A layer by what it is for; None where there was none, or it is gone."""
        found = self.layers.get(name)
        return found if isinstance(found, kind) else None


_left: WeakKeyDictionary[ViewerModel, LeftOff] = WeakKeyDictionary()


def leave(viewer: ViewerModel, left: LeftOff) -> None:
    """Keep it for the next dock in this viewer."""
    _left[viewer] = left


def take(viewer: ViewerModel) -> LeftOff | None:
    """What the dock before left, once, without layers that were removed since; None if there
    was no dock before."""
    left = _left.pop(viewer, None)
    if left is not None:
        for name, layer in list(left.layers.items()):
            if layer not in viewer.layers:
                del left.layers[name]
    return left
