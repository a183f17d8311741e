"""Another name for a person, from the Faces panel."""

import pytest
from hands import Hands
from qtpy.QtWidgets import QInputDialog

from napari_red.core import track_edits

pytestmark = pytest.mark.window


@pytest.fixture
def dock(annotated_dock, make_aligner):
    """The dock with a video of two faces."""
    return annotated_dock(make_aligner(), faces=2)


@pytest.fixture
def answer(monkeypatch):
    """Answers the question for a name: ``answer(new, said=True)``; gives what was asked."""
    asked = []

    def answered(new, said=True):
        def dialog(parent, title, question, text):
            asked.append((question, text))
            return new, said

        monkeypatch.setattr(QInputDialog, "getText", dialog)
        return asked

    return answered


def rename(dock):
    """The entry of the menu, as it is when the menu opens."""
    dock.faces.menu.aboutToShow.emit()
    return next(one for one in dock.faces.menu.actions() if one.text().startswith("Rename"))


def people(dock):
    return [dock.faces.list.topLevelItem(i).text(1) for i in range(2)]


def test_a_person_is_renamed_on_every_face_and_undo_takes_it_back(dock, answer):
    for face in (0, 1):
        track_edits.name_identity(dock.workbench.session, face, "Ann")
    asked = answer(" Anna ")
    entry = rename(dock)
    assert entry.text() == "Rename Ann everywhere …"
    entry.trigger()
    assert asked == [("What is Ann called, in every video?", "Ann")]
    assert people(dock) == ["Anna", "Anna"]
    assert dock.faces.person.currentText() == "Anna"
    Hands(dock.workbench.viewer).press("Ctrl+Z")
    assert people(dock) == ["Ann", "Ann"]


def test_a_face_without_a_name_has_nobody_to_rename(dock):
    assert not rename(dock).isEnabled()


def test_nothing_is_done_when_the_question_is_dropped_or_the_name_stays(dock, answer):
    session = dock.workbench.session
    track_edits.name_identity(session, 0, "Ann")
    steps = len(session.project.steps())
    for new, said in (("Bob", False), ("Ann", True), (" Ann ", True)):
        answer(new, said)
        rename(dock).trigger()
        assert people(dock) == ["Ann", "–"]
        assert len(session.project.steps()) == steps


def test_a_name_that_somebody_else_has_is_refused_with_a_word(dock, answer):
    session = dock.workbench.session
    track_edits.name_identity(session, 0, "Ann")
    track_edits.name_identity(session, 1, "Bob")
    dock.workbench.choose_face(0)
    answer("Bob")
    rename(dock).trigger()
    assert people(dock) == ["Ann", "Bob"]
    assert "somebody else has it" in dock.state.job.message.text()
