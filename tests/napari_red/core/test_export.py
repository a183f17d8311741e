import os
import shutil
import unicodedata

import av
import imageio.v3 as iio
import numpy as np
import pandas
import pytest

from napari_red.core.add_videos import add_videos
from napari_red.core.annotation import IMPORTED
from napari_red.core.edits import accept
from napari_red.core.erase import erase_person
from napari_red.core.export import ExportChoice, ExportError, export_project, export_session
from napari_red.core.formats.base import FormatError
from napari_red.core.gather import annotation_of
from napari_red.core.import_labels import import_labels
from napari_red.core.jobs import StopWork
from napari_red.core.locate import MovedVideoError
from napari_red.core.prealign import Settings, prealign
from napari_red.core.project import Project, ProjectError
from napari_red.core.session import Session
from napari_red.core.track_edits import name_identity
from trainer.data.pts import read_pts, write_pts
from trainer.data.video import open_video


@pytest.fixture
def session(video_path, make_aligner):
    with open_video(video_path) as video, Session(video) as session:
        prealign(session, make_aligner(lost={(2, 0), (2, 1), (7, 1)}), Settings("made", faces=2))
        yield session


def test_the_layout_is_that_of_300vw(session, tmp_path, made_truth):
    summary = export_session(session, tmp_path / "out")
    annot = tmp_path / "out" / "clip" / "annot"
    names = sorted(path.name for path in annot.iterdir())
    assert names == [f"{n:06d}.pts" for n in range(1, 25) if n != 3]
    np.testing.assert_allclose(read_pts(annot / "000006.pts"), made_truth(5), atol=1e-3)
    second = tmp_path / "out" / "clip" / "face_2" / "annot"
    assert not (second / "000008.pts").exists()
    np.testing.assert_allclose(read_pts(second / "000006.pts"), made_truth(5, 1), atol=1e-3)
    assert (summary.faces, summary.without_face) == (23 + 22, 1)


def test_corrections_win(session, tmp_path, made_truth):
    session.move(5, 0, {30: (1.5, 2.5)})
    summary = export_session(session, tmp_path / "out")
    landmarks = read_pts(summary.written[0] / "annot" / "000006.pts")
    np.testing.assert_allclose(landmarks[30], (1.5, 2.5), atol=1e-3)
    np.testing.assert_allclose(landmarks[29], made_truth(5)[29], atol=1e-3)
    assert summary.corrected == 1


def test_hidden_landmarks_keep_their_position_and_a_wholly_hidden_face_has_no_file(
    session, tmp_path, made_truth
):
    session.hide(5, 0, [8])
    session.hide(6, 0, range(68))
    folder = export_session(session, tmp_path / "out").written[0] / "annot"
    np.testing.assert_allclose(read_pts(folder / "000006.pts"), made_truth(5), atol=1e-3)
    assert not (folder / "000007.pts").exists()


def test_exporting_again_removes_what_is_no_longer_true(session, tmp_path):
    folder = export_session(session, tmp_path / "out").written[0] / "annot"
    assert (folder / "000007.pts").exists()
    session.hide(6, 0, range(68))
    export_session(session, tmp_path / "out")
    assert not (folder / "000007.pts").exists()


def test_annotation_of_other_origin_is_not_overwritten(session, tmp_path):
    theirs = tmp_path / "clip" / "annot" / "000001.pts"
    theirs.parent.mkdir(parents=True)
    write_pts(theirs, np.zeros((68, 2)))
    before = theirs.read_bytes()
    with pytest.raises(FormatError, match="choose another folder"):
        export_session(session, tmp_path)
    assert theirs.read_bytes() == before


