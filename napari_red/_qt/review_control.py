"""Joins the Review panel and the strip to the workbench."""

from __future__ import annotations

from qtpy.QtCore import QObject, Signal

from napari_red._qt.panels.review import ReviewPanel
from napari_red._qt.strip import ReviewStrip
from napari_red._qt.workbench import Workbench
from napari_red.core import edits, review
from napari_red.core.overview import Overview, overview_of
from napari_red.core.review import ToReview
from napari_red.core.video_names import told_apart

STRIP_MS, QUEUE_MS = 60, 600
"""How long edits are waited for before the strip and the queue are made anew."""

EMPTY = "Nothing is left in the queue."


class ReviewControl(QObject):
    """What the Review panel and the strip show, and what their buttons do.

    Signals
    -------
    overview : Overview of the open video, or None
    stands : str, how many frames of it are left
    """

    overview = Signal(object)
    stands = Signal(str)

    def __init__(self, panel: ReviewPanel, strip: ReviewStrip, work: Workbench) -> None:
        super().__init__()
        self.panel, self.strip, self.work = panel, strip, work
        self.queue: list[ToReview] = []
        self._been: list[ToReview] = []
        panel.went.connect(self.visit)
        panel.next.clicked.connect(self.next)
        panel.previous.clicked.connect(self.previous)
        actions = work.view.actions
        actions.next_wanted.connect(self.next)
        actions.previous_wanted.connect(self.previous)
        for pressed, act in (
            (panel.accept, actions.accept),
            (panel.accept_up_to, actions.accept_up_to),
            (panel.undo, actions.undo),
            (panel.redo, actions.redo),
        ):
            pressed.clicked.connect(lambda _, act=act: act())
        strip.went.connect(work.view.turn_to)
        strip.accepted_and_went.connect(actions.accept_and_go)
        strip.resized.connect(self.ask_overview)
        work.changed.connect(self._on_changed)
        work.edited.connect(self.ask)
        work.tracks_changed.connect(self.ask)
        work.videos_changed.connect(self._on_videos_changed)
        self._on_changed()

    # -- what is shown -------------------------------------------------------------

    def ask(self, *_: object) -> None:
        """Make the strip and the queue anew."""
        self.ask_overview()
        self.ask_queue()

    def ask_overview(self) -> None:
        """Make the strip anew."""

        def prepare():
            session, store = self.work.session, self.work.store
            if session is None or store is None:
                self._show_overview(None)
                return None
            return overview_of(session, store, self.strip.columns())

        self.work.background.ask("strip", prepare, self._show_overview, STRIP_MS)

    def ask_queue(self) -> None:
        """Make the queue anew."""

        def prepare():
            project, store = self.work.shown_project, self.work.store
            if project is None or store is None:
                self._show_queue(([], {}))
                return None
            return lambda: (review.propose(project, store), told_apart(project.videos()))

        self.work.background.ask("queue", prepare, self._show_queue, QUEUE_MS)

    def _show_overview(self, overview: Overview | None) -> None:
        self.strip.show_overview(overview)
        self.overview.emit(overview)
        session = self.work.session
        if session is None or not session.n_faces:
            self.panel.counts.setText("Nothing to review yet: pre-annotate a video first.")
            self.stands.emit("")
            return
        found = edits.counts(session)
        self.stands.emit(f"{found.left} left")
        self.panel.counts.setText(
            f"{found.accepted} accepted · {found.corrected} corrected · {found.left} left"
        )

    def _show_queue(self, found: tuple[list[ToReview], dict[int, str]]) -> None:
        self.queue, names = found
        self.panel.show_queue(self.queue, self.current, names)

    def _on_changed(self) -> None:
        if self.work.video is not None:
            self.strip.show_frame(self.work.video.shown_frame)
        self.panel.mark(self.current)

    def _on_videos_changed(self) -> None:
        if self.work.session is None:
            self._show_overview(None)
        self.ask()

    @property
    def current(self) -> int | None:
        """The place in the queue of the frame on the canvas."""
        session = self.work.session
        if session is None:
            return None
        here = (session.video_id, self.work.view.frame)
        for place, one in enumerate(self.queue):
            if (one.video.id, one.frame) == here:
                return place
        return None

    # -- going through it ----------------------------------------------------------

    def visit(self, one: ToReview) -> None:
        """Go to a proposal."""
        if not self._been or self._been[-1] != one:
            self._been.append(one)
        self.work.view.commit()
        self.work.go(one.video, one.frame, one.face)

    def next(self) -> None:
        """Go to the proposal after the shown one, or to the best."""
        current = self.current
        place = 0 if current is None else current + 1
        if place < len(self.queue):
            self.visit(self.queue[place])
        else:
            self._say("That was the last frame of the queue." if self.queue else EMPTY)

    def previous(self) -> None:
        """Go back to the proposal that was visited before."""
        if len(self._been) > 1:
            self._been.pop()
            one = self._been[-1]
            self.work.view.commit()
            self.work.go(one.video, one.frame, one.face)
        else:
            self._say("No frame of the queue was visited before this one.")

    def _say(self, text: str) -> None:
        self.work.view.actions.told.emit(text)
