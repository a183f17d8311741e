"""The landmarks of a session in a viewer: fills the layers, hands edits to the session.

Points and edits belong to the frame whose pixels are on the canvas. While the slider
is somewhere else, editing is locked.
"""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal

from napari_red._qt import shortcuts
from napari_red._qt.actions import Actions
from napari_red._qt.camera import follow_face
from napari_red._qt.contours_layer import ContoursLayer
from napari_red._qt.drawing import keep_program
from napari_red._qt.help import HelpWindow
from napari_red._qt.landmarks_layer import LandmarksLayer
from napari_red._qt.video_layer import VideoLayer
from napari_red._qt.view_options import ViewOptions
from napari_red.core import frame_edits
from napari_red.core.appearance import appearance, legend, readable_on
from napari_red.core.frame_view import FrameView
from napari_red.core.points import face_and_landmark, from_napari
from napari_red.core.session import Session
from trainer.errors import RedError

NOTHING = FrameView.empty(-1, 0, 68)
"""What is shown as long as no video is open."""


class LandmarkView(QObject):
    """Shows the landmarks of one session at a time on its video layer.

    Attributes
    ----------
    actions : what a person can do to the shown frame
    options : what is shown, and how
    face : int
        The chosen face, which edits of a whole face are about.
    tool : "point", "group" or "face"
    held : why no landmarks are shown for now, empty if they are

    Signals
    -------
    shown : another frame, or other landmarks, are on the canvas
    face_changed : int, another face is chosen
    tool_changed : str, another tool is taken up
    """

    shown = Signal()
    face_changed = Signal(int)
    tool_changed = Signal(str)
    _changed = Signal(int, int)

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.viewer = viewer
        self.video: VideoLayer | None = None
        self.session: Session | None = None
        self.points: LandmarksLayer | None = None
        self.contours: ContoursLayer | None = None
        self.options = ViewOptions()
        self.actions = Actions(self, parent=self)
        self.face = 0
        self.tool = "point"
        self._view = NOTHING
        self._drawn = appearance(NOTHING, self.options.look, {})
        self._models: dict[int, str] = {}
        self._reference: np.ndarray | None = None
        self._filling = False
        self._label_colour = "white"
        self._help: HelpWindow | None = None
        self.held = ""
        self._changed.connect(self._on_changed)
        self.options.look_changed.connect(self._on_look)
        self.options.picture_changed.connect(self._show_picture)
        self.options.follow_changed.connect(lambda: self._follow(near=False))
        self.actions.told.connect(self._tell)
        viewer.layers.events.removed.connect(self._on_removed)
        shortcuts.bind(viewer, self.run)

    @property
    def frame(self) -> int:
        """The frame whose landmarks are shown: the one on the canvas, or its preview's."""
        return self._view.frame

    @property
    def current(self) -> FrameView:
        """What is shown."""
        return self._view

    def show(self, video: VideoLayer, session: Session) -> None:
        """Show the landmarks of this session on this video from now on."""
        self.leave()
        self.video, self.session = video, session
        self._models = {}
        session.listeners.append(self._changed.emit)
        video.events.set_data.connect(self._on_canvas)
        self._show_picture()
        self._fit()

    def leave(self) -> None:
        """Keep an unfinished drag, show nothing, let go of the session."""
        if self.session is None or self.video is None:
            return
        self.commit()
        self.session.listeners.remove(self._changed.emit)
        self.video.events.set_data.disconnect(self._on_canvas)
        self.video = self.session = None
        self.held = ""
        self._view = NOTHING
        self._reference = None
        self.choose_face(0)
        for layer in (self.points, self.contours):
            if layer is not None:
                layer.visible = False

    def close(self) -> None:
        """Leave and let go of the keys. The layers stay, hidden, for the next view."""
        self.leave()
        shortcuts.unbind(self.viewer)
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        if self.points is not None:
            self.points.why_frozen = "Nothing can be changed here: the dock is closed."
            self.points.frozen = True
        if self._help is not None:
            self._help.close()

    # -- choosing ------------------------------------------------------------------

    def choose_face(self, face: int) -> None:
        """Make edits of a whole face be about this one."""
        if face != self.face:
            self.face = face
            if self.points is not None:
                self.points.use(self.tool, face)
            self.face_changed.emit(face)

    def next_face(self) -> None:
        """Choose the next face, the first after the last, and show which it is."""
        if self.session is None or not self.session.n_faces:
            return
        face = (self.face + 1) % self.session.n_faces
        self.choose_face(face)
        if self.points is not None and self.tool != "face":
            self.points.selected_data = set(self.points.of_face(face).tolist())
        self._follow(near=False)
        self._tell(f"Face {face + 1} of {self.session.n_faces}.")

    def use_tool(self, tool: str) -> None:
        """Take up a tool: "point", "group" or "face"."""
        if tool == self.tool:
            return
        self.tool = tool
        if self.points is not None:
            self.points.use(tool, self.face)
            if self.points.visible:
                self.viewer.layers.selection.active = self.points
                self.points.mode = "select"
        self.tool_changed.emit(tool)

    def toggle_tool(self, tool: str) -> None:
        """Take up a tool, or go back to single points."""
        self.use_tool("point" if self.tool == tool else tool)

    def selection(self) -> dict[int, list[int]]:
        """Face to its selected landmarks."""
        return self._by_face(self.points.chosen() if self.points is not None else [])

    def show_help(self) -> None:
        """Open the list of keys."""
        if self._help is None:
            window = getattr(self.viewer, "window", None)
            self._help = HelpWindow(None if window is None else window._qt_window)
        self._help.show()
        self._help.raise_()

    def run(self, action: str, arguments: tuple = ()) -> bool:
        """Do what the table of keys says; False if it can't be done now."""
        owner, name = action.split(".")
        target = self if owner == "view" else getattr(self, owner)
        return getattr(target, name)(*arguments) is not False

    # -- edits ---------------------------------------------------------------------

    def why_frozen(self) -> str:
        """Why the shown frame can't be changed now; empty if it can."""
        if self.held:
            return self.held
        if self.video is not None and self.video.late:
            wanted = self.video.screen.wanted + 1
            return f"Frame {wanted} is still being decoded; it can be changed when it is there."
        if self.session is not None and self.session.read_only:
            return f"Nothing can be changed here: {self.session.read_only}."
        return ""

    def commit(self) -> None:
        """Store the points that aren't where they were put: they are corrections."""
        if self.points is None or self.session is None or self._reference is None:
            return
        positions = np.asarray(self.points.data)
        moved = np.flatnonzero((positions != self._reference).any(axis=1))
        if not len(moved):
            return
        landmarks = from_napari(positions, self.points.n_landmarks)
        places = {
            face: {index: _xy(landmarks[face, index]) for index in indices}
            for face, indices in self._by_face(moved.tolist()).items()
        }
        self._reference = positions.copy()
        self.points.dragging = False  # the drag has ended: what is stored is shown
        try:
            frame_edits.move(self.session, self.frame, places)
        except RedError as error:
            show_error(str(error))
            self._refill()

    def undo(self) -> None:
        """Take the last edit back; turn to its frame unless the shown one is among them."""
        self.actions.do(
            lambda session: self._stepped(session.undo(self.frame), "undone"), needs_face=False
        )

    def redo(self) -> None:
        """Make the last undone edit again; turn to its frame as :meth:`undo` does."""
        self.actions.do(
            lambda session: self._stepped(session.redo(self.frame), "done again"), needs_face=False
        )

    def turn_to(self, frame: int | None) -> None:
        """Have another frame on the canvas."""
        if frame is not None:
            self.viewer.dims.set_current_step(0, frame)

    def _stepped(self, frame: int | None, word: str) -> str:
        self.turn_to(frame)
        return f"Nothing to be {word}." if frame is None else f"Frame {frame + 1}: {word}."

    def _hide(self, indices: list[int]) -> None:
        self.actions.hide(self._by_face(indices))

    def _by_face(self, indices: list[int]) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        if self.points is not None:
            for index in indices:
                face, landmark = face_and_landmark(index, self.points.n_landmarks)
                found.setdefault(face, []).append(landmark)
        return found

    # -- showing -------------------------------------------------------------------

    def hold(self, why: str) -> None:
        """Show no landmarks, and let nobody change any, until ``why`` is empty again."""
        if why != self.held:
            self.held = why
            self._freeze()
            self._refill()
            self.shown.emit()

    def _fit(self) -> None:
        """Make the layers hold as many points as the session has landmarks."""
        if self.session is None or not self.session.n_faces:
            return
        faces, landmarks = self.session.n_faces, self.session.n_landmarks
        if self.contours is None:
            self.contours = ContoursLayer(faces, landmarks)
            self.viewer.add_layer(self.contours)
            keep_program(self.viewer, self.contours)
        else:
            self.contours.resize(faces, landmarks)
        if self.points is None:
            self.points = LandmarksLayer(faces, landmarks)
            self.viewer.add_layer(self.points)
        else:
            self.points.resize(faces, landmarks)
        self.points.on_moved = self.commit
        self.points.on_hide = self._hide
        self.points.on_dragged = self._draw_contours
        self.points.on_chosen = self.choose_face
        self.choose_face(min(self.face, faces - 1))
        self._freeze()
        self._refill()
        self.points.visible = True
        self.contours.visible = self.options.look.contours
        self.points.mode = "select"
        self.points.use(self.tool, self.face)
        self.viewer.layers.selection.active = self.points
        self._follow(near=False)

    def _on_canvas(self) -> None:
        """The canvas was drawn: perhaps another frame, perhaps a late one."""
        if self.video is None:
            return
        self._freeze()
        before = self.frame
        if self.video.shown_frame != before:
            self.commit()
            if self.points is not None:
                self.points.selected_data.clear()
            self._refill()
            self._follow(near=abs(self.frame - before) <= 3)
        self.shown.emit()

    def _freeze(self) -> None:
        if self.points is not None:
            self.points.why_frozen = self.why_frozen()
            self.points.frozen = bool(self.points.why_frozen)

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
        read = self.session.blank if self.held else self.session.view
        self._view = read(self.video.shown_frame)
        self._know_models()
        self._draw()

    def _draw(self) -> None:
        if self.points is None or not len(self._view.landmarks):
            return
        look = self.options.look
        self._drawn = appearance(self._view, look, self._models)
        self._filling = True
        try:
            self.points.fill(self._view, self._drawn, look.labels, self._label_colour)
        finally:
            self._filling = False
        self._reference = np.array(self.points.data)
        if self.contours is not None:
            self.contours.fill(self.points.data, self._view, self._drawn)

    def _draw_contours(self) -> None:
        """Lines through the points as they are now, also in the middle of a drag."""
        if self.points is None or self.contours is None or self._filling:
            return
        if len(self.points.data) == self._view.confidence.size:
            self.contours.follow(self.points.data)

    def _on_look(self) -> None:
        self.commit()
        if self.contours is not None and self.session is not None:
            self.contours.visible = self.options.look.contours and self.session.n_faces > 0
        if self.points is not None:
            self.points.selected_data.clear()
        if self.video is not None:
            self._label_colour = readable_on(self.video.thumbnail)
        self._know_models()
        self._draw()

    def _know_models(self) -> None:
        """Have the names of the models that placed the landmarks, and say what colours mean."""
        before = dict(self._models)
        by_source = self.options.look.colour_by == "source"
        unknown = {int(run) for run in self._view.run} - {0} - set(self._models)
        if self.session is not None and by_source and unknown:
            project, record = self.session.opened()
            self._models = project.run_models(record.id)
        entries = legend(self.options.look, self._models)
        if before != self._models or entries != getattr(self, "_legend", None):
            self._legend = entries
            self.options.legend_changed.emit(entries)

    def _show_picture(self) -> None:
        if self.video is not None:
            self.video.contrast_limits = self.options.contrast_limits()

    def _follow(self, *, near: bool) -> None:
        if self.options.follow and self.points is not None:
            points = self.points.data[self.points.of_face(self.face)]
            follow_face(self.viewer, points, near=near)

    def _tell(self, text: str) -> None:
        self.viewer.status = text

    def _on_removed(self, event) -> None:
        """A person took a layer away; the landmarks themselves stay in the project."""
        if event.value is self.points:
            self.commit()
            self.points = None
        elif event.value is self.contours:
            self.contours = None


def _xy(landmark: np.ndarray) -> tuple[float, float]:
    return float(landmark[0]), float(landmark[1])
