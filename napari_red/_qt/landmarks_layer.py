"""The layer of the landmarks of one frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from napari.layers import Points
from napari.layers.base import ActionType
from napari.layers.points.points import Mode, Symbol, _PointsSlicingState
from napari.utils.notifications import show_info

from napari_red._qt import tools
from napari_red._qt.in_place import keep_in_place
from napari_red.core.appearance import Appearance, Look, appearance, label_texts
from napari_red.core.face_tool import FaceFrame
from napari_red.core.frame_view import FrameView
from napari_red.core.points import to_napari
from trainer.scheme import scheme_for

SYMBOLS = np.array([Symbol.DISC, Symbol.DIAMOND, Symbol.DISC], object)
"""By form: found, put there by a person, not visible, which is drawn without its inside."""


class _ShownOnly(_PointsSlicingState):
    """Leaves hidden points out of the view; napari forgets to in two dimensions."""

    def _update_slice_response(self, response: Any) -> None:
        kept = self.layer.shown[response.indices]
        super()._update_slice_response(
            replace(response, indices=response.indices[kept], size=response.size[kept])
        )


class LandmarksLayer(Points):
    """The landmarks of every face in the shown frame: always faces × L points.

    Points can be dragged and hidden, never added, removed, pasted or reordered.

    Parameters
    ----------
    n_faces, n_landmarks : int
        F and L.

    A layer is kept for as long as it can be and resized: the graphics library under napari
    may crash when a layer that was drawn is removed and others change before the next frame.

    Attributes
    ----------
    frozen : bool
        True while the points must not be moved.
    why_frozen : str
        Said when a person tries it nevertheless; empty if it goes without saying.
    tool : str
        What a click or drag is for: "point", "group" or "face".
    fills : int
        How often another frame's landmarks were put in.
    face : int
        The face with the frame round it when the tool is "face".
    on_moved : callable
        Called after a person moved points.
    on_hide : callable
        Called with the indices of points that a person deleted.
    on_dragged : callable
        Called whenever the positions on the canvas change, also in the middle of a drag.
    on_chosen : callable
        Called with the number of a face on which a person clicked.
    """

    _type_string = "points"

    _drag_modes: ClassVar = Points._drag_modes | {Mode.SELECT: tools.drag}

    def __init__(self, n_faces: int, n_landmarks: int, **kwargs: Any) -> None:
        self.frozen, self.why_frozen = False, ""
        self.dragging = False
        self.tool, self.face = "point", 0
        self.let_go()
        self.fills = 0
        self._labels = "none", "white"
        options: dict[str, Any] = {"name": "Face landmarks", "border_width": 0.15}
        super().__init__(np.zeros((n_faces * n_landmarks, 2)), **(options | kwargs))
        self.resize(n_faces, n_landmarks)
        self.mouse_double_click_callbacks.append(tools.double_click)
        self.events.data.connect(self._on_data)
        keep_in_place(self)
        self.events.set_data.connect(lambda: self.on_dragged())

    def let_go(self) -> None:
        """Tell nobody any more what a person does here."""
        self.on_moved: Callable[[], None] = lambda: None
        self.on_hide: Callable[[list[int]], None] = lambda _: None
        self.on_dragged: Callable[[], None] = lambda: None
        self.on_chosen: Callable[[int], None] = lambda _: None

    def resize(self, n_faces: int, n_landmarks: int) -> None:
        """Hold that many faces from now on; nothing is shown until :meth:`fill`."""
        self.n_faces, self.n_landmarks = n_faces, n_landmarks
        count = n_faces * n_landmarks
        self._labels = "none", "white"
        self.selected_data.clear()
        with self._silently():
            self._set_data(np.zeros((count, 2)))
            self.features = {
                "face": np.repeat(np.arange(1, n_faces + 1), n_landmarks),
                "landmark": np.tile(np.arange(n_landmarks), n_faces),
                "part": scheme_for(n_landmarks).group_of() * n_faces,
                "label": [""] * count,
            }
            self._manage_text(False)
            self.shown = np.zeros(count, bool)
        self.refresh()

    def fill(
        self,
        view: FrameView,
        drawn: Appearance | None = None,
        labels: str = "none",
        label_colour: str = "white",
    ) -> None:
        """Show the landmarks of a frame; nobody is told that anything moved."""
        points, _ = to_napari(view.landmarks)
        drawn = drawn or appearance(view, Look(), {})
        self.fills += 1
        # Straight to what napari's properties set: they check, copy and tell, which takes
        # longer than drawing.
        with self._silently():
            self._data = points
            self._shown = drawn.shown
            self._face.colors, self._border.colors = drawn.face, drawn.border
            self._symbol = SYMBOLS[drawn.form]
            self._size = drawn.size
            self._border_width = drawn.border_width
            self._show_labels(labels, label_colour)
        self.redraw()

    def redraw(self) -> None:
        """Draw the points as they are now, without the list's small picture of them."""
        self.refresh(thumbnail=False, extent=False)

    def _show_labels(self, labels: str, colour: str) -> None:
        if (labels, colour) == self._labels:
            return
        self._labels = labels, colour
        features = self.features.copy()
        features["label"] = label_texts(self.n_landmarks, labels) * self.n_faces
        self.features = features
        if labels != "none":
            self.text = {
                "string": "{label}",
                "size": 8,
                "color": colour,
                "anchor": "upper_left",
                "translation": [0, 2],
            }
        self._manage_text(labels != "none")

    def _manage_text(self, visible: bool) -> None:
        self.text.visible = visible  # type: ignore[attr-defined]

    @contextmanager
    def _silently(self) -> Iterator[None]:
        """Nothing is told or drawn while many properties change at once."""
        with (
            self.events.blocker_all(),
            self._face.events.blocker_all(),
            self._border.events.blocker_all(),
        ):
            yield

    def _get_layer_slicing_state(self, data: Any, cache: bool) -> _ShownOnly:
        return _ShownOnly(self, data, cache)

    # -- choosing ------------------------------------------------------------------

    def chosen(self) -> list[int]:
        """The selected points, those only that are on the canvas."""
        return sorted(int(i) for i in self.selected_data if self._shown[i])

    def of_face(self, face: int) -> np.ndarray:
        """(N,) int array: the points of a face that are on the canvas."""
        first = face * self.n_landmarks
        return first + np.flatnonzero(self._shown[first : first + self.n_landmarks])

    def of_group(self, index: int) -> list[int]:
        """The points on the canvas of the facial part that a point belongs to."""
        face, landmark = divmod(int(index), self.n_landmarks)
        for indices in scheme_for(self.n_landmarks).groups.values():
            if landmark in indices:
                return [i for i in (face * self.n_landmarks + j for j in indices) if self._shown[i]]
        return [int(index)]

    def face_frame(self, face: int) -> FaceFrame | None:
        """The frame round a face; None if there is nothing of it on the canvas."""
        if not 0 <= face < self.n_faces:
            return None
        return FaceFrame.around(self._data[self.of_face(face)])

    def use(self, tool: str, face: int) -> None:
        """Take up a tool; the face tool has a frame round this face."""
        self.tool, self.face = tool, face
        if tool == "face":
            self.selected_data.clear()
        self._set_highlight(force=True)

    def may_change(self) -> bool:
        """Whether points may be moved now; says why not."""
        if self.frozen and self.why_frozen:
            show_info(self.why_frozen)
        return not self.frozen

    # -- what a person may not do --------------------------------------------------

    @property
    def data(self) -> np.ndarray:
        """(F * L, 2) array, yx in video pixels, face after face."""
        return Points.data.fget(self)

    @data.setter
    def data(self, data: np.ndarray) -> None:
        if np.shape(data) != self._data.shape:
            raise ValueError(
                f"{self.name}: {np.shape(data)} given, {self._data.shape} needed: landmarks "
                "are moved or hidden, never added or removed"
            )
        if not np.isfinite(data).all():
            raise ValueError(
                f"{self.name}: there are numbers that aren't finite; a landmark that can't be "
                "seen is hidden with Delete and keeps its place"
            )
        Points.data.fset(self, np.array(data, np.float64))

    def add(self, coords: np.ndarray) -> None:
        """Landmarks can't be added; says so."""
        show_info("Landmarks can't be added. Drag one to correct it.")

    def remove(self, indices: Iterable[int]) -> None:
        """Hide landmarks instead: they keep their place in the order."""
        chosen = sorted(int(i) for i in indices)
        chosen = sorted({i % len(self._data) for i in chosen})
        chosen = [i for i in chosen if self._shown[i]]
        if chosen and self.may_change():
            self.selected_data.clear()
            self.on_hide(chosen)

    def _paste_data(self) -> None:
        show_info("Landmarks can't be pasted. Drag one to correct it.")

    def _mode_setter_helper(self, mode: Any) -> Any:
        # napari's transform mode would move the layer under its landmarks.
        if str(getattr(mode, "value", mode)).lower() == "transform":
            show_info("The layer stays where it is. Press W to move, turn and scale a face.")
            mode = Mode.SELECT
        return super()._mode_setter_helper(mode)

    def _on_editable_changed(self) -> None:
        """Points can be dragged again after 3D, where napari lets nobody change any."""
        super()._on_editable_changed()
        if self.editable:
            self.mode = "select"

    def _move(self, selection_indices: Any, position: Any) -> None:
        chosen = self.chosen()
        if self.frozen or not chosen:
            return
        self._set_drag_start(chosen, position)
        points = self._data[chosen]
        shift = np.asarray(position, float)[-2:] - points.mean(axis=0) - self._drag_start
        self.put(chosen, points + shift)
        self.tell_moved(chosen)

    # -- what a person did ---------------------------------------------------------

    def put(self, indices: list[int] | np.ndarray, points: np.ndarray) -> None:
        """Have points elsewhere on the canvas; nobody is told before :meth:`tell_moved`."""
        self._data[indices] = points
        self.redraw()

    def tell_moved(self, indices: Iterable[int]) -> None:
        """A person has moved these points, and let them go."""
        self.events.data(
            value=self.data,
            action=ActionType.CHANGED,
            data_indices=tuple(int(i) for i in indices),
            vertex_indices=((),),
        )

    def nudge(self, dy: float, dx: float) -> None:
        """Move the selected points by video pixels."""
        chosen = self.chosen()
        if chosen and self.may_change():
            self.put(chosen, self._data[chosen] + (dy, dx))
            self.tell_moved(chosen)

    def _on_data(self, event: Any) -> None:
        if event.action == ActionType.CHANGED:
            self.on_moved()

    def _set_highlight(self, force: bool = False) -> None:
        """napari's own, and the frame round a face."""
        if getattr(self, "tool", "point") != "face" or not hasattr(self, "_shown"):
            super()._set_highlight(force)
            return
        with self.events.highlight.blocker():
            super()._set_highlight(force=True)
        frame = self.face_frame(self.face)
        if frame is not None and self._highlight_visible:
            self._highlight_box = frame.outline(tools.HANDLE * self.scale_factor)
        self.events.highlight()
