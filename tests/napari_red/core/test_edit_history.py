"""Random edits, runs of models, undo, redo and reopening beside a naive model of them."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from naive_project import L, Naive, NanTuple, State, drop, exchange, frames_of

from napari_red.core import edits, track_edits
from napari_red.core.blank_video import BlankVideo
from napari_red.core.chunks import quantised
from napari_red.core.erase import erase_person
from napari_red.core.records import Prediction
from napari_red.core.session import Session

N_FRAMES = 1300
FRAMES = [0, 1, 3, 127, 128, 130, 1023, 1024, 1299]
frames = st.sampled_from(FRAMES)
faces = st.integers(0, 2)
landmarks = st.integers(0, L - 1)
names = st.sampled_from(["Anneliese", "Bartholomew", "Cy Young"])
places = st.tuples(st.integers(0, 1279), st.integers(0, 719))


def quick_folder() -> str:
    """A folder in memory where there is one: every edit waits for the disk."""
    memory = Path("/dev/shm")
    return tempfile.mkdtemp(dir=memory if memory.is_dir() else None)


class Edits(RuleBasedStateMachine):
    @initialize()
    def open(self):
        self.folder = Path(quick_folder())
        (self.folder / "v.mp4").write_bytes(b"a video")
        self.video = BlankVideo(self.folder / "v.mp4", N_FRAMES)
        self.session = Session(self.video)
        self.naive = Naive()
        self.said = 0
        self.run: tuple[int, list[int]] | None = None
        self.model_runs([(face, frame, False) for face in range(2) for frame in FRAMES])

    def teardown(self):
        if hasattr(self, "session"):
            self.erase_everybody()
            self.session.close()
            shutil.rmtree(self.folder)

    def erase_everybody(self):
        """Nobody's name is left, and what can be undone of the others still can."""
        project, _ = self.session.opened()
        gone = [one.name for one in project.identities()]
        for name in gone:
            erase_person(project, name)
            self.session.reload()
            while self.session.undo() is not None:
                pass
            while self.session.redo() is not None:
                pass
        assert project.database.read("PRAGMA foreign_key_check") == []
        content = project.path.read_bytes()
        assert not any(name.encode() in content for name in gone)

    @property
    def n(self) -> int:
        return len(self.naive.tracks())

    def face(self, face: int) -> tuple[int, int]:
        """A face that is there, and its track."""
        face %= self.n
        return face, self.naive.tracks()[face]

    def correct(self, track: int, frame: int, placed: dict, hidden: set) -> None:
        def change(state: State) -> None:
            for kind, value in (
                ("placed", tuple(sorted(placed.items()))),
                ("hidden", frozenset(hidden)),
            ):
                state.pop((kind, track, frame), None)
                if value:
                    state[kind, track, frame] = value

        self.naive.do(change)

    def said_of(self, track: int, frame: int) -> tuple[dict, set]:
        placed = dict(self.naive.state.get(("placed", track, frame), ()))
        return placed, set(self.naive.state.get(("hidden", track, frame), ()))

    @invariant()
    def shows_the_same(self):
        if hasattr(self, "session"):
            self.naive.check(self.session, FRAMES)

    # -- models ------------------------------------------------------------------------

    def store(self, run: int, tracks: list[int], given: list[tuple[int, int, bool]]) -> None:
        batch = []
        for face, frame, lost in given:
            self.said += 1
            points = np.full((L, 2), np.nan, np.float32)
            if not lost:
                points = np.arange(2 * L, dtype=np.float32).reshape(L, 2) * 3 + self.said / 64
            batch.append((face, Prediction(frame, points, np.full(L, 0.5, np.float32))))
        self.session.store(run, batch)
        state = self.naive.state
        there = [face for face, prediction in batch if not prediction.lost]
        while len(tracks) <= max(there, default=-1):
            track = self.session.track(self.n).record.id
            state["track", track] = (self.naive.next_number(), None)
            tracks.append(track)
        for face, prediction in batch:
            if face >= len(tracks) or tracks[face] not in self.naive.tracks():
                continue
            key = ("pred", tracks[face], prediction.frame)
            if self.naive.held(*key[1:]):
                continue
            state.pop(key, None)
            if not prediction.lost:
                state[key] = (tuple(prediction.landmarks.ravel().tolist()), run)

    given = st.lists(st.tuples(faces, frames, st.booleans()), min_size=1, max_size=12)

    @rule(given=given)
    def model_runs(self, given):
        run = self.session.start_run("made", "cpu")
        self.store(run, self.naive.tracks(), given)
        self.session.finish_run(run, "done")

    @rule(face=faces, first=frames)
    def model_runs_over_a_stretch(self, face, first):
        if self.n:
            stretch = range(first, min(first + 140, N_FRAMES))
            run = self.session.start_run("made", "cpu")
            self.store(run, self.naive.tracks(), [(face % self.n, f, False) for f in stretch])

    @rule()
    def long_run_starts(self):
        self.run = (self.session.start_run("long", "cpu"), self.naive.tracks())

    @precondition(lambda self: self.run is not None)
    @rule(given=given)
    def long_run_goes_on(self, given):
        self.store(*self.run, given)

    # -- faces of a frame --------------------------------------------------------------

    @precondition(lambda self: self.n)
    @rule(face=faces, frame=frames, to=st.dictionaries(landmarks, places, max_size=3))
    def move(self, face, frame, to):
        face, track = self.face(face)
        self.session.move(frame, face, to)
        placed, hidden = self.said_of(track, frame)
        self.correct(track, frame, placed | to, hidden - set(to))

    @precondition(lambda self: self.n)
    @rule(face=faces, frame=frames, these=st.sets(landmarks, max_size=3))
    def hide(self, face, frame, these):
        face, track = self.face(face)
        self.session.hide(frame, face, these)
        placed, hidden = self.said_of(track, frame)
        self.correct(track, frame, placed, hidden | these)

    @rule(frame=frames)
    def show_all(self, frame):
        self.session.show_all(frame)

        def change(state: State) -> None:
            for track in self.naive.tracks():
                state.pop(("hidden", track, frame), None)

        self.naive.do(change)

    @precondition(lambda self: self.n)
    @rule(face=faces, frame=frames, these=st.none() | st.sets(landmarks, max_size=3))
    def reset(self, face, frame, these):
        face, track = self.face(face)
        self.session.reset(frame, face, these)
        placed, hidden = self.said_of(track, frame)
        gone = set(range(L)) if these is None else these
        kept = {index: xy for index, xy in placed.items() if index not in gone}
        self.correct(track, frame, kept, hidden - gone)

    @precondition(lambda self: self.n)
    @rule(face=faces, source=frames, frame=frames)
    def copy_from(self, face, source, frame):
        face, track = self.face(face)
        points = self.naive.merged(track, source)
        known = {i: tuple(map(float, xy)) for i, xy in enumerate(points) if np.isfinite(xy).all()}
        if not known:
            return
        _, hidden_there = self.said_of(track, source)
        edits.copy_from(self.session, source, frame, face)
        placed, hidden = self.said_of(track, frame)
        self.correct(track, frame, placed | known, hidden | hidden_there)

    @precondition(lambda self: self.n)
    @rule(face=faces, frame=frames)
    def interpolate(self, face, frame):
        face, track = self.face(face)
        corrected = self.naive.corrected_frames(track)
        first = max((f for f in corrected if f <= frame), default=None)
        last = min((f for f in corrected if f > frame), default=None)
        if first is None or last is None or last - first > 300:
            return
        begin, end = self.naive.merged(track, first), self.naive.merged(track, last)
        edits.interpolate(self.session, frame, face)
        run = max(self.session.opened()[0].run_models(self.session.video_id))

        def change(state: State) -> None:
            for f in range(first + 1, last):
                part = (f - first) / (last - first)
                points = quantised(((1 - part) * begin + part * end).astype(np.float32))
                if self.naive.held(track, f):
                    continue
                state.pop(("pred", track, f), None)
                if np.isfinite(points).all(axis=1).any():
                    state["pred", track, f] = (NanTuple(points.ravel().tolist()), run)

        self.naive.do(change)

    @rule(frame=frames, only=st.none() | faces)
    def accept(self, frame, only):
        chosen = self.chosen(only)
        edits.accept(self.session, frame, chosen)
        self.mark(chosen, range(frame, frame + 1), True)

    @rule(frame=frames, only=st.none() | faces)
    def unaccept(self, frame, only):
        chosen = self.chosen(only)
        edits.unaccept(self.session, frame, chosen)
        self.mark(chosen, range(frame, frame + 1), False)

    @rule(frame=frames, only=st.none() | faces)
    def accept_up_to(self, frame, only):
        chosen = self.chosen(only)
        edits.accept_up_to(self.session, frame, chosen)
        self.mark(chosen, range(frame + 1), True)

    def chosen(self, only: int | None) -> list[int] | None:
        return None if only is None or not self.n else [only % self.n]

    def mark(self, chosen: list[int] | None, these: range, value: bool) -> None:
        def change(state: State) -> None:
            for face, track in enumerate(self.naive.tracks()):
                if chosen is None or face in chosen:
                    for frame in these:
                        state.pop(("accepted", track, frame), None)
                        if value:
                            state["accepted", track, frame] = True

        self.naive.do(change)

    # -- whole tracks ------------------------------------------------------------------

    @precondition(lambda self: self.n)
    @rule(face=faces, name=st.none() | names)
    def name(self, face, name):
        face, track = self.face(face)
        track_edits.name_identity(self.session, face, name)

        def change(state: State) -> None:
            state["track", track] = (state["track", track][0], name)

        self.naive.do(change)

    @rule(name=names, new=names)
    def rename(self, name, new):
        project, _ = self.session.opened()
        known = {one.name for one in project.identities()}
        if name not in known or new in known or name not in self.naive.names():
            return
        track_edits.rename_identity(self.session, name, new)

        def change(state: State) -> None:
            for track in self.naive.tracks():
                number, called = state["track", track]
                state["track", track] = (number, new if called == name else called)

        self.naive.do(change)

    @precondition(lambda self: 0 < self.n < 4)
    @rule()
    def add_track(self):
        face = track_edits.add_track(self.session)
        track = self.session.tracks[face].id
        number = self.naive.next_number()
        self.naive.do(lambda state: state.update({("track", track): (number, None)}))

    @precondition(lambda self: self.n)
    @rule(face=faces)
    def delete(self, face):
        face, track = self.face(face)
        track_edits.delete_track(self.session, face)
        self.naive.do(lambda state: drop(state, track))

    @precondition(lambda self: self.n > 1)
    @rule(face=faces, other=faces)
    def merge(self, face, other):
        (face, kept), (other, gone) = self.face(face), self.face(other)
        if kept == gone:
            return
        track_edits.merge_tracks(self.session, face, other)

        def worth(track: int, frame: int) -> int:
            if self.naive.corrected(track, frame):
                return 4
            there = ("pred", track, frame) in self.naive.state
            return 2 * there + (("accepted", track, frame) in self.naive.state)

        def change(state: State) -> None:
            for frame in frames_of(state, kept, gone):
                if worth(gone, frame) > worth(kept, frame):
                    exchange(state, kept, gone, frame)
            number, called = state["track", kept]
            state["track", kept] = (number, called or state["track", gone][1])
            drop(state, gone)

        self.naive.do(change)

    @precondition(lambda self: 0 < self.n < 4)
    @rule(face=faces, frame=frames)
    def split(self, face, frame):
        face, track = self.face(face)
        number = track_edits.split_track(self.session, face, frame)
        new = self.session.tracks[number].id

        def change(state: State) -> None:
            state["track", new] = (self.naive.next_number(), None)
            for f in frames_of(state, track):
                accepted = ("accepted", track, f) in state
                lacks = track if f >= frame else new
                marked = [track, new] if accepted else [lacks] * self.naive.corrected(track, f)
                if f >= frame:
                    exchange(state, track, new, f)
                state.update({("accepted", one, f): True for one in marked})

        self.naive.do(change)

    @precondition(lambda self: self.n > 1)
    @rule(face=faces, other=faces, frame=frames)
    def swap(self, face, other, frame):
        (face, one), (other, two) = self.face(face), self.face(other)
        if one == two:
            return
        track_edits.swap_tracks(self.session, face, other, frame)

        def change(state: State) -> None:
            for f in frames_of(state, one, two):
                if f >= frame:
                    exchange(state, one, two, f)

        self.naive.do(change)

    # -- time --------------------------------------------------------------------------

    def undo(self):
        assert (self.session.undo() is not None) == self.naive.undo()

    def redo(self):
        assert (self.session.redo() is not None) == self.naive.redo()

    @rule(times=st.integers(1, 4))
    def undo_some(self, times):
        for _ in range(times):
            self.undo()

    @rule(times=st.integers(1, 4))
    def redo_some(self, times):
        for _ in range(times):
            self.redo()

    @precondition(lambda self: self.naive.undoable)
    @rule(times=st.integers(1, 3), after_undo=given, after_redo=given, again=st.booleans())
    def models_run_between_undo_and_redo(self, times, after_undo, after_redo, again):
        for given, back in ((after_undo, self.undo), (after_redo, self.redo)):
            self.model_runs(given)
            for _ in range(times):
                back()
            self.shows_the_same()
        if again:
            self.model_runs(after_undo)
            self.undo_some(times)
            self.shows_the_same()
            self.redo_some(times)

    @rule()
    def reopen(self):
        self.session.close()
        self.session = Session(self.video)
        self.run = None


TestEdits = Edits.TestCase
TestEdits.settings = settings(
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
