"""What is chosen in the dock is what is improved."""

import json
from typing import ClassVar

import pytest
import torch
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QFileDialog

from napari_red.core import model_store
from napari_red.core.improve import Improvement, Improver
from trainer.checkpoint import save_tensors

pytestmark = pytest.mark.window


class Untrained(Improver):
    """Pushes, and notes what it would train from."""

    plans: ClassVar[list[dict]] = []

    def train(self, *_, **__):
        self.plans.append(json.loads((self.folder / "plan.json").read_text(encoding="utf-8")))
        self.drop()
        return Improvement(False, "kept the old one: it is as good", None, {})


@pytest.fixture
def dock(annotated_dock, make_aligner, tmp_path, monkeypatch):
    """The dock with a corrected video, and the panel open."""
    monkeypatch.setattr(model_store.platformdirs, "user_cache_path", lambda _: tmp_path / "cache")
    monkeypatch.setattr(Untrained, "plans", [])
    dock = annotated_dock(make_aligner(), frame=3)
    dock.improving._make_improver = lambda project: Untrained(project, tmp_path / "training")
    dock.improving.leave()
    dock.workbench.session.move(5, 0, {30: (50, 60)})
    section = dock.sections.section("Improve")
    if not section.is_open:
        section.button.click()
    dock.improve_control.refresh()
    return dock


@pytest.fixture
def choose_file(dock, tmp_path, monkeypatch):
    """Chooses a model file with the dock's "…" button."""

    def make(name: str, n_landmarks: int = 68):
        file = tmp_path / f"{name}.safetensors"
        save_tensors(file, {"w": torch.ones(3)}, {"network": {"n_landmarks": n_landmarks}})
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
        dock.state.model.from_file.click()
        return file

    return make


def press_start(qtbot, dock):
    project = dock.workbench.shown_project
    dock.improving.set_project(project)
    qtbot.waitUntil(lambda: dock.improve.start.isEnabled(), timeout=60_000)
    dock.improve.start.click()
    qtbot.waitUntil(lambda: not dock.improving.busy, timeout=60_000)
    return project


def test_a_file_that_is_chosen_is_taken_into_the_project_once_and_improved(
    qtbot, dock, choose_file
):
    file = choose_file("other")
    assert dock.chosen_model()[0] == str(file)
    panel = dock.improve.model
    qtbot.waitUntil(lambda: "other.safetensors, which is taken" in panel.text(), timeout=60_000)
    project = press_start(qtbot, dock)
    (version,) = model_store.versions(project)
    assert version.name == model_store.current_name(project) == "other"
    assert [plan["base_name"] for plan in dock.improving.improver.plans] == ["other"]
    assert dock.chosen_model()[0] == "other"
    qtbot.waitUntil(lambda: panel.text() == "Model: other", timeout=60_000)

    dock.state.model.choose(str(file), "cpu")
    press_start(qtbot, dock)
    assert model_store.versions(project) == [version]
    assert {plan["parent"] for plan in dock.improving.improver.plans} == {version.id}


@pytest.fixture
def broken_off(tmp_path):
    """A round of the project that was broken off before it trained."""
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "plan.json").write_text("{}", encoding="utf-8")


def test_a_round_that_can_not_be_gone_on_with_begins_anew_from_the_file_that_is_chosen(
    qtbot, dock, choose_file, broken_off
):
    choose_file("other")
    project = press_start(qtbot, dock)
    assert [plan["base_name"] for plan in dock.improving.improver.plans] == ["other"]
    assert model_store.current_name(project) == "other"
    assert dock.improve.result.text().startswith("The old model stays")
    assert "hadn't begun to train; it begins anew" in dock.improve.result.text()


def test_a_round_does_not_begin_anew_from_a_file_that_is_gone(qtbot, dock, choose_file, broken_off):
    file = choose_file("other")
    file.unlink()
    project = press_start(qtbot, dock)
    assert dock.improving.improver.plans == []
    assert model_store.versions(project) == []
    assert "no such model file" in dock.state.job.message.toolTip()
    assert "hadn't begun to train" in dock.improve.result.text()
    assert "anew" not in dock.improve.result.text()


def test_a_file_called_like_a_model_that_ships_gets_another_name(qtbot, dock, choose_file):
    choose_file("red-wide")
    project = press_start(qtbot, dock)
    assert model_store.current_name(project) == dock.chosen_model()[0] == "model 1"
    assert dock.improving.improver.plans[0]["parent"] is not None


def test_a_file_that_does_not_fit_the_faces_is_refused_at_once(dock, choose_file):
    before = dock.chosen_model()[0]
    file = choose_file("seven", n_landmarks=7)
    assert "a model of 7 landmarks" in dock.state.job.message.toolTip()
    assert dock.chosen_model()[0] == before
    assert model_store.versions(dock.workbench.shown_project) == []

    dock.state.model.add_file(str(file))  # as it would be chosen before the video is opened
    dock.videos.start.click()
    assert not dock.workbench.busy
    assert "a model of 7 landmarks" in notification_manager.records[-1].message


def test_one_that_ships_is_improved_where_it_is_chosen(qtbot, dock):
    dock.state.model.choose("red-wide", "cpu")
    project = press_start(qtbot, dock)
    assert model_store.current_name(project) == "red-wide"
    assert dock.improving.improver.plans[0]["base"] == "red-wide"


@pytest.mark.parametrize("model", ["red-wide", "made.safetensors"])
def test_what_was_chosen_before_there_was_a_project_stays_chosen(
    qtbot, open_viewer, open_dock, make_aligner, video_path, model
):
    viewer = open_viewer()
    viewer.open(str(video_path), plugin="napari-red")
    dock = open_dock(viewer, make_aligner())  # with a file
    models = dock.state.model.models
    models.setCurrentIndex(models.findText(model))
    dock.videos.start.click()
    qtbot.waitUntil(lambda: not dock.workbench.busy, timeout=60_000)
    dock.improve_control.refresh()
    assert dock.chosen_model()[0].endswith(model)
    project = dock.workbench.shown_project
    ships = model == "red-wide"
    assert model_store.current_name(project) == (model if ships else "red-lite")
