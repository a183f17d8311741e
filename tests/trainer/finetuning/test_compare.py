import json

import numpy as np
import pytest
import torch
from pushed_fixtures import write_set
from training_fixtures import tiny_config
from typer.testing import CliRunner

from trainer.checkpoint import load_model, save_model
from trainer.cli import app
from trainer.devices import autocast_dtype
from trainer.finetuning.compare import compare_models, held_out_faces
from trainer.finetuning.gate import measure
from trainer.finetuning.material import FinetuneError
from trainer.models.rednet import RedNet
from trainer.pushed_set import read_pushed_set


def call(*words, code=0):
    """Run a command; its output."""
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "160"})
    assert result.exit_code == code, result.output
    return result.stdout


@pytest.fixture
def other(tmp_path):
    """A model that answers somewhere else: its mean shape is in the middle of the crop."""
    path = tmp_path / "other.safetensors"
    save_model(path, RedNet(tiny_config(n_landmarks=7, combine=1.0).network).eval(), {})
    return path


def test_the_error_over_all_is_the_gates(pushed, base):
    found = read_pushed_set(pushed)
    (errors,) = compare_models(found, [("tiny", str(base))])
    model = load_model(base).model
    gate = measure(model, held_out_faces(found), autocast_dtype(model, torch.device("cpu")))
    assert errors.nme == pytest.approx(gate.faces.mean(), rel=1e-5)
    assert errors.to_move == pytest.approx(7 * gate.to_move.mean(), rel=1e-5)
    assert errors.interval[0] <= errors.nme <= errors.interval[1]


def test_errors_are_told_by_facial_part_and_by_person(pushed, base, other):
    first, second = compare_models(
        read_pushed_set(pushed), [("tiny", str(base)), ("other", str(other))]
    )
    assert list(first.groups) == ["eyes", "nose", "mouth"]
    assert list(first.people) == ["Ada", "Bo"]
    assert first.faces == 2
    assert np.mean(list(first.people.values())) == pytest.approx(first.nme)
    assert second.nme != pytest.approx(first.nme)


def test_a_model_that_does_not_fit_is_told_and_the_others_are_measured(pushed, base, tmp_path):
    missing = str(tmp_path / "no.safetensors")
    broken, fine = compare_models(read_pushed_set(pushed), [("a", missing), ("b", str(base))])
    assert "no.safetensors" in broken.trouble
    assert broken.summary() == {"model": "a", "trouble": broken.trouble}
    assert fine.faces == 2


def test_without_a_held_out_frame_there_is_nothing_to_compare_on(tmp_path, base):
    empty = write_set(tmp_path / "empty", held_out=False)
    with pytest.raises(FinetuneError, match="correct at least 5 frames"):
        compare_models(read_pushed_set(empty), [("tiny", str(base))])


def test_the_command_prints_tables_and_writes_json(pushed, base, other, tmp_path):
    file = tmp_path / "figures.json"
    said = call("compare-models", pushed, "--model", base, "--model", other, "--json", file)
    assert "by facial part" in said
    assert "by person" in said
    rows = json.loads(file.read_text())["models"]
    assert [row["model"] for row in rows] == ["base", "other"]
    assert f"{rows[0]['groups']['nose']:.2f}" in said
    assert f"{rows[1]['people']['Bo']:.2f}" in said


def test_the_command_tells_each_model_in_a_line_of_json(pushed, base, tmp_path):
    empty = write_set(tmp_path / "empty", held_out=False)
    words = ("--model", base, "--name", "mine", "--progress", "json")
    events = [json.loads(line) for line in call("compare-models", pushed, *words).splitlines()]
    assert [event["event"] for event in events] == ["model", "done"]
    assert (events[0]["model"], events[0]["done"], events[0]["total"]) == ("mine", 1, 1)
    (event,) = map(json.loads, call("compare-models", empty, *words, code=2).splitlines())
    assert event["event"] == "error"


def test_names_are_given_for_all_models_or_for_none(pushed, base):
    call("compare-models", pushed, "--model", base, "--name", "a", "--name", "b", code=2)
