import sys

import numpy as np
import pytest

from trainer.geometry import FaceBox
from trainer.peers.process import PeerError, PeerProcess

GREY = np.full((40, 60, 3), 128, np.uint8)
BLACK = np.zeros((40, 60, 3), np.uint8)


def test_frames_go_over_and_landmarks_come_back(fake):
    peer = fake()
    answer = peer.align(GREY, FaceBox(10, 5, 30, 20))
    assert peer.version == "1.2"
    assert answer.landmarks.shape == (1, 68, 2)
    assert answer.landmarks.dtype == np.float32
    np.testing.assert_allclose(answer.landmarks[0, :2], [[10, 5], [40, 25]])
    assert answer.seconds == {"detect": 0.001, "landmarks": 0.002}


def test_no_face_is_an_empty_answer_and_the_next_frame_still_works(fake):
    peer = fake()
    assert peer.align(BLACK).landmarks.shape == (0, 68, 2)
    assert len(peer.align(GREY).landmarks) == 1


def test_a_picture_that_is_no_whole_array_is_sent_as_it_looks(fake):
    part = np.zeros((40, 120, 3), np.uint8)[:, ::2]
    assert len(fake().align(part).landmarks) == 0


def test_memory_and_reset(fake):
    peer = fake()
    peer.reset()
    assert peer.peak_memory() == 1234


def test_an_error_comes_back_as_text_and_the_peer_lives_on(fake):
    peer = fake("fails")
    with pytest.raises(PeerError, match="fails: ValueError: a black frame"):
        peer.align(BLACK)
    assert len(peer.align(GREY).landmarks) == 1


def test_a_missing_package_is_named(fake):
    with pytest.raises(PeerError, match="missing: ModuleNotFoundError"):
        fake("missing")


def test_a_death_is_noticed_with_exit_code_and_last_words(fake):
    peer = fake("dies")
    with pytest.raises(PeerError, match=r"ended.*exit code 7.*out of memory, somewhere"):
        peer.align(GREY)
    with pytest.raises(PeerError, match="dies: its process ended"):
        peer.align(GREY)


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        ("babbles", "no message .it begins with b'INFO'"),
        ("half", "ended before it answered"),
        ("wrong-shape", "makes no sense"),
    ],
)
def test_garbage_is_told_apart(fake, behaviour, told):
    peer = fake(behaviour)
    with pytest.raises(PeerError, match=told):
        peer.align(GREY)


def test_a_silent_peer_is_ended(fake):
    peer = fake("hangs", timeout=1.0)
    with pytest.raises(PeerError, match="said nothing for 1 s"):
        peer.align(GREY)


def test_a_python_that_isnt_there(tmp_path):
    with pytest.raises(PeerError, match="can't be started"):
        PeerProcess(tmp_path / "python", "dlib", {})


def test_the_real_worker_says_which_package_is_missing(tmp_path):
    # None of the peers is installed beside the project itself.
    with pytest.raises(PeerError, match=r"mediapipe: (ModuleNotFound|Import)Error"):
        PeerProcess(sys.executable, "mediapipe", {"mode": "box"})
