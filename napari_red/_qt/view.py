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
from napari_red._qt.face_layers import FaceLayers
from napari_red._qt.help import HelpWindow
from napari_red._qt.landmarks_layer import LandmarksLayer
from napari_red._qt.legend import Legend
from napari_red._qt.seen import Watch, why_unseen
from napari_red._qt.time_axis import turn_to
from napari_red._qt.video_layer import VideoLayer
from napari_red._qt.view_options import ViewOptions
from napari_red.core import frame_edits
from napari_red.core.appearance import appearance, readable_on
from napari_red.core.frame_view import FrameView
from napari_red.core.points import by_face, moved_places
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
    unseen : why the canvas doesn't show the video with its landmarks, empty if it does

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
        self.layers = FaceLayers(viewer, self._join)
        self.options = ViewOptions()
        self.legend = Legend(self.options)
        self.actions = Actions(self, parent=self)
        self.face = 0
        self.tool = "point"
        self._view = NOTHING
        self._reference: np.ndarray | None = None
        self._filling = False
        self._label_colour = "white"
        self._help: HelpWindow | None = None
        self.unseen = self._held = ""
        self.watch = Watch(viewer)
        self.watch.changed.connect(self._on_canvas)
        self._changed.connect(self._on_changed)
        self.options.look_changed.connect(self._on_look)
        self.options.picture_changed.connect(self._show_picture)
        self.options.follow_changed.connect(lambda: self._follow(near=False))
        self.actions.told.connect(self._tell)
        viewer.layers.events.removed.connect(self._on_removed)
        shortcuts.bind(viewer, self.run)

    @property
    def points(self) -> LandmarksLayer | None:
        """The layer of the points; None as long as there is none."""
        return self.layers.points

    @property
    def contours(self) -> ContoursLayer | None:
        """The layer of the lines; None as long as there is none."""
        return self.layers.contours

    @property
    def frame(self) -> int:
        """The frame whose landmarks are shown: the one on the canvas, or its preview's."""
        return self._view.frame

    @property
    def held(self) -> str:
        """Why no landmarks are shown for now; empty if they are."""
        return self._held or self.unseen

    @property
    def current(self) -> FrameView:
        """What is shown."""
        return self._view

    def show(self, video: VideoLayer, session: Session) -> None:
        """Show the landmarks of this session on this video from now on."""
        self.leave()
        self.video, self.session = video, session
        self.legend.forget()
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
        self.unseen = self._held = ""
        self._view = NOTHING
        self._put_away()

    def close(self) -> None:
        """Leave and let go of the keys. The layers stay, hidden, for the next view."""
        self.leave()
        self.watch.stop()
        shortcuts.unbind(self.viewer)
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        self.layers.close()
        if self._help is not None:
            self._help.close()

    def reveal(self) -> None:
        """Have the landmarks on the canvas, also where a person has hidden them."""
        self.layers.reveal(lines=self.options.look.contours)

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
        points = self.points
        return {} if points is None else by_face(points.chosen(), points.n_landmarks)

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
        if self.points is None or self.session is None or self._reference is None or self.held:
            return
        positions = np.asarray(self.points.data)
        places = moved_places(positions, self._reference, self.points.n_landmarks)
        if not places:
            return
        self._reference = positions.copy()
        self.points.dragging = False  # the drag has ended: what is stored is shown
        try:
            frame_edits.move(self.session, self.frame, places)
        except RedError as error:
            show_error(str(error))
            self._refill()

    def turn_to(self, frame: int | None) -> None:
        """Have another frame on the canvas."""
        if frame is not None and self.video is not None:
            turn_to(self.viewer, self.video, frame)

    def _hide(self, indices: list[int]) -> None:
        if self.points is not None:
            self.actions.hide(by_face(indices, self.points.n_landmarks))

    # -- showing -------------------------------------------------------------------

    def hold(self, why: str) -> None:
        """Show no landmarks, and let nobody change any, until ``why`` is empty again."""
        if why != self._held:
            self._held = why
            self._freeze()
            self._refill()
            self.shown.emit()

    def _fits(self) -> bool:
        session = self.session
        return session is None or self.layers.fit(session.n_faces, session.n_landmarks)

    def _fit(self) -> None:
        """Make the layers hold as many points as the session has landmarks, and show them."""
        if self.session is None:
            return
        faces, landmarks = self.session.n_faces, self.session.n_landmarks
        self._reference = None
        if faces:
            self.layers.make(faces, landmarks)
            self.choose_face(min(self.face, faces - 1))
        else:
            self._put_away()
        self.unseen = self._why_unseen()
        self._freeze()
        self._refill()
        self.reveal()
        if self.points is not None and faces:
            self.points.use(self.tool, self.face)
            self._follow(near=False)

    def _join(self, points: LandmarksLayer) -> None:
        points.on_moved = self.commit
        points.on_hide = self._hide
        points.on_dragged = self._draw_contours
        points.on_chosen = self.choose_face

    def _put_away(self) -> None:
        self._reference = None
        self.choose_face(0)
        self.layers.put_away()

    def _on_canvas(self) -> None:
        """The canvas shows something else: perhaps another frame, perhaps a late one, perhaps
        nothing of the video."""
        if self.video is None:
            return
        before = self.frame
        turned = self.video.shown_frame != before
        if turned:
            self.commit()
            if not self._fits():
                self._fit()
        unseen = self._why_unseen()
        if turned or unseen != self.unseen:
            self.commit()
            self.unseen = unseen
            if self.points is not None:
                self.points.selected_data.clear()
            self._refill()
            self._follow(near=abs(self.frame - before) <= 3)
        self._freeze()
        self.shown.emit()

    def _why_unseen(self) -> str:
        if self.session is not None and self.session.n_faces and self.points is None:
            return "The layer of the landmarks was taken away; it comes back with another frame."
        return "" if self.video is None else why_unseen(self.viewer, self.video)

    def _freeze(self) -> None:
        if self.points is not None:
            self.points.why_frozen = self.why_frozen()
            self.points.frozen = bool(self.points.why_frozen)

    def _on_changed(self, first: int, last: int) -> None:
        """The session has other landmarks for these frames."""
        if self.session is None:
            return
        if not self._fits():
            self._fit()
        elif first <= self.frame <= last and not self.layers.dragging:
            self._refill()
        self.shown.emit()

    def _refill(self) -> None:
        if self.session is None or self.video is None:
            return
        read = self.session.blank if self.held else self.session.view
        self._view = read(self.video.shown_frame)
        self.legend.know(self.session, self._view)
        self._draw()

    def _draw(self) -> None:
        if self.points is None or not len(self._view.landmarks) or not self._fits():
            return
        look = self.options.look
        drawn = appearance(self._view, look, self.legend.models)
        self._filling = True
        try:
            self.layers.fill(self._view, drawn, look.labels, self._label_colour)
        finally:
            self._filling = False
        self._reference = np.array(self.points.data)

    def _draw_contours(self) -> None:
        """Lines through the points as they are now, also in the middle of a drag."""
        if not self._filling:
            self.layers.follow()

    def _on_look(self) -> None:
        self.commit()
        if self.contours is not None and self.session is not None:
            self.contours.visible = self.options.look.contours and self.session.n_faces > 0
        if self.points is not None:
            self.points.selected_data.clear()
        if self.video is not None:
            self._label_colour = readable_on(self.video.thumbnail)
        self.legend.know(self.session, self._view)
        self._draw()

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
        self.layers.forget(event.value)
        self._on_canvas()
