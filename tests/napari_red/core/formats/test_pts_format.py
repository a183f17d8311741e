import shutil
from dataclasses import replace

import menpo.io as mio
import numpy as np
import pandas as pd
import pytest
from made_annotation import made_face, made_video, same_landmarks

from napari_red.core.formats.base import FormatError, Options
from napari_red.core.formats.registry import FORMATS
from trainer.data.pts import PtsError, read_pts, write_pts
from trainer.errors import RedError
from trainer.scheme import SUBSET_7

PTS = FORMATS["pts"]


def test_what_is_written_is_read(tmp_path):
    video = made_video()
    (folder,) = PTS.write([video], tmp_path)
    assert folder == tmp_path / "Gespräch 1 & 2"
    for path in (folder, tmp_path):
        same_landmarks(PTS.read(path, video), video)


def test_menpo_reads_the_same_positions(tmp_path):
    video = made_video()
    (folder,) = PTS.write([video], tmp_path)
    face = video.faces[1]
    for row, frame in enumerate(face.frames):
        file = folder / "face_2" / "annot" / f"{frame + 1:06d}.pts"
        # menpo takes the 1 away, and gives y, x.
        points = mio.import_landmark_file(file)["PTS"].points[:, ::-1]
        np.testing.assert_allclose(points, face.landmarks[row], atol=1e-3)


def test_files_count_frames_from_1_and_a_frame_without_the_face_has_none(tmp_path):
    (folder,) = PTS.write([made_video()], tmp_path)
    names = sorted(file.name for file in (folder / "annot").iterdir())
    assert names == [f"{n:06d}.pts" for n in (1, 2, 3, 5, 6, 12)]


def test_hidden_landmarks_keep_their_position_and_a_wholly_hidden_face_has_no_file(tmp_path):
    video = made_video(faces=1)
    visible = video.faces[0].visible.copy()
    visible[0] = False
    visible[2, 0] = False
    video = replace(video, faces=(replace(video.faces[0], visible=visible),))
    (folder,) = PTS.write([video], tmp_path)
    assert not (folder / "annot" / "000001.pts").exists()
    got = read_pts(folder / "annot" / "000003.pts")
    np.testing.assert_allclose(got, video.faces[0].landmarks[2], atol=1e-3)


def test_7_landmarks_on_request(tmp_path):
    video = made_video(faces=1)
    (folder,) = PTS.write([video], tmp_path, Options(n_points=7))
    got = read_pts(folder / "annot" / "000001.pts", 7)
    np.testing.assert_allclose(got, video.faces[0].landmarks[0][list(SUBSET_7)], atol=1e-3)


def test_only_accepted_frames_on_request(tmp_path):
    video = made_video(faces=1)
    (folder,) = PTS.write([video], tmp_path, Options(only_accepted=True))
    names = sorted(file.name for file in (folder / "annot").iterdir())
    assert names == ["000001.pts", "000003.pts", "000006.pts"]


def test_writing_again_removes_what_is_no_longer_true(tmp_path):
    video = made_video()
    (folder,) = PTS.write([video], tmp_path)
    fewer = replace(video, faces=(made_face(0, [1]),))
    PTS.write([fewer], tmp_path)
    assert [file.name for file in (folder / "annot").iterdir()] == ["000002.pts"]
    assert not any((folder / "face_2" / "annot").iterdir())


def test_annotation_of_other_origin_is_not_overwritten(tmp_path):
    theirs = tmp_path / made_video().name / "annot" / "000001.pts"
    theirs.parent.mkdir(parents=True)
    write_pts(theirs, np.zeros((68, 2)))
    before = theirs.read_bytes()
    with pytest.raises(FormatError, match="choose another folder"):
        PTS.write([made_video()], tmp_path)
    assert theirs.read_bytes() == before


def test_pictures_called_by_numbers_keep_them(tmp_path):
    stems = [f"{4 * n:04d}" for n in range(12)]
    video = replace(made_video(), stems=stems)
    (folder,) = PTS.write([video], tmp_path)
    assert (folder / "annot" / "0044.pts").exists()
    same_landmarks(
        PTS.read(folder / "annot", replace(video, faces=())), replace(video, faces=video.faces[:1])
    )


