from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_annotation import made_video, same_landmarks

from napari_red.core.formats.base import FormatError
from napari_red.core.formats.registry import FORMATS

sio = pytest.importorskip("sleap_io")

SLEAP = FORMATS["sleap"]


def test_what_is_written_is_read(tmp_path):
    video = made_video()
    (path,) = SLEAP.write([video], tmp_path)
    got = SLEAP.read(path, video)
    same_landmarks(got, video)
    assert [face.name for face in got] == ["Zoë <Öz>", "face 2"]
    for face, other in zip(got, video.faces, strict=True):
        np.testing.assert_array_equal(face.visible, other.visible & other.labelled)
        np.testing.assert_array_equal(face.corrected.any(axis=1), other.by_person)
        model = ~other.by_person
        np.testing.assert_allclose(
            face.confidence[model][other.labelled[model]],
            np.nan_to_num(other.confidence[model])[other.labelled[model]],
            atol=1e-6,
        )


def test_sleap_io_reads_positions_tracks_and_who_made_them(tmp_path):
    video = made_video(path=Path("/films/Gespräch 1.mp4"))
    (path,) = SLEAP.write([video], tmp_path)
    labels = sio.load_slp(str(path), open_videos=False)
    assert Path(labels.video.filename) == Path("/films/Gespräch 1.mp4")
    assert [track.name for track in labels.tracks] == ["Zoë <Öz>", "face 2"]
    frames = dict(video.by_frame())
    assert [lf.frame_idx for lf in labels] == sorted(frames)
    for labelled in labels:
        for instance, (face, row) in zip(
            labelled.instances, frames[labelled.frame_idx], strict=True
        ):
            np.testing.assert_allclose(instance.points["xy"], face.landmarks[row], atol=1e-5)
            assert isinstance(instance, sio.PredictedInstance) != face.by_person[row]
            np.testing.assert_array_equal(instance.points["complete"], face.corrected[row])
            assert instance.track.name == labels.tracks[face.face].name


def test_videos_are_told_apart_by_name(tmp_path):
    videos = [made_video("a", path=Path("/x/a.mp4")), made_video("b", 20, path=Path("/x/b.mp4"))]
    (path,) = SLEAP.write(videos, tmp_path)
    same_landmarks(SLEAP.read(path, videos[1]), videos[1])
    with pytest.raises(FormatError, match=r"no video is called c in it \(there are: a.mp4, b.mp4"):
        SLEAP.read(path, made_video("c"))


def test_a_correction_in_sleap_counts_before_the_prediction_it_was_made_from(tmp_path):
    (path,) = SLEAP.write([made_video(faces=1)], tmp_path)
    labels = sio.load_slp(str(path), open_videos=False)
    predicted = next(lf for lf in labels if lf.frame_idx == 1)
    instance = predicted.instances[0]
    better = sio.Instance.from_numpy(
        np.full((68, 2), 9.0), skeleton=instance.skeleton, track=instance.track
    )
    better.from_predicted = instance
    predicted.instances.append(better)
    labels.save(str(tmp_path / "better.slp"), embed=False)
    (face,) = SLEAP.read(tmp_path / "better.slp", made_video())
    assert (face.landmarks[1] == 9).all()
    assert face.corrected[1].all()


def save(path, n=68, frames=(1,)):
    skeleton = sio.Skeleton([f"n{i}" for i in range(n)])
    video = sio.Video(filename="v.mp4", open_backend=False)
    track = sio.Track("t")
    made = [
        sio.LabeledFrame(
            video=video,
            frame_idx=frame,
            instances=[sio.Instance.from_numpy(np.ones((n, 2)), skeleton=skeleton, track=track)],
        )
        for frame in frames
    ]
    sio.Labels(made, videos=[video], skeletons=[skeleton], tracks=[track]).save(
        str(path), embed=False
    )


@pytest.mark.parametrize(
    ("n", "frames", "says"),
    [
        (17, (1,), "17 landmarks, the 68-point scheme needs 68"),
        (68, (99,), r"frame 99: is about frame 99 \(from 0\)"),
        (68, (3, 3), "second time in frame 3"),
        (68, (), "no landmarks of"),
    ],
)
def test_what_cannot_be_read_says_what_and_where(tmp_path, n, frames, says):
    save(tmp_path / "x.slp", n, frames)
    with pytest.raises(FormatError, match=says) as error:
        SLEAP.read(tmp_path / "x.slp", made_video())
    assert "x.slp" in str(error.value)


def test_a_truncated_missing_or_foreign_file_says_so(tmp_path):
    (path,) = SLEAP.write([made_video()], tmp_path)
    cut = tmp_path / "cut.slp"
    cut.write_bytes(path.read_bytes()[:3000])
    (tmp_path / "text.slp").write_text("hello")
    for name in ("cut.slp", "text.slp", "none.slp"):
        with pytest.raises(FormatError, match=name):
            SLEAP.read(tmp_path / name, made_video())


def test_a_folder_of_frames_is_named_by_its_pictures(tmp_path):
    imgs = tmp_path / "talk" / "imgs"
    imgs.mkdir(parents=True)
    for n in range(12):
        (imgs / f"{n:03d}.png").write_bytes(b"")
    video = replace(made_video("imgs", path=imgs), stems=[f"{n:03d}" for n in range(12)])
    (path,) = SLEAP.write([video], tmp_path / "out")
    labels = sio.load_slp(str(path), open_videos=False)
    assert labels.video.filename[3].endswith("003.png")
    same_landmarks(SLEAP.read(path, video), video)
