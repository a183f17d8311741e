"""Projects with many videos on the command line."""

from contextlib import suppress

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_red.cli import app
from napari_red.commands import arguments, files
from napari_red.commands import project as commands
from napari_red.core import edits
from napari_red.core.add_videos import add_videos
from napari_red.core.import_labels import import_labels
from napari_red.core.project import Project, ProjectError
from napari_red.core.session import Session
from trainer.data.pts import write_pts
from trainer.data.video import open_video


def call(*words, code=0):
    """Run a command; its output in one line."""
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return " ".join(result.output.split())


@pytest.fixture
def folder(tmp_path, make_video):
    for number, place in enumerate(("Anna/a.mp4", "Ben/b.mp4")):
        (tmp_path / place).parent.mkdir()
        make_video(tmp_path / place, 12 + number)
    return tmp_path


@pytest.fixture
def project(folder):
    path = folder / "p.red"
    call("new", path, folder / "Anna", folder / "Ben", "--identity-from-folder")
    return path


@pytest.fixture
def aligners(make_aligner, monkeypatch):
    """The aligners that were made, instead of processes."""
    made = []

    def make(model, device, threads):
        made.append(make_aligner())
        return made[-1]

    monkeypatch.setattr(commands, "AlignerProcess", make)
    return made


def test_a_project_is_made_with_videos_and_gets_more(folder, make_video):
    path = folder / "p.red"
    assert "1 video added, 3 frames" in call(
        "new", path, folder / "Anna", "--start", 2, "--stop", 10, "--stride", 4
    )
    with Project(path, "read") as opened:
        assert opened.videos()[0].wanted_frames == range(1, 10, 4)
    said = call("add", path, folder)
    assert "a.mp4: is in the project already, as a" in said
    assert "1 video added, 13 frames" in said


def test_a_video_that_is_there_gets_another_part_and_is_annotated_again(project, folder, aligners):
    call("annotate", project)
    said = call("add", project, folder / "Ben", "--start", 5, "--stop", 8)
    assert "b: frames 5 to 8 are worked on from now on, 1 to 13 before" in said
    assert "is in the project already" not in said
    assert "b: 4 frames" in call("annotate", project)
    with Project(project, "read") as opened:
        assert [video.state for video in opened.videos()] == ["done", "done"]


def test_a_project_that_is_there_is_not_made_again(project, folder):
    assert "is there already" in call("new", project, folder, code=2)
    assert "no such project file" in call("add", folder / "no.red", folder, code=2)


def test_bad_videos_are_told_and_the_others_added(folder):
    (folder / "bad.mp4").write_bytes(b"nothing")
    said = call("new", folder / "p.red", folder, code=1)
    assert "bad.mp4" in said
    assert "2 videos added" in said


@pytest.mark.parametrize("bad", ["no.mp4", "empty", "text.mp4"])
def test_a_project_that_would_stay_empty_is_not_left_behind(folder, bad):
    (folder / "empty").mkdir()
    (folder / "text.mp4").write_text("nothing")
    path = folder / "p.red"
    assert bad in call("new", path, folder / bad, code=1)
    assert "none; give a first frame" in call(
        "new", path, folder, "--start", 5, "--stop", 2, code=2
    )
    assert not list(folder.glob("p.red*"))
    assert "2 videos added" in call("new", path, folder / "Anna", folder / "Ben")
    call("add", path, folder / bad, code=1)
    assert path.exists(), "it was there before"


def test_an_import_that_fails_leaves_no_project_behind(folder):
    path, video = folder / "p.red", folder / "Anna" / "a.mp4"
    (folder / "labels").mkdir()
    assert "no such file" in call("import", path, folder / "labels", "--video", "no.mp4", code=2)
    assert "no.json" in call(
        "import", path, folder / "no.json", "--video", video, "-f", "coco", code=2
    )
    nowhere = video / "p.red"
    call("import", nowhere, folder / "labels", "--video", video, code=2)
    assert not list(folder.glob("p.red*"))
    call("new", path, video)
    call("import", path, folder / "no.json", "--video", video, "-f", "coco", code=2)
    with Project(path, "read") as opened:
        assert len(opened.videos()) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_videos_that_were_added_stay_where_new_is_interrupted(folder, monkeypatch, error):
    def interrupted(opened, videos, **_):
        add_videos(opened, [folder / "Anna"])
        raise error

    monkeypatch.setattr(commands, "add_videos", interrupted)
    CliRunner().invoke(app, ["new", str(folder / "p.red"), str(folder)])
    with Project(folder / "p.red", "read") as opened:
        assert [video.name for video in opened.videos()] == ["a"]


