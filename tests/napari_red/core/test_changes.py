import numpy as np
import pytest

from napari_red.core.changes import changes_since, snapshot
from napari_red.core.prealign import Settings, prealign
from napari_red.core.session import Session
from trainer.data.video import open_video


@pytest.fixture
def session(video_path, make_aligner):
    with open_video(video_path) as video, Session(video) as session:
        prealign(session, make_aligner(lost={(3, 0)}), Settings("made"))
        yield session


def test_another_models_changes_are_counted_but_corrected_frames_are_not(
    session, make_aligner, made_truth
):
    project, _ = session.opened()
    session.move(5, 0, {30: (50, 60)})
    before = snapshot(project)
    prealign(session, make_aligner(offset=3.0, lost={(9, 0)}), Settings("other"))
    changes = changes_since(project, before)
    assert (changes.frames, changes.new, changes.gone) == (24, 1, 1)
    assert changes.changed == 21
    side = np.ptp(made_truth(6), axis=0).mean()
    assert changes.mean_move == pytest.approx(100 * 3 * 2**0.5 / side * 21 / 22, rel=0.01)
    assert "21 of 24 faces moved by more than 1 %" in changes.words


def test_nothing_changed_says_so(session):
    project, _ = session.opened()
    changes = changes_since(project, snapshot(project))
    assert (changes.changed, changes.new, changes.gone, changes.mean_move) == (0, 0, 0, 0.0)