def test_a_folder_that_cannot_be_made_says_so(session, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FormatError, match="you may write to"):
        export_session(session, tmp_path / "file" / "out")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_says_so(session, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(FormatError, match="you may write to"):
        export_session(session, locked)


def test_nothing_to_export_says_what_to_do_first(video_path, tmp_path):
    with (
        open_video(video_path) as video,
        Session(video) as empty,
        pytest.raises(ExportError, match="pre-annotate it first"),
    ):
        export_session(empty, tmp_path)


def test_a_project_is_exported_without_its_videos(session, tmp_path, video_path):
    project, _ = session.opened()
    video_path.unlink()
    assert export_project(project, tmp_path / "out").faces == 45


def test_videos_of_one_name_get_folders_of_their_own(session, tmp_path):
    project, video = session.opened()
    project.add_video(
        "/else/clip.mp4", "other", n_frames=3, height=10, width=10, fps=25.0, name=video.name
    )
    folders = [path.name for path in export_project(project, tmp_path / "out").written]
    assert folders == ["clip", "clip_2"]


def test_export_stops_when_asked(session, tmp_path):
    with pytest.raises(StopWork):
        export_session(session, tmp_path / "out", should_stop=lambda: True)


def test_pictures_called_by_numbers_keep_them(tmp_path, make_aligner):
    imgs = tmp_path / "talk" / "imgs"
    imgs.mkdir(parents=True)
    for number in (4, 8, 12):
        iio.imwrite(imgs / f"{number:06d}.png", np.full((40, 50, 3), number, np.uint8))
    with open_video(imgs) as video, Session(video) as session:
        prealign(session, make_aligner(), Settings("made"))
        (folder,) = export_session(session, tmp_path / "out").written
    assert folder.name == "talk"
    names = sorted(path.name for path in (folder / "annot").iterdir())
    assert names == ["000004.pts", "000008.pts", "000012.pts"]


def test_only_accepted_frames_are_exported_when_asked(session, tmp_path):
    accept(session, 5)
    accept(session, 6, [1])
    summary = export_session(session, tmp_path / "out", choice=ExportChoice(only_accepted=True))
    assert summary.faces == 3
    names = [p.name for p in sorted((tmp_path / "out").rglob("*.pts"))]
    assert names == ["000006.pts", "000006.pts", "000007.pts"]


def test_frames_nobody_works_on_are_not_missed(session, tmp_path):
    project, video = session.opened()
    project.set_video(video.id, start=4, stop=10)
    assert export_project(project, tmp_path / "out").without_face == 0


def test_pseudonyms_stay_the_same_over_exports_and_hide_the_name(session, tmp_path):
    name_identity(session, 0, "Ada Lovelace")
    choice = ExportChoice("csv", pseudonyms=True)
    texts = []
    for out in ("one", "two"):
        (path,) = export_session(session, tmp_path / out, choice=choice).written
        texts.append(path.read_text())
    assert texts[0] == texts[1]
    assert "person_01" in texts[0]
    assert "Ada" not in texts[0]


def test_pseudonyms_of_a_project_that_cannot_be_written_need_a_key_that_is_there(session, tmp_path):
    name_identity(session, 0, "Ada Lovelace")
    choice = ExportChoice("csv", pseudonyms=True)
    copy = tmp_path / "copy.red"
    shutil.copy(session.project_path, copy)
    with (
        Project(copy, "read") as project,
        pytest.raises(ProjectError, match=r"copy\.red: has no key for pseudonyms yet.*; open it"),
    ):
        export_project(project, tmp_path / "none", choice=choice)
    (path,) = export_session(session, tmp_path / "one", choice=choice).written
    shutil.copy(session.project_path, copy)
    with Project(copy, "read") as project:
        (other,) = export_project(project, tmp_path / "two", choice=choice).written
    assert other.read_text() == path.read_text()


def test_the_table_says_who_placed_what(session, tmp_path, made_truth):
    session.move(5, 0, {30: (1.5, 2.5)})
    session.hide(5, 0, [8])
    (path,) = export_session(session, tmp_path / "out", choice=ExportChoice("csv")).written
    table = pandas.read_csv(path)
    row = table.query("frame == 5 and face == 0").set_index("landmark")
    assert (row.source[30], row.source[29]) == ("person", "model")
    assert row.model[29] == "made"
    assert (row.x[30], row.y[30]) == (1.5, 2.5)
    assert not row.visible[8]
    assert row.x[29] == pytest.approx(made_truth(5)[29, 0], abs=1e-3)


def test_another_project_gets_from_pts_files_what_this_one_knows(session, tmp_path):
    session.move(5, 0, {30: (1.5, 2.5)})
    session.hide(6, 1, [8, 9])
    for frame in range(4, 8):
        accept(session, frame, [0])
    name_identity(session, 0, "Ada Lovelace")
    folder = export_session(session, tmp_path / "out").written[0]
    wanted = annotation_of(*session.opened())
    with (
        open_video(session.video.path) as video,
        Session(video, tmp_path / "other.red") as other,
    ):
        import_labels(other, "pts", folder)
        got = annotation_of(*other.opened())
    for face, other_face in zip(got.faces, wanted.faces, strict=True):
        assert face.identity == other_face.identity
        np.testing.assert_allclose(face.landmarks, other_face.landmarks, atol=1e-3)
        for what in ("frames", "accepted", "visible", "corrected"):
            np.testing.assert_array_equal(getattr(face, what), getattr(other_face, what))


def test_a_name_in_imported_labels_is_the_same_in_both_of_unicodes_forms(session, tmp_path):
    composed, apart = (unicodedata.normalize(form, "Zoë") for form in ("NFC", "NFD"))
    name_identity(session, 0, composed)
    folder = export_session(session, tmp_path / "out").written[0]
    table = folder / "faces.csv"
    table.write_text(table.read_text("utf-8").replace(composed, f" {apart} "), "utf-8")
    import_labels(session, "pts", folder)
    assert [one.name for one in session.project.identities()] == [composed]
    assert [track.identity is not None for track in session.tracks] == [True, False] * 2


def test_labels_beyond_the_part_that_is_worked_on_come_in_with_a_note(session, tmp_path):
    folder = export_session(session, tmp_path / "out").written[0]
    with Project(tmp_path / "part.red") as project:
        add_videos(project, [session.video.path], start=4, stop=10)
        with (
            open_video(session.video.path) as video,
            Session(video, project=project) as other,
        ):
            summary = import_labels(other, "pts", folder)
    assert any("17 of 23 frames are none of those that are worked on" in n for n in summary.notes)


def test_pseudonyms_stand_in_the_table_of_pts_files_too(session, tmp_path):
    name_identity(session, 0, "Ada Lovelace")
    choice = ExportChoice(pseudonyms=True)
    (folder,) = export_session(session, tmp_path / "out", choice=choice).written
    table = pandas.read_csv(folder / "faces.csv", keep_default_na=False)
    assert set(table.identity) == {"person_01", ""}
    assert set(table.name) == {"person_01", "face 2"}
    assert "Ada" not in (folder / "faces.csv").read_text("utf-8")


@pytest.mark.parametrize("run", [None, "imported from ada_lovelace"])
@pytest.mark.parametrize("key", ["csv", "coco", "pts", "cvat", "labelstudio"])
def test_a_folder_that_is_called_after_the_person_is_not_told(session, tmp_path, key, run):
    name_identity(session, 0, "Ada Lovelace")
    folder = tmp_path / "Ada Lovelace"
    export_session(session, tmp_path / "out").written[0].joinpath("annot").rename(folder)
    import_labels(session, "pts", folder)
    if run is not None:  # as versions before wrote it
        session.move(3, 0, {8: (1.0, 2.0)}, "import ada_lovelace")
        session.project.database.write(
            lambda db: db.execute("UPDATE runs SET model = ? WHERE model = ?", (run, IMPORTED))
        )
    choice = ExportChoice(key, pseudonyms=True)
    export_session(session, tmp_path / "anonymous", choice=choice)
    files = [path for path in (tmp_path / "anonymous").rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"lovelace" in path.read_bytes().lower()]
    erase_person(session.project, "Ada Lovelace")
    assert b"lovelace" not in session.project.path.read_bytes().lower()


@pytest.fixture
def two(tmp_path, make_video, make_aligner):
    """A project with a/clip.mp4 and b/clip.mp4 of 24 and 20 frames; faces of b lie lower."""
    folder = tmp_path / "home"
    for place, n_frames in (("a", 24), ("b", 20)):
        (folder / place).mkdir(parents=True)
        make_video(folder / place / "clip.mp4", n_frames)
    with Project(folder / "p.red") as project:
        for offset, record in zip((0, 8), add_videos(project, [folder]).new, strict=True):
            with open_video(record.path) as video, Session(video, project=project) as session:
                prealign(session, make_aligner(offset=offset), Settings("made"))
        yield project


def shows(picture, video, frame=0):
    with open_video(video) as opened:
        return np.array_equal(iio.imread(picture), opened.frame(frame))


def brightened(path):
    """Another video in its place: of the same name and size, with other pictures."""
    pictures = [np.full((120, 160, 3), 90 + frame, np.uint8) for frame in range(24)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


PICTURES = ExportChoice("dlib", pictures=True)


def test_each_of_two_videos_of_one_name_gets_its_own_pictures(two, tmp_path):
    summary = export_project(two, tmp_path / "out", choice=PICTURES)
    assert [path.name for path in summary.written] == ["clip.xml", "clip_2.xml"]
    for name, place in (("clip", "a"), ("clip_2", "b")):
        video = two.path.parent / place / "clip.mp4"
        assert shows(tmp_path / "out" / name / "000011.png", video, 10)
    assert not (tmp_path / "out" / "clip_2" / "000021.png").exists()


def test_two_videos_of_one_name_exported_one_after_the_other_are_both_there(two, tmp_path):
    for video in two.videos():
        export_project(two, tmp_path / "out", video_ids=[video.id])
    first, second = (
        read_pts(tmp_path / "out" / name / "annot" / "000001.pts") for name in ("clip", "clip_2")
    )
    np.testing.assert_allclose(second - first, 8, atol=1e-3)


def test_pictures_of_a_video_that_was_replaced_are_refused(two, tmp_path):
    brightened(two.path.parent / "a" / "clip.mp4")
    with pytest.raises(MovedVideoError, match="isn't the video any more"):
        export_project(two, tmp_path / "out", choice=PICTURES)
    assert not list((tmp_path / "out").rglob("*.png"))
    assert not (tmp_path / "out" / "clip.xml").exists()
    assert export_project(two, tmp_path / "labels").faces == 44


def test_pictures_come_from_where_the_project_and_its_videos_were_moved_to(two, tmp_path):
    two.close()
    two.path.parent.rename(tmp_path / "away")
    two.path.parent.mkdir()
    (two.path.parent / "a").mkdir()
    brightened(two.path.parent / "a" / "clip.mp4")
    with Project(tmp_path / "away" / "p.red", "read") as moved:
        export_project(moved, tmp_path / "out", choice=PICTURES)
    assert shows(tmp_path / "out" / "clip" / "000001.png", tmp_path / "away" / "a" / "clip.mp4")


def test_a_file_refers_to_a_video_where_it_is_now_and_to_no_other(two, tmp_path):
    first, second = two.videos()
    two.close()
    brightened(two.path.parent / "b" / "clip.mp4")
    two.path.parent.rename(tmp_path / "away")
    with Project(tmp_path / "away" / "p.red", "read") as moved:
        assert annotation_of(moved, first).path == tmp_path / "away" / "a" / "clip.mp4"
        assert annotation_of(moved, second).path is None


@pytest.mark.parametrize("key", ["coco", "dlib", "labelstudio", "deeplabcut"])
def test_frames_without_a_picture_are_left_out_of_those_and_told(damaged_session, tmp_path, key):
    damaged_session.move(20, 0, {30: (50.0, 60.0)})
    damaged_session.move(30, 0, {30: (50.0, 60.0)})
    summary = export_session(
        damaged_session, tmp_path / key, choice=ExportChoice(key, pictures=True)
    )
    assert (summary.faces, summary.corrected) == (37, 1)
    pictures = sorted(path.stem for path in (tmp_path / key).rglob("*.png"))
    first = 0 if key == "deeplabcut" else 1
    shown = [frame for frame in range(40) if frame not in (19, 20, 21)]
    assert [int(name[-4:]) for name in pictures] == [frame + first for frame in shown]
    (note,) = summary.notes
    assert note.startswith("talk: frames 19 to 21 can't be decoded")
    if key != "labelstudio":  # is only written
        assert import_labels(damaged_session, key, summary.written[0]).frames == 37


def test_labels_alone_are_exported_of_every_frame(damaged_session, tmp_path):
    summary = export_session(damaged_session, tmp_path / "out", choice=ExportChoice("coco"))
    assert summary.faces == 40
    assert summary.notes == ()
