import pytest

from napari_red.core.project import Project, ProjectError
from napari_red.core.video_names import told_apart, video_meant
from trainer.data.fingerprint import video_fingerprint

VIDEO = {"n_frames": 100, "height": 120, "width": 160, "fps": 25.0}


@pytest.fixture
def project(tmp_path):
    with Project(tmp_path / "p.red") as project:
        yield project


def add(project, path, contents="", **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(contents or str(path))
    return project.add_video(path, video_fingerprint(path), **VIDEO | more)


def names(project):
    return list(told_apart(project.videos()).values())


def test_a_name_that_is_the_only_one_is_enough(project, tmp_path):
    add(project, tmp_path / "a" / "one.mp4")
    add(project, tmp_path / "a" / "two.mp4")
    assert names(project) == ["one", "two"]


def test_videos_of_one_name_are_called_by_the_end_of_their_paths(project, tmp_path):
    for place in ("a/x/clip.mp4", "b/x/clip.mp4", "b/clip.avi", "b/other.mp4"):
        add(project, tmp_path / place)
    assert names(project) == ["a/x/clip.mp4", "b/x/clip.mp4", "clip.avi", "other"]
    for video, name in zip(project.videos(), names(project), strict=True):
        assert video_meant(project, name).id == video.id


def test_a_new_video_in_the_place_of_another_is_the_one_that_lies_there(project, tmp_path):
    add(project, tmp_path / "clip.mp4", "earlier")
    later = add(project, tmp_path / "clip.mp4", "later")
    assert names(project) == [str(tmp_path / "clip.mp4")] * 2
    assert video_meant(project, str(tmp_path / "clip.mp4")).id == later.id


def test_a_video_that_was_moved_is_meant_by_both_of_its_paths(project, tmp_path):
    first = add(project, tmp_path / "a" / "clip.mp4")
    add(project, tmp_path / "b" / "clip.mp4")
    (tmp_path / "a").rename(tmp_path / "c")
    for said in (tmp_path / "c" / "clip.mp4", tmp_path / "a" / "clip.mp4", "a/clip.mp4"):
        assert video_meant(project, str(said)).id == first.id


@pytest.mark.parametrize("said", ["clip", "clip.mp4"])
def test_what_several_are_called_is_told_with_their_paths(project, tmp_path, said):
    for place in ("a", "b"):
        add(project, tmp_path / place / "clip.mp4")
    with pytest.raises(ProjectError, match=r"by its path: a/clip\.mp4, b/clip\.mp4"):
        video_meant(project, said)


@pytest.mark.parametrize("said", ["", ".", "lip", "c/clip.mp4"])
def test_what_none_is_called_is_told_with_what_there_is(project, tmp_path, said):
    for place in ("a", "b"):
        add(project, tmp_path / place / "clip.mp4")
    with pytest.raises(ProjectError, match=r"has no video called .*; it has a/clip\.mp4, b/clip"):
        video_meant(project, said)
