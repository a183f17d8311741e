"""What becomes of models where projects become one."""

import pytest
import torch

from napari_red.core import model_store, training_folder
from napari_red.core.improve import trained_frames
from napari_red.core.merge import merge
from napari_red.core.project import Project
from trainer.checkpoint import save_tensors
from trainer.held_out import APART, choose_held_out


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(model_store.platformdirs, "user_cache_path", lambda _: tmp_path / "cache")


class Source:
    """A project with videos of one face each, corrected in some frames."""

    def __init__(self, folder, name: str, *videos: str) -> None:
        self.path, self._folder, self._models = folder / f"{name}.red", folder, 0
        self.name = name
        self.project = Project(self.path)
        self.tracks = [self._track(video) for video in videos]

    def _track(self, name: str) -> int:
        video = self.project.add_video(
            f"/{name}.mp4", f"print of {name}", n_frames=300, height=9, width=9, fps=25.0
        )
        return self.project.add_track(video.id, 0, 68).id

    def model(self, name: str | None = None, trained=None, file=None):
        self._models += 1
        if file is None:
            file = self._folder / f"{self.name} {self._models}.safetensors"
            tensor = torch.full((3,), float(self._models + 10 * ord(self.name)))
            save_tensors(file, {"w": tensor}, {"network": {}})
        details = {} if trained is None else {"trained": trained}
        return model_store.add_model(self.project, file, name=name, details=details)

    def deleted(self, track: int) -> None:
        """Have it in the history that a track of the first video was deleted."""
        self.execute("INSERT INTO steps VALUES (1, '', '', 1, 'do', 'delete', NULL, NULL, NULL)")
        self.execute(
            "INSERT INTO changes (step_id, kind, a, b, before, after)"
            " VALUES (1, 'track', ?, 0, '[1, 1, 68, null]', NULL)",
            track,
        )

    def execute(self, statement: str, *values) -> None:
        self.project.database.write(lambda db: db.execute(statement, values))


@pytest.fixture
def merged(tmp_path):
    """Merges sources, which are closed by then, and opens the new project."""
    opened = []

    def make(*sources):
        for source in sources:
            source.project.close()
        target = tmp_path / "merged.red"
        told = merge([source.path for source in sources], target)
        opened.append(Project(target))
        return opened[-1], told

    yield make
    for project in opened:
        project.close()


def named(project) -> list[str]:
    return [version.name for version in model_store.versions(project)]


def test_the_model_that_was_used_is_used_also_where_it_has_another_number(tmp_path, merged):
    a, b = Source(tmp_path, "a", "one"), Source(tmp_path, "b", "two")
    a.model("a colleague's, never used")
    model_store.use(b.project, b.model())
    both, told = merged(a, b)
    assert named(both) == ["a colleague's, never used", "model 1"]
    assert model_store.current_name(both) == told.model == "model 1"
    assert told.other_models == [(a.path, "red-lite")]


def test_a_model_that_was_deleted_before_shifts_no_choice(tmp_path, merged):
    a, b = Source(tmp_path, "a", "one"), Source(tmp_path, "b", "two")
    old, good = a.model("old"), a.model("good")
    model_store.use(a.project, good)
    model_store.delete_model(a.project, old)
    a.model("bad")
    both, told = merged(a, b)
    assert model_store.current_name(both) == told.model == "good"
    assert model_store.current(both).fingerprint == good.fingerprint


def test_where_projects_disagree_the_first_choice_is_used_and_the_others_are_told(tmp_path, merged):
    a, b, c = (Source(tmp_path, name, f"of {name}") for name in "abc")
    for source in (b, c):
        model_store.use(source.project, source.model())
    both, told = merged(a, b, c)
    assert model_store.current_name(both) == told.model == "model 1"
    assert told.other_models == [(a.path, "red-lite"), (c.path, "model 1 (c)")]


def test_one_that_ships_is_chosen_like_any_other(tmp_path, merged):
    a, b = Source(tmp_path, "a", "one"), Source(tmp_path, "b", "two")
    model_store.use(a.project, "red-wide")
    model_store.use(b.project, b.model())
    both, told = merged(a, b)
    assert model_store.current_file(both) == ("red-wide", "red-wide")
    assert told.other_models == [(b.path, "model 1")]


def test_without_a_choice_none_is_made(tmp_path, merged):
    both, told = merged(Source(tmp_path, "a", "one"), Source(tmp_path, "b", "two"))
    assert (told.model, told.other_models) == ("red-lite", [])
    assert both.database.read("SELECT 1 FROM settings WHERE name = 'model'") == []


def test_what_a_model_learned_has_the_new_numbers_and_is_never_set_aside(tmp_path, merged):
    a, b = Source(tmp_path, "a", "one", "two"), Source(tmp_path, "b", "three")
    (track,) = b.tracks
    b.model(trained={str(track): [100, 110]})
    both, _ = merged(a, b)
    (new,) = (t.id for t in both.tracks() if both.video(t.video_id).name == "three")
    assert new != track
    assert trained_frames(both) == {new: [100, 110]}
    corrected = {str(t.id): [0, 100, 110, 200, 290] for t in both.tracks()}
    trained = {str(t): frames for t, frames in trained_frames(both).items()}
    chosen = choose_held_out(corrected, {}, trained)
    assert not chosen.get(str(new), set()) & {100, 110}


