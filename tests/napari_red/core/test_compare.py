import numpy as np
import pytest

from napari_red.core import edits, track_edits
from napari_red.core.blank_video import BlankVideo
from napari_red.core.compare import CompareError, compare
from napari_red.core.records import Prediction
from napari_red.core.session import Session
from trainer.face_3d import FACE_3D

EYES = float(np.linalg.norm((FACE_3D[36] - FACE_3D[45])[:2]) * 10)


def face_at(x: float, y: float) -> np.ndarray:
    return (FACE_3D[:, :2] * (10, -10) + (x, y)).astype(np.float32)


def annotated(folder, name, faces=((300, 300), (800, 300)), content=b"a video") -> Session:
    """A project with faces in these places, in all of 200 frames; nobody said anything."""
    (folder / "v.mp4").write_bytes(content)
    session = Session(BlankVideo(folder / "v.mp4", 200), folder / name)
    run = session.start_run("made", "cpu")
    sure = np.full(68, 0.5, np.float32)
    session.store(
        run,
        [
            (face, Prediction(frame, face_at(*place), sure))
            for frame in range(200)
            for face, place in enumerate(faces)
        ],
    )
    return session


@pytest.fixture
def two(tmp_path):
    """Two projects of one video; in the second the faces are numbered the other way."""
    with (
        annotated(tmp_path, "a.red") as a,
        annotated(tmp_path, "b.red", ((800, 300), (300, 300))) as b,
    ):
        yield a, b


def test_equal_labels_agree_fully_and_faces_match_by_place(two):
    a, b = two
    edits.accept_up_to(a, 19)
    edits.accept_up_to(b, 9)
    found = compare(a.project, b.project)
    assert found.frames == 20  # ten of each face
    (video,) = found.videos
    assert sorted(video.faces) == [(0, 1, 10), (1, 0, 10)]
    assert found.total.points == 20 * 68
    assert found.total.mean == found.total.median == found.total.apart == 0
    assert found.total.visibility == 0


def test_frames_accepted_without_the_face_are_not_compared(two):
    a, b = two
    for session in two:
        edits.accept_up_to(session, 19)
    track_edits.split_track(a, 0, 15)
    track_edits.add_track(b)
    edits.accept_up_to(b, 19)
    (video,) = compare(a.project, b.project).videos
    assert sorted(video.faces) == [(0, 1, 15), (1, 0, 20)]
    assert (video.only_a, video.only_b) == ((2,), ())
    assert video.total.points == 35 * 68


def test_distances_are_in_percent_of_the_interocular_distance(two):
    a, b = two
    x, y = a.view(5).landmarks[0, 30]
    a.move(5, 0, {30: (x + 0.1 * EYES, y)})
    edits.accept(b, 5, [1])
    found = compare(a.project, b.project)
    assert found.frames == 1
    assert found.landmarks[30].mean == pytest.approx(10, abs=0.1)
    assert found.landmarks[30].apart == 100
    assert found.landmarks[29].mean == 0
    nose = next(group for group in found.groups if group.points == 9)
    assert nose.mean == pytest.approx(10 / 9, abs=0.02)
    assert nose.median == 0
    assert found.total.apart == pytest.approx(100 / 68)


def test_frames_that_only_one_person_labelled_do_not_count(two):
    a, b = two
    edits.accept(a, 5)
    edits.accept(b, 6)
    found = compare(a.project, b.project)
    assert found.frames == 0
    assert np.isnan(found.total.mean)
    assert found.videos[0].only_a == (0, 1)


def test_visibility_is_compared_apart_from_places(two):
    a, b = two
    a.hide(5, 0, [3, 4])
    b.hide(5, 1, [4])
    found = compare(a.project, b.project)
    assert found.landmarks[3].visibility == 100
    assert found.landmarks[4].visibility == 0
    assert found.total.points == 66
    assert found.total.visibility == pytest.approx(100 / 68)


def test_a_face_that_is_elsewhere_is_no_match(tmp_path):
    with annotated(tmp_path, "a.red", ((300, 300),)) as a, annotated(tmp_path, "b.red") as b:
        track_edits.delete_track(b, 0)
        edits.accept(a, 5)
        edits.accept(b, 5)
        found = compare(a.project, b.project)
        assert found.videos[0].faces == ()
        assert found.videos[0].only_a == (0,)
        assert found.videos[0].only_b == (1,)


def test_videos_are_the_same_by_their_contents_and_others_are_named(tmp_path):
    (tmp_path / "other").mkdir()
    with (
        annotated(tmp_path, "a.red") as a,
        annotated(tmp_path / "other", "b.red", content=b"another") as b,
        pytest.raises(CompareError, match="no video is in both"),
    ):
        compare(a.project, b.project)


def test_videos_of_one_name_are_told_apart(two):
    one, other = two
    for session in two:
        session.project.set_video(session.video_id, name="clip")
    place = one.project.path.parent / "elsewhere" / "clip.mp4"
    one.project.add_video(place, "else", n_frames=3, height=10, width=10, fps=25.0)
    found = compare(one.project, other.project)
    assert found.missing_b == ("clip.mp4",)
    (video,) = found.videos
    assert video.name == "v.mp4"
