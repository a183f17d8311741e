import json
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from trainer.checkpoint import save_model
from trainer.cli import app
from trainer.config import NetworkConfig
from trainer.data.pts import write_pts
from trainer.errors import RedError
from trainer.experiments import speed
from trainer.models.rednet import RedNet
from trainer.peers.clips import Clip, annotated_clips, one_face, unmatched
from trainer.peers.figures import (
    NOTHING,
    OFFSET,
    SHIFT,
    Follow,
    clip_rows,
    still_rows,
    video_rows,
)
from trainer.peers.stills import cut_out

FAKE = Path(__file__).parents[1] / "peers" / "fake_worker.py"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake Python is a script")


def face(x=0.0, y=0.0, size=60.0):
    """Eye corners ``size`` / 2 apart in a box of ``size``."""
    points = np.random.default_rng(0).random((68, 2))
    points[36], points[45], points[0], points[1] = (0.25, 0.3), (0.75, 0.3), (0, 0), (1, 1)
    return (points * size + (x, y)).astype(np.float32)


@pytest.fixture
def environment(tmp_path):
    """An environment of peers whose Python runs the fake worker; "opencv" is missing there."""
    python = tmp_path / "peers" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        "#!/bin/sh\n"
        f'case "$3" in opencv) b=missing;; *) b=good;; esac\nexec "{sys.executable}" "{FAKE}" $b\n'
    )
    python.chmod(0o755)
    return tmp_path / "peers"


@pytest.fixture
def model(tmp_path):
    torch.manual_seed(0)
    save_model(tmp_path / "tiny.safetensors", RedNet(NetworkConfig(width=0.0625)))
    return tmp_path / "tiny.safetensors"


def picture(seed, size=100):
    return np.random.default_rng(seed).integers(50, 200, (size, size, 3), np.uint8)


@pytest.fixture
def data(tmp_path):
    for split in ("train", "dev"):
        for person in ("Ann", "Bob", "Cyd"):
            folder = tmp_path / "data" / "ytf" / split / person
            folder.mkdir(parents=True)
            iio.imwrite(folder / "1.png", picture(len(person)))
            write_pts(folder / "1.pts", face(20, 20))
    for split in ("train", "test"):
        for person in ("Dan", "Eve"):
            clip = tmp_path / "heads" / split / person / "a"
            for folder in ("annot", "imgs"):
                (clip / folder).mkdir(parents=True)
            for number in range(1, 6):
                iio.imwrite(clip / "imgs" / f"{number:06}.png", picture(number))
                write_pts(clip / "annot" / f"{number:06}.pts", face(20 + number, 20))
    for number in range(4):
        folder = tmp_path / "data" / "videos" / "talk"
        folder.mkdir(parents=True, exist_ok=True)
        iio.imwrite(folder / f"{number:03}.png", picture(number))
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, ["experiments", *map(str, arguments)])


