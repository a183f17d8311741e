import json

import numpy as np
import pytest

from napari_red.core.add_videos import add_videos
from napari_red.core.edits import accept
from napari_red.core.prealign import Settings, prealign
from napari_red.core.project import Project
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


@pytest.fixture
def two(tmp_path, make_video, make_aligner):
    """A project with a/clip.mp4 and b/clip.mp4, in each five frames corrected."""
    folder = tmp_path / "home"
    for place, n_frames in (("a", 40), ("b", 36)):
        (folder / place).mkdir(parents=True)
        make_video(folder / place / "clip.mp4", n_frames)
    with Project(folder / "p.red") as project:
        added = add_videos(project, [folder])
        for record, x in zip(added.new, (50, 70), strict=True):
            with open_video(record.path) as video, Session(video, project=project) as session:
                prealign(session, make_aligner(), Settings("made"))
                for frame in range(0, 30, 6):
                    session.move(frame, 0, {30: (x, 60)})
        yield project


def test_a_video_in_whose_place_another_lies_is_left_out_and_told(two, tmp_path, make_video):
    make_video(two.path.parent / "a" / "clip.mp4", n_frames=41)
    summary = push(two, tmp_path / "set", parent="red-lite")
    (note,) = summary.notes
    assert "isn't the video any more that was annotated as clip" in note
    assert note.endswith("as a new video. Its frames are left out.")
    found = read_pushed_set(tmp_path / "set")
    assert {f.landmarks()[30][0] for f in found.frames if f.kind == CORRECTED} == {70}


def test_nothing_is_pushed_where_every_video_is_another_now(two, tmp_path, make_video):
    for place in ("a", "b"):
        make_video(two.path.parent / place / "clip.mp4", n_frames=41)
    with pytest.raises(PushError, match="isn't the video any more"):
        push(two, tmp_path / "set", parent="red-lite")
    assert not (tmp_path / "set" / "set.json").exists()


def test_videos_that_were_moved_with_their_project_are_pushed(two, tmp_path):
    two.close()
    two.path.parent.rename(tmp_path / "away")
    with Project(tmp_path / "away" / "p.red") as moved:
        summary = push(moved, tmp_path / "set", parent="red-lite")
    assert not summary.notes
    assert summary.kinds[CORRECTED] == 10


def test_videos_of_one_name_stay_two(two, tmp_path):
    push(two, tmp_path / "set", parent="red-lite")
    found = read_pushed_set(tmp_path / "set")
    assert {f.video for f in found.frames} == {"unnamed clip/clip", "unnamed clip/clip~2"}
    of = {f.landmarks()[30][0]: f.video for f in found.frames if f.kind == CORRECTED}
    assert len(set(of.values())) == 2
    for frame in found.frames:
        place = "a" if frame.video == of[50] else "b"
        with open_video(two.path.parent / place / "clip.mp4") as video:
            expected = video.frame(frame.number).astype(int)
        assert np.abs(frame.read_image().astype(int) - expected).mean() < 2
    for value, video in of.items():
        corrected = [f for f in found.frames if f.video == video and f.kind == CORRECTED]
        assert {f.landmarks()[30][0] for f in corrected} == {value}
