"""``python -m trainer train`` from folders on disk to a model that aligns."""

import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import imageio.v3 as iio
import numpy as np
import pytest
from typer.testing import CliRunner

from trainer.checkpoint import load_model
from trainer.cli import app
from trainer.data.faces import load_faces
from trainer.data.pts import write_pts
from trainer.data.stills import set_name

RING = np.linspace(0, 2 * np.pi, 7, endpoint=False)
SHAPE = 30 * np.stack([np.cos(RING), np.sin(RING)], axis=-1)
PEOPLE = [f"person_{i}" for i in range(8)]


@pytest.fixture(scope="module")
def stills(tmp_path_factory):
    """Two pictures of each of eight people, seven landmarks."""
    folder = tmp_path_factory.mktemp("stills")
    rng = np.random.default_rng(0)
    for name in PEOPLE:
        (folder / name).mkdir()
        for number in range(2):
            image = rng.integers(0, 255, (120, 120, 3)).astype(np.uint8)
            iio.imwrite(folder / name / f"{number}.png", image)
            write_pts(folder / name / f"{number}.pts", SHAPE + 60 + rng.normal(0, 2, 2))
    return folder


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A video of 12 numbered pictures of each of five people, in 300-VW's layout."""
    folder = tmp_path_factory.mktemp("videos")
    rng = np.random.default_rng(1)
    for name in PEOPLE[:4] + ["stranger"]:
        for part in ("imgs", "annot"):
            (folder / name / "vid1" / part).mkdir(parents=True)
        for number in range(1, 13):
            image = rng.integers(0, 255, (120, 120, 3)).astype(np.uint8)
            iio.imwrite(folder / name / "vid1" / "imgs" / f"{number:06d}.png", image)
            write_pts(folder / name / "vid1" / "annot" / f"{number:06d}.pts", SHAPE + 60 + number)
    return folder


def command(stills, out, *more):
    small = ["--landmarks", "7", "--width", "0.0625", "--batch", "4", "--device", "cpu"]
    return ["train", "--stills", str(stills), "--out", str(out), *small, *more]


SHORT = ("--epochs", "0.1", "0.1", "0.05")


