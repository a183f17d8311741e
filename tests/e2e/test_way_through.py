"""The main job as a user does it, each command in a process of its own, on shipped files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import menpo.io
import numpy as np
import pytest
from make_videos import first_frames

from napari_red.core.sample import sample_path
from trainer.data.pts import read_pts
from trainer.data.video import open_video
from trainer.metrics import nme

pytestmark = pytest.mark.slow

TALK = 20
"""Frames of a short video."""

NAPARI_RED = Path(sys.executable).with_name("napari-red")


def napari_red(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the console script as it is installed."""
    command = [str(NAPARI_RED), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600)


def error_against_truth(folder: Path) -> np.ndarray:
    """NME of each frame of the sample's annotation in ``folder``, in per cent."""
    names = sorted(file.name for file in folder.glob("*.pts"))
    found = np.stack([read_pts(folder / name) for name in names])
    truth = np.stack([read_pts(sample_path().parent / "annot" / name) for name in names])
    return nme(found, truth)


@pytest.fixture(scope="module")
def n_frames() -> int:
    with open_video(sample_path()) as video:
        return video.n_frames


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    result = napari_red("demo", "--no-window", cwd=folder)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder / "demo-output"


def test_demo_annotates_every_frame_of_the_sample(demo: Path, n_frames: int) -> None:
    files = sorted((demo / "talking_face" / "annot").iterdir())
    assert n_frames >= 90
    assert [file.name for file in files] == [f"{i:06d}.pts" for i in range(1, n_frames + 1)]
    for file in files[:3]:
        theirs = menpo.io.import_landmark_file(file)["PTS"].points[:, ::-1]
        np.testing.assert_array_equal(theirs.astype(np.float32), read_pts(file))


def test_demos_landmarks_are_where_the_face_is(demo: Path) -> None:
    errors = error_against_truth(demo / "talking_face" / "annot")
    assert errors.mean() < 5
    assert errors.max() < 10


def test_demo_leaves_a_picture_and_a_project(demo: Path) -> None:
    picture = iio.imread(demo / "talking_face.png")
    assert picture.ndim == 3
    assert picture.std() > 10
    assert (demo / "talking_face.red").stat().st_size > 10_000


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's first frames."""
    return first_frames(sample_path(), tmp_path_factory.mktemp("talk") / "talk.mp4", TALK)


def test_demo_again_changes_nothing(talk: Path, tmp_path: Path) -> None:
    seen = []
    for _ in range(2):
        assert napari_red("demo", talk, "--no-window", cwd=tmp_path).returncode == 0
        files = sorted((tmp_path / "demo-output" / "talk" / "annot").iterdir())
        seen.append({file.name: file.read_bytes() for file in files})
    assert len(seen[0]) == TALK
    assert seen[0] == seen[1]


def test_project_exports_what_the_demo_did(demo: Path, tmp_path: Path) -> None:
    result = napari_red("export", demo / "talking_face.red", "-o", tmp_path, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for file in (demo / "talking_face" / "annot").iterdir():
        exported = tmp_path / "talking_face" / "annot" / file.name
        assert exported.read_bytes() == file.read_bytes()


def test_align_reports_and_finds_the_face(talk: Path, tmp_path: Path) -> None:
    result = napari_red("align", talk, "-o", "out", "--device", "cpu", cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    folder = tmp_path / "out" / "talk"
    report = json.loads((folder / "report.json").read_text("utf-8"))
    assert report["frames"] == report["annotated"] == TALK
    assert report["lost"] == []
    assert report["faces"] == 1
    assert report["model"] == "red-lite"
    assert report["device"] == "cpu"
    assert report["fps"] > 0
    assert report["start_up_s"] >= 0
    assert report["ms_per_frame"].keys() >= {"decode", "detect", "network"}
    assert error_against_truth(folder / "annot").mean() < 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["align", "gone.mp4", "-o", "out"], "gone.mp4"),
        (["align", "SAMPLE", "-o", "out", "--model", "red-huge"], "red-huge"),
        (["export", "gone.red", "-o", "out"], "gone.red"),
        (["demo", "gone.mp4", "--no-window"], "gone.mp4"),
    ],
    ids=["missing video", "unknown model", "missing project", "missing demo video"],
)
def test_mistakes_are_said_without_a_traceback(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    words = [str(sample_path()) if word == "SAMPLE" else word for word in arguments]
    result = napari_red(*words, cwd=tmp_path)
    output = result.stdout + result.stderr
    assert result.returncode != 0
    assert said in output.replace("\n", "")
    assert "Traceback" not in output


def test_doctor_finds_everything_there(tmp_path: Path) -> None:
    result = napari_red("doctor", cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "napari-red" in result.stdout
