"""A project's models on the command line."""

import json
import sys

import pytest
import torch
from typer.testing import CliRunner

from napari_red.cli import app
from napari_red.core.model_comparison import ModelComparison
from napari_red.core.prealign import Settings, prealign
from napari_red.core.session import Session
from trainer.checkpoint import save_tensors
from trainer.data.video import open_video

ROW = {
    "model": "red-lite",
    "faces": 1,
    "nme": 4.0,
    "to_move": 9.5,
    "groups": {"jaw": 5.25, "mouth": 3.0},
    "people": {"Ada": 4.125},
}


def call(*words, code=0):
    """Run a command; its output in one line."""
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return " ".join(result.output.split())


@pytest.fixture
def session(tmp_path, make_video, make_aligner):
    path = make_video(tmp_path / "talk.mp4", n_frames=60)
    with open_video(path) as video, Session(video) as session:
        prealign(session, make_aligner(), Settings("made"))
        yield session


def test_compare_prints_errors_by_part_and_by_person(session, monkeypatch):
    for frame in (2, 12, 22, 32, 42, 55):
        session.move(frame, 0, {30: (50, 60)})
    session.close()
    done = f"print({json.dumps({'event': 'done', 'models': [ROW]})!r})"
    monkeypatch.setattr(ModelComparison, "command", lambda *_: [sys.executable, "-c", done])
    said = call("models", session.project_path, "--compare")
    for word in ("red-lite", "jaw", "5.25", "Ada", "4.12", "1 face set aside"):
        assert word in said


def test_too_few_corrections_to_compare_on_are_told(session):
    session.move(5, 0, {30: (50, 60)})
    session.close()
    assert "correct at least 5 frames" in call("models", session.project_path, "--compare", code=2)


def test_a_model_whose_details_an_older_version_damaged_is_listed_and_that_is_told(session):
    session.project.database.write(
        lambda db: db.execute(
            "INSERT INTO models (name, fingerprint, made, details) VALUES ('mine', '', '', ?)",
            ('{"kinds": {"corrected": somebody who was erased}}',),
        )
    )
    session.close()
    assert "used is red-lite" in call("info", session.project_path)
    said = call("models", session.project_path)
    assert "mine: Some of what was known of its training is lost" in said


def test_a_project_uses_another_model_that_ships(session):
    session.close()
    assert "● red-lite" in call("models", session.project_path)
    said = call("models", session.project_path, "--use", "red-wide")
    assert "● red-wide" in said
    assert "● red-lite" not in said
    assert "models red-wide annotated by made" in call("info", session.project_path)
    call("models", session.project_path, "--use", "red-huge", code=2)


def test_a_file_called_like_a_model_that_ships_needs_another_name(session, tmp_path):
    session.close()
    file = tmp_path / "red-wide.safetensors"
    save_tensors(file, {"w": torch.ones(3)}, {"network": {}})
    said = call("models", session.project_path, "--add", file, code=2)
    assert "a model that ships with napari-red is called so" in said
    assert "choose another name, with --name" in said
    assert "mine" in call("models", session.project_path, "--add", file, "--name", "mine")


@pytest.mark.parametrize("minutes", ["-1", "0", "nan", "inf"])
def test_no_time_at_all_is_no_time_to_train_in(session, minutes):
    session.close()
    said = call("finetune", session.project_path, "--minutes", minutes, code=2)
    assert "no number of minutes above 0" in said
