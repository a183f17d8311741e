"""The models of a project: compare, choose, name, export, import, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QFileDialog,
    QHeaderView,
    QInputDialog,
    QMessageBox,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_red._qt.job import BackgroundJob
from napari_red._qt.parts import button, column, note, row
from napari_red.core import model_store
from napari_red.core.jobs import Cancelled, Done, Failed, Progress
from napari_red.core.model_comparison import ComparedModel, ModelComparison, cells, words
from napari_red.core.model_store import ModelVersion
from napari_red.core.model_words import COLUMNS, about, cells_of
from napari_red.core.models import ABOUT, SUFFIX, shipped_models
from napari_red.core.project import Project
from trainer.errors import RedError


class ModelsDialog(QDialog):
    """A table of the project's models, the one that ships first.

    Parameters
    ----------
    project : the open project
    on_changed : called when another model is used, or one has another name
    make_comparison : from a project to what measures its models
    """

    def __init__(
        self,
        project: Project,
        on_changed: Callable[[], None] = lambda: None,
        parent: QWidget | None = None,
        make_comparison: Callable[[Project], ModelComparison] = ModelComparison,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Models of this project")
        self.resize(760, 420)
        self.project = project
        self._on_changed = on_changed
        self._shipped = shipped_models()
        self._make_comparison = make_comparison
        self._job: BackgroundJob | None = None
        self.table = _table(COLUMNS)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.compared = _table(())
        self.compared.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.compared.hide()
        self.comparison = note()
        self.comparison.hide()
        self.details = note()
        self.trouble = note()
        self.use = button("Use", "Use this model from now on", self._use)
        self.rename = button("Rename …", "Give it another name", self._rename)
        self.export = button("Export …", "Write it to a file of its own", self._export)
        self.add = button("Import …", "Take a model file into this project", self._import)
        self.delete = button("Delete", "Take it out of the project file", self._delete)
        self.compare = button("", "", self._compare)
        column(
            self,
            self.table,
            self.details,
            row(self.use, self.rename, self.export, self.add, self.delete, None, self.compare),
            self.comparison,
            self.compared,
            self.trouble,
            margin=8,
        )
        self.table.itemSelectionChanged.connect(self._show_chosen)
        self._show_running()
        self.refresh()

    @property
    def comparing(self) -> bool:
        """True while the models are measured."""
        return self._job is not None

    @property
    def chosen(self) -> ModelVersion | None:
        """The selected model of the project; None where it is one that ships."""
        index = self.table.currentRow() - len(self._shipped)
        return self._versions[index] if 0 <= index < len(self._versions) else None

    def refresh(self) -> None:
        """Read the models anew."""
        self._versions = model_store.versions(self.project)
        used, name = model_store.current(self.project), model_store.current_name(self.project)
        self.table.setRowCount(len(self._shipped) + len(self._versions))
        for number, shipped in enumerate(self._shipped):
            texts = (shipped, "ships with napari-red", "", "", "", "")
            self._put(number, texts, used is None and shipped == name)
        for number, version in enumerate(self._versions, len(self._shipped)):
            is_used = used is not None and used.id == version.id
            self._put(number, cells_of(version, self._versions), is_used)
        if used is None:
            self.table.selectRow(self._shipped.index(name))
        else:
            ids = [version.id for version in self._versions]
            self.table.selectRow(len(self._shipped) + ids.index(used.id))
        self._show_chosen()

    def done(self, result: int) -> None:
        """The dialog closes, and what runs for it ends."""
        job, self._job = self._job, None
        if job is not None:
            job.cancel()
            job.wait()
        super().done(result)

    def _compare(self) -> None:
        if self._job is not None:
            self._job.cancel()
            return
        self.trouble.setText("")
        comparison = self._make_comparison(self.project)
        job = BackgroundJob(comparison.run, comparison.stop)
        job.progressed.connect(self._on_progress)
        job.ended.connect(lambda outcome: self._on_compared(job, outcome, comparison))
        self._job = job
        self._show_running()
        job.start()

    def _on_progress(self, progress: Progress) -> None:
        if self._job is not None:
            self.comparison.setText(f"{progress.message}: {progress.done} of {progress.total} …")

    def _on_compared(
        self, job: BackgroundJob, outcome: object, comparison: ModelComparison
    ) -> None:
        if job is not self._job:
            return
        self._job = None
        self._show_running()
        match outcome:
            case Done(rows):
                self._show_compared(rows, comparison.notes)
            case Cancelled():
                self.comparison.setText("Stopped.")
            case Failed() as failed:
                self.comparison.hide()
                self.trouble.setText(failed.message)

    def _show_running(self) -> None:
        running = self.comparing
        self.compare.setText("Stop" if running else "Compare …")
        self.compare.setToolTip(
            "Stop measuring"
            if running
            else "Measure them all on the frames set aside: over all, by facial part, by person"
        )
        if running:
            self.comparison.setText("looking for the frames set aside …")
            self.comparison.show()

    def _show_compared(self, rows: list[ComparedModel], notes: Sequence[str]) -> None:
        headings, texts = cells(rows)
        self.compared.setColumnCount(len(headings))
        self.compared.setHorizontalHeaderLabels(headings)
        self.compared.setRowCount(len(texts))
        for number, row_of_texts in enumerate(texts):
            for place, text in enumerate(row_of_texts):
                self.compared.setItem(number, place, QTableWidgetItem(text))
        self.compared.show()
        self.comparison.setText(words(rows, notes))

    def _put(self, number: int, texts: tuple[str, ...], is_used: bool) -> None:
        for place, text in enumerate(texts):
            item = QTableWidgetItem(f"● {text}" if is_used and place == 0 else text)
            item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
            if is_used:
                font = item.font()
                font.setBold(True)
                item.setFont(font)
            self.table.setItem(number, place, item)

    def _show_chosen(self) -> None:
        version = self.chosen
        self.details.setText(self._about_shipped() if version is None else about(version))
        for part in (self.rename, self.export, self.delete):
            part.setEnabled(version is not None)

    def _about_shipped(self) -> str:
        row = self.table.currentRow()
        name = self._shipped[row] if 0 <= row < len(self._shipped) else ""
        return f"{name}: {ABOUT[name]}." if name in ABOUT else ""

    def _use(self) -> None:
        model = self.chosen or self._shipped[max(self.table.currentRow(), 0)]
        self._do(lambda: model_store.use(self.project, model))

    def _rename(self) -> None:
        version = self.chosen
        if version is None:
            return
        name, said = QInputDialog.getText(self, "Rename", "Name:", text=version.name)
        if said and name != version.name:
            self._do(lambda: model_store.rename_model(self.project, version, name))

    def _export(self) -> None:
        version = self.chosen
        if version is None:
            return
        path, _ = QFileDialog.getSaveFileName(
            self, "Export the model", f"{version.name}{SUFFIX}", f"Models (*{SUFFIX})"
        )
        if path:
            self._do(lambda: model_store.export_model(self.project, version, path))

    def _import(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Import a model", "", f"Models (*{SUFFIX})")
        if path:
            self._do(lambda: model_store.add_model(self.project, path))

    def _delete(self) -> None:
        version = self.chosen
        if version is None:
            return
        answer = QMessageBox.question(
            self,
            "Delete a model",
            f"Take {version.name} out of the project for good? What it predicted stays.",
        )
        if answer == QMessageBox.StandardButton.Yes:
            self._do(lambda: model_store.delete_model(self.project, version))

    def _do(self, act: Callable[[], object]) -> None:
        self.trouble.setText("")
        try:
            act()
        except RedError as error:
            self.trouble.setText(str(error))
        self.refresh()
        self._on_changed()


def _table(columns: Sequence[str]) -> QTableWidget:
    """A table to look at."""
    table = QTableWidget(0, len(columns))
    table.setHorizontalHeaderLabels(list(columns))
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.verticalHeader().hide()
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setStretchLastSection(True)
    return table
