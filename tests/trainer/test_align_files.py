"""Videos into annotation files: complete, resumable, and never at somebody's cost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from fake_faces import GREEN, RED, FakeDetector, FakeVideo, fake_loaded, landmarks_at

from trainer.align_files import Event, align_files
from trainer.annotation_folder import OutputError
from trainer.data.pts import read_pts, write_pts
from trainer.devices import DeviceError
from trainer.geometry import FaceBox


def make_video(folder: Path, scenes: list, first: int | None = None) -> Path:
    """A folder of frames, ``0001.png`` on, or called by numbers from ``first`` on."""
    folder.mkdir(parents=True)
    video = FakeVideo(scenes, width=200, height=150)
    for i in range(len(scenes)):
        name = f"f_{i:04d}" if first is None else f"{first + i:06d}"
        iio.imwrite(folder / f"{name}.png", video.frame(i))
    return folder


def scenes(n=12, lost=()):
    return [[] if i in lost else [(60 + 2 * i, 70, 50, RED)] for i in range(n)]


def run(paths, out, **options):
    events: list[Event] = []
    options = {"model": fake_loaded(), "detector": FakeDetector(), "device": "cpu"} | options
    summary = align_files(paths, out, on_event=events.append, **options)
    return summary, events


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.pts"))


def test_every_frame_with_a_face_gets_a_file_and_the_others_are_listed(tmp_path):
    video = make_video(tmp_path / "talk", scenes(12, lost=(4, 5)))
    summary, events = run([video], tmp_path / "out")
    annot = tmp_path / "out" / "talk" / "annot"
    assert files(annot) == [f"{i + 1:06d}.pts" for i in range(12) if i not in (4, 5)]
    np.testing.assert_allclose(read_pts(annot / "000007.pts"), landmarks_at(72, 70, 50), atol=2)
    report = json.loads((annot.parent / "report.json").read_text())
    assert report == summary.reports["talk"]
    assert report["complete"] is True
    assert (report["frames"], report["annotated"], report["faces"]) == (12, 10, 1)
    assert report["lost"] == ["000005", "000006"]
    assert (report["model"], report["device"]) == ("fake", "cpu")
    assert set(report["ms_per_frame"]) == {"decode", "detect", "network"}
    assert report["fps"] > 0
    assert report["start_up_s"] > 0
    assert any("face 1 lost" in note for note in report["notes"])
    assert [e.frame for e in events if e.kind == "frame"] == list(range(1, 13))
    assert not summary.failed
    assert not summary.cancelled


def test_confidence_comes_with_every_frame(tmp_path):
    run([make_video(tmp_path / "v", scenes(3, lost=(1,)))], tmp_path / "out")
    lines = (tmp_path / "out" / "v" / "confidence.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["frame", "000001", "000002", "000003"]
    assert [line.count(",") for line in lines] == [68] * 4
    assert all(0 <= float(cell) <= 1 for cell in lines[1].split(",")[1:])
    assert lines[2].split(",")[1:] == [""] * 68


def test_further_faces_have_folders_of_their_own(tmp_path):
    both = [[(50, 70, 50, RED)] + ([(150, 70, 40, GREEN)] if i > 2 else []) for i in range(6)]
    summary, _ = run([make_video(tmp_path / "v", both)], tmp_path / "out", faces=2)
    out = tmp_path / "out" / "v"
    assert len(files(out / "annot")) == 6
    assert files(out / "face_2" / "annot") == ["000004.pts", "000005.pts", "000006.pts"]
    second = summary.reports["v"]["per_face"][1]
    assert second["folder"] == "face_2"
    assert second["lost"] == ["000001", "000002", "000003"]
    assert summary.reports["v"]["lost"] == []


def test_pictures_called_by_numbers_keep_theirs(tmp_path):
    run([make_video(tmp_path / "007" / "imgs", scenes(3), first=6)], tmp_path / "out")
    assert files(tmp_path / "out" / "007" / "annot") == ["000006.pts", "000007.pts", "000008.pts"]


def test_pictures_that_share_a_number_have_files_of_their_own(tmp_path):
    folder = make_video(tmp_path / "v", scenes(3), first=6)
    (folder / "000007.png").rename(folder / "000006.bmp")
    run([folder], tmp_path / "out")
    assert files(tmp_path / "out" / "v" / "annot") == ["000001.pts", "000002.pts", "000003.pts"]


def test_no_face_anywhere_is_a_result_not_an_error(tmp_path):
    summary, _ = run([make_video(tmp_path / "v", [[]] * 5)], tmp_path / "out")
    assert summary.reports["v"]["annotated"] == 0
    assert len(summary.reports["v"]["lost"]) == 5
    assert files(tmp_path / "out" / "v" / "annot") == []


def test_a_box_says_which_face(tmp_path):
    two = [[(50, 70, 60, RED), (150, 70, 30, GREEN)]] * 3
    box = FaceBox(136, 56, 28, 28)
    run([make_video(tmp_path / "v", two)], tmp_path / "out", box=box)
    points = read_pts(tmp_path / "out" / "v" / "annot" / "000001.pts")
    assert FaceBox.around(points).centre == pytest.approx((150, 70), abs=2)


def test_bad_files_are_reported_and_the_others_done(tmp_path):
    empty, text = tmp_path / "empty.mp4", tmp_path / "text.avi"
    empty.touch()
    text.write_text("no video")
    good = make_video(tmp_path / "good", scenes(3))
    missing = tmp_path / "missing.mov"
    endless = tmp_path / f"{'a' * 300}.mp4"  # not even whether it is there can be asked
    summary, events = run([empty, missing, good, text, endless], tmp_path / "out")
    assert list(summary.reports) == ["good"]
    assert [path for path, _ in summary.failed] == [empty, missing, text, endless]
    for path, message in summary.failed:
        assert str(path) in message
    assert [e.kind for e in events].count("failed") == 4


def test_what_is_done_is_not_done_again(tmp_path):
    video = make_video(tmp_path / "v", scenes(4))
    first, _ = run([video], tmp_path / "out")
    path = tmp_path / "out" / "v" / "annot" / "000002.pts"
    write_pts(path, np.full((68, 2), 7.0))  # somebody put it right by hand
    detector = FakeDetector()
    summary, events = run([video], tmp_path / "out", detector=detector)
    assert summary.skipped == ["v"]
    assert summary.reports == first.reports
    assert [e.kind for e in events] == ["skipped"]
    assert detector.calls == []
    assert (read_pts(path) == 7).all()


def stop_after(n: int):
    """should_stop that says yes after n frames."""
    asked = iter(range(10_000))
    return lambda: next(asked) >= n


def test_a_stopped_run_goes_on_where_it_was(tmp_path):
    lost = (3, 20, 21)
    video = make_video(tmp_path / "v", scenes(40, lost))
    whole, _ = run([video], tmp_path / "whole")
    first, _ = run([video], tmp_path / "out", should_stop=stop_after(25))
    assert first.cancelled
    assert first.reports == {}
    done = len((tmp_path / "out" / "v" / "confidence.csv").read_text().splitlines()) - 1
    assert 20 < done < 30
    before = (tmp_path / "out" / "v" / "annot" / "000001.pts").stat().st_mtime_ns
    second, events = run([video], tmp_path / "out")
    assert events[0].frame == done
    assert f"goes on after frame {done}" in events[0].text
    assert (tmp_path / "out" / "v" / "annot" / "000001.pts").stat().st_mtime_ns == before
    for key in ("frames", "annotated", "lost"):
        assert second.reports["v"][key] == whole.reports["v"][key]
    for name in files(tmp_path / "whole" / "v" / "annot"):
        a, b = (read_pts(tmp_path / d / "v" / "annot" / name) for d in ("whole", "out"))
        np.testing.assert_allclose(a, b, atol=1)
    logs = [(tmp_path / d / "v" / "confidence.csv").read_text() for d in ("whole", "out")]
    assert logs[0].count("\n") == logs[1].count("\n") == 41


def test_a_half_written_row_and_a_missing_file_are_done_again(tmp_path):
    video = make_video(tmp_path / "v", scenes(12))
    run([video], tmp_path / "out", should_stop=stop_after(9))
    out = tmp_path / "out" / "v"
    (out / "annot" / "000006.pts").unlink()
    with (out / "confidence.csv").open("a") as log:
        log.write("000010,0.5,0.")
    summary, events = run([video], tmp_path / "out")
    assert events[0].frame == 5
    assert summary.reports["v"]["annotated"] == 12
    rows = (out / "confidence.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == [f"{i:06d}" for i in range(1, 13)]


_KILLED = """
import sys, time
from pathlib import Path
sys.path[:0] = {path!r}
from fake_faces import FakeDetector, fake_loaded
from trainer.align_files import align_files
def wait(event):
    if event.kind == "frame":
        print(event.frame, flush=True)
        time.sleep(0.02)