def test_all_three_stages_with_real_video(stills, videos, tmp_path):
    more = (*SHORT, "--videos", str(videos), "--config", "red-paper")
    result = CliRunner().invoke(app, command(stills, tmp_path, *more), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    loaded = load_model(tmp_path / "model.safetensors", n_landmarks=7)
    assert loaded.info["clips"] == "video"
    assert loaded.info["config"]["name"] == "red-paper"
    assert loaded.info["people"][-1] == "stranger"
    assert loaded.model.config.n_identities == len(loaded.info["people"])
    for stage in (1, 2, 3):
        assert (tmp_path / f"stage{stage}.safetensors").is_file()


def test_clips_of_both_kinds_are_mixed_and_called_by_both_names(stills, videos, tmp_path):
    more = (*SHORT, "--videos", str(videos), "--clips-from-stills", "--video-stills", "3")
    result = CliRunner().invoke(app, command(stills, tmp_path, *more), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    info = load_model(tmp_path / "model.safetensors").info
    assert info["clips"] == "moved stills and video"
    assert info["data"]["video_stills"] == 3
    without = len([person for person in info["people"] if person != "stranger"])
    assert info["data"]["faces"] == 2 * without + 3 * 5


def test_excluded_people_are_not_trained_on(stills, tmp_path):
    (tmp_path / "names.txt").write_text("# kept aside\nperson_1\nperson_2\n")
    more = (*SHORT, "--stage", "1", "--exclude", str(tmp_path / "names.txt"))
    result = CliRunner().invoke(app, command(stills, tmp_path / "run", *more))
    assert result.exit_code == 0, result.output
    people = load_model(tmp_path / "run" / "model.safetensors").info["people"]
    assert not {"person_1", "person_2"} & set(people)
    assert "person_3" in people


def test_a_folders_shift_is_taken_off_its_labels_and_noted_in_the_model(
    stills, tmp_path, monkeypatch
):
    seen = []

    def load(found, *args, **options):
        seen.extend(found)
        return load_faces(found, *args, **options)

    monkeypatch.setattr("trainer.train_command.load_faces", load)
    arguments = command(stills, tmp_path / "run", *SHORT, "--stage", "1")
    result = CliRunner().invoke(app, [*arguments, "--label-shift", f"{stills}=3.5,-1"])
    assert result.exit_code == 0, result.output
    assert {still.shift for still in seen} == {(3.5, -1)}
    info = load_model(tmp_path / "run" / "model.safetensors").info
    assert info["data"]["label_shifts"] == {set_name(stills): [3.5, -1]}
    again = CliRunner().invoke(app, [*arguments, "--label-shift", f"{stills}=1"])
    assert again.exit_code == 2
    assert "another --label-shift" in again.output.replace("\n", " ")


def test_how_the_labels_lie_is_learned_on_training_faces_as_they_are(stills, tmp_path, monkeypatch):
    seen = []

    def evaluate(loaded, found, *, convention, on_progress):
        seen.extend(found)
        assert convention == "face"
        truth = np.stack([still.landmarks(7) for still in found])
        return SimpleNamespace(landmarks=truth - [1.25, 0.5], truth=truth)

    monkeypatch.setattr("trainer.evaluate.evaluate", evaluate)
    monkeypatch.setattr("trainer.label_shift.LEAST_FACES", 5)
    (tmp_path / "names.txt").write_text("person_2\n")
    more = ("--stage", "1", "--exclude", str(tmp_path / "names.txt"))
    arguments = command(stills, tmp_path / "run", *SHORT, *more)
    arguments += ["--label-shift", f"{stills}=3.5", "--stills", str(stills)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert load_model(tmp_path / "run" / "model.safetensors").label_shift == (1.25, 0.5)
    assert {still.shift for still in seen} == {0}
    assert len(seen) == len(set(seen))
    assert "person_2" not in {still.group for still in seen}


@pytest.mark.parametrize(
    "given", ["30", "elsewhere=1", "=1", "{stills}=nan", "{stills}=much", "{stills}=1,2,3"]
)
def test_a_shift_of_no_folder_is_refused(stills, tmp_path, given):
    given = given.format(stills=stills)
    arguments = command(stills, tmp_path / "run", *SHORT, "--label-shift", given)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert f"--label-shift {given}" in result.output.replace("\n", "")
    assert not (tmp_path / "run").exists()


def test_rate_and_running_mean_are_as_told_and_noted_in_the_model(stills, tmp_path):
    more = ("--stage", "1", "--rate", "2e-5", "--average", "0.9")
    result = CliRunner().invoke(
        app, command(stills, tmp_path, *SHORT, *more), catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    told = load_model(tmp_path / "model.safetensors", n_landmarks=7).info["config"]["train"]
    assert [stage["learning_rate"] for stage in told["stages"]] == [2e-5] * 3
    assert told["average"] == 0.9


@pytest.mark.parametrize(
    "given", ["--rate 0", "--rate -1", "--rate inf", "--average 1", "--average nan"]
)
def test_a_pace_that_cant_be_is_refused(stills, tmp_path, given):
    result = CliRunner().invoke(app, command(stills, tmp_path / "run", *SHORT, *given.split()))
    assert result.exit_code == 2
    assert given.split()[0] in result.output
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends(stills, tmp_path):
    line = [sys.executable, "-m", "trainer"]
    line += command(stills, tmp_path, "--epochs", "2", "0.1", "0.05", "--stage", "1")
    running = subprocess.Popen(line, stderr=subprocess.DEVNULL)
    log = tmp_path / "curves.csv"
    while running.poll() is None and not (log.exists() and len(log.read_text().splitlines()) > 1):
        time.sleep(0.1)
    running.send_signal(signal.SIGTERM)
    assert running.wait(300) == 130
    rows = len(log.read_text().splitlines())
    assert (tmp_path / "state.safetensors").is_file()
    assert not (tmp_path / "model.safetensors").exists()
    assert subprocess.run(line, stderr=subprocess.DEVNULL, timeout=300).returncode == 0
    assert len(log.read_text().splitlines()) > rows
    load_model(tmp_path / "model.safetensors")
