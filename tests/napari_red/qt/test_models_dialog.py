"""The dialog on its own, with a process that does as told."""

import json
import sys

import pytest

from napari_red._qt.models_dialog import ModelsDialog
from napari_red.core import model_store
from napari_red.core.model_comparison import ModelComparison
from napari_red.core.prealign import Settings, prealign
from napari_red.core.session import Session
from trainer.data.video import open_video

ROW = {
    "model": "red-lite",
    "faces": 1,
    "nme": 4.0,
    "to_move": 9.5,
    "groups": {"jaw": 5.0, "mouth": 3.0},
    "people": {"Ada": 4.0},
}
DONE = f"print({json.dumps({'event': 'done', 'models': [ROW]})!r}, flush=True)"


class Scripted(ModelComparison):
    """Runs a script in place of the trainer."""

    script = DONE
    stopped = False

    def command(self, pushed, models):
        return [sys.executable, "-c", self.script]

    def stop(self):
        Scripted.stopped = True
        super().stop()


@pytest.fixture
def dialog(qtbot, tmp_path, make_video, make_aligner, monkeypatch):
    monkeypatch.setattr(Scripted, "script", DONE)
    monkeypatch.setattr(Scripted, "stopped", False)
    path = make_video(tmp_path / "talk.mp4", n_frames=60)
    with open_video(path) as video, Session(video) as session:
        prealign(session, make_aligner(), Settings("made"))
        for frame in (2, 12, 22, 32, 42, 55):
            session.move(frame, 0, {30: (50, 60)})
        dialog = ModelsDialog(session.opened()[0], make_comparison=Scripted)
        qtbot.addWidget(dialog)
        dialog.show()
        yield dialog
        dialog.close()


def texts(table):
    return [
        [table.item(row, column).text() for column in range(table.columnCount())]
        for row in range(table.rowCount())
    ]


def test_compare_shows_a_row_for_each_model(dialog, qtbot):
    assert not dialog.compared.isVisible()
    dialog.compare.click()
    assert dialog.compare.text() == "Stop"
    qtbot.waitUntil(lambda: dialog.compared.isVisible(), timeout=20_000)
    assert texts(dialog.compared) == [["red-lite", "4.00", "9.5", "5.00", "3.00", "4.00"]]
    assert dialog.compared.horizontalHeaderItem(3).text() == "jaw"
    assert "1 face set aside" in dialog.comparison.text()
    assert dialog.compare.text() == "Compare …"


def test_a_failure_is_told_in_the_dialog(dialog, qtbot, monkeypatch):
    monkeypatch.setattr(Scripted, "script", "raise MemoryError('no more')")
    dialog.compare.click()
    qtbot.waitUntil(lambda: "no more" in dialog.trouble.text())
    assert not dialog.compared.isVisible()
    assert not dialog.comparing


def test_stop_ends_the_process(dialog, qtbot, monkeypatch):
    monkeypatch.setattr(Scripted, "script", "import time; time.sleep(60)")
    dialog.compare.click()
    qtbot.waitUntil(lambda: "measuring" in dialog.comparison.text(), timeout=20_000)
    dialog.compare.click()
    qtbot.waitUntil(lambda: dialog.comparison.text() == "Stopped.")
    assert Scripted.stopped


def test_closing_the_dialog_ends_the_process(dialog, qtbot, monkeypatch):
    monkeypatch.setattr(Scripted, "script", "import time; time.sleep(60)")
    dialog.compare.click()
    qtbot.waitUntil(lambda: "measuring" in dialog.comparison.text(), timeout=20_000)
    dialog.close()
    assert not dialog.comparing
    assert Scripted.stopped


def test_another_model_that_ships_is_chosen_in_the_list(dialog):
    names = [row[0] for row in texts(dialog.table)]
    assert names == ["● red-lite", "red-wide"]
    dialog.table.selectRow(1)
    assert "GPU" in dialog.details.text()
    assert not dialog.delete.isEnabled()
    dialog.use.click()
    assert model_store.current_name(dialog.project) == "red-wide"
    assert [row[0] for row in texts(dialog.table)] == ["red-lite", "● red-wide"]
