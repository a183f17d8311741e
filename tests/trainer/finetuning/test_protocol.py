"""``python -m trainer finetune`` as the window runs it: a process, lines in, JSON out."""

import json
import os
import signal
import subprocess
import sys

import pytest
import torch
from pushed_fixtures import write_set

from trainer.finetuning.device_lock import device_lock

pytestmark = pytest.mark.slow

EVENTS = {
    "start", "stage", "step", "skipped", "eval", "gate", "done", "error", "cancelled",
}  # fmt: skip


@pytest.fixture
def start(tmp_path, base, pushed):
    """Start a run in a process of its own."""
    running = []

    def begin(*more, pushed=pushed, out="out"):
        line = [sys.executable, "-m", "trainer", "finetune", str(pushed), "--base", str(base)]
        line += ["--out", str(tmp_path / out), "--progress", "json", "--device", "cpu", *more]
        process = subprocess.Popen(
            line,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


def until(process, name):
    """Read events up to the first of a name."""
    seen = []
    for line in process.stdout:
        seen.append(json.loads(line))
        if seen[-1]["event"] == name:
            return seen
    raise AssertionError(f"no {name} in {seen}")


def say(process, word):
    process.stdin.write(f"{word}\n")
    process.stdin.flush()


def test_a_run_is_told_in_json_stopped_and_finished(start, tmp_path):
    process = start()
    events = until(process, "step")
    say(process, "stop")
    events += [json.loads(line) for line in process.stdout]
    assert process.wait(300) == 0
    assert {e["event"] for e in events} <= EVENTS
    assert [e["event"] for e in events][-2:] == ["gate", "done"]
    assert all(e["seconds_left"] > 0 for e in events if e["event"] == "step")
    assert isinstance(events[-1]["accepted"], bool)
    assert (tmp_path / "out" / "report.json").is_file()
    assert not (tmp_path / "out" / "state.safetensors").exists()
    again = until(start(), "done")
    assert "finished already" in again[-1]["message"]


@pytest.mark.parametrize("how", ["cancel", "SIGTERM"])
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM there")
def test_cancel_ends_at_once_and_leaves_nothing_behind(start, tmp_path, how):
    process = start()
    until(process, "step")
    if how == "cancel":
        say(process, "cancel")
    else:
        process.send_signal(signal.SIGTERM)
    assert until(process, "cancelled")
    assert process.wait(300) == 130
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT there")
def test_ctrl_c_in_the_terminal_is_left_to_the_program_that_started_it(start, tmp_path):
    process = start()
    until(process, "step")
    process.send_signal(signal.SIGINT)
    say(process, "stop")
    assert until(process, "done")
    assert process.wait(300) == 0


def test_what_makes_a_run_fail_for_good_is_told_apart(start, tmp_path):
    assert until(start(pushed=tmp_path), "error")[-1]["lasting"] is True
    with device_lock(torch.device("cpu"), "tests", tmp_path / "cache/napari-red/training"):
        assert until(start(), "error")[-1]["lasting"] is False


@pytest.mark.parametrize("wrong", [("--device", "gpu"), ("--base", "no model")])
def test_a_run_that_was_asked_for_wrongly_does_not_fail_for_good(start, wrong):
    assert until(start(*wrong), "error")[-1]["lasting"] is False


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_a_killed_process_harms_nothing_and_goes_on(start, tmp_path, base, pushed):
    files = [base, *sorted(pushed.rglob("*.*"))]
    before = [path.read_bytes() for path in files if path.is_file()]
    process = start()
    until(process, "eval")
    other = until(start(out="second"), "error")
    assert f"process {process.pid}" in other[-1]["message"]
    process.kill()
    process.wait(300)
    assert [path.read_bytes() for path in files if path.is_file()] == before
    process = start()
    assert until(process, "start")[0]["resumed"] is True
    say(process, "cancel")
    process.wait(300)


def test_what_is_wrong_is_one_event_and_exit_code_2(start, tmp_path):
    process = start(pushed=tmp_path)
    (event,) = (json.loads(line) for line in process.stdout)
    assert event["event"] == "error"
    assert "no set.json" in event["message"]
    assert process.wait(300) == 2


def test_the_end_of_the_input_is_no_command(start, tmp_path):
    process = start("--minutes", "0.05")
    process.stdin.close()
    assert until(process, "done")[-1]["report"]
    assert process.wait(300) == 0


def test_it_can_be_told_in_words(tmp_path, base):
    pushed = write_set(tmp_path / "one", (None,), clips=False)
    line = [sys.executable, "-m", "trainer", "finetune", str(pushed), "--base", str(base)]
    line += ["--out", str(tmp_path / "out"), "--minutes", "0.05"]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0
    assert "stage 2 skipped; nobody is named" in done.stderr
    assert done.stdout == ""
