from dataclasses import replace

import menpo.io as mio
import numpy as np
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
