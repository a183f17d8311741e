"""The whole round of improving in a real window: correct, improve, re-annotate, export.

The network is tiny, the trainer is the real one in a process of its own.
"""

from __future__ import annotations

import pandas as pd
import pytest
from knowing_aligner import KnowingAligner, write_video
from person import sit_down
from qtpy.QtWidgets import QApplication, QFileDialog
from real_windows import drag, open_dock, open_viewer
from tiny_improving import TinyImprover, tiny_model_68

from napari_red._qt.models_dialog import ModelsDialog
from napari_red.core import model_store
from napari_red.core.models import shipped_models

__all__ = ["drag", "open_dock", "open_viewer", "sit_down"]

pytestmark = [pytest.mark.window, pytest.mark.slow]

CORRECTED = (2, 8, 14, 20, 26, 32, 38, 44, 55)


def test_a_round_from_corrections_to_a_model_and_its_files(sit_down, tmp_path, monkeypatch):
    clip = write_video(tmp_path / "one.mp4", 58)
    model = tiny_model_68(tmp_path / "tiny.safetensors")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(model), ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(clip)], ""))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "p.red"), ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "out"))
    person = sit_down()
    dock, work, panel = person.dock, person.dock.workbench, person.dock.improve
    dock.improving._make_improver = TinyImprover

    # A video, pre-annotated.
    person.chooses(dock.videos.project, "New project")
    person.chooses(dock.videos.add, "Videos")
    person.waits(lambda: person.session is not None)
    person.clicks(dock.videos.start)
    person.waits_for_the_job()

    # The model to begin with is one of the project, taken from a file.
    person.opens("Improve")
    person.clicks(panel.models)
    (models,) = (w for w in QApplication.topLevelWidgets() if isinstance(w, ModelsDialog))
    person.clicks(models.add)
    models.table.selectRow(len(shipped_models()))
    person.clicks(models.use)
    models.close()
    assert dock.state.model.model == "model 1"

    # Nothing is corrected yet, so there is nothing to press.
    person.waits(lambda: "Correct some frames first" in panel.material.text())
    assert not panel.start.isEnabled()

    # Corrections with the mouse; the person gets a name.
    for frame in CORRECTED:
        person.turns_to(frame)
        person.drags_point(8, (4.0, 0.0))
    person.opens("Faces")
    person.names("anna")
    person.opens("Improve")
    person.waits(lambda: f"{len(CORRECTED)} faces corrected" in panel.material.text())
    corrected = {frame: person.session.view(frame).landmarks[0].copy() for frame in CORRECTED}
    person.looks("11-ready-to-improve")

    # Cancelled: nothing stays.
    improver = dock.improving.improver
    person.clicks(panel.start)
    person.waits(lambda: panel.curves.before is not None)
    person.clicks(panel.cancel)
    person.waits(lambda: panel.start.isEnabled())
    assert "everything is as it was" in panel.result.text()
    assert not improver.folder.exists()
    assert [one.name for one in model_store.versions(improver.project)] == ["model 1"]

    # Improved, and stopped early; meanwhile the person goes on looking at frames.
    person.clicks(panel.start)
    person.waits(lambda: bool(panel.curves.losses))
    person.turns_to(30)
    assert dock.improving.busy
    person.waits(lambda: bool(panel.curves.errors))
    person.looks("12-improving")
    person.waits(lambda: len(panel.curves.errors) > 1)
    person.clicks(panel.stop)  # what was learned until here is enough
    person.waits(lambda: not dock.improving.busy)
    person.looks("13-improved")
    said = panel.result.text()
    assert said.startswith("model 2 is used from now on"), said
    assert "before" in said
    assert "after" in said
    assert "only anna is named" in said
    assert dock.state.model.model == "model 2"
    version = model_store.current(improver.project)
    gate = version.details["gate"]["held_out"]
    assert gate["after"]["nme"] < gate["before"]["nme"]

    # Re-annotated by the new model; what the person corrected stays.
    asked = []

    def new_model(model: str, device: str) -> KnowingAligner:
        asked.append(model)
        return KnowingAligner(offset=3.0)

    work._make_aligner = new_model
    person.clicks(panel.reannotate)
    person.waits_for_the_job()
    person.waits(lambda: "faces moved" in panel.result.text())
    person.looks("14-re-annotated")
    assert asked
    assert asked[0] == str(model_store.model_file(improver.project, version))
    for frame, landmarks in corrected.items():
        assert abs(person.session.view(frame).landmarks[0, 8] - landmarks[8]).max() < 0.05

    # Out it goes.
    person.opens("Export")
    dock.export.format.setCurrentIndex(dock.export.format.findData("csv"))
    person.clicks(dock.export.change)
    person.clicks(dock.export.start)
    person.waits_for_the_job()
    table = pd.read_csv(tmp_path / "out" / "landmarks.csv")
    assert set(table["identity"]) == {"anna"}
    dock.close_workbench()
