"""What was corrected anywhere in a project is known wherever it is aligned."""

from pathlib import Path

import numpy as np
import pytest

from napari_red.core.batch import Batch
from napari_red.core.corrected_faces import FACES, FRAMES_EACH, KnownAnswers
from napari_red.core.edits import accept, accept_up_to
from napari_red.core.jobs import StopWork
from napari_red.core.prealign import Settings, prealign
from napari_red.core.project import Project
from napari_red.core.session import Session
from napari_red.core.track_edits import name_identity, split_track
from trainer.data.video import open_video


@pytest.fixture
def project(tmp_path):
    with Project(tmp_path / "some.red") as project:
        yield project


@pytest.fixture
def opened(tmp_path, make_video, make_aligner, project):
    """Makes and opens a video with its face aligned; no two are alike."""
    sessions = []

    def open_one(name, n_frames=24):
        path = make_video(tmp_path / f"{name}.mp4", n_frames + len(sessions))
        session = Session(open_video(path), project=project)
        sessions.append(session)
        prealign(session, make_aligner(), Settings("made"))
        return session

    yield open_one
    for session in sessions:
        session.close()
        session.video.close()


def corrected_in(aligner):
    """What the last run was told of corrected faces."""
    return next(call for call in reversed(aligner.calls) if "corrected" in call)["corrected"]


def test_without_corrections_nobody_is_asked(opened, make_aligner):
    aligner = make_aligner()
    prealign(opened("one"), aligner, Settings("made"))
    assert corrected_in(aligner) is None
    assert not [call for call in aligner.calls if "asked" in call]


def test_what_was_corrected_and_seen_goes_to_the_aligner(opened, make_aligner, made_truth):
    session = opened("one")
    session.move(7, 0, {30: (70.5, 60.25)})
    session.hide(7, 0, [3])
    aligner = make_aligner(offset=1.0)
    prealign(session, aligner, Settings("made"))
    faces = corrected_in(aligner)
    told = made_truth(7).copy()
    told[30], told[3] = (70.5, 60.25), np.nan
    np.testing.assert_allclose(faces.told, told[None])
    np.testing.assert_allclose(faces.seen, made_truth(7)[None] + 1)
    call = next(call for call in aligner.calls if "people" in call)
    assert list(faces.people) == call["people"]


def test_other_videos_corrections_are_used_those_of_the_same_person_by_their_name(
    opened, make_aligner
):
    first, second, third = (opened(name) for name in ("one", "two", "three"))
    for session, person in ((first, "Ada"), (second, "Ada"), (third, None)):
        if person:
            name_identity(session, 0, person)
        session.move(7, 0, {30: (70.5, 60.25)})
    third.move(9, 0, {30: (70.5, 60.25)})
    aligner = make_aligner()
    prealign(second, aligner, Settings("made"))
    faces = corrected_in(aligner)
    (own,) = next(call for call in aligner.calls if "people" in call)["people"]
    assert [person == own for person in faces.people] == [True, True, False, False]
    asked = {Path(call["video"].path).stem: call["asked"] for call in aligner.calls
             if "asked" in call}  # fmt: skip
    assert asked == {"two": [7], "one": [7], "three": [7, 9]}


def test_accepted_frames_say_that_nothing_had_to_be_changed(opened, make_aligner, made_truth):
    session = opened("one")
    session.move(7, 0, {30: (70.5, 60.25)})
    accept(session, 12, [0])
    accept(session, 20, [0])
    aligner = make_aligner()
    prealign(session, aligner, Settings("made"))
    faces = corrected_in(aligner)
    assert len(faces.told) == 2  # as many accepted as corrected ones
    np.testing.assert_allclose(faces.told[1], made_truth(12), atol=0.02)


def test_frames_accepted_without_the_face_say_nothing(opened, make_aligner, made_truth):
    session = opened("one")
    session.move(22, 0, {30: (70.5, 60.25)})
    accept_up_to(session, 23)
    split_track(session, 0, 20)
    aligner = make_aligner()
    prealign(opened("two"), aligner, Settings("made"))
    faces = corrected_in(aligner)
    assert len(faces.told) == 2
    np.testing.assert_allclose(faces.told[1], made_truth(20), atol=0.02)


def test_each_face_is_asked_once_for_a_whole_batch(opened, project, make_aligner):
    opened("one").move(7, 0, {30: (70.5, 60.25)})
    opened("two")
    aligner = make_aligner()
    Batch(project, lambda *_: aligner, Settings("made")).run(again=True)
    assert [call["asked"] for call in aligner.calls if "asked" in call] == [[7]]
    assert len([call for call in aligner.calls if "corrected" in call]) == 2


def test_a_long_track_is_asked_evenly_and_own_faces_come_first(opened, make_aligner):
    sessions = [opened(f"video {n}", 2 * FRAMES_EACH) for n in range(FACES // FRAMES_EACH + 2)]
    for session in sessions:
        for frame in range(2 * FRAMES_EACH):
            session.move(frame, 0, {30: (70.5, 60.25)})
    aligner = make_aligner()
    faces = KnownAnswers(aligner).of(sessions[-1])
    asked = {Path(call["video"].path).stem: call["asked"] for call in aligner.calls}
    assert next(iter(asked)) == sessions[-1].video.name
    assert [len(frames) for frames in asked.values()] == [FRAMES_EACH] * (FACES // FRAMES_EACH)
    assert asked[sessions[-1].video.name][-1] == 2 * FRAMES_EACH - 1
    assert len(faces.told) == FACES


def test_a_video_that_is_gone_is_said_and_left_out(opened, make_aligner, tmp_path):
    opened("one").move(7, 0, {30: (70.5, 60.25)})
    second = opened("two")
    second.move(3, 0, {30: (66.0, 60.0)})
    (tmp_path / "one.mp4").unlink()
    aligner = make_aligner()
    summary = prealign(second, aligner, Settings("made"))
    (note,) = summary.notes
    assert "one.mp4" in note
    assert "isn't used" in note
    assert len(corrected_in(aligner).told) == 1


def test_it_stops_when_asked_to(opened, make_aligner):
    session = opened("one")
    session.move(7, 0, {30: (70.5, 60.25)})
    with pytest.raises(StopWork):
        KnownAnswers(make_aligner()).of(session, should_stop=lambda: True)
