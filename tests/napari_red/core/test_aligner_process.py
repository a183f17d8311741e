"""The aligner in a process of its own, with a small network that has learnt nothing."""

import json
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch

from napari_red.core.align_worker import _corrected
from napari_red.core.aligner_process import AlignerProcess, AlignerProcessError, _plain_faces
from napari_red.core.jobs import Cancelled, StopWork, run
from napari_red.core.models import DEVICES, ModelChoiceError, check_model, shipped_models
from napari_red.core.prealign import Settings, prealign
from napari_red.core.session import Session
from napari_red.core.wire import decode_array, encode_array
from trainer import devices
from trainer.alignment import SequentialAligner
from trainer.checkpoint import available_models, load_model, save_model
from trainer.config import config_for
from trainer.data.video import open_video
from trainer.geometry import FaceBox
from trainer.models.rednet import RedNet
from trainer.shape_residuals import CorrectedFaces
from trainer.who import SURE, likeness


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "untrained.safetensors"
    save_model(path, RedNet(config_for("red-lite").network))
    return str(path)


@pytest.fixture
def video(video_path):
    with open_video(video_path) as video:
        yield video


def test_arrays_survive_the_pipe():
    array = np.array([[[1.5, np.nan], [3, 4]]], np.float32)
    np.testing.assert_array_equal(decode_array(encode_array(array)), array)


def test_the_window_knows_the_models_and_devices_without_loading_torch():
    assert sorted(shipped_models()) == available_models()
    assert DEVICES == devices.DEVICES


def test_an_unknown_model_is_named_before_anything_starts():
    with pytest.raises(ModelChoiceError, match="red-huge: no such model"):
        check_model("red-huge")


@pytest.mark.slow
def test_every_frame_comes_back_and_a_second_run_reuses_the_process(video, model_file):
    aligner = AlignerProcess(model_file, "cpu", threads=1)
    results = list(aligner.run(video, faces=2, boxes=[FaceBox(40, 40, 60, 60)], stop=3))
    assert [result.frame for result in results] == [0, 1, 2]
    assert results[0].landmarks.shape == (2, 68, 2)
    assert results[0].confidence.shape == (2, 68)
    assert results[0].disagreement.shape == (2,)
    process = aligner._process
    correction = np.full((68, 2), 50, np.float32) + np.arange(68)[:, None]
    (again,) = aligner.run(video, start=5, stop=6, corrections={(5, 0): correction})
    np.testing.assert_array_equal(again.landmarks[0], correction)
    assert aligner._process is process
    aligner.close()
    assert process.wait(30) != 0


@pytest.mark.slow
def test_a_run_that_is_left_early_keeps_the_process_for_the_next(video, model_file):
    aligner = AlignerProcess(model_file, "cpu", threads=1)
    results = aligner.run(video, boxes=[FaceBox(40, 40, 60, 60)])
    next(results)
    process = aligner._process
    results.close()
    assert [r.frame for r in aligner.run(video, start=2, stop=4)] == [2, 3]
    assert aligner._process is process
    aligner.close()


@pytest.mark.slow
def test_a_face_is_followed_backward_in_there(video, model_file, made_truth):
    aligner = AlignerProcess(model_file, "cpu", threads=1)
    results = list(aligner.follow(video, 5, made_truth(5), 2))
    assert [result.frame for result in results][:2] == [5, 4]
    assert results[0].landmarks.shape == (1, 68, 2)
    with pytest.raises(AlignerProcessError, match="no landmarks to follow"):
        list(aligner.follow(video, 5, np.full((68, 2), np.nan), 2))
    aligner.close()


@pytest.mark.slow
def test_corrected_faces_are_answered_in_there_as_here(video, model_file, made_truth):
    aligner = AlignerProcess(model_file, "cpu", threads=1)
    here = SequentialAligner(load_model(model_file), device="cpu", threads=1)
    faces = [(5, made_truth(5)), (2, made_truth(2))]
    seen = aligner.answers(video, faces)
    np.testing.assert_allclose(seen, here.answers(video, faces), atol=1e-3)
    corrected = CorrectedFaces(seen + 20.0, seen, ("Ada", "Ben"))
    frames = aligner.run(video, stop=2, corrected=corrected, people=["Ada"])
    assert [frame.frame for frame in frames] == [0, 1]  # an untrained network finds nobody
    aligner.close()


def test_corrected_faces_survive_the_pipe():
    told = np.full((2, 68, 2), 3.5, np.float32)
    told[0, 7] = np.nan
    faces = CorrectedFaces(told, told + 1, ("Ada", "Ben"))
    again = _corrected(json.loads(json.dumps(_plain_faces(faces))))
    np.testing.assert_array_equal(again.told, told)
    np.testing.assert_array_equal(again.seen, faces.seen)
    assert again.people == faces.people


@pytest.mark.slow
def test_an_error_in_there_is_told_here(video, tmp_path):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing")
    aligner = AlignerProcess(str(broken), "cpu", threads=1)
    with pytest.raises(AlignerProcessError, match=r"broken\.safetensors: isn't a readable model"):
        list(aligner.run(video))
    aligner.close()


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="has CUDA")
def test_a_device_that_is_not_there_is_told(video, model_file):
    aligner = AlignerProcess(model_file, "cuda", threads=1)
    with pytest.raises(AlignerProcessError, match="choose 'auto' or 'cpu'"):
        list(aligner.run(video, stop=1))
    aligner.close()


@pytest.mark.slow
def test_a_process_that_dies_is_told(video, model_file):
    aligner = AlignerProcess(model_file, "cpu", threads=1)
    results = aligner.run(video, boxes=[FaceBox(40, 40, 60, 60)])
    next(results)
    aligner._process.kill()
    with pytest.raises(AlignerProcessError, match="ended early"):
        list(results)


@pytest.mark.slow
def test_cancelling_ends_the_process_at_once(video, model_file):
    aligner = AlignerProcess(model_file, "cpu", threads=1)

    def stop_soon():
        while aligner._process is None:
            time.sleep(0.01)
        aligner.stop()

    stopper = threading.Thread(target=stop_soon)
    stopper.start()
    with Session(video) as session:
        outcome = run(
            lambda report, stop: prealign(session, aligner, Settings(model_file), report, stop)
        )
    stopper.join()
    assert outcome == Cancelled()
    with pytest.raises(StopWork):
        list(aligner.run(video))


@pytest.mark.slow
def test_how_a_face_looks_comes_back_and_the_process_goes_on(video, model_file, made_truth):
    aligner = AlignerProcess(model_file, "cpu", threads=1)
    looks = aligner.look(video, [(0, made_truth(0)), (5, made_truth(5))])
    assert likeness(looks, looks) > SURE - 1e-5
    assert aligner.look(video, []) is None
    process = aligner._process
    assert [r.frame for r in aligner.run(video, stop=1)] == [0]
    assert aligner._process is process
    aligner.close()


def test_the_windows_side_of_it_does_without_torch():
    code = (
        "import sys, napari_red.core.aligner_process, napari_red.core.batch, "
        "napari_red.core.identify, napari_red.core.retrack; "
        "raise SystemExit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
