"""What erasing a person changes in what a project notes in words, and what it leaves."""

import json
import unicodedata

import pytest

from napari_red.core import improve, model_store, track_edits
from napari_red.core.blank_video import BlankVideo
from napari_red.core.erase import ERASED, EraseError, erase_person
from napari_red.core.export import ExportChoice
from napari_red.core.export_memory import LastExport, last_export, remember_export
from napari_red.core.forget_names import ForgetNames
from napari_red.core.model_words import about
from napari_red.core.project import ProjectError
from napari_red.core.session import Session
from napari_red.core.settings_table import remember, setting

NFC, NFD = (unicodedata.normalize(form, "Zoë") for form in ("NFC", "NFD"))
REPORT = {
    "base_name": "model 12",
    "trained": {"1": [3, 12], "12": [0, 35]},
    "kinds": {"corrected": 12, "accepted": 1},
    "accepted": True,
    "date": "2026-01-12T01:00:00+00:00",
    "parent": {"name": "red-lite", "fingerprint": "12"},
    "set": {"people": 1},
    "people": {"known": ["1", "Bob"], "new": ["12"]},
    "stages": [{"stage": 2, "skipped": "nobody is named"}, {"stage": 1, "updates": 12}],
    "gate": {"accepted": True, "held_out": {"before": {"nme": 4.68, "faces": 12}}},
    "seconds": 35.2,
    "device": "cpu",
}
NUMBERS = ("0", "1", "12", "35", "68", "2026")
WORDS = ("true", "format", "coco", "null", "model", "red", "cpu", "trained", "face", "folder")


@pytest.fixture
def session(tmp_path):
    """A video with three faces, nobody named."""
    (tmp_path / "v.mp4").write_bytes(b"a video")
    with Session(BlankVideo(tmp_path / "v.mp4", 40)) as session:
        for _ in range(3):
            track_edits.add_track(session)
        yield session


def add_model(project, details: str, name: str = "model 1") -> None:
    project.database.write(
        lambda db: db.execute(
            "INSERT INTO models (name, fingerprint, made, details) VALUES (?, '', '', ?)",
            (name, details),
        )
    )


def erase(session: Session, name: str):
    erased = erase_person(session.project, name)
    session.reload()
    return erased


@pytest.mark.parametrize("name", NUMBERS + WORDS)
def test_numbers_and_words_of_the_program_stay_whoever_is_called_so(session, tmp_path, name):
    project = session.project
    add_model(project, json.dumps(REPORT))
    model_store.use(project, model_store.versions(project)[0])
    last = LastExport(tmp_path / "out", ExportChoice("coco"), True)
    remember_export(project, last)
    session.finish_run(session.start_run("model 12", "cpu"), "done")
    project.set_video(session.video_id, message="/videos/v.mp4: 12 frames, not 35")
    track_edits.name_identity(session, 0, name)
    track_edits.name_identity(session, 1, "Bob")
    erase(session, name)
    (version,) = model_store.versions(project)
    people = {
        which: [ERASED if one == name else one for one in names]
        for which, names in REPORT["people"].items()
    }
    assert version.details == REPORT | {"people": people}
    assert model_store.current(project) == version
    assert last_export(project) == last
    assert set(project.run_models(session.video_id).values()) == {"model 12"}
    assert project.video(session.video_id).message == "/videos/v.mp4: 12 frames, not 35"
    labels = [step.label for step in project.steps()]
    assert labels == ["another face"] * 2 + ["face 2 is Bob"]
    assert improve.trained_frames(project) == {1: [3, 12], 12: [0, 35]}


@pytest.mark.parametrize("name", ["12", "Zoë", "Ann (left)", 'Q"uote'])
def test_a_name_is_gone_wherever_one_can_be(session, name):
    project = session.project
    report = {
        "people": {"new": [name, "Bob"]},
        "base_name": f"of {name}",
        "parent": {"name": f"of {name}", "fingerprint": "f"},
        "stages": [{"stage": 2, "skipped": f"only {name} is named in the frames"}],
    }
    add_model(project, json.dumps(report))
    folder = f"{name}/out"
    remember(project, "last_export", json.dumps({"format": "pts", "folder": folder}))
    message = f"/videos/{name}/v.mp4: isn't there"
    project.set_video(session.video_id, message=message)
    track_edits.name_identity(session, 0, name)
    erase(session, name)
    assert model_store.versions(project)[0].details == {
        "people": {"new": [ERASED, "Bob"]},
        "base_name": f"of {ERASED}",
        "parent": {"name": f"of {ERASED}", "fingerprint": "f"},
        "stages": [{"stage": 2, "skipped": f"only {ERASED} is named in the frames"}],
    }
    assert json.loads(setting(project, "last_export")) == {
        "format": "pts",
        "folder": f"{ERASED}/out",
    }
    assert project.video(session.video_id).message == f"/videos/{ERASED}/v.mp4: isn't there"


