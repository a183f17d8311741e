"""The models of a project: compare, choose, name, export, import, delete."""

from __future__ import annotations

from collections.abc import Callable

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

from napari_red._qt.parts import button, column, note, row
from napari_red.core import model_store
from napari_red.core.model_store import ModelVersion
from napari_red.core.model_words import COLUMNS, about, cells_of
from napari_red.core.models import DEFAULT_MODEL, SUFFIX
from napari_red.core.project import Project
from trainer.errors import RedError


class ModelsDialog(QDialog):
    """A table of the project's models, the one that ships first.

    Parameters
    ----------
    project : the open project
    on_changed : called when another model is used, or one has another name
    """

    def __init__(
        self,
        project: Project,
        on_changed: Callable[[], None] = lambda: None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Models of this project")
        self.resize(760, 420)
        self.project = project
        self._on_changed = on_changed
        self.table = QTableWidget(0, len(COLUMNS))
        self.table.setHorizontalHeaderLabels(list(COLUMNS))
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().hide()
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        self.details = note()
        self.trouble = note()
        self.use = button("Use", "Use this model from now on", self._use)
        self.rename = button("Rename …", "Give it another name", self._rename)
        self.export = button("Export …", "Write it to a file of its own", self._export)
        self.add = button("Import …", "Take a model file into this project", self._import)
        self.delete = button("Delete", "Take it out of the project file", self._delete)
        column(
            self,
            self.table,
            self.details,
            row(self.use, self.rename, self.export, self.add, self.delete, None),
            self.trouble,
            margin=8,
        )
        self.table.itemSelectionChanged.connect(self._show_chosen)
        self.refresh()

    @property
    def chosen(self) -> ModelVersion | None:
        """The selected model; None for the one that ships."""
        index = self.table.currentRow() - 1
        return self._versions[index] if 0 <= index < len(self._versions) else None

    def refresh(self) -> None:
        """Read the models anew."""
        self._versions = model_store.versions(self.project)
        used = model_store.current(self.project)
        self.table.setRowCount(1 + len(self._versions))
        self._put(0, (DEFAULT_MODEL, "ships with napari-red", "", "", "", ""), used is None)
        for number, version in enumerate(self._versions, 1):
            is_used = used is not None and used.id == version.id
            self._put(number, cells_of(version, self._versions), is_used)
        ids = [None, *(version.id for version in self._versions)]
        self.table.selectRow(ids.index(used.id if used else None))
        self._show_chosen()

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
        self.details.setText("" if version is None else about(version))
        for part in (self.rename, self.export, self.delete):
            part.setEnabled(version is not None)

    def _use(self) -> None:
        self._do(lambda: model_store.use(self.project, self.chosen))

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
