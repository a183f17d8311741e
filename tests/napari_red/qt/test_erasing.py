"""A person is erased from the Faces panel."""

import pytest
from qtpy.QtWidgets import QInputDialog, QMessageBox

from napari_red.core import track_edits, training_folder
from napari_red.core.project import ProjectError
from napari_red.core.training_folder import folder_of

pytestmark = pytest.mark.window


@pytest.fixture
def dock(annotated_dock, make_aligner, monkeypatch):
    """The dock with a video of two faces, Ann and Ben; who is asked for is Ann, for sure."""
    dock = annotated_dock(make_aligner(), faces=2)
    for face, name in enumerate(("Ann", "Ben")):
        track_edits.name_identity(dock.workbench.session, face, name)
    monkeypatch.setattr(QInputDialog, "getItem", lambda *_: ("Ann", True))
    monkeypatch.setattr(QMessageBox, "warning", lambda *_: QMessageBox.StandardButton.Yes)
    return dock


def people(dock):
    rows = dock.faces.list
    return [rows.topLevelItem(row).text(1) for row in range(rows.topLevelItemCount())]


def said(dock):
    return dock.state.job.message.text()


def test_a_person_is_erased(dock):
    dock.faces.erase.emit()
    assert said(dock).startswith("Erased: 1 face.")
    assert people(dock) == ["Ben"]


def test_in_a_project_that_can_not_be_written_it_is_said_at_once(dock, monkeypatch):
    database = dock.workbench.session.project.database
    monkeypatch.setattr(QInputDialog, "getItem", None)
    monkeypatch.setattr(database, "read_only", "another window has it open")
    dock.faces.erase.emit()
    assert "nothing can be changed, because another window has it open" in said(dock)


def test_a_folder_for_training_that_can_not_be_used_is_said(dock, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    folder_of(dock.workbench.session.project)  # as if a round had been begun
    monkeypatch.setattr(training_folder.platformdirs, "user_data_path", lambda _: tmp_path / "file")
    dock.faces.erase.emit()
    assert "make the folder writable" in said(dock)
    assert people(dock) == ["Ann", "Ben"]


def test_what_a_full_disk_left_is_cleared_by_erasing_again(dock, monkeypatch):
    database = dock.workbench.session.project.database
    real = database._do

    def full(work):
        if "VACUUM" in work.__code__.co_consts:
            raise ProjectError("the disk is full")
        return real(work)

    with monkeypatch.context() as patch:
        patch.setattr(database, "_do", full)
        dock.faces.erase.emit()
    assert "traces of it may be left" in said(dock)
    assert people(dock) == ["Ben"], "what is shown is what there is"
    monkeypatch.setattr(QInputDialog, "getItem", None)
    dock.faces.erase.emit()
    assert said(dock).endswith("they are cleared now.")
    assert not database.traces_left
