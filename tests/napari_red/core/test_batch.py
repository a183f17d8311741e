"""Many videos: added, aligned one after the other, gone on with after a kill."""

import itertools
import os
import shutil
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from napari_red.core import edits
from napari_red.core.add_videos import AddVideoError, add_videos, folder_name
from napari_red.core.batch import Batch, each_video
from napari_red.core.jobs import StopWork
from napari_red.core.prealign import Settings
from napari_red.core.project import Project, ProjectError
from napari_red.core.session import Session
from trainer.data.video import open_video
from trainer.errors import RedError

SUPPORT = Path(__file__).parents[2] / "support"


@pytest.fixture
def folder(tmp_path, make_video):
    """Anna with two videos, Ben with one; they differ in length."""
    for number, place in enumerate(("Anna/a.mp4", "Anna/b.mp4", "Ben/c.mp4")):
        (tmp_path / "set" / place).parent.mkdir(parents=True, exist_ok=True)
        make_video(tmp_path / "set" / place, 20 + number)
    return tmp_path / "set"


@pytest.fixture
def project(tmp_path):
    with Project(tmp_path / "many.red") as project:
        yield project


@pytest.fixture
def full(project, folder):
    add_videos(project, [folder])
    return project


def found(project, video):
    """The frames of a video that have predictions."""
    return sorted({p.frame for t in project.tracks(video.id) for p in project.predictions(t.id)})


def states(project):
    return [video.state for video in project.videos()]


def test_a_folder_is_added_with_all_that_is_known_of_its_videos(project, folder):
    seen = []
    added = add_videos(project, [folder], on_progress=seen.append)
    assert [video.name for video in added.new] == ["a", "b", "c"]
    first = added.new[0]
    assert (first.n_frames, first.width, first.height, first.fps) == (20, 160, 120, 25)
    assert first.fingerprint
    assert project.times(first.id)[1] == pytest.approx(0.04)
    assert (seen[-1].done, seen[-1].total) == (3, 3)
    assert states(project) == ["new"] * 3


def test_bad_files_are_reported_and_the_others_added(project, folder):
    (folder / "Anna" / "broken.mp4").write_bytes(b"nothing")
    added = add_videos(project, [folder, folder / "none.mp4"])
    assert len(added.new) == 3
    assert [path.name for path, _ in added.failed] == ["broken.mp4", "none.mp4"]
    assert all("mp4" in message for _, message in added.failed)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a file's name is always text")
def test_a_name_that_is_no_text_is_reported_and_the_others_added(project, folder):
    name = os.fsdecode(b"M\xfcller.mp4")
    (folder / "Anna" / "a.mp4").rename(folder / "Anna" / name)
    added = add_videos(project, [folder])
    assert [video.name for video in added.new] == ["b", "c"]
    ((path, message),) = added.failed
    assert path.name == name
    assert "M\ufffdller.mp4" in message
    assert "rename it" in message
    copy = shutil.copy(folder / "Ben" / "c.mp4", folder / "Ben" / name)
    (folder / "Ben" / "c.mp4").unlink()
    ((_, message),) = add_videos(project, [copy]).failed
    assert "rename it" in message, "it has moved to where the project can't note"


def test_the_same_video_is_noticed_wherever_it_lies(project, folder, tmp_path):
    add_videos(project, [folder])
    copy = shutil.copy(folder / "Ben" / "c.mp4", tmp_path / "other.mp4")
    added = add_videos(project, [copy])
    assert [(path.name, record.name) for path, record in added.known] == [("other.mp4", "c")]
    assert Path(project.videos()[2].path).name == "c.mp4", "it is where it was"
    (folder / "Ben" / "c.mp4").unlink()
    add_videos(project, [copy])
    assert Path(project.videos()[2].path).name == "other.mp4", "it has moved"


def test_people_are_named_after_folders_and_the_first_face_found_is_theirs(
    project, folder, make_aligner
):
    add_videos(project, [folder], identity_from_folder=True)
    Batch(project, lambda *_: make_aligner(), Settings("made", faces=2)).run()
    named = [[track.identity for track in project.tracks(v.id)] for v in project.videos()]
    assert [[one and one.name for one in row] for row in named] == [
        ["Anna", None],
        ["Anna", None],
        ["Ben", None],
    ]
    assert len(project.identities()) == 2


def test_the_name_of_the_folder_comes_with_the_video_and_nothing_of_it_is_undone(
    project, folder, make_aligner
):
    add_videos(project, [folder], identity_from_folder=True)
    Batch(project, lambda *_: make_aligner(), Settings("made")).run()
    for record in project.videos():
        assert project.can_undo(record.id) == (0, 0)
        with open_video(record.path) as video, Session(video, project=project) as session:
            assert session.undo() is None
            assert session.view(5).visible.all()
            assert session.tracks[0].identity.name in ("Anna", "Ben")


