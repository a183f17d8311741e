import imageio.v3 as iio
import pytest

from napari_red.core.demo import run_demo
from napari_red.core.export import ExportError
from napari_red.core.formats.base import FormatError
from napari_red.core.prealign import Settings
from napari_red.core.session import Session
from trainer.data.video import open_video


def test_the_demo_leaves_a_project_annotation_and_a_picture(video_path, tmp_path, make_aligner):
    out = tmp_path / "demo-output"
    with open_video(video_path) as video:
        result = run_demo(video, make_aligner(), out, Settings("made"))
        assert result.aligned.frames == result.exported.faces == 24
        assert iio.imread(result.picture).shape == (240, 320, 3)
        with Session(video, result.project) as session:
            assert session.view(23).visible.all()
    assert not video_path.with_suffix(".red").exists()


def test_the_demo_says_so_with_no_face_anywhere(video_path, tmp_path, make_aligner):
    nobody = make_aligner(lost={(frame, 0) for frame in range(24)})
    with open_video(video_path) as video, pytest.raises(ExportError, match="no landmarks"):
        run_demo(video, nobody, tmp_path / "out", Settings("made"))


def test_a_file_in_the_place_of_the_folder_is_told(video_path, tmp_path, make_aligner):
    (tmp_path / "out").write_text("mine")
    with open_video(video_path) as video, pytest.raises(FormatError, match="out: can't be written"):
        run_demo(video, make_aligner(), tmp_path / "out", Settings("made"))
    assert (tmp_path / "out").read_text() == "mine"
