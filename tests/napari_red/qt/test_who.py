"""The question who a face is, from the Faces panel."""

import numpy as np
import pytest
from knowing_aligner import KnowingAligner

from napari_red.core import track_edits
from trainer.who import Looks

pytestmark = pytest.mark.window


class Eyes(KnowingAligner):
    """Sees the same person in every face; notes in how many it looked."""

    looked = 0

    def look(self, video, faces):
        self.looked += 1
        return Looks(np.array([1.0, 0.0], np.float32))


@pytest.fixture
def eyes():
    return Eyes()


@pytest.fixture
def dock(annotated_dock, eyes):
    """The dock with a video of two faces; the second one is chosen."""
    dock = annotated_dock(eyes, faces=2)
    dock.workbench.choose_face(1)
    return dock


def finish(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.workbench.busy, timeout=60_000)


def test_who_a_face_looks_like_is_offered_and_taken(qtbot, dock, eyes):
    session = dock.workbench.session
    track_edits.name_identity(session, 0, "Ann")
    eyes.closed = False
    dock.faces.who.click()
    finish(qtbot, dock)
    assert eyes.closed
    assert dock.faces.suggestion.text().startswith("Probably Ann")
    assert "looks like in clip" in dock.state.job.message.text()
    dock.faces.suggestion.click()
    assert [track.identity.name for track in session.tracks] == ["Ann", "Ann"]


def test_only_the_chosen_face_is_looked_at_again(qtbot, dock, eyes):
    track_edits.name_identity(dock.workbench.session, 0, "Ann")
    for looked in (2, 3):
        dock.faces.who.click()
        finish(qtbot, dock)
        assert eyes.looked == looked


def test_where_nobody_has_a_name_it_says_so(dock, eyes):
    dock.faces.who.click()
    assert not eyes.looked
    assert "Nobody has a name" in dock.state.job.message.text()
