"""Simulated annotators: what they correct, what is learned from it, and how it is measured."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
from fake_faces import RED, FakeDetector, draw, fake_loaded, landmarks_at
from typer.testing import CliRunner

from trainer.alignment import SequentialAligner
from trainer.carry import Carriers
from trainer.cli import app
from trainer.data.pts import write_pts
from trainer.data.video_sets import find_annotated_videos
from trainer.errors import RedError
from trainer.experiments import annotator, desk, economy
from trainer.experiments.annotator import Project, evenly, interpolated, proposed
from trainer.experiments.desk import Clip, Desk, Shown, figures, people_of
from trainer.experiments.economy import ARMS, jobs
from trainer.experiments.economy_report import economy_report
from trainer.experiments.economy_rounds import read_rounds, rows_of
from trainer.finetuning.material import FinetuneError
from trainer.pushed_set import CORRECTED, PREDICTED, read_pushed_set

FRAMES = 24


def truth_at(number):
    """What people call right: a little beside what the network says."""
    return landmarks_at(80 + 3 * number, 120, 60) + (6.0 if 8 <= number < 14 else 1.0, 0.0)


def write_clip(folder: Path) -> None:
    (folder / "annot").mkdir(parents=True)
    with av.open(str(folder / "vid.mp4"), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv444p"
        for number in range(FRAMES):
            image = np.full((240, 320, 3), 20, np.uint8)
            draw(image, 80 + 3 * number, 120, 60, RED)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
            write_pts(folder / "annot" / f"{number + 1:06d}.pts", truth_at(number))
        out.mux(stream.encode())


@pytest.fixture
def heads(tmp_path):
    """Two people with two clips each."""
    for person in ("ada", "bo"):
        for clip in range(2):
            write_clip(tmp_path / "heads" / person / f"clip{clip}")
    return tmp_path / "heads"


@pytest.fixture
def aligned(monkeypatch):
    """The fake network in place of every model; collects what was aligned with which pins."""
    runs = []

    class Aligner(SequentialAligner):
        def run(self, video, **options):
            runs.append(sorted(frame for frame, _ in options["corrections"]))
            return super().run(video, **options)

    monkeypatch.setattr(
        desk,
        "SequentialAligner",
        lambda loaded, **options: Aligner(loaded, detector=FakeDetector(), **options),
    )
    monkeypatch.setattr(desk, "load_model", lambda name, n_landmarks: fake_loaded())
    monkeypatch.setattr(Desk, "model", lambda self, path: (fake_loaded(), Path(path).parent.name))
    monkeypatch.setattr(annotator, "autocast_dtype", lambda *_: None)
    return runs


def project(heads, folder, arm, people=("ada",)):
    videos = people_of(find_annotated_videos(heads))
    return Project({p: [Clip(v) for v in videos[p]] for p in people}, ARMS[arm], folder)


def outcome(folder, total):
    return json.loads((folder / f"{total:03d}" / "round.json").read_text(encoding="utf-8"))


def test_points_are_told_of_a_frontal_face_and_lost_faces_count():
    truth = np.repeat(landmarks_at(100, 100, 100)[None], 4, axis=0)
    found = truth.copy()
    found[1] += (2.6, 0.0)  # 4 % of 65 pixels
    found[2] += (4.0, 0.0)  # 6 %
    found[3] = np.nan
    values = figures(found, truth, np.arange(4))
    assert values["points"] == 2 * 68
    assert values["to_move"] == 50
    assert values["nme"] == pytest.approx((0 + 4 + 6.15 + 100) / 4, abs=0.01)
    assert figures(found, truth, np.array([0, 1]))["points"] == 0


def test_straight_lines_go_through_the_corrected_frames_and_rest_outside():
    truth = np.arange(10.0)[:, None, None] ** 2 * np.ones((10, 68, 2))
    line = interpolated(truth, [6, 2])
    np.testing.assert_array_equal(line[[2, 6]], truth[[2, 6]])
    assert line[4, 0, 0] == (4 + 36) / 2
    assert line[0, 0, 0] == 4
    assert line[9, 0, 0] == 36


def test_corrections_are_carried_to_frames_with_a_face_and_stay_themselves():
    truth = np.stack([truth_at(n) for n in range(30)])
    own = truth + 4
    own[29] = np.nan
    carriers = Carriers()
    carriers.add(5, 0, truth[5], own[5])
    moved = annotator.carried(own, carriers, truth, [5])
    assert (moved[5] == truth[5]).all()
    assert moved[15, 0, 0] - truth[15, 0, 0] == pytest.approx(4 * (1 - np.exp(-1)), abs=1e-4)
    assert np.isnan(moved[29]).all()


def test_the_queue_gives_as_many_new_frames_as_were_asked_for():
    points = np.stack([truth_at(n) for n in range(60)])
    shown = Shown(points, np.full((60, 68), 0.7, np.float32), np.full(60, 0.01, np.float32))
    first = proposed(shown, [], 5)
    more = proposed(shown, first, 15)
    assert len({*first, *more}) == 20


def test_evenly_chosen_frames_stay_and_more_come_between_them():
    assert evenly(100, [], 5) == [0, 25, 50, 74, 99]
    more = evenly(100, [0, 50, 99], 2)
    assert sorted(more) == pytest.approx([25, 75], abs=1)


def test_without_fine_tuning_corrections_are_pinned_and_everything_is_kept(
    heads, tmp_path, aligned
):
    where = Desk(tmp_path / "kept", "x/base", None)
    job = project(heads, tmp_path / "project", "pinned")
    job.work(where, (3, 6), lambda what: None)
    first, second = outcome(tmp_path / "project", 3), outcome(tmp_path / "project", 6)
    assert set(first["corrected"]["ada"]) < set(second["corrected"]["ada"])
    assert len(second["corrected"]["ada"]) == 6
    rest = second["people"]["ada"]["rest"]
    assert rest["before"]["frames"] == rest["after"]["frames"] == FRAMES - 6
    assert not second["accepted"]
    assert second["others"] == {"before": None, "after": None}
    assert second["people"]["ada"]["videos"]["before"]["frames"] == FRAMES
    assert aligned.count([]) == 2
    before = len(aligned)
    job.work(where, (3, 6), lambda what: None)
    (tmp_path / "project" / "006" / "round.json").unlink()
    job.work(where, (3, 6), lambda what: None)
    assert len(aligned) == before
    assert outcome(tmp_path / "project", 6) == second


def learn(monkeypatch, accepted):
    """Fine-tuning that only looks at the set."""
    sets = []

    def finetune(pushed, base, out, options, recipe):
        if accepted is None:
            raise FinetuneError("nothing to learn from")
        found = read_pushed_set(pushed)
        for frame in found.frames:
            exact = np.abs(frame.landmarks() - truth_at(frame.number)).max() < 1e-3
            assert exact == (frame.kind == CORRECTED)
        sets.append((found, str(base)))
        out.mkdir()
        return {"accepted": accepted, "message": "so", "stages": [], "gate": {}, "set": {}}

    monkeypatch.setattr(annotator, "finetune", finetune)
    return sets


def test_a_taken_model_annotates_anew_and_is_the_next_ones_parent(
    heads, tmp_path, aligned, monkeypatch
):
    sets = learn(monkeypatch, True)
    where = Desk(tmp_path / "kept", "x/base", None)
    project(heads, tmp_path / "project", "queue").work(where, (5, 8), lambda what: None)
    (first, base), (second, parent) = sets
    assert base == "x/base"
    assert parent.endswith("model.safetensors")
    kinds = [frame.kind for frame in first.frames]
    assert kinds.count(CORRECTED) == 5
    assert PREDICTED in kinds
    assert len(first.looked_at(held_out=True)) == 1
    assert {frame.identity for frame in first.frames} == {"ada"}
    held = {f.number for f in first.looked_at(held_out=True)}
    assert held <= {f.number for f in second.looked_at(held_out=True)}
    done = outcome(tmp_path / "project", 5)
    assert done["accepted"]
    assert not set(done["trained"]["ada"]) & held
    assert not (tmp_path / "project" / "005" / "set").exists()


@pytest.mark.parametrize("accepted", [False, None])
def test_after_a_refusal_the_old_model_stays(heads, tmp_path, aligned, monkeypatch, accepted):
    learn(monkeypatch, accepted)
    where = Desk(tmp_path / "kept", "x/base", None)
    project(heads, tmp_path / "project", "queue").work(where, (5,), lambda what: None)
    done = outcome(tmp_path / "project", 5)
    videos = done["people"]["ada"]["videos"]
    assert not done["accepted"]
    assert videos["before"] == videos["after"]


def test_two_people_are_pushed_together_with_their_names_or_without(
    heads, tmp_path, aligned, monkeypatch
):
    sets = learn(monkeypatch, False)
    where = Desk(tmp_path / "kept", "x/base", None)
    for arm in ("pairs", "nameless", "no-temporal"):
        both = project(heads, tmp_path / arm, arm, ("ada", "bo"))
        both.work(where, (5,), lambda what: None)
    named, nameless, still = (pushed for pushed, _ in sets)
    assert {f.identity for f in named.frames} == {"ada", "bo"}
    assert {f.identity for f in nameless.frames} == {None}
    assert len({f.person for f in nameless.frames}) == 2
    assert {f.kind for f in still.frames} == {CORRECTED}
    assert list(outcome(tmp_path / "pairs", 5)["people"]) == ["ada", "bo"]


def test_all_at_once_comes_before_rounds_and_arm_before_arm():
    videos = {look: {person: [] for person in "abc"} for look in ("normal", "drawn")}
    listed = list(jobs(videos, [ARMS["queue"], ARMS["pairs"]], 3, (5, 20), 1))
    told = [(job.arm.name, job.look, "".join(job.people), job.rounds) for job in listed]
    assert told == [
        *(("queue", look, person, (20,)) for look in ("normal", "drawn") for person in "abc"),
        ("pairs", "normal", "ab", (20,)),
        ("pairs", "drawn", "ab", (20,)),
        ("queue", "normal", "a", (5, 20)),
        ("queue", "drawn", "a", (5, 20)),
    ]


def test_the_command_goes_on_where_it_was_and_hides_folders(heads, tmp_path, aligned, monkeypatch):
    base = fake_loaded()
    base.info["label_shift"] = [1.25, 0.5]
    moved = []
    monkeypatch.setattr(economy, "load_model", lambda name, n_landmarks: base)
    monkeypatch.setattr(economy, "fingerprint", lambda model: "0123456789")
    monkeypatch.setattr(economy, "find_stills", lambda folder, shift: moved.append(shift) or [])
    monkeypatch.setattr(economy, "still_faces", lambda stills, landmarks: None)
    arguments = [
        "experiments", "annotation-economy", "--heads", str(heads), "--data", str(tmp_path),
        "--work", str(tmp_path / "work"), "--docs", str(tmp_path / "docs"), "--real", "0",
        "--arms", "pinned", "--arms", "interpolated", "--corrections", "3", "--corrections", "5",
        "--curve", "1",
    ]  # fmt: skip
    monkeypatch.setattr("sys.argv", ["trainer", *arguments])
    told = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert told.exit_code == 0
    assert moved == [(1.25, 0.5)]  # other people's labels, as this model's training labels lay
    text = (tmp_path / "docs" / "results.md").read_text(encoding="utf-8")
    assert "What corrections are worth" in text
    assert "--heads HEADS --data DATA --work WORK" in text
    assert str(tmp_path) not in text
    assert (tmp_path / "docs" / "images" / "results_economy.png").is_file()
    values = json.loads((tmp_path / "docs" / "results" / "economy.json").read_text("utf-8"))
    keys = [(r["arm"], r["in_rounds"], r["corrections"], len(r["people"])) for r in values["rows"]]
    assert keys == [
        ("pinned", False, 5, 2), ("interpolated", False, 5, 2), ("pinned", True, 3, 1),
        ("pinned", True, 5, 1), ("interpolated", True, 3, 1), ("interpolated", True, 5, 1),
    ]  # fmt: skip
    before = len(aligned)
    CliRunner().invoke(app, [*arguments, "--report"], catch_exceptions=False)
    CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert len(aligned) == before


def test_unknown_words_are_told(heads, tmp_path):
    arguments = ["experiments", "annotation-economy", "--heads", str(heads), "--data", "d"]
    wrong = CliRunner().invoke(app, [*arguments, "--work", str(tmp_path), "--arms", "best"])
    assert wrong.exit_code == 2
    assert "use some of queue" in wrong.output
    with pytest.raises(RedError, match="NAME=DIR"):
        economy._named("drawn")
    with pytest.raises(RedError, match="two videos"):
        people_of([])


def made_round(look, arm, person, points, *, total=20, rounds="20", accepted=True, others=4.0):
    def pair(before, after):
        return {
            name: {"frames": 180, "nme": v / 100, "to_move": v / 122.4, "points": v,
                   "to_move_own_eyes": v / 100}
            for name, v in (("before", before), ("after", after))
        }  # fmt: skip

    stages = [{"stage": 1, "error_before": 5.0, "error_after": 4.0}, {"stage": 2, "skipped": "-"}]
    return {
        "look": look, "arm": arm, "rounds": rounds, "total": total, "accepted": accepted,
        "message": "so", "recipe": "abc", "stages": stages, "corrected": {person: [1]},
        "people": {person: {"rest": pair(1000, points), "carried": pair(1000, points // 2),
                            "videos": pair(2000, points + 700),
                            "videos_carried": pair(2000, points)}},
        "others": {"before": 4.0, "after": others},
    }  # fmt: skip


def test_the_report_names_each_target_and_compares_the_same_people():
    rounds = [
        made_round("drawn", "queue", "ada", 900, others=4.2),
        made_round("normal", "queue", "ada", 500),
        made_round("normal", "queue", "bo", 600),
        made_round("normal", "stage-1", "ada", 550),
        made_round("normal", "queue", "ada", 800, total=5, rounds="5-20"),
    ]
    rows = rows_of(rounds, list(ARMS))
    assert [(row.look, row.arm, row.chain) for row in rows] == [
        ("normal", "queue", False), ("normal", "stage-1", False), ("normal", "queue", True),
        ("drawn", "queue", False),
    ]  # fmt: skip
    assert rows[0].change("rest")[0] == pytest.approx(-45)
    assert rows[0].others() == (0.0, 0.0, 0.0)
    report = economy_report(rounds, [], ARMS, "red-lite", "command")
    assert (
        "Normal look, 2 people, 20 corrections, fine-tuned and carried on as annotating again "
        "does: points to move in the rest of the video -72.5 % [-75.0, -70.0] (reached), by the "
        "network alone -45.0 % [-50.0, -40.0] (reached); in the person's other videos -72.5 % "
        "[-75.0, -70.0] (reached), by the network alone -37.5 % [-40.0, -35.0] (reached); the "
        "error on other people +0.0 % [+0.0, +0.0] (reached)."
    ) in report.answer
    assert "+5.0 % (not reached)" in report.answer
    text = report.markdown(None)
    (stage_1,) = [line for line in text.splitlines() if "stage 1 only" in line and "|" in line]
    assert "| -50.0 % |" in stage_1
    assert "stage 1 took it from 5.00 to 4.00 %" in text


def test_rounds_are_read_with_where_they_lie(tmp_path):
    known = made_round("normal", "queue", "ada", 500)
    path = tmp_path / "normal" / "projects" / "queue" / "ada" / "5-20" / "005" / "round.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({k: known[k] for k in ("arm", "people", "others", "accepted")}))
    (one,) = read_rounds(tmp_path)
    assert (one["look"], one["rounds"], one["total"]) == ("normal", "5-20", 5)
