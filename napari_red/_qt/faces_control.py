"""Joins the Faces panel to the workbench."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QInputDialog

from napari_red._qt import tasks
from napari_red._qt.erase_person import erase
from napari_red._qt.panels.faces import FaceRow, FacesPanel
from napari_red._qt.workbench import Workbench
from napari_red.core import track_edits
from napari_red.core.chunks import CHUNK
from napari_red.core.overview import Overview
from napari_red.core.palette import face_colour
from napari_red.core.session import Session
from trainer.errors import RedError


class FacesControl(QObject):
    """What the Faces panel shows, and what its buttons do.

    Signals
    -------
    failed : str, an edit that couldn't be made, and what to do
    told : str, how an edit went
    stands : str, how many faces there are
    """

    failed = Signal(str)
    told = Signal(str)
    stands = Signal(str)

    def __init__(self, panel: FacesPanel, work: Workbench) -> None:
        super().__init__()
        self.panel, self.work = panel, work
        self._seen: tuple[int, ...] = ()
        panel.detect.clicked.connect(lambda: tasks.detect(work))
        panel.draw.clicked.connect(self._draw)
        panel.clear.clicked.connect(work.boxes.clear)
        panel.chosen.connect(self._choose)
        panel.visited.connect(self._visit)
        panel.named.connect(self._name)
        panel.delete.connect(lambda: self._edit(track_edits.delete_track))
        panel.split.connect(self._split)
        panel.merge.connect(self._merge)
        panel.swap.connect(self._swap)
        panel.show_hidden.connect(work.view.actions.show_all)
        panel.rename.connect(self._rename)
        panel.erase.connect(self._erase)
        work.jobs.edit.changed.connect(self._on_job)
        work.view.actions.split_wanted.connect(lambda _: self._split())
        work.view.actions.swap_wanted.connect(lambda _: self._swap_with_whom())
        for signal in (work.tracks_changed, work.face_changed, work.edited, work.videos_changed):
            signal.connect(self.refresh)

    def refresh(self, *_: object) -> None:
        """Show the faces as they are now."""
        session = self.work.session
        rows = [] if session is None else self._rows(session)
        self.panel.show_faces(rows, self.work.face)
        self.stands.emit(str(len(rows) or ""))
        project = None if session is None else session.project
        known = [] if project is None else [one.name for one in project.identities()]
        current = [row.person for row in rows if row.face == self.work.face]
        self.panel.show_person(current[0] if current else "", known)

    def show_seen(self, overview: Overview | None) -> None:
        """In how many frames each face was found."""
        seen = () if overview is None else overview.seen
        if seen != self._seen:
            self._seen = seen
            self.refresh()

    def _rows(self, session: Session) -> list[FaceRow]:
        seen = self._seen if len(self._seen) == session.n_faces else (None,) * session.n_faces
        return [
            FaceRow(
                face,
                face_colour(face),
                track.identity.name if track.identity else "",
                seen[face],
                len(session.track(face).corrected),
            )
            for face, track in enumerate(session.tracks)
        ]

    # -- what the buttons do -------------------------------------------------------

    def _draw(self) -> None:
        if self.work.video is not None:
            self.work.boxes.draw(self.work.video)

    def _choose(self, face: int) -> None:
        self.work.choose_face(face)
        points = self.work.view.points
        if points is not None and face < points.n_faces:
            points.selected_data = set(points.of_face(face).tolist())

    def _visit(self, face: int) -> None:
        """Go to the first frame in which the face is."""
        session = self.work.session
        frame = None if session is None else first_frame(session, face)
        if frame is not None:
            self.work.view.turn_to(frame)
        self._choose(face)

    def _name(self, name: str) -> None:
        self._edit(lambda session, face: track_edits.name_identity(session, face, name))
        line = self.panel.person.lineEdit()
        if line is not None:
            line.clearFocus()

    def _split(self) -> None:
        frame = self.work.view.frame

        def chosen(face: int) -> str:
            self.work.choose_face(face)
            return f"From frame {frame + 1} on it is face {face + 1}."

        self._start(
            lambda session, face, *watch: track_edits.split_track(session, face, frame, *watch),
            chosen,
        )

    def _merge(self, other: int) -> None:
        self._start(
            lambda session, face, *watch: track_edits.merge_tracks(session, face, other, *watch),
            lambda _: "Merged.",
        )

    def _swap(self, other: int) -> None:
        frame = self.work.view.frame
        self._start(
            lambda session, face, *watch: track_edits.swap_tracks(
                session, face, other, frame, *watch
            ),
            lambda _: f"Swapped from frame {frame + 1} on.",
        )

    def _rename(self) -> None:
        """Ask for another name of the chosen face's person, and give it everywhere."""
        session, face = self.work.session, self.work.face
        record = None if session is None or face is None else session.tracks[face].identity
        if record is None:
            return
        name = record.name
        question = f"What is {name} called, in every video?"
        new, said = QInputDialog.getText(self.panel, "Rename a person", question, text=name)
        if said and new.strip() != name:
            self._edit(lambda session, _: track_edits.rename_identity(session, name, new))

    def _erase(self) -> None:
        """Remove a person everywhere, after asking twice: whom, and whether really."""
        said = erase(self.panel, self.work)
        if said:
            self.told.emit(said)

    def _swap_with_whom(self) -> None:
        """The key says no other face: there is only one, or the menu asks."""
        session = self.work.session
        if session is None or session.n_faces < 2:
            self.failed.emit("There is no other face in this video to swap with.")
        elif session.n_faces == 2:
            self._swap(1 - (self.work.face or 0))
        else:
            self.panel.more.showMenu()

    def _start(self, act: Callable[..., Any], finish: Callable[[Any], str]) -> None:
        """Do it to the chosen face beside the window: it takes long in a very long video."""
        work, session, face = self.work, self.work.session, self.work.face
        if session is None or face is None:
            return
        if why := work.view.why_frozen():
            self.failed.emit(why)
            return
        work.view.commit()
        work.jobs.edit.start(
            lambda report, should_stop: act(session, face, report, should_stop),
            finish,
            message="changing the faces …",
        )
        work.view.hold("The faces of this video are being changed; it can be edited after that.")

    def _on_job(self) -> None:
        if not self.work.jobs.edit.busy:
            self.work.view.hold("")

    def _edit(self, act: Callable[[Session, int], object]) -> None:
        """Do it to the chosen face; what a person is dragging is stored first."""
        session, face = self.work.session, self.work.face
        if session is None or face is None:
            return
        self.work.view.commit()
        try:
            act(session, face)
        except RedError as error:
            show_error(str(error))
            self.failed.emit(str(error))


def first_frame(session: Session, face: int) -> int | None:
    """The first frame in which anybody said where the face is."""
    track = session.track(face)
    project, _ = session.opened()
    found = track.corrected[:1]
    for number in project.chunk_numbers(track.record.id)[:1]:
        chunk = track.chunk(number)
        if chunk is not None and chunk.present.any():
            found.append(number * CHUNK + int(chunk.present.argmax()))
    return min(found, default=None)
