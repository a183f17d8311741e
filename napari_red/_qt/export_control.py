"""Joins the Export panel to the workbench, and remembers what was exported."""

from __future__ import annotations

from pathlib import Path

from napari.utils.notifications import show_info
from qtpy.QtCore import QObject

from napari_red._qt import tasks
from napari_red._qt.panels.export import ExportPanel
from napari_red._qt.workbench import Workbench
from napari_red.core.export_memory import home, last_export


class ExportControl(QObject):
    """What the Export panel shows, and what its button and the key do."""

    def __init__(self, panel: ExportPanel, work: Workbench) -> None:
        super().__init__()
        self.panel, self.work = panel, work
        self._shown: Path | None = None
        panel.wanted.connect(self.export)
        work.view.actions.export_wanted.connect(self.again)
        work.videos_changed.connect(self.refresh)
        work.tracks_changed.connect(self.refresh)

    def refresh(self) -> None:
        """Another project may be shown: choose and propose what it remembers."""
        project = self.work.shown_project
        path = None if project is None else project.path.absolute()
        if path == self._shown:
            return
        self._shown = path
        self.panel.begin_at = None
        if project is None:
            return
        self.panel.begin_at = home(project)
        last = last_export(project)
        if last is not None:
            self.panel.show_last(last)
            if last.folder.is_dir():
                self.panel.begin_at = last.folder

    def again(self) -> None:
        """Export as the panel says, into the folder of last time; ask where there is none."""
        self.refresh()
        project = self.work.shown_project
        if project is None:
            show_info("Nothing to export yet: pre-annotate a video first.")
            return
        if self.work.busy:
            show_info("Wait until what runs now is done, or cancel it; then export.")
            return
        last = last_export(project)
        if last is not None and last.folder.is_dir():
            self.export(last.folder)
        else:
            self.panel.ask()

    def export(self, folder: Path) -> None:
        """Export into a folder what the panel says."""

        def then(words: str, out: Path) -> None:
            self.panel.begin_at = out
            self.panel.tell(words, out)

        self.refresh()
        panel = self.panel
        tasks.export(self.work, folder, panel.choice, whole_project=panel.whole_project, then=then)