def test_what_a_person_had_corrected_of_it_has_the_new_numbers_too(tmp_path, merged):
    a, b = Source(tmp_path, "a", "one", "two"), Source(tmp_path, "b", "three")
    (track,) = b.tracks
    learned = {"trained": {str(track): [100, 110]}, "taught": {str(track): [100]}}
    file = tmp_path / "b.safetensors"
    save_tensors(file, {"w": torch.ones(3)}, {"network": {}})
    model_store.add_model(b.project, file, details=learned)
    both, _ = merged(a, b)
    (new,) = (t.id for t in both.tracks() if both.video(t.video_id).name == "three")
    (version,) = model_store.versions(both)
    assert version.details["trained"] == {str(new): [100, 110]}
    assert version.details["taught"] == {str(new): [100]}


def test_a_track_that_was_deleted_keeps_what_was_learned_of_it(tmp_path, merged):
    a, b = Source(tmp_path, "a", "one"), Source(tmp_path, "b", "two")
    (track,) = b.tracks
    b.model(trained={str(track + 1): [7], "999": [8]})
    b.deleted(track + 1)
    both, _ = merged(a, b)
    (kept,) = (t.id for t in both.tracks() if both.video(t.video_id).name == "two")
    assert trained_frames(both) == {kept + 1: [7]}  # undo brings it back under that number


def test_a_video_that_is_taken_from_another_project_was_learned_from_all_the_same(tmp_path, merged):
    a, b = Source(tmp_path, "a", "extra", "same"), Source(tmp_path, "b", "same")
    a.execute("INSERT INTO corrections VALUES (?, 3, X'00')", a.tracks[1])
    for frame in (50, 50 + APART, 51 + APART, 200):
        a.execute("INSERT INTO held_out VALUES (?, ?)", a.tracks[1], frame)
    b.model(trained={str(b.tracks[0]): [50]})
    b.execute("INSERT INTO held_out VALUES (?, 120)", b.tracks[0])
    both, told = merged(a, b)
    assert told.left_out == [(b.path, "same")]
    (new,) = (t.id for t in both.tracks() if both.video(t.video_id).name == "same")
    assert trained_frames(both) == {new: [50]}
    held_out = both.database.read("SELECT track_id, frame FROM held_out ORDER BY frame")
    assert held_out == [(new, 51 + APART), (new, 200)]


def test_one_model_of_two_projects_learned_what_either_says(tmp_path, merged):
    a, b = Source(tmp_path, "a", "one"), Source(tmp_path, "b", "two")
    file = tmp_path / "same.safetensors"
    save_tensors(file, {"w": torch.ones(3)}, {"network": {}})
    for source, frame in ((a, 5), (b, 6)):
        source.model(trained={str(source.tracks[0]): [frame]}, file=file)
    both, _ = merged(a, b)
    assert named(both) == ["model 1"]
    first, second = (t.id for t in both.tracks())
    assert trained_frames(both) == {first: [5], second: [6]}


def held_out(project) -> list[int]:
    return [frame for (frame,) in project.database.read("SELECT frame FROM held_out ORDER BY 1")]


def test_frames_set_aside_stay_so_beside_those_that_the_trainer_left_out_for_them(tmp_path, merged):
    a, b = Source(tmp_path, "a", "one"), Source(tmp_path, "b", "two")
    (track,) = b.tracks
    for frame in (20, 200):
        b.execute("INSERT INTO held_out VALUES (?, ?)", track, frame)
    pushed = [n for around in (20, 100, 200) for n in range(around - 4, around + 5)]
    b.model(trained={str(track): [n for n in pushed if n not in (20, 200)]})
    both, _ = merged(a, b)
    assert held_out(both) == [20, 200]


def test_what_was_learned_of_a_deleted_face_of_a_video_left_out_is_not_set_aside(tmp_path, merged):
    a, b = Source(tmp_path, "a", "same"), Source(tmp_path, "b", "same")
    a.execute("INSERT INTO corrections VALUES (?, 3, X'00')", a.tracks[0])
    a.execute("INSERT INTO held_out VALUES (?, 50)", a.tracks[0])
    (track,) = b.tracks
    b.model(trained={str(track + 1): [50]})
    b.deleted(track + 1)
    both, _ = merged(a, b)
    (kept,) = (t.id for t in both.tracks())
    assert trained_frames(both) == {kept: [50]}
    assert held_out(both) == []


def test_a_merged_project_has_rounds_of_training_of_its_own(tmp_path, merged, monkeypatch):
    monkeypatch.setattr(training_folder.platformdirs, "user_data_path", lambda _: tmp_path / "data")
    a, b = Source(tmp_path, "a", "one"), Source(tmp_path, "b", "two")
    pushed = training_folder.folder_of(a.project)
    pushed.mkdir(parents=True)
    both, _ = merged(a, b)
    training_folder.forget_pushed(both)
    assert pushed.is_dir()


def runs(project) -> list[str]:
    return [name for (name,) in project.database.read("SELECT model FROM runs ORDER BY id")]


def test_what_a_deleted_model_predicted_is_not_said_to_be_by_another_of_its_name(tmp_path, merged):
    a, b, c = (Source(tmp_path, name, f"of {name}") for name in "abc")
    for source in (a, c):  # theirs is gone
        for what in ("model 1", "model 1, re-tracked", "red-lite"):
            source.project.start_run(1, what, "cpu")
    b.project.start_run(1, b.model().name, "cpu")
    both, _ = merged(a, b, c)
    assert named(both) == ["model 1 (b)"]
    of_a = ["model 1", "model 1, re-tracked", "red-lite"]
    assert runs(both)[:3] == of_a
    assert runs(both)[3] == "model 1 (b)"
    both.close()
    (tmp_path / "merged.red").unlink()
    both, _ = merged(b, c)
    assert named(both) == ["model 1"]
    assert runs(both) == ["model 1", "model 1 (c)", "model 1 (c), re-tracked", "red-lite"]
