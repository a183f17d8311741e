"""iBUG annotation files: read as others write them, written as others read them."""

from __future__ import annotations

import os
from pathlib import Path

import menpo.io
import numpy as np
import pytest
from menpo.shape import PointCloud

from trainer.data.pts import PtsError, read_pts, write_pts


@pytest.fixture
def face() -> np.ndarray:
    """(68, 2) landmarks with whole, fractional, negative and unlabelled values."""
    points = np.random.default_rng(0).uniform(-5, 2000, (68, 2)).round(3).astype(np.float32)
    points[0] = 0, 0
    points[1] = 12, 7
    points[40] = np.nan
    return points


def text(points: np.ndarray, line: str = "{:.3f} {:.3f}") -> str:
    """The file's text for points counted from 1."""
    rows = "\n".join(line.format(x, y) for x, y in points)
    return f"version: 1\nn_points: {len(points)}\n{{\n{rows}\n}}\n"


def test_file_counts_from_one(tmp_path: Path) -> None:
    points = np.zeros((68, 2), np.float32)
    points[1] = 9.5, 19.25
    write_pts(tmp_path / "a.pts", points)
    lines = (tmp_path / "a.pts").read_text().splitlines()
    assert lines[:3] == ["version: 1", "n_points: 68", "{"]
    assert lines[3:5] == ["1.000 1.000", "10.500 20.250"]
    assert lines[-1] == "}"


def test_what_is_written_is_read_again(tmp_path: Path, face: np.ndarray) -> None:
    write_pts(tmp_path / "a.pts", face)
    again = read_pts(tmp_path / "a.pts")
    assert again.dtype == np.float32
    np.testing.assert_allclose(again, face, atol=6e-4)


def test_menpo_reads_what_we_write_as_we_do(tmp_path: Path, face: np.ndarray) -> None:
    write_pts(tmp_path / "a.pts", face)
    theirs = menpo.io.import_landmark_file(tmp_path / "a.pts")["PTS"].points[:, ::-1]
    np.testing.assert_array_equal(theirs.astype(np.float32), read_pts(tmp_path / "a.pts"))


def test_we_read_what_menpo_writes_as_it_does(tmp_path: Path, face: np.ndarray) -> None:
    cloud = PointCloud(face[:, ::-1].astype(np.float64))
    menpo.io.export_landmark_file(cloud, tmp_path / "a.pts")
    theirs = menpo.io.import_landmark_file(tmp_path / "a.pts")["PTS"].points[:, ::-1]
    np.testing.assert_array_equal(read_pts(tmp_path / "a.pts"), theirs.astype(np.float32))
    np.testing.assert_allclose(read_pts(tmp_path / "a.pts"), face, atol=6e-4)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda t: "\ufeff" + t, id="byte order mark"),
        pytest.param(lambda t: t.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(lambda t: t.replace("\n", "\r"), id="CR"),
        pytest.param(lambda t: t.replace("\n", "\n\n"), id="blank lines"),
        pytest.param(lambda t: t.replace("\n", "  \n\t"), id="white space"),
        pytest.param(lambda t: t.rstrip("\n"), id="no end of line at the end"),
        pytest.param(lambda t: t.replace("n_points: 68", "n_points:  68"), id="header spacing"),
        pytest.param(lambda t: t.replace("version: 1\n", ""), id="no version"),
    ],
)
def test_harmless_variants_read_the_same(tmp_path: Path, change) -> None:
    points = np.random.default_rng(1).uniform(1, 500, (68, 2)).round(3)
    (tmp_path / "a.pts").write_bytes(change(text(points)).encode())
    np.testing.assert_allclose(read_pts(tmp_path / "a.pts"), points - 1, atol=1e-4)