@pytest.mark.parametrize("open_still", [True, False])
def test_a_project_that_another_window_made_meanwhile_stays(folder, monkeypatch, open_still):
    path = folder / "p.red"

    def overtaken(*args):
        other = Project(path)
        add_videos(other, [folder / "Anna"])
        if not open_still:
            other.close()
        with suppress(ProjectError):
            return Project(*args)
        other.close()
        raise ProjectError("open in another window")

    monkeypatch.setattr(arguments, "Project", overtaken)
    call("import", path, folder / "no", "--video", folder / "Ben" / "b.mp4", code=2)
    with Project(path, "read") as opened:
        assert opened.videos()[0].name == "a"


def test_an_import_that_was_made_stays_whatever_comes_after(folder, monkeypatch):
    path, labels = folder / "p.red", folder / "labels"
    labels.mkdir()
    write_pts(labels / "000001.pts", np.ones((68, 2)))

    def interrupted(*args, **more):
        import_labels(*args, **more)
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "import_labels", interrupted)
    video = folder / "Anna" / "a.mp4"
    CliRunner().invoke(app, ["import", str(path), str(labels), "--video", str(video)])
    with Project(path, "read") as opened:
        assert len(opened.tracks(opened.videos()[0].id)) == 1


def test_a_project_is_annotated_and_only_what_is_left_then(project, aligners):
    said = call("annotate", project, "--only", "b")
    assert "b: 13 frames" in said
    assert "1 video done" in said
    assert "a: 12 frames" in call("annotate", project)
    assert "every video is done" in call("annotate", project)
    assert "2 videos done" in call("annotate", project, "--again")
    assert [len(aligner.calls) for aligner in aligners] == [1, 1, 2]
    assert "has no video called c; it has a, b" in call("annotate", project, "--only", "c", code=2)


def test_a_video_that_fails_is_told_and_the_exit_code_says_so(project, folder, aligners):
    (folder / "Anna" / "a.mp4").unlink()
    said = call("annotate", project, code=1)
    assert "a.mp4: the video isn't there any more" in said
    assert "1 video done, 1 failed" in said


def test_an_unknown_model_is_told(project):
    assert "red-huge: no such model" in call("annotate", project, "--model", "red-huge", code=2)


def test_info_counts_what_is_there_while_a_window_has_it_open(project, folder, aligners):
    call("annotate", project)
    with Project(project, who="Carla") as opened:
        video = opened.videos()[0]
        with open_video(video.path) as film, Session(film, project=opened) as session:
            session.move(3, 0, {30: (1.0, 2.0)})
            edits.accept_up_to(session, 4)
        said = call("info", project)
    row = said[said.index(" a ") :].split("│")
    assert [cell.strip() for cell in row[1:8]] == ["12", "done", "1", "Anna", "1", "5", "7"]
    assert "Anna (1 track), Ben (1 track)" in said
    assert "annotated by red-lite" in said
    assert "by Carla" in said


@pytest.fixture
def two(folder, aligners):
    """Two projects of the same video; in the second the chin is put 6 pixels lower."""
    paths = folder / "one.red", folder / "two.red"
    for path, down in zip(paths, (0, 6), strict=True):
        call("new", path, folder / "Anna", "--identity-from-folder")
        call("annotate", path)
        with Project(path) as opened:
            video = opened.videos()[0]
            with open_video(video.path) as film, Session(film, project=opened) as session:
                x, y = session.track(0).merged(3)[8]
                session.move(3, 0, {8: (float(x), float(y) + down)})
    return paths


def test_two_annotators_are_compared(two):
    said = call("compare", *two, "--landmarks")
    assert "landmark 9" in said
    assert "jaw" in said


def test_projects_of_different_videos_become_one(two, folder):
    call("new", folder / "ben.red", folder / "Ben")
    said = call("merge", folder / "both.red", two[0], folder / "ben.red")
    assert "2 videos, 1 people" in said
    assert "b" in call("info", folder / "both.red")
    assert "people worked on this video" in call("merge", folder / "x.red", *two, code=2)


def test_a_video_that_is_left_out_of_a_merged_project_is_told_with_the_reason(folder, aligners):
    empty, full = folder / "empty.red", folder / "full.red"
    for path in (empty, full):
        call("new", path, folder / "Ben")
    call("annotate", full)
    said = call("merge", folder / "both.red", empty, full)
    assert f"{empty}: b is left out, another project has it with predictions" in said


