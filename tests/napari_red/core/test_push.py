import json

import numpy as np
import pytest

from napari_red.core.edits import accept
from napari_red.core.prealign import Settings, prealign
from napari_red.core.push import PushError, push
from napari_red.core.session import Session
from napari_red.core.track_edits import name_identity
from trainer.data.video import open_video
from trainer.pushed_set import ACCEPTED, CORRECTED, PREDICTED, read_pushed_set


@pytest.fixture
def session(tmp_path, make_video, make_aligner):
    path = make_video(tmp_path / "talk.mp4", n_frames=40)
    with open_video(path) as video, Session(video) as session:
        prealign(session, make_aligner(), Settings("made", faces=2))
        yield session


def pushed(session, folder, **options):
    project, _ = session.opened()
    summary = push(project, folder, parent="red-lite", **options)
    return summary, read_pushed_set(folder)


def test_corrected_frames_go_with_the_clip_round_them(session, tmp_path, made_truth):
    session.move(20, 0, {30: (50.25, 60.5)})
    name_identity(session, 0, "Ada")
    summary, found = pushed(session, tmp_path / "set")
    frames = {frame.number: frame for frame in found.frames}
    assert frames[20].kind == CORRECTED
    assert frames[20].landmarks()[30].tolist() == pytest.approx([50.25, 60.5], abs=1e-3)
    np.testing.assert_allclose(frames[20].landmarks()[29], made_truth(20)[29], atol=1e-3)
    assert sorted(frames) == list(range(15, 25))
    assert {frames[n].kind for n in frames if n != 20} == {PREDICTED}
    assert {frame.person for frame in found.frames} == {"Ada"}
    assert (summary.kinds[CORRECTED], summary.kinds[PREDICTED]) == (1, 9)
    assert summary.people == ["Ada"]


def test_the_picture_is_that_of_the_frame(session, tmp_path):
    session.move(20, 0, {30: (50.25, 60.5)})
    _, found = pushed(session, tmp_path / "set")
    for frame in found.frames:
        image = frame.read_image()
        assert image.shape == (120, 160, 3)
        expected = session.video.frame(frame.number).astype(int)
        assert np.abs(image.astype(int) - expected).mean() < 2


def test_accepted_frames_go_as_what_a_person_looked_at(session, tmp_path):
    session.move(2, 0, {30: (50.25, 60.5)})
    accept(session, 33, [1])
    _, found = pushed(session, tmp_path / "set")
    kinds = {(f.video, f.number): f.kind for f in found.frames}
    assert [key[1] for key, kind in kinds.items() if kind == ACCEPTED] == [33]


def test_hidden_landmarks_are_marked(session, tmp_path):
    session.hide(20, 0, [3, 4])
    _, found = pushed(session, tmp_path / "set")
    (frame,) = [f for f in found.frames if f.kind == CORRECTED]
    assert np.flatnonzero(~frame.visible).tolist() == [3, 4]


def test_what_is_held_out_stays_so_in_later_rounds_and_is_never_trained_on(session, tmp_path):
    for frame in range(0, 40, 4):
        session.move(frame, 0, {30: (50, 60)})
    first, found = pushed(session, tmp_path / "one")
    held = {f.number for f in found.frames if f.held_out}
    assert held
    assert first.held_out == len(held)
    assert not held & set(next(iter(first.trained.values())))
    for frame in range(1, 40, 4):
        session.move(frame, 1, {30: (50, 60)})
    _, again = pushed(session, tmp_path / "two", trained=first.trained)
    later = {f.number for f in again.frames if f.held_out and "face 1" in f.video}
    assert held <= later


def test_nothing_corrected_says_what_to_do(session, tmp_path):
    with pytest.raises(PushError, match="correct some frames first"):
        pushed(session, tmp_path / "set")


def test_a_set_is_json_that_can_be_looked_at(session, tmp_path):
    session.move(20, 0, {30: (50.25, 60.5)})
    pushed(session, tmp_path / "set")
    header = json.loads((tmp_path / "set" / "set.json").read_text())
    assert header["parent"] == "red-lite"
