"""Exporting from the window: what it proposes, what it remembers, and the key."""

import json

import pytest
from hands import Hands
from napari.utils.notifications import notification_manager
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
def annotated(qtbot, open_viewer, open_dock, make_aligner, video_path):
    """The dock with a video that has landmarks."""
    viewer = open_viewer()
    viewer.open(str(video_path), plugin="napari-red")
    dock = open_dock(viewer, make_aligner())
    dock.videos.start.click()
    finish(qtbot, dock)
    return dock


def finish(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.workbench.busy, timeout=60_000)


def press(dock):
    Hands(dock.workbench.viewer).press(KEY)


def choose(panel, key):
    panel.format.setCurrentIndex(panel.format.findData(key))


def test_the_key_asks_once_and_then_exports_where_it_did(
    qtbot, annotated, asked, video_path, tmp_path, monkeypatch
):
    elsewhere, out = tmp_path / "elsewhere", tmp_path / "out"
    for folder in (elsewhere, out):
        folder.mkdir()
    monkeypatch.chdir(elsewhere)
    asked.answer = out
    assert not annotated.sections.section("Export").is_open
    choose(annotated.export, "coco")
    annotated.export.pseudonyms.setChecked(True)
    press(annotated)
    finish(qtbot, annotated)
    assert asked == [str(video_path.parent)]
    assert (out / "coco.json").is_file()
    assert "out" in annotated.state.job.message.text()

    (out / "coco.json").unlink()
    press(annotated)
    finish(qtbot, annotated)
    assert len(asked) == 1
    assert json.loads((out / "coco.json").read_text("utf-8"))["annotations"]

    choose(annotated.export, "csv")
    press(annotated)
    finish(qtbot, annotated)
    assert len(asked) == 1
    assert (out / "landmarks.csv").is_file()
    project = annotated.workbench.shown_project
    assert last_export(project) == LastExport(out, ExportChoice("csv", pseudonyms=True))


def test_the_key_stores_what_was_dragged_before_it_exports(qtbot, annotated, asked, tmp_path):
    asked.answer = tmp_path
    view = annotated.workbench.view
    view.points._data[8] += (6, 0)
    choose(annotated.export, "coco")
    press(annotated)
    finish(qtbot, annotated)
    assert view.session.corrected_frames() == [(view.frame, 0)]


def test_where_the_folder_of_last_time_is_gone_it_is_asked_for(
    qtbot, annotated, asked, video_path, tmp_path
):
    project = annotated.workbench.shown_project
    remember_export(project, LastExport(tmp_path / "gone", ExportChoice("coco")))
    press(annotated)
    assert asked == [str(video_path.parent)]
    assert not annotated.workbench.busy
    assert not (tmp_path / "gone").exists()


def test_an_export_that_fails_is_not_remembered(qtbot, annotated, asked, tmp_path):
    asked.answer = tmp_path / "file"
    asked.answer.write_text("no folder", "utf-8")
    press(annotated)
    finish(qtbot, annotated)
    assert last_export(annotated.workbench.shown_project) is None


def test_the_panel_shows_what_was_chosen_when_the_project_opens(
    qtbot, annotated, open_viewer, open_dock, make_aligner, asked, video_path, tmp_path
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
    dock.export.start.click()
    assert asked == [str(out)]


def test_without_landmarks_the_key_says_what_to_do(
    open_viewer, open_dock, make_aligner, video_path, asked
):
    viewer = open_viewer()
    viewer.open(str(video_path), plugin="napari-red")
    dock = open_dock(viewer, make_aligner())
    press(dock)
    assert not asked
    assert "pre-annotate" in notification_manager.records[-1].message
