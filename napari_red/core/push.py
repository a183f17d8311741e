"""What people corrected, pushed to the trainer as a set of pictures and landmarks.

The set is in the layout that the trainer trains and evaluates on (docs/finetune.md), so
that it can be looked at, kept, and trained on elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from napari_red.core.chunks import chunk_of
from napari_red.core.frame_counts import cant_be_decoded, count_again
from napari_red.core.jobs import Progress, ProgressCallback, ShouldStop, StopWork
from napari_red.core.learned import learned_frames
from napari_red.core.locate import MovedVideoError, locate
from napari_red.core.project import Project
from napari_red.core.records import VideoRecord
from napari_red.core.swapped_sides import swapped_frames
from napari_red.core.swapped_sides import words as swapped_words
from napari_red.core.track_data import TrackData
from trainer.data.video import VideoError, open_video
from trainer.errors import RedError
from trainer.held_out import choose_held_out
from trainer.pushed_set import ACCEPTED, CORRECTED, PREDICTED, PushedSetWriter, clip_window

ACCEPTED_AT_MOST = 40
"""Accepted frames of a track that are pushed, spread evenly: more of the same teach little."""


class PushError(RedError):
    """A project that has nothing to learn from."""


@dataclass
class PushSummary:
    """What a pushed set holds.

    Attributes
    ----------
    folder : where it is
    kinds : number of faces by kind: corrected, accepted, predicted
    held_out : how many of the corrected ones are measured on and never trained on
    people : names, in order
    unnamed : faces through a video that nobody named
    trained : track to the frames that may be trained on
    taught : track to those of them that a person corrected
    notes : what was left out, and why
    """

    folder: Path
    kinds: Counter[str] = field(default_factory=Counter)
    held_out: int = 0
    people: list[str] = field(default_factory=list)
    unnamed: int = 0
    trained: dict[int, list[int]] = field(default_factory=dict)
    taught: dict[int, list[int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Wanted:
    """One face in one frame that is to be pushed."""

    frame: int
    track: TrackData
    kind: str
    held_out: bool


def push(
    project: Project,
    folder: str | Path,
    *,
    parent: str,
    trained: Mapping[int, Sequence[int]] | None = None,
    only_held_out: bool = False,
    on_progress: ProgressCallback = lambda _: None,
    should_stop: ShouldStop = lambda: False,
) -> PushSummary:
    """Push what was corrected and accepted in a project, with the frames round it.

    A video is looked for where it may have been moved to; one that isn't found, or in whose
    place another lies, is left out, and so are frames that can't be decoded, corrected faces that
    lack landmarks or have left and right exchanged, and those of another number of landmarks than
    most; the summary says so. Which
    corrected frames are held out is chosen here, once, and kept in the project.

    Parameters
    ----------
    folder : new or empty
    parent : what the model that is to be improved is called
    trained : track to the frames that earlier models were trained on
    only_held_out : push the frames that are measured on and never trained on, and no others

    Raises
    ------
    PushError
        If nothing was corrected, no corrected face has all its landmarks, or no video of what
        was corrected is found and can be opened.
    PushedSetError
        If the folder can't be written.
    StopWork
        When ``should_stop`` answers True.
    """
    tracks = {
        video.id: [TrackData(project, track) for track in project.tracks(video.id)]
        for video in project.videos()
    }
    summary = PushSummary(Path(folder))
    n_landmarks = _leave_out_others(project, tracks, summary)
    swapped = _leave_out_swapped(project, tracks, summary)
    held_out = _held_out(project, tracks, trained or {}, swapped)
    videos = [video for video in project.videos() if any(_said(t) for t in tracks[video.id])]
    if not any(track.corrected for video in videos for track in tracks[video.id]):
        raise PushError(
            f"{project.path}: no frame is corrected yet, so there is nothing to learn from; "
            "correct some frames first, the queue shows which help most"
        )
    _say_partial(tracks, summary)
    wanted = {
        video.id: [
            one
            for one in _wanted(video, tracks[video.id], held_out)
            if one.frame not in swapped[one.track.record.id] and (one.held_out or not only_held_out)
        ]
        for video in videos
    }
    if only_held_out and not any(wanted.values()):
        raise PushError(
            f"{project.path}: no corrected frame is set aside to measure models on; correct at "
            "least 5 frames, some of them more than 10 frames apart and as far from those that a "
            "model learned"
        )
    if not any(one.kind == CORRECTED for of_video in wanted.values() for one in of_video):
        raise PushError(
            f"{project.path}: nothing can be learned from the corrected faces. {_all(summary)}"
        )
    total, done = sum(map(len, wanted.values())), 0
    with PushedSetWriter(folder, n_landmarks, parent=parent) as writer:
        for video in videos:
            try:
                for one, image in _pictures(project, video, wanted[video.id], summary.notes):
                    if should_stop():
                        raise StopWork
                    _add(writer, video, one, image, several=len(tracks[video.id]) > 1)
                    _count(summary, one)
                    done += 1
                    on_progress(Progress(done, total, f"{video.name}, frame {one.frame + 1}"))
            except (MovedVideoError, VideoError) as error:
                summary.notes.append(f"{error}. Its frames are left out.")
        if not summary.kinds[CORRECTED]:
            raise PushError(_all(summary))
    _say_people(project, summary)
    return summary


def _said(track: TrackData) -> bool:
    return bool(track.corrected or track.accepted.count)


def _all(summary: PushSummary) -> str:
    return " ".join(summary.notes)


def _leave_out_others(
    project: Project, tracks: dict[int, list[TrackData]], summary: PushSummary
) -> int:
    """Take the faces of another number of landmarks than most corrected ones have out of
    ``tracks``; returns that number."""
    counts: Counter[int] = Counter()
    for track in (track for of_video in tracks.values() for track in of_video):
        counts[track.record.n_landmarks] += len(track.corrected)
    most = max(counts, key=lambda number: (counts[number], number), default=0)
    for video in project.videos():
        fit = [track for track in tracks[video.id] if track.record.n_landmarks == most]
        for track in tracks[video.id]:
            number = track.record.n_landmarks
            if number != most and _said(track):
                summary.notes.append(
                    f"{video.name}, face {track.record.face + 1}: has {number} landmarks, most "
                    f"corrected faces have {most}. It is left out."
                )
        tracks[video.id] = fit
    return most


def _leave_out_swapped(
    project: Project, tracks: dict[int, list[TrackData]], summary: PushSummary
) -> dict[int, set[int]]:
    """By track the frames that are left out because left and right are exchanged there."""
    swapped = {}
    for video in project.videos():
        for track in tracks[video.id]:
            swapped[track.record.id] = found = swapped_frames(track, track.corrected)
            if found:
                summary.notes.append(swapped_words(video, track, found))
    return swapped


def _say_partial(tracks: dict[int, list[TrackData]], summary: PushSummary) -> None:
    partial = sum(
        not np.isfinite(track.merged(frame)).all()
        for of_video in tracks.values()
        for track in of_video
        for frame in track.corrected
    )
    if partial:
        are = "1 corrected face lacks" if partial == 1 else f"{partial} corrected faces lack"
        summary.notes.append(
            f"{are} landmarks, so nothing is learned there; annotate that video, or place all of "
            "a face's landmarks."
        )


def _held_out(
    project: Project,
    tracks: dict[int, list[TrackData]],
    trained: Mapping[int, Sequence[int]],
    left_out: Mapping[int, set[int]],
) -> dict[int, set[int]]:
    """The frames held out by track: those of earlier rounds, and new ones.

    A frame that a model learned is none of them any more, as one may be after faces were
    merged or swapped. Frames that are left out are no new ones.
    """
    learned = learned_frames(project, trained)
    known: dict[str, set[int]] = {}
    for track, frame in project.database.read("SELECT track_id, frame FROM held_out"):
        if frame not in learned.get(track, ()):
            known.setdefault(str(track), set()).add(frame)
    corrected = {
        str(track.record.id): [
            frame
            for frame in track.corrected
            if frame not in left_out[track.record.id] and track.complete(frame) is not None
        ]
        for of_video in tracks.values()
        for track in of_video
    }
    chosen = choose_held_out(
        {key: frames for key, frames in corrected.items() if frames},
        known,
        {str(key): frames for key, frames in learned.items()},
    )
    rows = [(int(key), frame) for key, frames in chosen.items() for frame in frames]
    project.database.write(
        lambda db: db.executemany("INSERT OR IGNORE INTO held_out VALUES (?, ?)", rows)
    )
    return {int(key): set(frames) for key, frames in chosen.items()}


def _wanted(
    video: VideoRecord, tracks: Sequence[TrackData], held_out: dict[int, set[int]]
) -> Iterator[_Wanted]:
    for track in tracks:
        kept = held_out.get(track.record.id, set())
        kinds: dict[int, str] = {}
        for frame in track.corrected:
            for near in clip_window(frame, video.n_frames):
                if track.run(near) and near not in kept:
                    kinds[near] = PREDICTED
        accepted = track.accepted_faces()
        accepted = accepted[accepted < video.n_frames]
        spread = np.linspace(0, len(accepted) - 1, min(len(accepted), ACCEPTED_AT_MOST))
        chosen = [int(accepted[round(place)]) for place in spread]
        kinds |= dict.fromkeys(chosen, ACCEPTED)
        kinds |= {
            frame: CORRECTED for frame in track.corrected if track.complete(frame) is not None
        }
        for frame, kind in sorted(kinds.items()):
            yield _Wanted(frame, track, kind, kind == CORRECTED and frame in kept)


def _pictures(
    project: Project, video: VideoRecord, wanted: list[_Wanted], notes: list[str]
) -> Iterator[tuple[_Wanted, np.ndarray]]:
    """What is wanted of a video with its pictures, but what has none, of which there is a note."""
    with open_video(locate(project, video)) as opened:
        notes += count_again(project, video, opened)
        image, shown = None, -1
        lost: set[int] = set()
        for one in sorted(wanted, key=lambda one: one.frame):
            if one.frame != shown:
                image, shown = opened.sound_frame(one.frame), one.frame
            if image is None:
                lost.add(one.frame)
            else:
                yield one, image
        if lost:
            notes.append(cant_be_decoded(video.name, lost))


def _add(
    writer: PushedSetWriter, video: VideoRecord, one: _Wanted, image: np.ndarray, *, several: bool
) -> None:
    record = one.track.record
    correction = one.track.correction(one.frame)
    number, index = chunk_of(one.frame)
    chunk = one.track.chunk(number)
    writer.add_frame(
        record.identity.name if record.identity else None,
        f"{video.name} face {record.face + 1}" if several else video.name,
        one.frame,
        image,
        one.track.merged(one.frame),
        kind=one.kind,
        source=record.id,
        held_out=one.held_out,
        visible=None if correction is None else ~correction.hidden,
        confidence=None if chunk is None or one.kind != PREDICTED else chunk.confidence[index],
    )


def _count(summary: PushSummary, one: _Wanted) -> None:
    summary.kinds[one.kind] += 1
    summary.held_out += one.held_out
    if not one.held_out:
        summary.trained.setdefault(one.track.record.id, []).append(one.frame)
        if one.kind == CORRECTED:
            summary.taught.setdefault(one.track.record.id, []).append(one.frame)


def _say_people(project: Project, summary: PushSummary) -> None:
    names = set()
    for track in project.tracks():
        if track.id in summary.trained:
            if track.identity is None:
                summary.unnamed += 1
            else:
                names.add(track.identity.name)
    summary.people = sorted(names)
