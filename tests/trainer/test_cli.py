"""The command line: what it prints, writes and returns."""

from __future__ import annotations

import json
import os
import sys
import time
from importlib.machinery import ModuleSpec
from types import ModuleType

import imageio.v3 as iio
import pytest
from fake_faces import RED, FakeDetector, FakeVideo, fake_loaded
from typer.testing import CliRunner

import trainer.alignment
import trainer.checkpoint
from trainer.benchmark import BenchmarkError, benchmark
from trainer.cli import app
from trainer.console import OptionError, parse_box


@pytest.fixture(autouse=True)
def fakes(monkeypatch):
    monkeypatch.setattr("trainer.align_files.load_model", lambda *args: fake_loaded())
    monkeypatch.setattr("trainer.checkpoint.load_model", lambda *args: fake_loaded())
    monkeypatch.setattr(trainer.alignment, "default_detector", FakeDetector)


@pytest.fixture
def video(tmp_path):
    folder = tmp_path / "talk"
    folder.mkdir()
    drawn = FakeVideo([[(60 + i, 70, 50, RED)] for i in range(6)], width=200, height=150)
    for i in range(6):
        iio.imwrite(folder / f"f_{i:04d}.png", drawn.frame(i))
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a file's name is always text")
def test_names_that_are_no_text_are_printed_all_the_same(video, tmp_path):
    """Names of files are any bytes on some systems, and a terminal may know few characters."""
    odd = video.rename(tmp_path / os.fsdecode(b"t\xe4lk"))
    result = call("align", odd, "-o", tmp_path / "out", "--device", "cpu")
    assert result.exit_code == 0, result.exception
    assert "t\\udce4lk" in result.output


def call(*arguments):
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(a) for a in arguments])


def test_align_writes_annotation_and_says_what_it_did(video, tmp_path):
    result = call("align", video, "-o", tmp_path / "out", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "out" / "talk" / "annot").glob("*.pts"))) == 6
    assert "1 videos, 6 frames annotated" in result.output
    assert "face 1 found" in result.stderr


def test_a_failed_file_gives_exit_code_1_after_the_others(video, tmp_path):
    result = call("align", tmp_path / "no.mp4", video, "-o", tmp_path / "out", "--device", "cpu")
    assert result.exit_code == 1
    assert "no.mp4" in result.stderr
    assert "6 frames annotated" in result.output
    assert "1 failed" in result.output


def test_an_error_is_one_line_and_exit_code_2(video, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    result = call("align", video, "-o", tmp_path / "out", "--device", "cuda")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: device 'cuda' was asked for")
    assert "Traceback" not in result.output
    assert result.stderr.strip().count("\n") == 0


def test_an_unknown_model_is_one_line_and_exit_code_2(video, tmp_path, monkeypatch):
    monkeypatch.undo()
    result = call("align", video, "-o", tmp_path / "out", "--model", "nobody's")
    assert result.exit_code == 2
    assert "no model is called 'nobody's'" in result.stderr


def test_errors_of_every_command_are_told(tmp_path):
    result = call("evaluate", tmp_path / "nowhere")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")


@pytest.mark.parametrize("text", ["1,2,3", "a,b,c,d", "1,2,0,4", "1,2,3,-4", "", "nan,1,1,1"])
def test_a_box_that_is_none_is_refused(text):
    with pytest.raises(OptionError, match="--box"):
        parse_box(text)


def test_a_box_is_four_numbers():
    box = parse_box("120, 80.5,200,220")
    assert (box.x, box.y, box.width, box.height) == (120, 80.5, 200, 220)
    assert parse_box(None) is None


def test_benchmark_prints_and_writes_its_parts(video, tmp_path):
    file = tmp_path / "speed.json"
    result = call("benchmark", video, "--device", "cpu", "--frames", 4, "--json", file)
    assert result.exit_code == 0, result.output
    assert "milliseconds a frame" in result.output
    figures = json.loads(file.read_text())
    (measured,) = figures["videos"]
    assert (measured["video"], measured["frames"], measured["annotated"]) == ("talk", 4, 4)
    assert measured["fps"] > 0
    assert set(measured["ms"]) == {"decode", "detect", "network", "rest"}
    assert measured["dlib_ms"] is None


def test_a_comparison_that_cannot_be_made_says_why(video, tmp_path, monkeypatch):
    monkeypatch.setattr("trainer.benchmark.importlib.util.find_spec", lambda name: None)
    with pytest.raises(BenchmarkError, match="pip install dlib-bin"):
        benchmark([video], fake_loaded(), dlib_model=tmp_path / "x.dat")


def test_dlib_is_timed_on_the_same_faces_where_it_is_there(video, tmp_path, monkeypatch):
    boxes = []

    def shape_predictor(path):
        return lambda image, box: (boxes.append(box), time.sleep(0.002))

    stand_in = ModuleType("dlib")
    stand_in.shape_predictor = shape_predictor
    stand_in.rectangle = lambda *corners: corners
    stand_in.__spec__ = ModuleSpec("dlib", None)
    monkeypatch.setitem(sys.modules, "dlib", stand_in)
    file = tmp_path / "shape_predictor_68_face_landmarks.dat"
    file.touch()
    (result,) = benchmark([video], fake_loaded(), device="cpu", dlib_model=file)
    assert len(boxes) == 6
    assert boxes[0] == pytest.approx((35, 45, 85, 95), abs=2)
    assert result.dlib_ms >= 2
    assert result.dlib_ratio == pytest.approx(result.ms["network"] / result.dlib_ms)


def test_python_m_trainer_has_every_command():
    result = call("--help")
    for command in ("train", "evaluate", "align", "benchmark"):
        assert command in result.output
