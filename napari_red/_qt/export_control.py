"""Joins the Export panel to the workbench, and remembers what was exported."""

from __future__ import annotations

from pathlib import Path

from napari.utils.notifications import show_info
from qtpy.QtCore import QObject, Signal

from napari_red._qt import tasks
from napari_red._qt.panels.export import ExportPanel
from napari_red._qt.workbench import Workbench
from napari_red.core.export_memory import next_export

_MOST = 26
"""Letters of a folder's name for which there is room beside the panel's title."""


class ExportControl(QObject):
    """What the Export panel shows, and what its button and the key do.

    Signals
    -------
    stands : str, the folder that is exported to
    """

    stands = Signal(str)

    def __init__(self, panel: ExportPanel, work: Workbench) -> None:
        super().__init__()
        self.panel, self.work = panel, work
        self._shown: Path | None = None
        panel.start.clicked.connect(self.export)
        panel.folder_changed.connect(self._say_folder)
        work.view.actions.export_wanted.connect(self.export)
        work.videos_changed.connect(self.refresh)
        work.tracks_changed.connect(self.refresh)

    def refresh(self) -> None:
        """Another project may be shown: choose what it remembers."""
        project = self.work.shown_project
        path = None if project is None else project.path.absolute()
        if path == self._shown:
            return
        self._shown = path
        self.panel.tell("")
        if project is None:
            self.panel.show_folder(None)
        else:
            self.panel.show_next(next_export(project))

    def export(self) -> None:
        """Export what the panel says into the folder that it shows."""
        self.refresh()
        panel = self.panel
        if panel.folder is None:
            show_info("Nothing to export yet: pre-annotate a video first.")
            return
        if self.work.busy:
            show_info("Wait until what runs now is done, or cancel it; then export.")
            return

        def then(words: str, out: Path) -> None:
            panel.tell(words)
            panel.show_written()

        tasks.export(
            self.work, panel.folder, panel.choice, whole_project=panel.whole_project, then=then
        )

    def _say_folder(self) -> None:
        folder = self.panel.folder
        name = "" if folder is None else folder.name
        half = _MOST // 2
        self.stands.emit(name if len(name) <= _MOST else f"{name[:half]}…{name[-half:]}")
