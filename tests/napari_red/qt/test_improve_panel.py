"""The panel on its own, with an improver that does as told."""

import threading
from pathlib import Path

import pytest

from napari_red._qt.improving import Improving
from napari_red._qt.panels.improve import ImprovePanel, time_left
from napari_red.core.improve import Improvement, Material, RoundLostError
from napari_red.core.jobs import Progress, StopWork
from trainer.errors import RedError

STEP = {"stage": 1, "steps": 10, "error_before": 6.0, "seconds_left": 80.0, "epoch": 0.5}


class ScriptedImprover:
    """Says what a round would, waits where told to, ends as told."""

    def __init__(self, project=None):
        self.project = project
        self.go_on = threading.Event()
        self.cancelled = self.stopped = False
        self.result: object = None
        self.is_interrupted = False
        self.lost = ""
        self.pushes = 0
        self.is_slow = self.is_pushed = False

    def interrupted(self):
        return self.is_interrupted

    def push(self, report, should_stop):
        self.pushes += 1
        while self.is_slow:
            report(Progress(1, 2, "one frame"))
            if should_stop():
                if not self.is_pushed:
                    raise StopWork
                self.is_interrupted = True
                return

    def resume(self, on_event, *, device):
        if self.lost:
            raise RoundLostError(self.lost)
        return self.train(on_event, device=device)

    def train(self, on_event, *, device):
        on_event({"event": "skipped", "stage": 2, "message": "one person only"})
        on_event(STEP | {"event": "stage", "step": 0})
        for step in range(1, 5):
            on_event(STEP | {"event": "step", "step": step, "loss": 3.0 / step})
        on_event(STEP | {"event": "eval", "step": 4, "error_now": 5.0})
        self.go_on.wait(10)
        if self.cancelled:
            raise StopWork
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def cancel(self):
        self.cancelled = True
        self.go_on.set()

    def stop_early(self):
        self.stopped = True
        self.go_on.set()

    def drop(self):
        self.is_interrupted = False

    def leave(self):
        self.go_on.set()


class OpenProject:
    read_only = ""
    path = Path("talk.red")


@pytest.fixture
def round_(qtbot):
    """(improver, panel) of a project with something to learn from, started."""
    improver = ScriptedImprover(OpenProject())
    improving = Improving(lambda project: improver)
    panel = ImprovePanel(improving)
    qtbot.addWidget(panel)
    panel.start_wanted.connect(improving.start)
    improving.set_project(OpenProject())
    panel.show_state("red-lite", Material(corrected=20, new=20, accepted=3, people=1))
    panel.show()
    yield improver, panel
    improving.leave()


def test_nothing_corrected_can_not_be_learned_from(round_):
    _, panel = round_
    panel.show_state("red-lite", Material(0, 0, 0, 0))
    assert not panel.start.isEnabled()
    assert not panel.reannotate.isEnabled()
    assert "Correct some frames first" in panel.material.text()


def test_corrections_can_be_used_before_any_training(round_, qtbot):
    improver, panel = round_
    with qtbot.waitSignal(panel.reannotate_wanted):
        panel.reannotate.click()
    panel.start.click()
    assert not panel.reannotate.isEnabled()
    improver.go_on.set()
    qtbot.waitUntil(lambda: panel.reannotate.isEnabled())


def test_the_curves_and_the_time_left_are_shown_while_it_trains(round_, qtbot):
    improver, panel = round_
    panel.start.click()
    qtbot.waitUntil(lambda: len(panel.curves.errors) == 1)
    assert panel.stop.isVisible()
    assert not panel.start.isEnabled()
    assert panel.curves.before == 6.0
    assert panel.curves.losses == [(1, 3.0), (2, 1.5), (3, 1.0), (4, 0.75)]
    assert panel.progress.format() == "stage 1 of 3, landmarks; about 80 seconds left"
    assert "one person only" in panel.result.text()
    improver.go_on.set()


def test_a_model_that_is_not_better_is_told_with_both_numbers(round_, qtbot):
    improver, panel = round_
    improver.result = Improvement(False, "kept the old one: 5.0 % before, 5.1 % after", None, {})
    panel.start.click()
    panel.stop.click()
    qtbot.waitUntil(lambda: "5.0 % before, 5.1 % after" in panel.result.text())
    assert improver.stopped
    assert panel.result.text().startswith("The old model stays: 5.0 %")
    assert panel.start.isEnabled()


