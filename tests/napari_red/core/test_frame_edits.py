"""Edits of one frame that concern several faces are one step."""

import numpy as np
import pytest

from napari_red.core import frame_edits
from napari_red.core.prealign import Settings, prealign
from napari_red.core.session import Session
from trainer.data.video import open_video


@pytest.fixture
def session(video_path, make_aligner):
    with open_video(video_path) as video, Session(video) as session:
        prealign(session, make_aligner(), Settings("made", faces=2))
        yield session


def test_two_faces_are_moved_as_one_step(session):
    frame_edits.move(session, 5, {0: {3: (1.0, 2.0)}, 1: {4: (5.0, 6.0)}})
    view = session.view(5)
    assert view.landmarks[0, 3].tolist() == [1, 2]
    assert view.landmarks[1, 4].tolist() == [5, 6]
    assert session.can_undo()[0] == 1
    session.undo()
    assert not session.view(5).corrected.any()


def test_what_is_not_visible_stays_so_among_others_and_not_alone(session):
    frame_edits.hide(session, 5, {0: [3]})
    frame_edits.move(session, 5, {0: {3: (1.0, 2.0), 4: (3.0, 4.0)}})
    assert np.flatnonzero(session.view(5).hidden[0]).tolist() == [3]
    assert session.view(5).landmarks[0, 3].tolist() == [1, 2]
    frame_edits.move(session, 5, {0: {3: (9.0, 9.0)}})
    assert not session.view(5).hidden.any()


def test_hide_show_and_reset(session):
    before = session.view(5).landmarks
    frame_edits.hide(session, 5, {0: [1, 2], 1: [3]})
    assert session.view(5).hidden.sum() == 3
    frame_edits.show(session, 5, {0: [1]})
    assert session.view(5).hidden.sum() == 2
    frame_edits.move(session, 5, {0: {7: (1.0, 1.0)}})
    frame_edits.reset(session, 5, {0: list(range(68)), 1: [3]})
    np.testing.assert_array_equal(session.view(5).landmarks, before)
    assert not session.corrected_frames()


def test_what_changes_nothing_is_no_step(session):
    frame_edits.show(session, 5, {0: [1]})
    frame_edits.reset(session, 5, {1: [1]})
    assert session.can_undo()[0] == 0
