"""Joins the Videos panel to the workbench."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog

from napari_red._qt import tasks
from napari_red._qt.add_folder import AddFolderDialog
from napari_red._qt.panels.videos import VideoRow, VideosPanel
from napari_red._qt.workbench import Workbench
from napari_red.core.add_videos import Added
from napari_red.core.batch import VideoState
from napari_red.core.prealign import Settings
from napari_red.core.project import SUFFIX, Project
from napari_red.core.reviewed import NOT_YET, Reviewed
from napari_red.core.video_list import VideoStanding, standings
from napari_red.core.video_names import told_apart
from napari_red.core.video_part import part_words
from trainer.data.video import VIDEO_SUFFIXES
from trainer.errors import RedError

LIST_MS = 400
"""How long edits are waited for before the list is read anew."""

_FILES = f"Projects (*{SUFFIX})"


class VideosControl(QObject):
    """What the Videos panel shows, and what its buttons do.

    Signals
    -------
    failed : str, what can't be done, and what to do
    stands : str, how many videos are done
    """

    failed = Signal(str)
    stands = Signal(str)
    _event = Signal(object)

    def __init__(
        self, panel: VideosPanel, work: Workbench, settings: Callable[[], Settings]
    ) -> None:
        super().__init__()
        self.panel, self.work, self._settings = panel, work, settings
        self.standings: list[VideoStanding] = []
        self.parts: dict[int, float] = {}
        self.states: dict[int, tuple[str, str]] = {}
        panel.opened.connect(self.open)
        panel.new_project.connect(self._new_project)
        panel.open_project.connect(self._open_project)
        work.videos_changed.connect(self.refresh)
        work.tracks_changed.connect(self.ask)
        work.edited.connect(self.ask)
        work.layer.ask_where = self._ask_where
        panel.add_videos.connect(self._add_videos)
        panel.add_folder.connect(self._add_folder)
        panel.start_selected.clicked.connect(lambda: self.start_selected())
        panel.start_all.clicked.connect(lambda: self.start())
        panel.stop.clicked.connect(work.batch.cancel)
        work.batch.progressed.connect(lambda now: panel.show_progress(now.done, now.total))
        work.changed.connect(self._show_batch)
        self._event.connect(self.hear)

    # -- what is shown -------------------------------------------------------------

    def refresh(self) -> None:
        """Other videos, or another one is open: show what is known, then read."""
        project = self.work.shown_project
        self.standings = [] if project is None else self._known(project)
        self._show()
        self.ask()

    def ask(self, *_: object) -> None:
        """Read the counts anew."""

        def prepare():
            project = self.work.shown_project
            if project is None:
                self._show()
                return None
            return lambda: standings(project)

        self.work.background.ask("videos", prepare, self._on_standings, LIST_MS)

    def hear(self, event: VideoState) -> None:
        """A line of the list stands otherwise, as the job tells."""
        self.parts.pop(event.video_id, None)
        if event.state == "running":
            self.parts[event.video_id] = event.done / event.total if event.total else 0.0
            self.states[event.video_id] = ("running", event.message)
        elif event.state != self.states.get(event.video_id, ("", ""))[0]:
            self.states.pop(event.video_id, None)
            self.work.forget_video(event.video_id)
        self._show()

    def _show_batch(self) -> None:
        running = self.work.batch.busy
        if not running:
            self.states.clear()
            self.parts.clear()
        project = self.work.shown_project
        stopped = any(one.video.state in ("waiting", "running") for one in self.standings)
        self.panel.show_batch(
            running=running,
            can_start=project is not None and not project.read_only and bool(self.standings),
            resumes=stopped,
        )

    def _known(self, project: Project) -> list[VideoStanding]:
        known = {one.video.id: one for one in self.standings if one.video.path}
        return [
            VideoStanding(video, *_counts(known.get(video.id), video.path))
            for video in project.videos()
        ]

    def _on_standings(self, found: list[VideoStanding]) -> None:
        self.standings = found
        self._show()

    def _show(self) -> None:
        work = self.work
        here = None if work.session is None else work.session.video_id
        names = told_apart([one.video for one in self.standings])
        rows = [
            VideoRow(
                ("record", one.video.id),
                names[one.video.id],
                _tip(one),
                *self.states.get(one.video.id, (one.video.state, one.video.message)),
                self.parts.get(one.video.id),
                one.reviewed.corrected,
                one.reviewed.accepted,
                is_open=one.video.id == here,
            )
            for one in self.standings
        ]
        paths = {Path(one.video.path) for one in self.standings}
        for layer in work.videos:
            path = Path(layer.data.video.path).absolute()
            if path in paths or (layer is work.video and here is not None):
                continue
            row = VideoRow(("layer", id(layer)), layer.name, str(path), is_open=layer is work.video)
            rows.append(row)
        self.panel.show_rows(rows)
        done = sum(row.state == "done" for row in rows)
        self.stands.emit(f"{done} of {len(rows)} done" if len(rows) > 1 else "")
        self._show_batch()

    # -- what is pressed -----------------------------------------------------------

    def open(self, key: tuple[str, int]) -> None:
        """Work on the video of a row."""
        kind, number = key
        if kind == "layer":
            for layer in self.work.videos:
                if id(layer) == number:
                    self.work.open(layer)
            return
        for one in self.standings:
            if one.video.id == number:
                self.work.open_record(one.video)

    def open_project(self, path: str | Path) -> None:
        """Open a project, or start one there."""
        try:
            self.work.open_project(path)
        except RedError as error:
            show_error(str(error))
            self.failed.emit(str(error))

    def start(self, video_ids: Sequence[int] | None = None, *, again: bool = False) -> None:
        """Pre-annotate these videos, or all that aren't done."""
        tasks.prealign_many(self.work, video_ids, self._settings(), self._event.emit, again=again)

    def start_selected(self) -> None:
        """Pre-annotate the selected videos; those that are done only if all of them are."""
        chosen = [number for kind, number in self.panel.selected() if kind == "record"]
        if not chosen:
            self.failed.emit("Select videos in the list first; Shift and Ctrl select several.")
            return
        states = [one.video.state for one in self.standings if one.video.id in chosen]
        self.start(chosen, again=all(state == "done" for state in states))

    def add(self, paths: Sequence[str | Path], **options: Any) -> None:
        """Add videos to the project, a new one if none is open."""
        if self.work.shown_project is None and self.work.session is None:
            self._new_project()
        try:
            tasks.add(self.work, paths, self._on_added, **options)
        except RedError as error:
            show_error(str(error))
            self.failed.emit(str(error))

    def _on_added(self, added: Added) -> None:
        self.work.videos_changed.emit()
        if self.work.session is None and added.new:
            self.work.open_record(added.new[0])

    def _add_videos(self) -> None:
        patterns = " ".join(f"*{suffix}" for suffix in sorted(VIDEO_SUFFIXES))
        paths, _ = QFileDialog.getOpenFileNames(
            self.panel, "Add videos", "", f"Videos ({patterns});;All files (*)"
        )
        if paths:
            self.add(paths)

    def _add_folder(self) -> None:
        dialog = AddFolderDialog(self.panel)
        if dialog.exec() and dialog.folder.text():
            self.add([dialog.folder.text()], **dialog.options)

    def _new_project(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self.panel, "New project", f"project{SUFFIX}", _FILES)
        if path:
            self.open_project(path if path.endswith(SUFFIX) else path + SUFFIX)

    def _open_project(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self.panel, "Open project", "", _FILES)
        if path:
            self.open_project(path)

    def _ask_where(self, record) -> str:
        path, _ = QFileDialog.getOpenFileName(self.panel, f"Where is {record.name} now?", "")
        return path


def _counts(known: VideoStanding | None, path: str) -> tuple[Reviewed, int]:
    if known is None or known.video.path != path:
        return NOT_YET, 0
    return known.reviewed, known.faces


def _tip(one: VideoStanding) -> str:
    lines = [one.video.path, f"{one.video.n_frames} frames"]
    wanted = one.video.wanted_frames
    if len(wanted) != one.video.n_frames:
        lines.append(f"worked on: frames {part_words(wanted)}")
    lines.append(f"{one.faces} face{'s' * (one.faces != 1)}")
    if one.people:
        lines.append(", ".join(one.people))
    return "\n".join(lines)
