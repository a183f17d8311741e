import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from napari_red.cli import app
from napari_red.core.prealign import Settings, prealign
from napari_red.core.session import Session
from trainer.checkpoint import save_tensors
from trainer.data.pts import read_pts, write_pts
from trainer.data.video import open_video
from trainer.pushed_set import read_pushed_set


@pytest.fixture
def project(video_path, make_aligner):
    with open_video(video_path) as video, Session(video) as session:
        prealign(session, make_aligner(), Settings("made"))
        session.move(5, 0, {30: (1.5, 2.5)})
        return session.project_path


def test_export_writes_what_the_project_holds(project, tmp_path):
    result = CliRunner().invoke(app, ["export", str(project), "-o", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "24 faces, 1 of them corrected" in " ".join(result.output.split())
    landmarks = read_pts(tmp_path / "out" / "clip" / "annot" / "000006.pts")
    assert landmarks[30].tolist() == pytest.approx([1.5, 2.5], abs=1e-3)


def test_an_error_is_one_line_without_a_traceback(tmp_path):
    result = CliRunner().invoke(app, ["export", str(tmp_path / "no.red"), "-o", str(tmp_path)])
    assert result.exit_code == 2
    assert "no such project file" in result.output
    assert "Traceback" not in result.output


def test_labels_come_in_as_a_model_s_or_as_a_persons_when_trusted(project, video_path, tmp_path):
    runner = CliRunner()
    assert runner.invoke(app, ["export", str(project), "-o", str(tmp_path / "out")]).exit_code == 0
    for trusted in ([], ["--trusted"]):
        new = tmp_path / f"new{len(trusted)}.red"
        labels = str(tmp_path / "out" / "clip")
        result = runner.invoke(
            app, ["import", str(new), labels, "--video", str(video_path), *trusted]
        )
        assert result.exit_code == 0, result.output
        with open_video(video_path) as video, Session(video, new) as session:
            view = session.view(5)
            assert view.landmarks[0, 30].tolist() == pytest.approx([1.5, 2.5], abs=1e-3)
            assert view.corrected.all() == bool(trusted)
            assert session.undo() == 0
            assert session.n_faces == 0


def test_import_says_what_should_be_looked_at(project, video_path, tmp_path):
    labels = tmp_path / "labels"
    labels.mkdir()
    write_pts(labels / "000001.pts", np.full((68, 2), 4000.0))
    new = str(tmp_path / "new.red")
    result = CliRunner().invoke(app, ["import", new, str(labels), "--video", str(video_path)])
    assert result.exit_code == 0, result.output
    assert "1 of 1 faces lie outside the" in " ".join(result.output.split())


def test_an_unknown_format_names_those_there_are(project, tmp_path):
    result = CliRunner().invoke(app, ["export", str(project), "-o", str(tmp_path), "-f", "docx"])
    assert result.exit_code == 2
    assert "coco" in result.output


def test_a_set_can_be_pushed_to_be_trained_on_elsewhere(project, tmp_path):
    folder = tmp_path / "set"
    result = CliRunner().invoke(app, ["finetune", str(project), "--push-to", str(folder)])
    assert result.exit_code == 0, result.output
    assert "1 corrected" in result.output
    assert len(read_pushed_set(folder).frames) == 10


def test_models_are_listed_added_and_chosen(project, tmp_path):
    file = tmp_path / "elsewhere.safetensors"
    save_tensors(file, {"w": torch.ones(2)}, {"network": {}})
    runner = CliRunner()
    added = runner.invoke(app, ["models", str(project), "--add", str(file), "--use", "elsewhere"])
    assert added.exit_code == 0, added.output
    listed = runner.invoke(app, ["models", str(project)])
    assert "● elsewhere" in listed.output
    unknown = runner.invoke(app, ["models", str(project), "--use", "nobody"])
    assert unknown.exit_code == 2
    assert "it has elsewhere" in " ".join(unknown.output.split())