def test_erasing_again_after_the_disk_was_full_clears_the_file(two):
    path = two[0]
    call("erase", path, "Anna", "--yes")
    with Project(path) as opened:
        opened.database.write(lambda db: db.execute("INSERT INTO settings VALUES ('traces', '')"))
    said = call("erase", path, "Anna")
    assert "nobody is called so any more; traces left in the file are cleared now" in said
    assert "it has: nobody is named" in call("erase", path, "Anna", code=2)


def test_a_mistyped_name_only_clears_traces_that_were_left(two):
    path = two[0]
    with Project(path) as opened:
        opened.database.write(lambda db: db.execute("INSERT INTO settings VALUES ('traces', '')"))
    said = call("erase", path, "Ana")
    assert "nobody was erased; the project has: Anna" in said
    assert "1 faces" in call("erase", path, "Anna", "--yes")


def test_a_person_is_called_otherwise(two):
    path = two[0]
    assert "nobody in this project is called so" in call("rename", path, "Bob", "Rob", code=2)
    assert "Anna is called Anneliese" in call("rename", path, "Anna", " Anneliese ")
    with Project(path, "read") as opened:
        assert [one.name for one in opened.identities()] == ["Anneliese"]


def test_a_person_is_erased_when_that_is_confirmed(two):
    path = two[0]
    assert "it has: Anna" in call("erase", path, "Bob", "-y", code=2)
    result = CliRunner().invoke(app, ["erase", str(path), "Anna"], input="n\n")
    assert result.exit_code == 1
    assert "Anna" in call("info", path)
    assert "1 faces" in call("erase", path, "Anna", "--yes")
    with Project(path, "read") as opened:
        assert opened.identities() == []
        assert opened.tracks() == []


def test_doctor_can_be_quick():
    said = call("doctor", "--quick")
    assert "Codecs" in said
    assert "Self-test" not in said


@pytest.fixture
def same_names(tmp_path, make_video):
    """A project with a/clip.mp4 of 12 frames and b/clip.mp4 of 13."""
    for place, n_frames in (("a", 12), ("b", 13)):
        (tmp_path / place).mkdir()
        make_video(tmp_path / place / "clip.mp4", n_frames)
    path = tmp_path / "p.red"
    call("new", path, tmp_path / "a", tmp_path / "b")
    return path


def test_a_name_that_two_videos_have_is_not_taken_for_one_of_them(same_names, aligners):
    said = call("annotate", same_names, "--only", "clip", code=2)
    assert "has several videos called clip" in said
    assert "say which one by its path: a/clip.mp4, b/clip.mp4" in said
    assert not aligners
    missing = call("annotate", same_names, "--only", "c", code=2)
    assert "has no video called c; it has a/clip.mp4, b/clip.mp4" in missing


def test_a_video_is_said_by_its_path(same_names, aligners, tmp_path, monkeypatch):
    assert "a/clip.mp4: 12 frames" in call("annotate", same_names, "--only", "a/clip.mp4")
    monkeypatch.chdir(tmp_path / "b")
    assert "b/clip.mp4: 13 frames" in call("annotate", same_names, "--only", "./clip.mp4")
    monkeypatch.chdir("/")
    out = ("--out", tmp_path / "out")
    for place, faces in (("a", 12), ("b", 13)):
        path = tmp_path / place / "clip.mp4"
        assert f"{faces} faces" in call("export", same_names, *out, "--only", path)
    assert {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()} == {
        "clip", "clip_2",
    }  # fmt: skip
    said = call("info", same_names)
    assert " a/clip.mp4 " in said
    assert " b/clip.mp4 " in said


def test_pictures_of_two_videos_of_one_name_are_exported(same_names, aligners, tmp_path):
    call("annotate", same_names)
    out = tmp_path / "out"
    call("export", same_names, "--out", out, "--format", "dlib", "--pictures")
    assert [len(list((out / name).glob("*.png"))) for name in ("clip", "clip_2")] == [12, 13]


def test_paths_that_cannot_be_looked_at_are_told_in_one_line(folder, project, tmp_path):
    """As in a folder that one may not enter; root may, so names that no disk knows are taken."""
    nowhere = tmp_path / ("a" * 300)
    for words in (
        ("info", nowhere),
        ("new", nowhere, folder / "Anna"),
        ("add", nowhere, folder / "Anna"),
        ("merge", nowhere, project),
        ("annotate", project, "--model", nowhere),
        ("import", project, nowhere, "--video", folder / "Anna" / "a.mp4"),
    ):
        assert "can't be looked at" in call(*words, code=2)
