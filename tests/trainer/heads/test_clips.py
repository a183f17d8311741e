"""Clips, stills, people and video sets of made-up heads."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from trainer.data.pts import read_pts
from trainer.data.video_sets import find_annotated_videos
from trainer.heads.clips import HeadClip, render_clip, render_still, render_stills
from trainer.heads.face_model import face_model
from trainer.heads.gl import HeadsError
from trainer.heads.people import make_person, photographs_of, split_of
from trainer.heads.scene import SETTINGS, Scene
from trainer.heads.styles import STYLES
from trainer.heads.visibility import visible_at
from trainer.heads.writing import SetOrder, write_clip

SIZE = 96


@pytest.fixture(scope="module")
def clip(opengl: None) -> HeadClip:
    return render_clip(0, 0, 3, size=SIZE)


def test_shapes_and_ranges(clip: HeadClip) -> None:
    assert clip.images.shape == (3, SIZE, SIZE, 3)
    assert clip.images.dtype == np.uint8
    assert clip.images.std() > 10
    for landmarks in (clip.landmarks_contour, clip.landmarks_vertex):
        assert landmarks.shape == (3, 68, 2)
        assert landmarks.dtype == np.float32
        assert np.isfinite(landmarks).all()
    assert clip.visible.shape == (3, 68)
    assert clip.visible.dtype == bool
    for angle in (clip.yaw, clip.pitch, clip.roll):
        assert angle.shape == (3,)
        assert np.abs(angle).max() < 100
    assert clip.setting in SETTINGS


def test_the_same_numbers_draw_the_same_clip(clip: HeadClip) -> None:
    render_clip(1, 1, 1, size=SIZE)  # whatever was drawn in between
    again = render_clip(0, 0, 3, size=SIZE)
    assert again.landmarks_contour.tobytes() == clip.landmarks_contour.tobytes()
    assert again.landmarks_vertex.tobytes() == clip.landmarks_vertex.tobytes()
    assert (again.visible == clip.visible).all()
    assert (again.images == clip.images).all()


def test_another_seed_draws_another_clip(clip: HeadClip) -> None:
    other = render_clip(0, 0, 3, size=SIZE, seed=1)
    assert np.abs(other.landmarks_vertex - clip.landmarks_vertex).max() > 1


def test_a_still_is_the_same_alone_and_among_others(opengl: None) -> None:
    several = list(render_stills(4, 3, first=7, size=SIZE))
    alone = render_still(4, 8, size=SIZE)
    assert (several[1].image == alone.image).all()
    assert (several[1].contour == alone.contour).all()
    assert len({still.yaw for still in several}) == 3


def test_the_drawn_face_is_where_its_landmarks_are(opengl: None) -> None:
    from trainer.heads.renderer import FAR
    from trainer.heads.scene import _draw, _renderer

    scene = Scene(0, 0, size=SIZE, seed=0, style="normal", seconds=1.0)
    scene.frame(0.4)
    renderer = _renderer(SIZE)
    moment = scene.moment(0.4)
    _, depth = _draw(renderer, moment)
    nose = moment.placement.place(moment.points[[face_model().landmark_vertices[30]]])[0]
    x, y = moment.camera.project(nose)
    at = np.round((np.array([y, x]) + 0.5) * renderer.scale - 0.5).astype(int)
    assert depth[tuple(at)] == pytest.approx(nose[2], abs=0.5)
    assert (depth == FAR).any()


def test_landmarks_behind_something_and_outside_are_not_visible() -> None:
    depth = np.full((150, 150), 100.0, np.float32)
    depth[:, :75] = 60.0  # something in front of the left half
    points = np.array([[20.0, 50.0], [80.0, 50.0], [-3.0, 50.0], [80.0, 120.0]])
    seen = visible_at(depth, points, np.full(4, 100.0), scale=1.5)
    assert seen.tolist() == [False, True, False, False]


def test_a_known_occluder_hides_what_is_behind_it(opengl: None) -> None:
    from trainer.heads.contour import landmarks_of
    from trainer.heads.renderer import Blob
    from trainer.heads.scene import _draw, _renderer

    scene = Scene(0, 0, size=SIZE, seed=0, style="normal", seconds=1.0)
    scene.frame(0.0)
    moment = scene.moment(0.0)
    contour, _, distance, _ = landmarks_of(moment.points, moment.placement, moment.camera)
    nose = moment.placement.place(moment.points[[face_model().landmark_vertices[30]]])[0]
    half = 2.0
    bar = Blob(1, (nose[0], nose[1], nose[2] - 10), (60.0, half), 0.0, (0.2, 0.2, 0.2))
    before = visible_at(_draw(_renderer(SIZE), moment)[1], contour, distance)
    after = visible_at(_draw(_renderer(SIZE), replace(moment, blobs=(bar,)))[1], contour, distance)
    # The bar as the camera sees it: as high as its corners, 10 cm nearer than the nose.
    edges = moment.camera.project(
        np.array([[0, nose[1] + k * half, nose[2] - 10] for k in (-1, 1)])
    )
    upper, lower = edges[:, 1]
    behind = (contour[:, 1] > upper + 2.5) & (contour[:, 1] < lower - 2.5)
    beside = (contour[:, 1] < upper - 1.5) | (contour[:, 1] > lower + 1.5)
    assert before[30]
    assert behind[30]
    assert not after[behind].any()
    assert (after == before)[beside].all()
    assert after.sum() > 20


def test_a_mask_hides_the_mouth_and_not_the_eyes(opengl: None) -> None:
    masked = render_clip(0, 0, 1, size=192, style="masked").visible[0]
    bare = render_clip(0, 0, 1, size=192).visible[0]
    assert not masked[48:68].any()
    assert (masked[36:48] == bare[36:48]).all()


def test_styles_change_the_picture_and_not_the_truth(clip: HeadClip) -> None:
    for style in set(STYLES) - {"normal"}:
        other = render_clip(0, 0, 3, size=SIZE, style=style)
        assert (other.landmarks_contour == clip.landmarks_contour).all()
        assert np.abs(other.images.astype(int) - clip.images).mean() > 3
    grey = render_clip(0, 0, 1, size=SIZE, style="infrared").images.astype(int)
    assert np.abs(np.diff(grey.mean(axis=(0, 1, 2)))).max() < 25


def test_unknown_styles_and_sizes_are_refused() -> None:
    with pytest.raises(HeadsError, match="known: normal, drawn"):
        Scene(0, 0, size=SIZE, seed=0, style="oil", seconds=1)
    with pytest.raises(HeadsError, match="even number"):
        Scene(0, 0, size=97, seed=0, style="normal", seconds=1)


def test_both_settings_occur_for_everybody() -> None:
    for person in (0, 1, 3):
        settings = {
            Scene(person, clip, size=SIZE, seed=0, style="normal", seconds=1).setting
            for clip in (0, 1)
        }
        assert settings == set(SETTINGS)


def test_train_and_test_people_share_no_photograph_and_no_shape() -> None:
    train = [make_person(n) for n in range(16) if split_of(n) == "train"]
    test = [make_person(n) for n in range(16) if split_of(n) == "test"]
    assert len(test) == 4
    assert not set(photographs_of("train")) & set(photographs_of("test"))
    used = [{name for person in people for name in person.photographs} for people in (train, test)]
    assert not used[0] & used[1]
    for one in train:
        assert all(np.abs(one.shape - other.shape).mean() > 0.01 for other in test)


def test_the_split_of_a_person_depends_on_nothing_else(tmp_path: Path) -> None:
    few = SetOrder(tmp_path, people=4, clips=1, frames=1)
    many = SetOrder(tmp_path, people=40, clips=3, frames=9, split="test")
    assert few.folder(3, 0) == many.folder(3, 0) == tmp_path / "test" / "person0003" / "clip000"
    assert {person for person, _ in many.jobs()} == set(range(3, 40, 4))


@pytest.fixture(scope="module")
def written(opengl: None, tmp_path_factory: pytest.TempPathFactory) -> SetOrder:
    order = SetOrder(tmp_path_factory.mktemp("set"), people=2, clips=1, frames=3, size=SIZE)
    for job in order.jobs():
        assert write_clip(order, *job)
    return order


def test_a_written_set_is_read_as_annotated_videos(written: SetOrder, clip: HeadClip) -> None:
    videos = find_annotated_videos(written.out / "train")
    assert [video.identity for video in videos] == ["person0000", "person0001"]
    first = videos[0]
    assert sorted(first.annotations) == [0, 1, 2]
    np.testing.assert_allclose(first.landmarks(1, 68), clip.landmarks_contour[1], atol=1e-3)
    (_, image), *_ = first.frames([1])
    assert image.shape == (SIZE, SIZE, 3)
    assert np.abs(image.astype(int) - clip.images[1]).mean() < 12
    with np.load(written.folder(0, 0) / "truth.npz") as truth:
        assert (truth["landmarks_contour"] == clip.landmarks_contour).all()
        assert (truth["landmarks_vertex"] == clip.landmarks_vertex).all()
        assert truth["visible"].shape == (3, 68)
        assert str(truth["jaw"]) == "contour"
        assert str(truth["setting"]) == clip.setting


def test_the_chosen_jaw_goes_into_the_annotation(
    opengl: None, clip: HeadClip, tmp_path: Path
) -> None:
    order = SetOrder(tmp_path, people=1, clips=1, frames=3, size=SIZE, jaw="vertex")
    write_clip(order, 0, 0)
    points = read_pts(order.folder(0, 0) / "annot" / "000002.pts")
    np.testing.assert_allclose(points, clip.landmarks_vertex[1], atol=1e-3)


def test_a_second_run_leaves_finished_clips_alone_and_makes_cut_off_ones(
    written: SetOrder,
) -> None:
    done = written.folder(0, 0)
    before = (done / "vid.mp4").stat().st_mtime_ns
    cut_off = written.folder(1, 0)
    cut_off.rename(cut_off.with_name(f".{cut_off.name}.partial"))
    assert not write_clip(written, 0, 0)
    assert write_clip(written, 1, 0)
    assert (done / "vid.mp4").stat().st_mtime_ns == before
    assert len(list((cut_off / "annot").glob("*.pts"))) == 3
    assert not list(written.out.rglob(".*.partial"))


def test_clips_made_with_other_settings_are_not_mixed_in(written: SetOrder) -> None:
    with pytest.raises(HeadsError, match="was made with jaw contour"):
        write_clip(replace(written, jaw="vertex"), 0, 0)


def test_orders_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HeadsError, match="known: contour, vertex"):
        SetOrder(tmp_path, 1, 1, 1, jaw="square")
    with pytest.raises(HeadsError, match="1 or more"):
        SetOrder(tmp_path, 0, 1, 1)


def test_without_moderngl_the_command_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['moderngl'] = None; sys.argv = ['trainer', 'heads', '--out', "
        f"{str(tmp_path / 'out')!r}]; from trainer.cli import app; app()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 2
    assert 'pip install "napari-red[heads]"' in result.stderr.replace("\n", " ")
    assert "Traceback" not in result.stderr


def test_triton_is_loaded_before_opengl_which_it_crashes_after(
    tmp_path: Path, opengl: None
) -> None:
    (tmp_path / "triton.py").write_text(
        "print('LLVM' in open('/proc/self/maps').read() if __import__('sys').platform == 'linux'"
        " else False)"
    )
    code = "from trainer.heads.gl import open_context; open_context(); print('drawn')"
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert result.stdout.split() == ["False", "drawn"], result.stderr