@pytest.mark.parametrize("line", ["{:.3f}, {:.3f}", "{:.3f},{:.3f}", "{:.3f}\t{:.3f}", "{:e} {:e}"])
def test_commas_tabs_and_exponents_read_the_same(tmp_path: Path, line: str) -> None:
    points = np.random.default_rng(1).uniform(1, 500, (68, 2)).round(3)
    (tmp_path / "a.pts").write_text(text(points, line))
    np.testing.assert_allclose(read_pts(tmp_path / "a.pts"), points - 1, atol=1e-3)


@pytest.mark.parametrize("bad", ["nan nan", "NaN 3", "3 nan", "inf 3", "-inf -inf"])
def test_number_that_is_none_leaves_the_whole_landmark_unlabelled(tmp_path: Path, bad: str) -> None:
    lines = text(np.ones((68, 2))).splitlines()
    lines[3 + 5] = bad
    (tmp_path / "a.pts").write_text("\n".join(lines))
    points = read_pts(tmp_path / "a.pts")
    assert np.isnan(points[5]).all()
    assert np.isfinite(np.delete(points, 5, axis=0)).all()


def test_66_points_say_what_where_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "frame_0412.pts"
    path.write_text(text(np.ones((66, 2))))
    with pytest.raises(PtsError, match=r"frame_0412\.pts: 66 points.*68-point scheme.*export"):
        read_pts(path)
    assert read_pts(path, n_landmarks=None).shape == (66, 2)
    assert read_pts(path, n_landmarks=66).shape == (66, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("", "no block between", id="empty"),
        pytest.param("version: 1\nn_points: 68\n{\n1 2\n", "no block between", id="cut off"),
        pytest.param("}\n{\n", r"a\.pts", id="block the wrong way round"),
        pytest.param("version: 1\nn_points: 68\n{\n}\n", "68 and has 0", id="no points"),
        pytest.param("{\n1 2\n3 x\n}\n", r"line 3: '3 x'.*correct that line", id="a word"),
        pytest.param("{\n1 2\n3 4 5\n}\n", "line 3: '3 4 5'", id="three numbers"),
        pytest.param("{\n1 2\n3\n}\n", "line 3: '3'", id="one number"),
        pytest.param("n_points: 3\n{\n1 2\n3 4\n}\n", "n_points: 3 and has 2", id="a row lost"),
    ],
)
def test_damaged_file_is_refused_with_a_reason(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.pts").write_text(content)
    with pytest.raises(PtsError, match=message) as caught:
        read_pts(tmp_path / "a.pts")
    assert str(tmp_path / "a.pts") in str(caught.value)


def test_picture_with_the_wrong_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pts").write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)))
    with pytest.raises(PtsError, match=r"a\.pts.*isn't"):
        read_pts(tmp_path / "a.pts")


def test_huge_file_and_huge_numbers_are_read(tmp_path: Path) -> None:
    points = np.full((200_000, 2), 1e9)
    (tmp_path / "a.pts").write_text(text(points))
    with pytest.raises(PtsError, match="200000 points"):
        read_pts(tmp_path / "a.pts")
    read = read_pts(tmp_path / "a.pts", n_landmarks=None)
    np.testing.assert_allclose(read, 1e9)


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(PtsError, match=r"gone\.pts: can't be read.*check the path"):
        read_pts(tmp_path / "gone.pts")
    with pytest.raises(PtsError, match="can't be read"):
        read_pts(tmp_path)


def test_landmarks_of_another_shape_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(PtsError, match=r"shape \(68, 3\)"):
        write_pts(tmp_path / "a.pts", np.zeros((68, 3)))
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(PtsError, match=r"a\.pts: can't be written.*may write to"):
        write_pts(tmp_path / "missing" / "a.pts", np.zeros((68, 2)))


def test_interrupted_writing_keeps_the_file_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.pts"
    write_pts(path, np.zeros((68, 2)))
    before = path.read_bytes()

    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", disk_full)
    with pytest.raises(PtsError, match="No space left"):
        write_pts(path, np.ones((68, 2)))
    assert path.read_bytes() == before