def test_a_folder_that_a_mac_spells_otherwise_is_the_same_persons(project, tmp_path, make_video):
    composed, apart = (unicodedata.normalize(form, "Zoë") for form in ("NFC", "NFD"))
    for number, name in enumerate((apart, composed)):
        (tmp_path / "s" / str(number) / name).mkdir(parents=True)
        make_video(tmp_path / "s" / str(number) / name / "v.mp4", n_frames=4 + number)
    add_videos(project, [tmp_path / "s"], identity_from_folder=True)
    assert [one.name for one in project.identities()] == [composed]
    assert len(project.tracks()) == 2


def test_the_persons_folder_is_above_the_videos_own(tmp_path):
    for place in ("Anna/clip.mp4", "Anna/07/vid.avi"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
        assert folder_name(tmp_path / place) == "Anna"
    (tmp_path / "Anna" / "08" / "imgs").mkdir(parents=True)
    assert folder_name(tmp_path / "Anna" / "08") == "Anna"
    assert folder_name(tmp_path / "Anna" / "08" / "imgs") == "Anna"


def test_range_and_stride_are_kept_and_nonsense_is_refused(project, folder):
    added = add_videos(project, [folder], start=2, stop=21, stride=4)
    assert added.new[0].wanted_frames == range(2, 20, 4)
    assert added.new[2].wanted_frames == range(2, 21, 4)
    with pytest.raises(AddVideoError, match="in steps of 0"):
        add_videos(project, [folder], stride=0)


def test_a_range_beyond_a_videos_end_fails_that_video_alone(project, folder):
    added = add_videos(project, [folder], start=21)
    assert [video.name for video in added.new] == ["c"]
    assert "has 20 frames, the first one asked for is 22" in added.failed[0][1]


def test_all_videos_are_aligned_with_one_aligner(full, make_aligner):
    made, rows, progress = [], [], []

    def make(model, device):
        made.append((model, device, make_aligner()))
        return made[-1][2]

    batch = Batch(full, make, Settings("made", "cpu"))
    summary = batch.run(on_progress=progress.append, on_event=rows.append)
    assert [(model, device) for model, device, _ in made] == [("made", "cpu")]
    assert made[0][2].closed
    assert [len(found(full, video)) for video in full.videos()] == [20, 21, 22]
    assert states(full) == ["done"] * 3
    assert (len(summary.done), summary.failed) == (3, [])
    assert [row.state for row in rows[:3]] == ["waiting"] * 3
    assert [(row.name, row.state, row.done) for row in batch.rows.values()] == [
        ("a", "done", 20),
        ("b", "done", 21),
        ("c", "done", 22),
    ]
    assert (progress[-1].done, progress[-1].total) == (63, 63)
    assert all(a.done <= b.done for a, b in itertools.pairwise(progress))


def test_a_selection_can_be_aligned_and_what_is_done_is_left_alone(full, make_aligner):
    first, _, last = full.videos()
    Batch(full, lambda *_: make_aligner(), Settings("made")).run([last.id])
    assert states(full) == ["new", "new", "done"]
    aligner = make_aligner()
    Batch(full, lambda *_: aligner, Settings("made")).run([first.id, last.id])
    assert len(aligner.calls) == 1
    assert states(full) == ["done", "new", "done"]


def test_a_copy_of_a_video_that_was_replaced_is_where_it_is_from_now_on(
    tmp_path, make_video, make_aligner
):
    inside, away = tmp_path / "inside", tmp_path / "away"
    for place in (inside, away):
        place.mkdir()
    path = make_video(inside / "talk.mp4")
    shutil.copy(path, away / "copy.mp4")
    with Project(inside / "p.red") as project:
        add_videos(project, [path])
        add_videos(project, [away / "copy.mp4"])
        assert project.videos()[0].path == str(path), "it is there, too"
        make_video(path, n_frames=30)
        (known,) = add_videos(project, [away / "copy.mp4"]).known
        assert known[1].path == str(away / "copy.mp4")
        assert not Batch(project, lambda *_: make_aligner(), Settings("made")).run().failed


def test_again_aligns_anew_what_no_person_has_settled(full, make_aligner, made_truth):
    Batch(full, lambda *_: make_aligner(offset=5), Settings("made")).run()
    video = full.videos()[0]
    with open_video(video.path) as opened, Session(opened, project=full) as session:
        session.move(3, 0, dict.fromkeys(range(68), (1.0, 2.0)))
        edits.accept(session, 7)
    Batch(full, lambda *_: make_aligner(), Settings("made")).run(again=True)
    with open_video(video.path) as opened, Session(opened, project=full) as session:
        track = session.track(0)
        np.testing.assert_array_equal(track.merged(3), np.tile((1, 2), (68, 1)))
        np.testing.assert_array_equal(track.merged(7), made_truth(7) + 5)
        np.testing.assert_array_equal(track.merged(8), made_truth(8))


def test_a_video_that_fails_is_told_and_the_others_go_on(full, make_aligner):
    Path(full.videos()[0].path).unlink()
    summary = Batch(full, lambda *_: make_aligner(fail_at=20), Settings("made")).run()
    assert [name for name, _ in summary.failed] == ["a", "b", "c"]
    messages = [video.message for video in full.videos()]
    assert "isn't there any more" in messages[0]
    assert messages[1:] == ["the aligner broke"] * 2
    assert states(full) == ["failed"] * 3
    assert len(found(full, full.videos()[1])) == 20, "what was found stays"
    aligner = make_aligner()
    Batch(full, lambda *_: aligner, Settings("made")).run()
    assert states(full) == ["failed", "done", "done"]
    assert [call["start"] for call in aligner.calls] == [10, 10]


def test_stopping_leaves_the_rest_waiting_and_it_goes_on_there(full, make_aligner):
    asked = iter(range(1000))
    batch = Batch(full, lambda *_: make_aligner(), Settings("made"))
    with pytest.raises(StopWork):
        batch.run(should_stop=lambda: next(asked) == 40)
    assert states(full) == ["done", "waiting", "waiting"]
    assert [row.state for row in batch.rows.values()] == ["done", "waiting", "waiting"]
    aligner = make_aligner()
    Batch(full, lambda *_: aligner, Settings("made")).run()
    assert states(full) == ["done"] * 3
    assert [len(found(full, video)) for video in full.videos()] == [20, 21, 22]
    assert aligner.calls[0]["start"] > 0
    assert aligner.calls[1]["start"] == 0


def test_the_aligner_can_be_ended_at_once(full, make_aligner):
    aligner = make_aligner()
    batch = Batch(full, lambda *_: aligner, Settings("made"))

    def stop_soon(row):
        if row.state == "running":
            batch.stop()

    with pytest.raises(StopWork):
        batch.run(on_event=stop_soon)
    assert batch._aligner is None
    assert aligner.calls == []


def test_the_window_that_has_the_project_open_sees_what_is_found(full, make_aligner):
    video = full.videos()[1]
    with open_video(video.path) as opened, Session(opened, project=full) as session:
        told = []
        session.listeners.append(lambda first, last: told.append((first, last)))
        batch = Batch(full, lambda *_: make_aligner(), Settings("made"), session=session)
        batch.run()
        assert session.view(20).visible.all()
        assert told
    assert states(full) == ["done"] * 3


def test_a_project_that_is_read_only_is_said_before_anything_starts(full, make_aligner):
    with (
        Project(full.path, "auto") as other,
        pytest.raises(ProjectError, match="open in another window"),
    ):
        Batch(other, lambda *_: make_aligner(), Settings("made")).run()


def test_any_work_can_be_done_over_all_videos(full):
    seen = []

    def act(video, report, should_stop):
        if video.name == "b":
            raise RedError("b: can't be exported; choose another folder")
        seen.append(video.name)
        return "1 file"

    summary = each_video(full, None, act)
    assert seen == ["a", "c"]
    assert summary.failed == [("b", "b: can't be exported; choose another folder")]
    assert states(full) == ["new"] * 3, "only alignment is noted"


def test_after_a_kill_it_goes_on_where_it_was(full, make_aligner, tmp_path):
    full.close()
    script = tmp_path / "run.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(SUPPORT)!r})\n"
        "from knowing_aligner import KnowingAligner\n"
        "from napari_red.core import prealign\n"
        "from napari_red.core.batch import Batch\n"
        "from napari_red.core.project import Project\n"
        "prealign.FLUSH_FRAMES = 1\n"
        f"with Project({str(full.path)!r}) as project:\n"
        "    aligner = KnowingAligner(pause=0.05)\n"
        "    Batch(project, lambda *_: aligner, prealign.Settings('made')).run()\n"
    )
    process = subprocess.Popen([sys.executable, str(script)])
    deadline = time.monotonic() + 60
    reader = None
    try:
        while time.monotonic() < deadline:
            assert process.poll() is None, "it should be at work"
            with Project(full.path, "read") as reader:
                videos = reader.videos()
                if videos[1].state == "running" and len(found(reader, videos[1])) > 3:
                    break
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    with Project(full.path) as project:
        assert states(project) == ["done", "running", "waiting"]
        kept = found(project, project.videos()[1])
        assert len(kept) > 3
        aligner = make_aligner()
        Batch(project, lambda *_: aligner, Settings("made")).run()
        assert states(project) == ["done"] * 3
        assert [len(found(project, video)) for video in project.videos()] == [20, 21, 22]
        assert [call["start"] for call in aligner.calls] == [max(len(kept) - 10, 0), 0]


def test_videos_of_one_name_are_told_apart_in_what_is_said(project, folder):
    shutil.copytree(folder / "Anna", folder / "Cleo")
    with (folder / "Cleo" / "a.mp4").open("ab") as file:
        file.write(b"not the same file")
    add_videos(project, [folder / "Anna" / "a.mp4", folder / "Cleo" / "a.mp4"])

    def act(video, report, stop):
        if "Cleo" in video.path:
            raise RedError("no")
        return ""

    told = []
    summary = each_video(project, None, act, on_event=told.append)
    assert summary.failed == [("Cleo/a.mp4", "no")]
    assert {row.name for row in told} == {"Anna/a.mp4", "Cleo/a.mp4"}