align_files([{video!r}], {out!r}, model=fake_loaded(), detector=FakeDetector(), device="cpu",
            on_event=wait)
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_killed_run_goes_on_and_ends_complete(tmp_path):
    video = make_video(tmp_path / "v", scenes(30))
    out = tmp_path / "out"
    code = _KILLED.format(path=[p for p in sys.path if p], video=str(video), out=str(out))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            if int(line) >= 12:
                child.send_signal(signal.SIGKILL)
                break
    assert not json.loads((out / "v" / "report.json").read_text())["complete"]
    summary, events = run([video], out)
    assert events[0].frame >= 12
    assert summary.reports["v"]["annotated"] == 30
    assert len(files(out / "v" / "annot")) == 30
    assert not list(out.rglob("*.partial"))


def test_other_settings_dont_overwrite_unless_told(tmp_path):
    video = make_video(tmp_path / "v", scenes(4))
    run([video], tmp_path / "out")
    summary, _ = run([video], tmp_path / "out", faces=2)
    ((path, message),) = summary.failed
    assert path == video
    assert "another faces" in message
    assert "--overwrite" in message
    again, _ = run([video], tmp_path / "out", faces=2, overwrite=True)
    assert again.reports["v"]["faces"] == 2


def test_annotation_of_unknown_origin_is_not_overwritten(tmp_path):
    video = make_video(tmp_path / "v", scenes(3))
    theirs = tmp_path / "out" / "v" / "annot" / "000001.pts"
    theirs.parent.mkdir(parents=True)
    write_pts(theirs, np.full((68, 2), 3.0))
    summary, _ = run([video], tmp_path / "out")
    assert "wasn't made by this program" in summary.failed[0][1]
    assert (read_pts(theirs) == 3).all()


