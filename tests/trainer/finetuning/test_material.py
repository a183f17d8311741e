import numpy as np
import pytest
import torch
from pushed_fixtures import CORRECTIONS, HELD_OUT, landmarks_at, picture, tiny_base, write_set

from trainer.checkpoint import load_model
from trainer.finetuning.material import FinetuneError, clip_windows, gather
from trainer.finetuning.recipe import RECIPE
from trainer.held_out import APART
from trainer.pushed_set import CORRECTED, PREDICTED, PushedSetWriter, read_pushed_set


def gathered(folder, base):
    return gather(read_pushed_set(folder), load_model(base), RECIPE)


def test_all_stages_have_something_with_two_named_people_and_clips(pushed, base):
    material = gathered(pushed, base)
    assert material.stages == (1, 2, 3)
    assert material.people == ["Cy", "Di", "Ada", "Bo"]
    assert material.known == 2
    assert material.faces.people == material.people
    assert material.counts["named_people"] == 2


def test_nobody_named_skips_stage_2_and_says_so(tmp_path, base):
    material = gathered(write_set(tmp_path / "unnamed", (None,)), base)
    assert material.stages == (1, 3)
    assert "nobody is named" in material.skipped[2]
    assert material.people == ["Cy", "Di"]
    assert (material.faces.identities[: material.own] == -1).all()


def test_one_named_person_skips_stage_2_and_says_who(tmp_path, base):
    material = gathered(write_set(tmp_path / "one", ("Ada", None)), base)
    assert "only Ada is named" in material.skipped[2]


def test_no_clips_skip_stage_3_and_say_so(tmp_path, base):
    material = gathered(write_set(tmp_path / "bare", clips=False), base)
    assert material.stages == (1, 2)
    assert "no 10 frames in a row" in material.skipped[3]


def test_a_model_without_memory_skips_stage_3(tmp_path, pushed):
    base = tiny_base(tmp_path / "plain.safetensors", temporal="none")
    assert "no f_tRNN" in gathered(pushed, base).skipped[3]


def test_held_out_frames_and_their_neighbours_are_never_trained_on(tmp_path, base):
    near = HELD_OUT - APART
    folder = write_set(tmp_path / "near", corrections=(*CORRECTIONS, near, near - 1))
    pushed = read_pushed_set(folder)
    material = gathered(folder, base)
    assert material.counts["near_held_out"] == 2  # one of each person
    assert material.own == 2 * (len(CORRECTIONS) + 1)
    numbers = {
        frame.number
        for window in clip_windows(pushed, pushed.looked_at(held_out=False))
        for frame in window
    }
    assert max(numbers) < near
    trained = material.faces.patches[: material.own].astype(int)
    for patch in material.held_out.patches:
        assert (np.abs(trained - patch).mean(axis=(1, 2, 3)) > 5).all()


def test_predicted_and_hidden_landmarks_count_less(pushed, base):
    material = gathered(pushed, base)
    own = material.faces.weights[: material.own]
    np.testing.assert_allclose(own[:, 2], RECIPE.hidden_weight)
    np.testing.assert_allclose(own[:, 0], 1)
    clips = material.clips.own
    predicted = RECIPE.predicted_weight * 0.5
    np.testing.assert_allclose(np.unique(clips.weights[..., 0]), [predicted, 1])
    assert (clips.weights == 1).any(axis=(1, 2)).all(), "each clip has a frame somebody looked at"


def test_a_mirrored_clip_has_its_weights_mirrored(pushed, base):
    clips = gathered(pushed, base).clips.own
    for number in range(6):
        batch = clips.draw(1, 0, number)
        low = (batch.weights[0, 0] < batch.weights[0, 0].max() * 0.9).nonzero().flatten().tolist()
        assert low in ([2], [clips.scheme.flip[2]])


def test_no_person_is_in_a_batch_of_clips_twice(pushed, base):
    clips = gathered(pushed, base).clips
    batch = clips.draw(4, 0, 0)
    assert batch.crops.shape[:2] == (10, 4)
    own = batch.identities[batch.identities >= 0].tolist()
    assert sorted(own) == [2, 3]
    backward = batch.reversed()
    assert torch.equal(backward.crops[0], batch.crops[-1])
    assert torch.equal(backward.weights[0], batch.weights[-1])


def test_without_held_out_frames_nothing_starts(tmp_path, base):
    folder = write_set(tmp_path / "none", held_out=False)
    with pytest.raises(FinetuneError, match="no corrected frame is held out"):
        gathered(folder, base)


def test_only_held_out_frames_are_too_few(tmp_path, base):
    folder = write_set(tmp_path / "only", corrections=())
    with pytest.raises(FinetuneError, match="no corrected frame is left"):
        gathered(folder, base)


def test_other_landmarks_than_the_models_are_refused(tmp_path, base):
    with PushedSetWriter(tmp_path / "set68", 68) as writer:
        points = np.zeros((68, 2))
        writer.add_frame("Ada", "a", 0, picture(0), points, kind=CORRECTED)
    with pytest.raises(FinetuneError, match="68 landmarks a face, the model has 7"):
        gathered(tmp_path / "set68", base)


def test_a_frame_without_landmarks_is_named(tmp_path, base):
    with PushedSetWriter(tmp_path / "set", 7) as writer:
        writer.add_frame("Ada", "a", 0, picture(0), np.full((7, 2), np.nan), kind=CORRECTED)
        writer.add_frame(
            "Ada", "a", 50, picture(50), landmarks_at(50), kind=CORRECTED, held_out=True
        )  # fmt: skip
    with pytest.raises(FinetuneError, match=r"000001\.pts: no landmark is labelled"):
        gathered(tmp_path / "set", base)


def test_frames_without_a_face_are_in_no_clip(tmp_path):
    with PushedSetWriter(tmp_path / "set", 7) as writer:
        for number in range(30):
            points = np.full((7, 2), np.nan) if number == 17 else landmarks_at(number)
            kind = CORRECTED if number in (5, 20) else PREDICTED
            writer.add_frame("Ada", "a", number, picture(number), points, kind=kind)
    pushed = read_pushed_set(tmp_path / "set")
    windows = clip_windows(pushed, pushed.looked_at(held_out=False))
    assert [window[0].number for window in windows] == [0, 18]