def test_a_video_that_was_left_out_is_told_with_the_result(round_, qtbot):
    improver, panel = round_
    improver.result = Improvement(
        True, "5.0 % before, 4.1 % after", None, {}, ("a.mp4: is gone. Its frames are left out.",)
    )
    panel.start.click()
    panel.stop.click()
    qtbot.waitUntil(lambda: "4.1 % after" in panel.result.text())
    assert panel.result.text().endswith("a.mp4: is gone. Its frames are left out.")


def test_cancelling_says_that_all_is_as_it_was(round_, qtbot):
    improver, panel = round_
    panel.start.click()
    qtbot.waitUntil(lambda: bool(panel.curves.errors))
    panel.cancel.click()
    qtbot.waitUntil(lambda: panel.start.isEnabled())
    assert improver.cancelled
    assert "as it was" in panel.result.text()


def test_a_crash_is_told_and_can_be_gone_on_from(round_, qtbot):
    improver, panel = round_
    improver.result = RedError("Fine-tuning broke off: out of memory.")
    improver.is_interrupted = True
    improver.go_on.set()
    panel.start.click()
    qtbot.waitUntil(lambda: "broke off" in panel.result.text())
    assert panel.start.text() == "Go on with the training"


def test_a_round_that_was_broken_off_can_be_begun_anew(round_, qtbot):
    improver, panel = round_
    assert not panel.anew.isVisible()
    improver.is_interrupted = True
    panel.refresh()
    assert panel.anew.isVisible()
    assert "made since aren't in it" in panel.broken_off.text()
    with qtbot.waitSignal(panel.anew_wanted):
        panel.anew.click()


def test_a_round_that_can_not_be_gone_on_with_begins_anew_and_says_why(round_, qtbot):
    improver, panel = round_
    improver.lost = "its model is gone"
    improver.result = Improvement(False, "kept the old one: no", None, {})
    panel._improving.resume()
    qtbot.waitUntil(lambda: bool(panel.curves.errors))
    assert improver.pushes == 1
    improver.go_on.set()
    qtbot.waitUntil(lambda: panel.start.isEnabled())
    assert "its model is gone; it begins anew" in panel.result.text()


def test_a_time_that_will_not_do_is_told(round_):
    _, panel = round_
    panel._on_event(
        STEP | {"event": "stage", "step": 0, "longer": True, "message": "stage 1: late"}
    )
    assert panel.result.text() == "Stage 1: late."


def test_another_project_ends_a_push_at_once_and_says_so(round_, qtbot):
    improver, panel = round_
    improver.is_slow = True
    panel.start.click()
    qtbot.waitUntil(lambda: panel.progress.format() == "pushing: one frame")
    job = panel._improving.job
    panel._improving.set_project(OpenProject())
    assert not job._thread.is_alive()
    assert not panel._improving.busy
    assert not panel.curves.errors  # no training began
    assert panel.result.text().startswith("Improving the model of talk.red was ended before")


def test_cancelling_a_push_keeps_the_round_that_was_broken_off_before(round_, qtbot):
    improver, panel = round_
    improver.is_interrupted = improver.is_slow = True
    panel._improving.start()
    qtbot.waitUntil(lambda: panel.progress.format() == "pushing: one frame")
    panel.cancel.click()
    qtbot.waitUntil(lambda: panel.start.isEnabled())
    assert panel.start.text() == "Go on with the training"


def test_another_project_at_the_very_end_of_a_push_leaves_nothing_of_it(round_, qtbot):
    improver, panel = round_
    improver.is_slow = improver.is_pushed = True
    panel.start.click()
    qtbot.waitUntil(lambda: panel.progress.format() == "pushing: one frame")
    panel._improving.set_project(OpenProject())
    assert not improver.interrupted()
    assert not panel.curves.errors  # no training began
    assert panel.result.text().startswith("Improving the model of talk.red was ended before")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(4, "some seconds left"), (44, "about 40 seconds left"), (170, "about 3 minutes left")],
)
def test_time_left_is_rough(seconds, words):
    assert time_left(seconds) == words
