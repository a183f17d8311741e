"""The landmarks of a session in a viewer: fills the layers, hands edits to the session.

Points and edits belong to the frame whose pixels are on the canvas. While the slider
is somewhere else, editing is locked.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from napari.components import ViewerModel
from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal

from napari_red._qt.landmarks_layer import ContoursLayer, LandmarksLayer
from napari_red._qt.video_layer import VideoLayer
from napari_red.core.frame_view import FrameView
from napari_red.core.points import face_and_landmark, from_napari
from napari_red.core.session import Session
from trainer.errors import RedError

NOTHING = FrameView.empty(-1, 0, 68)
"""What is shown as long as no video is open."""

NUDGES = {
    "Alt-Up": (-1, 0),
    "Alt-Down": (1, 0),
    "Alt-Left": (0, -1),
    "Alt-Right": (0, 1),
}
"""Key to (dy, dx) in video pixels."""


class LandmarkView(QObject):
    """Shows the landmarks of one session at a time on its video layer.

    Signals
    -------
    shown : another frame, or other landmarks, are on the canvas
    """

    shown = Signal()
    _changed = Signal(int, int)

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.viewer = viewer
        self.video: VideoLayer | None = None
        self.session: Session | None = None
        self.points: LandmarksLayer | None = None
        self.contours: ContoursLayer | None = None
        self._view = NOTHING
        self._reference: np.ndarray | None = None
        self._changed.connect(self._on_changed)
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def frame(self) -> int:
        """The frame whose landmarks are shown, which is the one on the canvas."""
        return self._view.frame

    @property
    def current(self) -> FrameView:
        """What is shown."""
        return self._view

    def show(self, video: VideoLayer, session: Session) -> None:
        """Show the landmarks of this session on this video from now on."""
        self.leave()
        self.video, self.session = video, session
        session.listeners.append(self._changed.emit)
        video.events.set_data.connect(self._on_canvas)
        self._fit()

    def leave(self) -> None:
        """Keep an unfinished drag, show nothing, let go of the session."""
        if self.session is None or self.video is None:
            return
        self.commit()
        self.session.listeners.remove(self._changed.emit)
        self.video.events.set_data.disconnect(self._on_canvas)
        self.video = self.session = None
        self._view = NOTHING
        self._reference = None
        for layer in (self.points, self.contours):
            if layer is not None:
                layer.visible = False

    def close(self) -> None:
        """Leave, and take the layers away."""
        self.leave()
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        for layer in (self.points, self.contours):
            if layer is not None:
                self.viewer.layers.remove(layer)
        self.points = self.contours = None

    def _fit(self) -> None:
        """Make the layers hold as many points as the session has landmarks."""
        if self.session is None or not self.session.n_faces:
            return
        faces, landmarks = self.session.n_faces, self.session.n_landmarks
        if self.contours is None:
            self.contours = ContoursLayer(faces, landmarks)
            self.viewer.add_layer(self.contours)
        else:
            self.contours.resize(faces, landmarks)
        if self.points is None:
            self.points = LandmarksLayer(faces, landmarks)
            self.points.on_moved = self.commit
            self.points.on_hide = self._hide
            self.points.on_dragged = self._draw_contours
            self._bind_keys(self.points)
            self.viewer.add_layer(self.points)
        else:
            self.points.resize(faces, landmarks)
        self._refill()
        self.contours.visible = self.points.visible = True
        self.points.mode = "select"
        self.viewer.layers.selection.active = self.points

    def _bind_keys(self, points: LandmarksLayer) -> None:
        for key, (dy, dx) in NUDGES.items():
            points.bind_key(key, lambda layer, by=(dy, dx): layer.nudge(*by), overwrite=True)
        points.bind_key("Control-Z", lambda _: self.undo(), overwrite=True)
        points.bind_key("Control-Shift-Z", lambda _: self.redo(), overwrite=True)

    # -- edits ---------------------------------------------------------------------

    def commit(self) -> None:
        """Store the points that aren't where they were put: they are corrections."""
        if self.points is None or self.session is None or self._reference is None:
            return
        positions = np.asarray(self.points.data)
        moved = np.flatnonzero((positions != self._reference).any(axis=1))
        if not len(moved):
            return
        landmarks = from_napari(positions, self.points.n_landmarks)
        by_face: dict[int, dict[int, tuple[float, float]]] = {}
        for index in moved:
            face, landmark = face_and_landmark(int(index), self.points.n_landmarks)
            x, y = landmarks[face, landmark]
            by_face.setdefault(face, {})[landmark] = (float(x), float(y))
        self._reference = positions.copy()
        try:
            for face, positions_of_face in by_face.items():
                self.session.move(self.frame, face, positions_of_face)
        except RedError as error:
            show_error(str(error))
            self._refill()

    def show_hidden(self) -> None:
        """Make every landmark of the shown frame visible again."""
        self._do(lambda session: session.show_all(self.frame))

    def undo(self) -> None:
        """Take the last edit back and turn to its frame."""
        self._do(lambda session: self._turn_to(session.undo()))

    def redo(self) -> None:
        """Make the last undone edit again and turn to its frame."""
        self._do(lambda session: self._turn_to(session.redo()))

    def _hide(self, indices: list[int]) -> None:
        def edit(session: Session) -> None:
            by_face: dict[int, list[int]] = {}
            for index in indices:
                face, landmark = face_and_landmark(index, session.n_landmarks)
                by_face.setdefault(face, []).append(landmark)
            for face, landmarks in by_face.items():
                session.hide(self.frame, face, landmarks)

        self._do(edit)

    def _turn_to(self, frame: int | None) -> None:
        if frame is not None:
            self.viewer.dims.set_current_step(0, frame)

    def _do(self, edit: Callable[[Session], None]) -> None:
        if self.session is None:
            return
        try:
            edit(self.session)
        except RedError as error:
            show_error(str(error))

    # -- showing -------------------------------------------------------------------

    def _on_canvas(self) -> None:
        """The canvas was drawn: perhaps another frame, perhaps a late one."""
        if self.video is None:
            return
        if self.points is not None:
            self.points.frozen = self.video.late
        if self.video.shown_frame != self.frame:
            self.commit()
            self._refill()
            if self.points is not None:
                self.points.selected_data = set()
        self.shown.emit()

    def _on_changed(self, first: int, last: int) -> None:
        """The session has other landmarks for these frames."""
        if self.session is None:
            return
        if self.points is None or self.points.n_faces != self.session.n_faces:
            self._fit()
        elif first <= self.frame <= last and not self.points.dragging:
            self._refill()
        self.shown.emit()

    def _refill(self) -> None:
        if self.session is None or self.video is None:
            return
        self._view = self.session.view(self.video.shown_frame)
        if self.points is not None and len(self._view.landmarks):
            self.points.fill(self._view)
            self._reference = np.array(self.points.data)

    def _draw_contours(self) -> None:
        """Lines through the points as they are now, also in the middle of a drag."""
        if self.points is None or self.contours is None:
            return
        if len(self.points.data) == self._view.confidence.size:
            self.contours.fill(self.points.data, self._view)

    def _on_removed(self, event) -> None:
        """A person took a layer away; the landmarks themselves stay in the project."""
        if event.value is self.points:
            self.commit()
            self.points = None
        elif event.value is self.contours:
            self.contours = None
