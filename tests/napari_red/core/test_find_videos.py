from pathlib import Path

import pytest

from napari_red.core import find_videos
from napari_red.core.find_videos import find_video, presumed_path
from napari_red.core.project import Project
from trainer.data.fingerprint import video_fingerprint

VIDEO = {"n_frames": 100, "height": 120, "width": 160, "fps": 25.0}


def add(project: Project, path: Path, **more):
    return project.add_video(path, video_fingerprint(path), **VIDEO | more)


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    (folder / "videos").mkdir(parents=True)
    (folder / "videos" / "a.mp4").write_bytes(b"video a")
    return folder


@pytest.fixture
def project(home):
    with Project(home / "p.red") as project:
        yield project


def test_a_video_that_is_where_it_was_is_found_there(project, home):
    found = find_video(project, add(project, home / "videos" / "a.mp4"))
    assert found.path == home / "videos" / "a.mp4"
    assert not found.moved


def test_a_project_that_was_moved_with_its_videos_finds_them(project, home, tmp_path):
    add(project, home / "videos" / "a.mp4")
    project.close()
    home.rename(tmp_path / "away")
    with Project(tmp_path / "away" / "p.red") as moved:
        found = find_video(moved, moved.videos()[0])
        assert found.path == tmp_path / "away" / "videos" / "a.mp4"
        assert found.moved
        (record,) = moved.videos()
        assert record.path == str(found.path)
        assert moved.relative_path(record.id) == "videos/a.mp4"


def test_a_renamed_video_is_found_by_its_contents_below_the_project(project, home):
    record = add(project, home / "videos" / "a.mp4")
    (home / "videos" / "b.mp4").write_bytes(b"video b")
    (home / "archive" / "2026").mkdir(parents=True)
    (home / "videos" / "a.mp4").rename(home / "archive" / "2026" / "first.mp4")
    found = find_video(project, record)
    assert found.path == home / "archive" / "2026" / "first.mp4"
    assert project.relative_path(record.id) == "archive/2026/first.mp4"
    assert project.video(record.id).name == "a"


def test_a_changed_video_is_noticed_and_the_right_one_still_found(project, home):
    record = add(project, home / "videos" / "a.mp4")
    (home / "videos" / "a.mp4").rename(home / "a-old.mp4")
    (home / "videos" / "a.mp4").write_bytes(b"video A")
    found = find_video(project, record)
    assert found.path == home / "a-old.mp4"
    assert "isn't the video any more that was annotated as a" in found.changed


def test_a_changed_video_alone_is_said_and_not_taken(project, home):
    record = add(project, home / "videos" / "a.mp4")
    (home / "videos" / "a.mp4").write_bytes(b"another one")
    found = find_video(project, record)
    assert found.path is None
    assert "put the earlier file back" in found.changed
    assert project.video(record.id).path == record.path


def test_a_video_that_is_nowhere_is_none(project, home):
    record = add(project, home / "videos" / "a.mp4")
    (home / "videos" / "a.mp4").unlink()
    assert find_video(project, record).path is None
    assert find_video(project, record).changed == ""


def test_a_folder_of_frames_is_found_by_its_pictures(project, home):
    folder = home / "videos" / "frames"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(b"picture %d" % number)
    record = add(project, folder, n_frames=3, frame_names=["0", "1", "2"])
    folder.rename(home / "elsewhere")
    assert find_video(project, record).path == home / "elsewhere"


def test_the_search_is_bounded(project, home):
    record = add(project, home / "videos" / "a.mp4")
    (home / "videos" / "a.mp4").rename(home / "z.mp4")
    for number in range(20):
        (home / f"f{number}").write_bytes(b"x")
    assert find_video(project, record, most_files=10).path is None
    assert find_video(project, record).path == home / "z.mp4"


def test_a_project_that_is_only_read_still_finds_its_videos(project, home):
    add(project, home / "videos" / "a.mp4")
    project.close()
    (home / "videos" / "a.mp4").rename(home / "a.mp4")
    with Project(home / "p.red", "read") as reading:
        assert find_video(reading, reading.videos()[0]).path == home / "a.mp4"


@pytest.fixture
def unread(monkeypatch):
    """Nothing may be read of any video."""

    def refuse(place):
        raise AssertionError(f"{place} was read")

    monkeypatch.setattr(find_videos, "contents_of", refuse)


def test_a_video_of_its_size_at_its_place_is_presumed_there_unread(project, home, unread):
    record = add(project, home / "videos" / "a.mp4")
    assert presumed_path(project, record) == home / "videos" / "a.mp4"


def test_a_folder_of_its_size_at_its_place_is_presumed_there_unread(project, home, unread):
    (home / "imgs").mkdir()
    for number in range(3):
        (home / "imgs" / f"{number}.png").write_bytes(b"x" * (number + 1))
    record = add(project, home / "imgs", n_frames=3, frame_names=["0", "1", "2"])
    assert presumed_path(project, record) == home / "imgs"


@pytest.mark.parametrize("other", [b"video x", b"another video"])
def test_a_video_that_was_moved_is_presumed_where_its_contents_are(project, home, tmp_path, other):
    add(project, home / "videos" / "a.mp4")
    project.close()
    home.rename(tmp_path / "away")
    (home / "videos").mkdir(parents=True)
    (home / "videos" / "a.mp4").write_bytes(other)
    with Project(tmp_path / "away" / "p.red", "read") as moved:
        found = presumed_path(moved, moved.videos()[0])
    assert found == tmp_path / "away" / "videos" / "a.mp4"


def test_a_video_that_is_gone_is_presumed_where_it_was_and_no_other_is(project, home):
    place = home / "videos" / "a.mp4"
    record = add(project, place)
    place.unlink()
    assert presumed_path(project, record) == place
    place.write_bytes(b"another video")
    assert presumed_path(project, record) is None
