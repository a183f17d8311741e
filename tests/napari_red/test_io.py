"""Reader, writer and sample data as napari finds them."""

import imageio.v3 as iio
import numpy as np
import pytest
from napari.components import ViewerModel
from npe2 import PluginManager, PluginManifest

from napari_red import _reader
from napari_red._qt.video_layer import VideoLayer
from napari_red._writer import write_shown_frame
from napari_red.core import sample
from napari_red.core.project import ProjectError
from trainer.data.pts import PtsError, read_pts
from trainer.data.video import VIDEO_SUFFIXES, VideoError

NAMES = ["a.mp4", "a.MP4", "a.avi", "a.mov", "a.mpg", "a.mkv", "a.red", "A.RED"]


@pytest.mark.parametrize("name", NAMES)
def test_the_manifest_names_a_reader_for_each_kind_of_video_and_for_projects(name):
    readers = PluginManager.instance().iter_compatible_readers(name)
    assert "napari-red" in [reader.plugin_name for reader in readers]


def test_the_manifest_is_valid(root):
    manifest = PluginManifest.from_file(root / "napari.yaml")
    manifest.validate_imports()
    assert manifest.name == "napari-red"


def test_the_manifest_knows_each_kind_of_video_that_a_project_takes(root):
    manifest = PluginManifest.from_file(root / "napari.yaml")
    (videos,) = (r for r in manifest.contributions.readers if r.command.endswith("read_videos"))
    assert set(videos.filename_patterns) == {f"*{suffix}" for suffix in VIDEO_SUFFIXES}
    manager = PluginManager()
    manager.register(manifest)
    for suffix in VIDEO_SUFFIXES:
        for name in (f"a{suffix}", f"A{suffix.upper()}"):
            (reader,) = manager.iter_compatible_readers(name)
            assert reader.command == "napari-red.read_videos"


def test_a_video_opens_as_a_lazy_exact_layer(video_path):
    viewer = ViewerModel()
    (layer,) = viewer.open(str(video_path), plugin="napari-red")
    assert isinstance(layer, VideoLayer)
    assert layer.rgb
    assert layer.data.shape == (24, 120, 160, 3)
    for frame in (20, 3, 11):
        picture = np.asarray(layer.data[frame])
        viewer.dims.set_current_step(0, frame)
        np.testing.assert_array_equal(layer._slice.image.raw, picture)
        np.testing.assert_array_equal(picture, layer.data.video.frame(frame))
    layer.close()


def test_a_folder_of_frames_opens(tmp_path):
    for i in range(5):
        iio.imwrite(tmp_path / f"{i:04d}.png", np.full((40, 50, 3), 10 * i, np.uint8))
    (layer,) = ViewerModel().open(str(tmp_path), plugin="napari-red")
    assert layer.data.shape == (5, 40, 50, 3)
    assert layer.data[3].max() == 30
    layer.close()


def test_a_bad_video_says_what_and_where(tmp_path):
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(VideoError, match=r"broken\.mp4"):
        ViewerModel().open(str(path), plugin="napari-red")


def test_a_folder_of_too_many_videos_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_reader, "find_videos", lambda paths: [tmp_path] * 13)
    with pytest.raises(VideoError, match="13 videos"):
        _reader.get_reader(str(tmp_path))(str(tmp_path))


def test_the_shown_frame_is_written_with_one_file_for_each_face(tmp_path, made_truth):
    landmarks = np.stack([made_truth(0), made_truth(0, 1)])
    data = landmarks.reshape(-1, 2)[:, ::-1]
    paths = write_shown_frame(str(tmp_path / "a.pts"), data, {"shown": np.ones(136, bool)})
    assert [path.rsplit("/", 1)[-1] for path in paths] == ["a.pts", "a_face_2.pts"]
    np.testing.assert_allclose(read_pts(paths[1]), made_truth(0, 1), atol=1e-3)


@pytest.mark.parametrize(
    ("data", "shown", "message"),
    [
        (np.zeros((66, 2)), True, "needs 68"),
        (np.zeros((68, 3)), True, "needs 68"),
        (np.zeros((68, 2)), False, "no landmark is shown"),
    ],
)
def test_points_that_are_no_landmarks_are_refused(tmp_path, data, shown, message):
    with pytest.raises(PtsError, match=message):
        write_shown_frame(str(tmp_path / "a.pts"), data, {"shown": np.full(len(data), shown)})
    assert not list(tmp_path.iterdir())


def test_a_missing_sample_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(sample, "SAMPLE_FOLDER", tmp_path)
    with pytest.raises(sample.SampleError, match="install napari-red again"):
        sample.sample_path()


@pytest.mark.window
def test_the_sample_opens_as_a_video(qtbot, monkeypatch, video_path):
    import napari

    monkeypatch.setattr(sample, "SAMPLE_FOLDER", video_path.parent)
    monkeypatch.setattr(sample, "VIDEO_NAME", video_path.name)
    viewer = napari.Viewer()
    viewer.open_sample("napari-red", "talking_face")
    qtbot.waitUntil(lambda: isinstance(viewer.layers[0], VideoLayer))
    assert [layer.name for layer in viewer.layers] == ["talking_face"]
    assert viewer.layers[0].data.shape[0] == 24
    viewer.close()


def test_without_a_window_a_project_is_refused_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr("napari.current_viewer", lambda: None)
    with pytest.raises(ProjectError, match="napari window"):
        _reader.read_project(str(tmp_path / "a.red"))
