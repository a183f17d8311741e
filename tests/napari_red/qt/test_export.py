"""Exporting from the window: where to, what it remembers, and the key."""

import json

import pytest
from hands import Hands
from napari.utils.notifications import notification_manager
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog

from napari_red.core.export import ExportChoice
from napari_red.core.export_memory import LastExport, last_export, remember_export

pytestmark = pytest.mark.window

KEY = "Ctrl+Shift+E"


@pytest.fixture
def asked(monkeypatch):
    """Folders that the dialog proposed; it is answered with ``asked.answer``."""

    class Asked(list):
        answer = ""

    asked = Asked()

    def dialog(parent, title, begin="", *_):
        asked.append(begin)
        return str(asked.answer)

    monkeypatch.setattr(QFileDialog, "getExistingDirectory", dialog)
    return asked


@pytest.fixture
def annotated(annotated_dock, make_aligner):
    """The dock with a video that has landmarks."""
    return annotated_dock(make_aligner())


def finish(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.workbench.busy, timeout=60_000)


def press(dock):
    Hands(dock.workbench.viewer).press(KEY)


def choose(panel, key):
    panel.format.setCurrentIndex(panel.format.findData(key))


def test_the_key_exports_without_a_question(
    qtbot, annotated, asked, video_path, tmp_path, monkeypatch
):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    out = video_path.parent / "clip_export"
    panel = annotated.export
    section = annotated.sections.section("Export")
    assert not section.is_open
    assert section.summary.text() == "clip_export"
    assert panel.where.whole() == "clip_export"
    assert panel.where.toolTip() == str(out)
    assert not panel.open_folder.isEnabled()
    press(annotated)
    finish(qtbot, annotated)
    assert asked == []
    assert len(list((out / "clip" / "annot").glob("*.pts"))) == 24
    assert (out / "clip" / "faces.csv").is_file()
    assert "clip_export" in annotated.state.job.message.text()
    assert panel.open_folder.isEnabled()

    choose(panel, "csv")
    panel.pseudonyms.setChecked(True)
    press(annotated)
    finish(qtbot, annotated)
    assert (out / "landmarks.csv").is_file()
    project = annotated.workbench.shown_project
    assert last_export(project) == LastExport(out, ExportChoice("csv", pseudonyms=True))


def test_another_folder_is_chosen_and_then_exported_to(
    qtbot, annotated, asked, video_path, tmp_path
):
    asked.answer = tmp_path / "out"
    panel = annotated.export
    choose(panel, "coco")
    panel.change.click()
    assert asked == [str(video_path.parent)]  # the nearest that is there
    assert panel.where.whole() == "out"
    panel.start.click()
    finish(qtbot, annotated)
    (tmp_path / "out" / "coco.json").unlink()
    press(annotated)
    finish(qtbot, annotated)
    assert json.loads((tmp_path / "out" / "coco.json").read_text("utf-8"))["annotations"]
    width = annotated.minimumSizeHint().width()
    panel.show_folder(tmp_path / "participant_07_session_2_of_spring_export")
    summary = annotated.sections.section("Export").summary
    assert summary.text() == "participant_0…spring_export"
    assert annotated.minimumSizeHint().width() == width
    panel.show_folder(tmp_path / "out")
    asked.answer = ""  # nothing was chosen
    panel.change.click()
    assert asked[1:] == [str(tmp_path / "out")]
    assert panel.folder == tmp_path / "out"


def test_the_folder_of_the_export_is_opened(qtbot, annotated, monkeypatch, video_path):
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    annotated.export.start.click()
    finish(qtbot, annotated)
    annotated.export.open_folder.click()
    assert opened == [str(video_path.parent / "clip_export")]


def test_the_key_stores_what_was_dragged_before_it_exports(qtbot, annotated):
    view = annotated.workbench.view
    view.points._data[8] += (6, 0)
    choose(annotated.export, "coco")
    press(annotated)
    finish(qtbot, annotated)
    assert view.session.corrected_frames() == [(view.frame, 0)]


def test_an_export_that_fails_is_not_remembered(qtbot, annotated, asked, tmp_path):
    asked.answer = tmp_path / "file"
    asked.answer.write_text("no folder", "utf-8")
    annotated.export.change.click()
    press(annotated)
    finish(qtbot, annotated)
    assert last_export(annotated.workbench.shown_project) is None


def test_the_panel_shows_what_was_chosen_when_the_project_opens(
    annotated, open_viewer, open_dock, make_aligner, video_path, tmp_path
):
    out = tmp_path / "out"
    out.mkdir()
    choice = ExportChoice("coco", only_accepted=True, pseudonyms=True)
    project = annotated.workbench.shown_project
    remember_export(project, LastExport(out, choice, whole_project=True))
    annotated.close_workbench()

    viewer = open_viewer()
    viewer.open(str(video_path), plugin="napari-red")
    dock = open_dock(viewer, make_aligner())
    assert dock.export.choice == choice
    assert dock.export.whole_project
    choose(dock.export, "csv")
    dock.workbench.videos_changed.emit()
    assert dock.export.format.currentData() == "csv"  # the same project: a person chose it
    assert dock.export.folder == out


def test_without_landmarks_the_key_says_what_to_do(
    open_viewer, open_dock, make_aligner, video_path, asked
):
    viewer = open_viewer()
    viewer.open(str(video_path), plugin="napari-red")
    dock = open_dock(viewer, make_aligner())
    press(dock)
    assert not asked
    assert not dock.export.change.isEnabled()
    assert "pre-annotate" in notification_manager.records[-1].message