def test_overwriting_leaves_no_stale_file(tmp_path):
    run([make_video(tmp_path / "a" / "v", scenes(6))], tmp_path / "out")
    shorter = make_video(tmp_path / "b" / "v", scenes(3))
    run([shorter], tmp_path / "out", overwrite=True)
    assert files(tmp_path / "out" / "v" / "annot") == ["000001.pts", "000002.pts", "000003.pts"]


def test_a_damaged_report_is_said(tmp_path):
    video = make_video(tmp_path / "v", scenes(2))
    run([video], tmp_path / "out")
    (tmp_path / "out" / "v" / "report.json").write_text("{")
    summary, _ = run([video], tmp_path / "out")
    assert "report.json" in summary.failed[0][1]
    summary, _ = run([video], tmp_path / "out", overwrite=True)
    assert summary.reports["v"]["annotated"] == 2


def test_videos_of_one_name_get_folders_of_their_own(tmp_path):
    paths = [make_video(tmp_path / d / "v", scenes(2)) for d in ("a", "b")]
    summary, _ = run(paths, tmp_path / "out")
    assert sorted(summary.reports) == ["a-v", "b-v"]
    again, _ = run(paths, tmp_path / "out")
    assert again.skipped == ["a-v", "b-v"]


def test_a_folder_stands_for_the_videos_in_it(tmp_path):
    for name in ("one", "two"):
        make_video(tmp_path / "set" / name, scenes(2))
    summary, _ = run([tmp_path / "set"], tmp_path / "out")
    assert sorted(summary.reports) == ["one", "two"]


def test_stopping_leaves_the_videos_after_it_alone(tmp_path):
    paths = [make_video(tmp_path / name, scenes(5)) for name in ("one", "two")]
    summary, _ = run(paths, tmp_path / "out", should_stop=stop_after(3))
    assert summary.cancelled
    assert not (tmp_path / "out" / "two").exists()


def test_no_permission_to_write_is_said_at_once(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="choose a folder you may write to"):
        run([tmp_path], tmp_path / "file" / "out")


def test_one_folder_that_cannot_be_written_is_that_video_s_failure(tmp_path):
    paths = [make_video(tmp_path / name, scenes(2)) for name in ("one", "two")]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "one").write_text("in the way")
    summary, _ = run(paths, tmp_path / "out")
    assert list(summary.reports) == ["two"]
    assert "can't be written" in summary.failed[0][1]


def test_cuda_asked_for_and_not_there_is_said_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(DeviceError, match="'cuda' was asked for"):
        run([make_video(tmp_path / "v", scenes(2))], tmp_path / "out", device="cuda")
    assert not (tmp_path / "out" / "v").exists()
