"""Names suggested for tracks: by looks, by the model, and not when nobody is sure."""

from pathlib import Path

import numpy as np
import pytest

from napari_red.core import track_edits
from napari_red.core.add_videos import add_videos
from napari_red.core.identify import FRAMES, Identifier, surest
from napari_red.core.prealign import Settings, prealign
from napari_red.core.project import Project
from napari_red.core.session import Session
from trainer.data.video import open_video
from trainer.who import SURE, Looks, likeness


class Eyes:
    """Sees a code by the video's name; counts its looks."""

    def __init__(self, codes, people=()):
        self.codes, self.people, self.seen = codes, people, []

    def look(self, video, faces):
        self.seen.append((Path(video.path).stem, [frame for frame, _ in faces]))
        code = np.array(self.codes[Path(video.path).stem], np.float32)
        return Looks(code / np.linalg.norm(code), self.people)


CODES = {"anna": (1, 0), "ben": (0, 1), "new": (0.9, 0.1), "stranger": (1, 1)}


@pytest.fixture
def project(tmp_path, make_video, make_aligner):
    """Four videos with a face each; of two the person is named."""
    with Project(tmp_path / "p.red") as project:
        for number, name in enumerate(CODES):
            make_video(tmp_path / f"{name}.mp4", 12 + number)
        add_videos(project, [tmp_path])
        for record in project.videos():
            with open_video(record.path) as video, Session(video, project=project) as session:
                prealign(session, make_aligner(), Settings("made"))
                if record.name in ("anna", "ben"):
                    track_edits.name_identity(session, 0, record.name.title())
        yield project


def track_of(project, name):
    (video,) = [video for video in project.videos() if video.name == name]
    return project.tracks(video.id)[0].id


def test_the_named_person_who_looks_most_alike_is_suggested(project):
    eyes = Eyes(CODES)
    found = Identifier(project, eyes).suggest(track_of(project, "new"))
    assert (found.name, found.words) == ("Anna", "looks like in anna")
    assert found.score > 0.9


def test_nobody_is_suggested_where_none_is_alike_enough(project):
    codes = CODES | {"stranger": (-1, 0.1)}
    assert Identifier(project, Eyes(codes)).suggest(track_of(project, "stranger")) is None
    assert likeness(Looks(np.array([1.0, 0])), Looks(np.array([0, 1.0]))) < SURE


def test_the_model_is_believed_where_it_is_sure_of_somebody_in_the_project(project):
    sure = Eyes(CODES, (("Nobody Here", 0.95), ("Ben", 0.8)))
    found = Identifier(project, sure).suggest(track_of(project, "new"))
    assert (found.name, found.score) == ("Ben", 0.8)
    unsure = Eyes(CODES, (("Ben", 0.4),))
    assert Identifier(project, unsure).suggest(track_of(project, "new")).name == "Anna"


def test_each_track_is_looked_at_once_until_it_changes(project):
    eyes = Eyes(CODES)
    identifier = Identifier(project, eyes)
    track = track_of(project, "new")
    identifier.suggest(track)
    identifier.suggest(track)
    assert [name for name, _ in eyes.seen] == ["new", "anna", "ben"]
    identifier.forget(track)
    identifier.suggest(track)
    assert [name for name, _ in eyes.seen][3:] == ["new"]


def test_a_video_that_is_not_at_hand_is_left_out(project):
    (path,) = [video.path for video in project.videos() if video.name == "anna"]
    Path(path).unlink()
    assert Identifier(project, Eyes(CODES)).suggest(track_of(project, "new")) is None


def test_nothing_of_how_a_face_looks_is_kept_in_the_project(project):
    before = project.path.read_bytes()
    Identifier(project, Eyes(CODES)).suggest(track_of(project, "new"))
    assert project.path.read_bytes() == before


def test_frames_are_spread_over_the_track(project):
    track = next(t for t in project.tracks() if t.id == track_of(project, "new"))
    frames = [frame for frame, _ in surest(project, track)]
    assert len(frames) == FRAMES
    assert frames == sorted(frames)
    assert frames[-1] - frames[0] >= 10


def test_a_video_whose_name_another_has_is_told_by_its_path(project, tmp_path):
    for record in project.videos():
        project.set_video(record.id, name="clip")
    new = project.tracks(project.videos()[2].id)[0].id
    assert Path(project.videos()[2].path).stem == "new"
    found = Identifier(project, Eyes(CODES)).suggest(new)
    assert found.words == "looks like in anna.mp4"