@pytest.mark.parametrize("name", ["labels", "imported labels", "interpolated", "re", "tracked"])
def test_what_the_program_calls_runs_itself_stays(name):
    forget = ForgetNames({name})
    for model in ("imported labels", "interpolated", "red-lite, re-tracked", "re-tracked"):
        assert forget.model(model) == model


def test_labels_that_stay_lose_the_name_and_nothing_else():
    forget = ForgetNames({"1"})
    for label in ("face 1 is Bob", "merge face 2 into 1", "delete face 1", "rename 12"):
        assert forget.label(label) == label
    assert forget.label("face 1 is 1") == f"face 1 is {ERASED}"
    assert forget.label("rename 1") == f"rename {ERASED}"


def test_a_project_that_an_older_version_damaged_opens_and_says_so(session):
    project = session.project
    broken = json.dumps(REPORT).replace("12", ERASED)
    add_model(project, broken)
    add_model(project, json.dumps(REPORT | {"trained": {ERASED: [3], "5": [7]}}), "model 2")
    remember(project, "model", ERASED)
    remember(project, "last_export", f'{{"format": "pts", {ERASED}}}')
    for version in model_store.versions(project):
        assert "is lost: the file was damaged" in about(version)
    assert improve.trained_frames(project) == {5: [7]}
    assert model_store.current_name(project) == "red-lite"
    assert last_export(project) is None
    track_edits.name_identity(session, 0, "Bob")
    erase(session, "Bob")


@pytest.mark.parametrize("asked", [NFC, NFD])
def test_a_person_of_both_spellings_is_erased_whole(session, tmp_path, asked):
    project = session.project
    for face, spelt in enumerate((NFD, NFC)):  # as an older version did
        number = project.new_id("identity")
        track = session.tracks[face]
        project.edit(
            {
                ("identity", number, 0): spelt.encode(),
                ("track", track.id, 0): json.dumps(
                    [session.video_id, track.face, 68, number]
                ).encode(),
            },
            video_id=session.video_id,
            label=f"face {face + 1} is {spelt}",
        )
    project.set_video(session.video_id, path=f"/videos/{NFD}/v.mp4")
    erased = erase(session, asked)
    assert erased.tracks == 2
    assert project.identities() == []
    assert erased.still_named == [f"/videos/{NFD}/v.mp4"]
    project.set_video(session.video_id, path="/videos/v.mp4")
    project.database.wipe(lambda db: None)
    content = project.path.read_bytes()
    assert not any(name.encode() in content for name in (NFC, NFD))


def test_zoe_goes_without_taking_a_part_of_zoë():
    kept = f"/videos/{NFD}/v.mp4: isn't there"
    assert ForgetNames({"Zoe"}).message(kept) == kept


def test_erasing_again_clears_what_a_full_disk_had_left(session, monkeypatch):
    project = session.project
    track_edits.name_identity(session, 0, "Anneliese")
    project.set_video(session.video_id, path="/videos/Anneliese/v.mp4")
    real = project.database._do

    def full(work):
        if "VACUUM" in work.__code__.co_consts:
            raise ProjectError("database or disk is full")
        return real(work)

    monkeypatch.setattr(project.database, "_do", full)
    with pytest.raises(
        ProjectError, match=r"it is removed, but .*; make room .* do the same again"
    ):
        erase(session, "Anneliese")
    monkeypatch.undo()
    assert project.identities() == []
    assert project.database.traces_left
    erased = erase(session, "Anneliese")
    assert (erased.again, erased.tracks) == (True, 0)
    assert erased.still_named == ["/videos/Anneliese/v.mp4"]
    assert not project.database.traces_left
    with pytest.raises(EraseError, match=r"nobody in .* is called so; it has: nobody is named"):
        erase(session, "Anneliese")
