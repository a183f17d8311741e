import pytest
from typer.testing import CliRunner

from napari_red.cli import app
from napari_red.core.prealign import Settings, prealign
from napari_red.core.session import Session
from trainer.data.pts import read_pts
from trainer.data.video import open_video


@pytest.fixture
def project(video_path, make_aligner):
    with open_video(video_path) as video, Session(video) as session:
        prealign(session, make_aligner(), Settings("made"))
        session.move(5, 0, {30: (1.5, 2.5)})
        return session.project_path


def test_export_writes_what_the_project_holds(project, tmp_path):
    result = CliRunner().invoke(app, ["export", str(project), "-o", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "24 files, 1 corrected" in " ".join(result.output.split())
    landmarks = read_pts(tmp_path / "out" / "clip" / "annot" / "000006.pts")
    assert landmarks[30].tolist() == pytest.approx([1.5, 2.5], abs=1e-3)


def test_an_error_is_one_line_without_a_traceback(tmp_path):
    result = CliRunner().invoke(app, ["export", str(tmp_path / "no.red"), "-o", str(tmp_path)])
    assert result.exit_code == 2
    assert "no such project file" in result.output
    assert "Traceback" not in result.output
