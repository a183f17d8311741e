"""Joins the Videos panel to the workbench."""

from __future__ import annotations

from pathlib import Path

from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog

from napari_red._qt.panels.videos import VideoRow, VideosPanel
from napari_red._qt.workbench import Workbench
from napari_red.core.project import SUFFIX, Project
from napari_red.core.video_list import VideoStanding, standings
from trainer.errors import RedError

LIST_MS = 400
"""How long edits are waited for before the list is read anew."""

_FILES = f"Projects (*{SUFFIX})"


class VideosControl(QObject):
    """What the Videos panel shows, and what its buttons do.

    Signals
    -------
    failed : str, what can't be done, and what to do
    """

    failed = Signal(str)

    def __init__(self, panel: VideosPanel, work: Workbench) -> None:
        super().__init__()
        self.panel, self.work = panel, work
        self.standings: list[VideoStanding] = []
        self.parts: dict[int, float] = {}
        panel.opened.connect(self.open)
        panel.new_project.connect(self._new_project)
        panel.open_project.connect(self._open_project)
        work.videos_changed.connect(self.refresh)
        work.tracks_changed.connect(self.ask)
        work.edited.connect(self.ask)
        work.ask_where = self._ask_where

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

    def show_part(self, video_id: int, part: float | None) -> None:
        """How much of a video's pre-annotation is done; None where it doesn't run."""
        self.parts.pop(video_id, None)
        if part is not None:
            self.parts[video_id] = part
        self._show()

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
        rows = [
            VideoRow(
                ("record", one.video.id),
                one.video.name,
                _tip(one),
                one.video.state,
                one.video.message,
                self.parts.get(one.video.id),
                one.corrected,
                one.accepted,
                is_open=one.video.id == here,
            )
            for one in self.standings
        ]
        paths = {Path(one.video.path) for one in self.standings}
        for place, layer in enumerate(work.videos):
            path = Path(layer.data.video.path).absolute()
            if path in paths or (layer is work.video and here is not None):
                continue
            row = VideoRow(("layer", place), layer.name, str(path), is_open=layer is work.video)
            rows.append(row)
        self.panel.show_rows(rows)

    # -- what is pressed -----------------------------------------------------------

    def open(self, key: tuple[str, int]) -> None:
        """Work on the video of a row."""
        kind, number = key
        if kind == "layer":
            if number < len(self.work.videos):
                self.work.open(self.work.videos[number])
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


def _counts(known: VideoStanding | None, path: str) -> tuple[int, int, int]:
    if known is None or known.video.path != path:
        return 0, 0, 0
    return known.corrected, known.accepted, known.faces


def _tip(one: VideoStanding) -> str:
    lines = [one.video.path, f"{one.video.n_frames} frames"]
    wanted = one.video.wanted_frames
    if len(wanted) != one.video.n_frames:
        lines.append(f"worked on: frames {wanted.start + 1} to {wanted.stop}, every {wanted.step}")
    lines.append(f"{one.faces} face{'s' * (one.faces != 1)}")
    if one.people:
        lines.append(", ".join(one.people))
    return "\n".join(lines)
