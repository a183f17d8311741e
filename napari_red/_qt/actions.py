"""What a person does to the shown frame, by key or button: edits, and wishes of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QObject, Signal

from napari_red._qt.landmarks_layer import LandmarksLayer
from napari_red.core import edits, frame_edits
from napari_red.core.frame_view import FrameView
from napari_red.core.part import frame_before, in_words, within
from napari_red.core.session import Session
from trainer.errors import RedError

SELECT_FIRST = "Select landmarks first: click one, double click a facial part."


class Shown(Protocol):
    """What actions need of the view that they belong to, where it is explained."""

    session: Session | None
    face: int

    @property
    def points(self) -> LandmarksLayer | None: ...

    @property
    def frame(self) -> int: ...

    @property
    def current(self) -> FrameView: ...

    def selection(self) -> frame_edits.Chosen: ...

    def commit(self) -> None: ...

    def why_frozen(self) -> str: ...

    def turn_to(self, frame: int | None) -> None: ...


class Actions(QObject):
    """Everything that can be done to the shown frame.

    Edits concern the selected landmarks or, where none is selected, the chosen face. What
    needs more than the frame is only asked for, by a signal.

    Signals
    -------
    told : str, one line on what was done
    accepted : int, a frame was accepted
    next_wanted, previous_wanted : turn to another frame of the queue
    retrack_wanted : str, forward, backward or both; from the shown frame, the chosen face
    swap_wanted, split_wanted, name_wanted : int, the chosen face
    export_wanted : write annotation files as last time
    """

    told = Signal(str)
    accepted = Signal(int)
    next_wanted = Signal()
    previous_wanted = Signal()
    retrack_wanted = Signal(str)
    swap_wanted = Signal(int)
    split_wanted = Signal(int)
    name_wanted = Signal(int)
    export_wanted = Signal()

    def __init__(self, view: Shown, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._view = view

    # -- landmarks -----------------------------------------------------------------

    def nudge(self, dy: float, dx: float) -> bool:
        """Move the selected landmarks by pixels; says so where none is selected. False as
        long as no video is shown."""
        if self._view.session is None:
            return False
        points = self._view.points
        if self._chosen() and points is not None:
            points.nudge(dy, dx)
        return True

    def hide(self, chosen: frame_edits.Chosen | None = None) -> None:
        """Say that the selected landmarks are not visible."""
        self._frame_edit(frame_edits.hide, chosen or self._view.selection())

    def toggle_hidden(self) -> None:
        """The selected landmarks are not visible, or visible again if none of them is."""
        chosen = self._chosen()
        if not chosen:
            return
        hidden = self._view.current.hidden
        all_hidden = all(hidden[face, marks].all() for face, marks in chosen.items())
        self._frame_edit(frame_edits.show if all_hidden else frame_edits.hide, chosen)

    def show_all(self) -> None:
        """Take every "not visible" of the frame back."""
        self.do(lambda session: session.show_all(self._view.frame))

    def reset(self) -> None:
        """Take corrections back: of the selected landmarks, or of the chosen face."""
        whole = {self._view.face: list(range(self._view.current.hidden.shape[1]))}
        self._frame_edit(frame_edits.reset, self._view.selection() or whole)

    # -- frames --------------------------------------------------------------------

    def copy_previous(self) -> None:
        """Put the chosen face where it is in the frame before, of those that are worked on."""
        frame, face = self._view.frame, self._view.face

        def edit(session: Session) -> str:
            if frame < 1:
                raise edits.EditError(
                    "frame 1: there is no frame before it to copy from; correct it by hand"
                )
            source = frame_before(session.wanted, frame)
            edits.copy_from(session, source, frame, face)
            return f"Face {face + 1} copied from frame {source + 1}."

        self.do(edit)

    def interpolate(self) -> None:
        """Fill the frames between the corrected ones on either side."""

        def edit(session: Session) -> str:
            first, last = edits.interpolate(session, self._view.frame, self._view.face)
            filled = within(session.wanted, first + 1, last)
            if not filled:
                return f"There is no frame to fill between {first + 1} and {last + 1}."
            return f"{in_words(filled)} interpolated."

        self.do(edit)

    def accept(self) -> None:
        """Say that the frame is right as it is."""
        self._accept()

    def accept_and_next(self) -> None:
        """Say that the frame is right as it is and, if that could be said, ask for the next
        frame of the queue."""
        if self._accept():
            self.next()

    def accept_and_go(self, frame: int) -> None:
        """Say that the shown frame is right as it is and, if that could be said, turn to
        another one."""
        if self._accept():
            self._view.turn_to(frame)

    def accept_up_to(self) -> None:
        """Say that this frame and all before it are right as they are, as far as they are
        worked on."""
        frame = self._view.frame

        def edit(session: Session) -> str:
            return f"{in_words(edits.accept_up_to(session, frame))} accepted."

        if self.do(edit):
            self.accepted.emit(frame)

    def unaccept(self) -> None:
        """Take accepting the frame back."""

        def edit(session: Session) -> str:
            edits.unaccept(session, self._view.frame)
            return f"Frame {self._view.frame + 1} is not accepted."

        self.do(edit)

    def next_corrected(self) -> None:
        """Turn to the next corrected frame."""
        self._turn_to_corrected(1)

    def previous_corrected(self) -> None:
        """Turn to the corrected frame before."""
        self._turn_to_corrected(-1)

    # -- what others do ------------------------------------------------------------

    def next(self) -> None:
        """Ask for the next frame of the queue."""
        self.next_wanted.emit()

    def previous(self) -> None:
        """Ask for the frame of the queue before."""
        self.previous_wanted.emit()

    def retrack(self, direction: str) -> None:
        """Ask to follow the chosen face anew from here."""
        if self._ready():
            self.retrack_wanted.emit(direction)

    def swap(self) -> None:
        """Ask to swap the chosen face with another one."""
        if self._ready():
            self.swap_wanted.emit(self._view.face)

    def split(self) -> None:
        """Ask to make the chosen face another one from here on."""
        if self._ready():
            self.split_wanted.emit(self._view.face)

    def name(self) -> None:
        """Ask who the chosen face is."""
        if self._ready():
            self.name_wanted.emit(self._view.face)

    def export(self) -> None:
        """Ask for annotation files."""
        self._view.commit()
        self.export_wanted.emit()

    # -- taking back ---------------------------------------------------------------

    def undo(self) -> None:
        """Take the last edit back; turn to its frame unless the shown one is among them."""
        self._step(Session.undo, "undone")

    def redo(self) -> None:
        """Make the last undone edit again; turn to its frame as :meth:`undo` does."""
        self._step(Session.redo, "done again")

    # -- how -----------------------------------------------------------------------

    def do(self, edit: Callable[[Session], object], *, needs_face: bool = True) -> bool:
        """Make an edit of the shown frame; says what was wrong, or what it returns."""
        session = self._view.session
        if session is None or not self._ready(needs_face):
            return False
        self._view.commit()
        try:
            said = edit(session)
        except RedError as error:
            show_error(str(error))
            return False
        if isinstance(said, str):
            self.told.emit(said)
        return True

    def _chosen(self) -> frame_edits.Chosen:
        """The selected landmarks; says why there are none."""
        chosen = self._view.selection()
        if not chosen:
            show_info(self._view.why_frozen() or SELECT_FIRST)
        return chosen

    def _accept(self) -> bool:
        frame = self._view.frame

        def edit(session: Session) -> str:
            edits.accept(session, frame)
            return f"Frame {frame + 1} accepted."

        done = self.do(edit)
        if done:
            self.accepted.emit(frame)
        return done

    def _ready(self, needs_face: bool = True) -> bool:
        """Whether the shown frame can be changed; says why not."""
        view = self._view
        if view.session is None or (needs_face and not view.session.n_faces):
            return False
        if why := view.why_frozen():
            show_info(why)
            return False
        return True

    def _step(self, act: Callable[[Session, int | None], int | None], word: str) -> None:
        def edit(session: Session) -> str:
            frame = act(session, self._view.frame)
            self._view.turn_to(frame)
            return f"Nothing to be {word}." if frame is None else f"Frame {frame + 1}: {word}."

        self.do(edit, needs_face=False)

    def _frame_edit(
        self,
        edit: Callable[[Session, int, frame_edits.Chosen], None],
        chosen: frame_edits.Chosen,
    ) -> None:
        if chosen:
            self.do(lambda session: edit(session, self._view.frame, chosen))

    def _turn_to_corrected(self, direction: int) -> None:
        session, frame = self._view.session, self._view.frame
        if session is None:
            return
        tracks = [session.track(face) for face in range(session.n_faces)]
        found = [t.after(frame) if direction > 0 else t.before(frame) for t in tracks]
        known = [number for number in found if number is not None]
        if not known:
            show_info(f"No frame {'after' if direction > 0 else 'before'} this one is corrected.")
            return
        self._view.turn_to(min(known) if direction > 0 else max(known))
