"""Following faces from frame to frame: one step of sequential alignment."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from trainer.condition import Conditions
from trainer.detection import FaceDetector, FaceJudge
from trainer.face_network import FaceNetwork
from trainer.geometry import FaceBox
from trainer.tracking import (
    FaceResult,
    Judge,
    Memory,
    Track,
    assign_slots,
    distance,
    impostors,
    upright_crop,
)

_SPARE_CANDIDATES = 3


class FaceTracker:
    """Every face of one video, frame after frame, in slots that keep their number.

    Attributes
    ----------
    tracks : {slot: Track} of the faces being followed
    found : slots filled by the last step's search
    doubtful : slots lost in the last step because the detector saw no face, with the first
        frame after its last look that did
    unpinned : {slot: what the network says} of the faces pinned in the last step
    last_search : the frame the detector last looked at for a missing face, or -1
    seconds : spent in the detector so far
    """

    def __init__(
        self, network: FaceNetwork, detector: FaceDetector, judge: Judge, n_faces: int
    ) -> None:
        self.network = network
        self.detector = detector
        self.judge = judge
        self.tracks: dict[int, Track] = {}
        self.memories: dict[int, Memory | None] = dict.fromkeys(range(n_faces))
        self.found: list[int] = []
        self.doubtful: dict[int, int] = {}
        self.unpinned: dict[int, FaceResult] = {}
        self.last_search = -1
        self.seconds = 0.0
        self.conditions = Conditions()
        self._next_search = 0
        self._wait = 1

    @property
    def searching(self) -> bool:
        """Whether a slot is empty."""
        return len(self.tracks) < len(self.memories)

    def step(
        self,
        image: np.ndarray,
        frame: int,
        *,
        boxes: Mapping[int, FaceBox] | None = None,
        pinned: Mapping[int, np.ndarray] | None = None,
    ) -> list[str]:
        """Take the next frame.

        Parameters
        ----------
        image : (H, W, 3) uint8 RGB array
        frame : its number
        boxes : faces that are told instead of searched, by slot
        pinned : landmarks known for certain, by slot: (L, 2) xy, NaN where not visible

        Returns
        -------
        What happened to which face, in words; tracks and found are up to date.
        """
        pinned, notes = pinned or {}, []
        self.found, self.doubtful, self.unpinned = [], {}, {}
        for slot, reason in self._follow(image, frame, skip=pinned).items():
            notes.append(f"face {slot + 1} lost: {reason}")
        for slot, landmarks in pinned.items():
            seen = self.pin(image, frame, slot, landmarks)
            if seen is not None:
                self.unpinned[slot] = seen
        for slot, other in impostors(self.tracks, self.judge.rules).items():
            slot, other = (other, slot) if slot in pinned else (slot, other)
            if slot not in pinned:
                self._lose(slot, frame)
                notes.append(f"face {slot + 1} lost: hidden by face {other + 1}")
        for slot, reason in self._begin(image, frame, boxes or {}).items():
            notes.append(f"face {slot + 1}: none in the box given ({reason}), searched for")
        if self.searching and frame >= self._next_search:
            self._search(image, frame)
            notes.extend(f"face {slot + 1} found" for slot in self.found)
        faces = {slot: track.result for slot, track in self.tracks.items()}
        return notes + self.conditions.notes(faces, image.shape)

    def pin(
        self, image: np.ndarray, frame: int, slot: int, landmarks: np.ndarray
    ) -> FaceResult | None:
        """(Re-)start a track at landmarks known for certain; NaN rows are filled in.

        Returns
        -------
        What the network would have said from there; None where no landmark is known.
        """
        known = np.isfinite(landmarks).all(axis=-1)
        if known.all():
            full = landmarks
        elif known.any():
            (guess,) = self.network.start(image, [FaceBox.around(landmarks)], around_landmarks=True)
            full = np.where(known[:, None], landmarks, guess.landmarks)
        else:
            self._lose(slot, frame)
            return None
        full = full.astype(np.float32)
        (seen,) = self.network.follow(image, [full], [None])
        # The network only wakes its memory here; where the face is has been told.
        told = replace(
            seen,
            landmarks=full,
            confidence=np.ones_like(seen.confidence),
            support=1.0,
            disagreement=float("nan"),
        )
        self._told(image, frame, slot, told)
        return seen

    def trace(
        self,
        from_track: Track,
        frames: Iterable[tuple[int, np.ndarray]],
        *,
        looks: int = 1,
        keep_state: bool = False,
    ) -> Iterator[tuple[int, FaceResult]]:
        """Follow one face on its own through ``frames``, in any direction, until it is lost.

        Parameters
        ----------
        from_track : where it is in the frame before the first
        frames : (number, picture) in either order
        looks : the detector has to miss the face so often on end until it counts as lost
        keep_state : go on with the LSTM's memory of that track instead of a new one
        """
        start = from_track.result if keep_state else replace(from_track.result, state=None)
        track = Track(start, 0, judged=from_track.judged)
        doubtful: list[tuple[int, FaceResult]] = []
        for count, (number, image) in enumerate(frames):
            (after,) = self.network.follow(image, [track.result.landmarks], [track.result.state])
            if self.judge.why_not(after, image.shape, track.side):
                return
            track.advance(after)
            if self._is_due(track, count) and not self._is_face(image, [after])[0]:
                track.doubts += 1
                if track.doubts >= looks:
                    return
                doubtful.append((number, after))
                continue
            track.doubts = 0
            yield from doubtful
            doubtful.clear()
            yield number, after

    def missed(self, frame: int) -> list[str]:
        """A frame that can't be read: the faces stay where they were."""
        self.found, self.doubtful = [], {}
        return [f"frame {frame} can't be read"]

    def _follow(
        self, image: np.ndarray, frame: int, skip: Mapping[int, np.ndarray]
    ) -> dict[int, str]:
        slots = [slot for slot in sorted(self.tracks) if slot not in skip]
        before = [self.tracks[slot].result for slot in slots]
        after = self.network.follow(
            image, [face.landmarks for face in before], [face.state for face in before]
        )
        lost: dict[int, str] = {}
        due: list[int] = []
        for slot, result in zip(slots, after, strict=True):
            track = self.tracks[slot]
            reason = self.judge.why_not(result, image.shape, track.side)
            if reason:
                lost[slot] = reason
                continue
            track.advance(result)
            if self._is_due(track, frame - track.first):
                due.append(slot)
            elif not track.judged:
                track.seen = frame
        looks = self._is_face(image, [self.tracks[slot].result for slot in due])
        for slot, is_face in zip(due, looks, strict=True):
            track = self.tracks[slot]
            if is_face:
                track.doubts, track.seen = 0, frame
                continue
            track.doubts += 1
            if track.doubts >= 2:
                lost[slot] = "no face is there any more"
                self.doubtful[slot] = track.seen + 1
        for slot in lost:
            self._lose(slot, frame)
        return lost

    def _is_due(self, track: Track, age: int) -> bool:
        """Whether the detector should look if there is still a face."""
        rules = self.judge.rules
        unsure = track.result.support < rules.sure_support
        return track.judged and (track.doubts > 0 or unsure or age % rules.check_every == 0)

    def _is_face(self, image: np.ndarray, results: list[FaceResult]) -> list[bool]:
        least = self.judge.rules.min_face_probability
        return [bool(p >= least) for p in self._probability(image, results)]

    def _new_faces(self, image: np.ndarray, results: list[FaceResult]) -> list[bool]:
        rules = self.judge.rules
        return [
            bool(p >= rules.new_face_probability) and result.support >= rules.new_support
            for p, result in zip(self._probability(image, results), results, strict=True)
        ]

    def _probability(self, image: np.ndarray, results: list[FaceResult]) -> np.ndarray:
        """How sure the detector is of each face; 1 where it can't judge."""
        if not results or not isinstance(self.detector, FaceJudge):
            return np.ones(len(results))
        begin = time.perf_counter()
        corners = self.network.scheme.eye_corners
        places = [upright_crop(result.landmarks, corners) for result in results]
        sure = self.detector.face_probability(image, places)
        self.seconds += time.perf_counter() - begin
        return sure

    def _lose(self, slot: int, frame: int) -> None:
        track = self.tracks.pop(slot, None)
        if track is not None:
            self.memories[slot] = Memory(frame, track.centre, track.side, track.identity)
        self._next_search, self._wait = frame, 1

    def _begin(self, image: np.ndarray, frame: int, boxes: Mapping[int, FaceBox]) -> dict[int, str]:
        refused: dict[int, str] = {}
        slots = sorted(boxes)
        results = self.network.start(image, [boxes[slot] for slot in slots])
        for slot, result in zip(slots, results, strict=True):
            reason = self.judge.why_not(result, image.shape)
            if reason:
                refused[slot] = reason
            else:
                self._told(image, frame, slot, result)
        return refused

    def _told(self, image: np.ndarray, frame: int, slot: int, result: FaceResult) -> None:
        """Follow a face that a person pointed out."""
        track = self.tracks[slot] = Track(result, frame)
        (track.judged,) = self._is_face(image, [result])

    def _search(self, image: np.ndarray, frame: int) -> None:
        begin = time.perf_counter()
        boxes = [box for box in self.detector.detect(image) if not self._is_taken(box)]
        self.seconds += time.perf_counter() - begin
        self.last_search = frame
        free = {slot: memory for slot, memory in self.memories.items() if slot not in self.tracks}
        candidates = self.network.start(image, boxes[: len(free) + _SPARE_CANDIDATES])
        new: list[Track] = []
        for result, is_face in zip(candidates, self._new_faces(image, candidates), strict=True):
            if not is_face or self.judge.why_not(result, image.shape):
                continue
            others = [*self.tracks.values(), *new]
            if any(
                distance(result.landmarks, other.result.landmarks) < self.judge.rules.same_face
                for other in others
            ):
                continue
            new.append(Track(result, frame))
        filled = assign_slots(new, free, frame)
        self.tracks.update(filled)
        self.found = sorted(filled)
        if self.searching:
            if filled:
                self._wait = 1
            self._next_search = frame + self._wait
            self._wait = min(2 * self._wait, self.judge.rules.longest_wait)

    def _is_taken(self, box: FaceBox) -> bool:
        for track in self.tracks.values():
            away = np.linalg.norm(np.array(box.centre) - track.centre)
            if away < self.judge.rules.taken * max(track.side, box.side):
                return True
        return False