def test_one_run_compares_on_stills_heads_and_real_videos(data, environment, model):
    docs = data / "docs"
    result = run(
        "peers", "--data", data / "data", "--heads", data / "heads", "--peers", environment,
        "--model", model, "--docs", docs,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    page = (docs / "results.md").read_text()
    for name in ("peers", "peers_heads", "peers_clips"):
        assert f"<!-- {name} -->" in page
        assert (docs / "images" / f"results_{name}.png").is_file()
        values = json.loads((docs / "results" / f"{name}.json").read_text())
        assert values["versions"] == {"mediapipe": "1.2", "dlib": "1.2"}
        assert "No module named 'nothing'" in values["missing"]["opencv"]
    assert "opencv left out" in result.output
    values = json.loads((docs / "results" / "peers.json").read_text())
    assert {row["after"] for row in values["rows"]} == {NOTHING, SHIFT, OFFSET}
    assert "OpenCV" not in page.split("<!-- peers_heads -->")[1].split("Lag:")[0]


def test_without_peers_ours_stands_alone_and_they_are_named(data, model, monkeypatch):
    monkeypatch.delenv("NAPARI_RED_PEERS", raising=False)
    result = run("peers", "--data", data / "data", "--model", model, "--docs", data / "docs")
    assert result.exit_code == 0, result.output
    page = (data / "docs" / "results.md").read_text()
    assert "Left out: mediapipe (no --peers folder" in page
    assert "no peer ran" in page


def test_the_environment_is_found_by_its_variable(data, environment, model, monkeypatch):
    monkeypatch.setenv("NAPARI_RED_PEERS", str(environment))
    docs = data / "docs"
    result = run("peers", "--data", data / "data", "--model", model, "--docs", docs, "--limit", 3)
    assert result.exit_code == 0, result.output
    assert "Others: mediapipe 1.2, dlib 1.2" in (docs / "results.md").read_text()


def test_a_folder_without_python_is_told(data, model):
    result = run("peers", "--data", data / "data", "--peers", data / "data", "--model", model)
    assert result.exit_code == 2
    assert "python -m trainer peers" in result.output.replace("\n", " ")


def test_nothing_to_compare_on_is_told():
    assert run("peers").exit_code == 2


def test_stills_rows_count_misses_and_compare_on_common_faces():
    truth = np.stack([face(), face(), face()])
    near, far = truth + (3, 0), truth + (6, 0)  # interocular distance 30
    far[2] = np.nan
    offsets = {name: np.zeros((68, 2)) for name in ("ours", "dlib")}
    offsets["dlib"][:, 0] = -0.1  # 3 pixels
    shifts = {"ours": np.zeros(2, np.float32), "dlib": np.array([-3, 0], np.float32)}
    rows = still_rows({"ours": near, "dlib": far}, truth, ["a", "b", "c"], shifts, offsets)
    assert [row["after"] for row in rows] == [NOTHING, SHIFT, OFFSET] * 2
    ours, _, _, raw, shifted, moved = rows
    assert ours["mean"] == pytest.approx(10, abs=1e-4)
    assert (ours["common"], ours["missed"], raw["missed"]) == (2, 0, 1)
    assert raw["mean"] == pytest.approx(20, abs=1e-4)
    assert raw["failures"] == 100
    assert raw["with_misses"] == pytest.approx((20 + 20 + 100) / 3, abs=1e-4)
    assert shifted["mean"] == pytest.approx(10, abs=1e-4)
    assert moved["mean"] == pytest.approx(0, abs=1e-4)
    assert moved["failures"] == pytest.approx(100 / 3)
    assert ours["points7"]["mean"] == pytest.approx(10, abs=1e-4)


def followed(**errors):
    t = np.arange(40)
    truth = np.stack([face(10 * np.sin(0.3 * k)) for k in t])
    shift = {"ours": 3.0 * (t % 2), "mediapipe": 1.5 * np.ones(40)}
    answers = {name: truth + np.stack([s, 0 * s], 1)[:, None] for name, s in shift.items()}
    answers["mediapipe"][5] = np.nan
    return Follow(Clip("a", "Ann", [], truth), truth.astype(np.float32), answers)


def test_video_rows_by_hand():
    zero = {name: np.zeros((68, 2)) for name in ("ours", "mediapipe")}
    rows = {
        (row["aligner"], row["offset"]): row for row in video_rows([followed(), followed()], zero)
    }
    ours, other = rows["ours", False], rows["mediapipe", False]
    assert ours["mean"] == pytest.approx(5, abs=1e-3)  # 0 and 10 % in turn
    assert ours["std"] == pytest.approx(5, abs=1e-3)
    assert ours["error_jitter"] == pytest.approx(20, abs=1e-2)  # 0 3 0: 6 pixels of 30
    assert other["error_jitter"] == pytest.approx(0, abs=1e-3)
    assert (other["missed"], other["common"], other["frames"]) == (2, 78, 80)
    assert other["failures"] == pytest.approx(2.5)
    assert other["ours"]["error_jitter"] == pytest.approx(20, abs=1e-2)
    assert other["lag"] == pytest.approx(0, abs=0.05)
    assert rows["truth", False]["jitter"] > 0


def test_clip_rows_count_faces_that_ours_lacks():
    here, there = face(0, 0)[None], face(100, 100)[None]
    none = np.empty((0, 68, 2), np.float32)
    found = {
        "ours": [here, none, here, here, here],
        "mediapipe": [here, there, there, here, here],
        "dlib-track": [here, there, none, here, here],
    }
    rows, by_clip = clip_rows([(Clip("a", "a", []), found)])
    ours, mesh, dlib = rows
    assert (mesh["lost"], mesh["lost_confirmed"], mesh["only_ours"]) == (2, 1, 1)
    assert (dlib["lost"], dlib["lost_confirmed"], dlib["only_ours"]) == (1, 1, 1)
    assert ours["with_face"] == 4
    assert by_clip[0]["jitter"]["dlib-track"] != by_clip[0]["jitter"]["dlib-track"]  # no three


def test_the_face_of_a_frame_is_the_one_on_the_true_one():
    frames = [np.stack([face(100), face(3)]), face(100)[None], np.empty((0, 68, 2), np.float32)]
    chosen = one_face(frames, np.stack([face()] * 3))
    np.testing.assert_allclose(chosen[0], face(3))
    assert np.isnan(chosen[1:]).all()
    np.testing.assert_allclose(one_face(frames)[0], face(100))


def test_faces_beside_all_others_are_unmatched():
    faces = np.stack([face(), face(200)])
    assert unmatched(faces, [face(5)[None]]).tolist() == [False, True]
    assert unmatched(faces, []).tolist() == [True, True]


def test_a_cut_out_square_reaches_beyond_the_picture_and_says_where_it_lies():
    from trainer.geometry import FaceBox

    image = np.zeros((50, 60, 3), np.uint8)
    image[20, 30] = 255
    part, corner = cut_out(image, FaceBox(25, 15, 20, 20), 4)
    assert part.shape == (80, 80, 3)
    y, x = 20 - corner[1], 30 - corner[0]
    assert part[y, x].tolist() == [255, 255, 255]


def test_annotated_clips_take_one_video_a_person(data):
    clips = list(annotated_clips(data / "heads" / "test", 5, 3))
    assert [clip.person for clip in clips] == ["Dan", "Eve"]
    assert len(clips[0].pictures) == 3
    np.testing.assert_allclose(clips[0].truth[2], face(23, 20), atol=1e-3)


def test_speed_puts_everybody_into_one_table(data, environment, model, monkeypatch):
    asked = []

    def ours(video, name, frames, cores):
        asked.append(cores)
        told = {"landmarks_ms": 20.0, "whole_ms": 24.0, "faces": 4, "peak_rss": None}
        return {**told, "parameters": 2_000_000, "precision": "bf16"}

    monkeypatch.setattr(speed, "_time_ours", ours)
    monkeypatch.setattr(speed, "_cores", lambda: 2)
    docs = data / "docs"
    result = run(
        "speed", "--video", data / "data/videos/talk", "--peers", environment, "--model", model,
        "--docs", docs, "--frames", 10, "--rounds", 2,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert asked == [1, 2, 1, 2]
    rows = json.loads((docs / "results" / "speed.json").read_text())["rows"]
    dlib = next(row for row in rows if row["aligner"] == "dlib-track")
    assert dlib["landmarks_ms"] == pytest.approx(2)
    assert dlib["whole_ms"] == pytest.approx(3)
    assert dlib["peak_rss"] == 1234
    assert rows[0]["model_bytes"] == model.stat().st_size
    page = (docs / "results.md").read_text()
    assert "24.0 ms on one core (below 30 ms, 8.0 times the fastest other)" in page
    assert "opencv (opencv: ModuleNotFoundError" in page


@pytest.mark.slow
def test_ours_is_measured_in_a_process_of_its_own(data, model):
    row = speed._time_ours(data / "data/videos/talk", str(model), 4, 1)
    assert row["whole_ms"] > 0
    assert row["faces"] == 0  # noise
    assert row["peak_rss"] is None or row["peak_rss"] > 10e6


def test_our_process_failing_is_told(data, model):
    with pytest.raises(RedError, match="its process ended with code"):
        speed._time_ours(data / "nothing.mp4", str(model), 4, 1)