def test_numbers_are_read_with_and_without_leading_zeros(tmp_path):
    video = made_video(faces=1)
    for row, frame in enumerate(video.faces[0].frames):
        write_pts(tmp_path / f"{frame + 1}.pts", video.faces[0].landmarks[row])
    same_landmarks(PTS.read(tmp_path, video), video)


def table_of(folder):
    return pd.read_csv(folder / "faces.csv", keep_default_na=False)


def test_a_table_beside_the_files_says_what_they_cannot(tmp_path):
    video = made_video()
    (folder,) = PTS.write([video], tmp_path)
    table = table_of(folder)
    assert len(table) == sum(len(face.frames) for face in video.faces)
    for face in video.faces:
        rows = table[table.face == face.face]
        annot = "annot" if face.face == 0 else "face_2/annot"
        assert list(rows.file) == [f"{annot}/{frame + 1:06d}.pts" for frame in face.frames]
        assert all((folder / file).is_file() for file in rows.file)
        assert list(rows.frame) == list(face.frames)
        assert rows.time_s.to_list() == pytest.approx(
            [video.time(f) for f in face.frames], abs=1e-6
        )
        assert list(rows.accepted) == list(face.accepted)
        assert set(rows.identity) == {face.identity or ""}
        assert set(rows.name) == {face.name}
        assert list(rows.model) == [model or "" for model in face.models]
        assert set(rows.video) == {video.name}
        sure = np.nanmean(face.confidence, axis=1)
        np.testing.assert_allclose(rows.confidence.astype(float), sure, atol=1e-4)
        hidden = [np.flatnonzero(row) for row in ~face.visible & face.labelled]
        assert list(rows.hidden) == [" ".join(map(str, numbers)) for numbers in hidden]
    assert list(table.corrected[:2]) == ["0 1 2 3 4", ""]


def same_but_confidence(got, wanted):
    assert len(got) == len(wanted)
    for face, other in zip(got, wanted, strict=True):
        assert (face.name, face.identity, face.models) == (other.name, other.identity, other.models)
        for what in ("frames", "accepted", "corrected"):
            np.testing.assert_array_equal(getattr(face, what), getattr(other, what))
        np.testing.assert_array_equal(face.visible, other.visible & other.labelled)


@pytest.mark.parametrize("n_points", [68, 7])
def test_what_the_table_says_is_read(tmp_path, n_points):
    video = made_video()
    (folder,) = PTS.write([video], tmp_path, Options(n_points=n_points))
    faces = video.faces if n_points == 68 else [face.points(SUBSET_7) for face in video.faces]
    for path in (tmp_path, folder):
        same_but_confidence(PTS.read(path, replace(video, faces=())), faces)
    for face, annot in zip(faces, ("annot", "face_2/annot"), strict=True):
        got = PTS.read(folder / annot, replace(video, faces=()))
        same_but_confidence(got, [replace(face, name=face.name)])


def test_the_table_is_read_as_pandas_and_spreadsheets_write_it(tmp_path):
    video = made_video(faces=1)
    face = video.faces[0]
    hidden = np.zeros(face.visible.shape, bool)
    hidden[2:4, 30] = True
    corrected = np.zeros(face.visible.shape, bool)
    corrected[4] = face.labelled[4]
    video = replace(video, faces=(replace(face, visible=~hidden, corrected=corrected),))
    (folder,) = PTS.write([video], tmp_path)
    file = folder / "faces.csv"
    table = pd.read_csv(file)
    assert table.corrected.to_list()[4] == "all"
    assert table.hidden.dtype == float  # so pandas writes 30.0
    table.accepted = [str(value).upper() for value in table.accepted]
    table.to_csv(file, index=False, encoding="utf-8-sig", lineterminator="\r\n")
    same_but_confidence(PTS.read(folder, video), video.faces)


def test_files_among_a_table_of_their_own_are_read_with_it(tmp_path):
    video = made_video(faces=1)
    (folder,) = PTS.write([video], tmp_path / "out")
    flat = shutil.copytree(folder / "annot", tmp_path / "flat")
    table = pd.read_csv(folder / "faces.csv")
    table.file = [file.removeprefix("annot/") for file in table.file]
    table.to_csv(flat / "faces.csv", index=False)
    same_but_confidence(PTS.read(flat, video), video.faces)


def test_files_that_the_table_does_not_list_are_read_without_it(tmp_path):
    video = made_video(faces=1)
    (folder,) = PTS.write([video], tmp_path)
    lines = (folder / "faces.csv").read_text("utf-8").splitlines()
    (folder / "faces.csv").write_text("\n".join(lines[:2]), "utf-8")
    (face,) = PTS.read(folder, video)
    assert face.accepted.tolist() == [True] + 5 * [False]
    assert face.identity == video.faces[0].identity
    (folder / "faces.csv").write_text("a table,of somebody's\n1,2\n", "utf-8")
    (face,) = PTS.read(folder, video)
    assert (face.identity, face.accepted.any()) == (None, False)


def test_a_wholly_hidden_face_has_a_row_without_a_file(tmp_path):
    video = made_video(faces=1)
    visible = video.faces[0].visible.copy()
    visible[0] = False
    video = replace(video, faces=(replace(video.faces[0], visible=visible),))
    (folder,) = PTS.write([video], tmp_path)
    table = table_of(folder)
    assert (table.file[0], table.hidden[0], table.accepted[0]) == ("", "all", True)
    (face,) = PTS.read(folder, video)
    assert face.frames.tolist() == video.faces[0].frames[1:].tolist()


def test_menpo_imports_the_whole_folder(tmp_path):
    video = made_video(faces=1)
    (folder,) = PTS.write([video], tmp_path)
    found = list(mio.import_landmark_files(folder / "annot"))
    assert len(found) == len(video.faces[0].frames)
    assert len(list(mio.import_landmark_files(folder / "**" / "*"))) == len(found)


def test_a_table_of_other_origin_is_not_overwritten_and_nothing_else_is_written(tmp_path):
    theirs = tmp_path / made_video().name / "faces.csv"
    theirs.parent.mkdir()
    theirs.write_text("mine", "utf-8")
    with pytest.raises(FormatError, match=r"faces\.csv: is there"):
        PTS.write([made_video()], tmp_path)
    assert theirs.read_text("utf-8") == "mine"
    assert not any(tmp_path.rglob("*.pts"))


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("hidden", "68", "line 2: hidden names landmark 68, and there are 68, from 0 to 67"),
        ("hidden", "-1", "line 2: hidden is '-1'"),
        ("corrected", "1.5", "line 2: corrected is '1.5'"),
        ("corrected", "nose", "line 2: corrected is 'nose'"),
        ("accepted", "maybe", "line 2: accepted is 'maybe'; write true or false"),
    ],
)
def test_what_the_table_cannot_mean_says_where(tmp_path, column, value, says):
    video = made_video(faces=1)
    (folder,) = PTS.write([video], tmp_path)
    table = table_of(folder)
    table[column] = value
    table.to_csv(folder / "faces.csv", index=False)
    with pytest.raises(FormatError, match=says):
        PTS.read(folder, video)


def write_one(folder, name="000001.pts", n=68):
    write_pts(folder / name, np.ones((n, 2)))


@pytest.mark.parametrize(
    ("names", "n", "says"),
    [
        (["000001.pts"], 66, r"000001.pts: 66 points, the 68-point scheme needs 68"),
        (["000099.pts"], 68, "no frame of .* is called 000099"),
        (["000002.pts", "2.pts"], 68, r"2\.pts: the face .* second time in frame 1"),
        ([], 68, "no .pts file in it"),
    ],
)
def test_what_cannot_be_read_says_what_and_where(tmp_path, names, n, says):
    for name in names:
        write_one(tmp_path, name, n)
    with pytest.raises(RedError, match=says):
        PTS.read(tmp_path, made_video())


def test_a_truncated_file_and_a_missing_folder_say_so(tmp_path):
    write_one(tmp_path)
    file = tmp_path / "000001.pts"
    file.write_text(file.read_text()[:200])
    with pytest.raises(PtsError, match=r"000001\.pts"):
        PTS.read(tmp_path, made_video())
    with pytest.raises(FormatError, match="isn't a folder"):
        PTS.read(tmp_path / "none", made_video())
