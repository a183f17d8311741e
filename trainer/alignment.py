"""Sequential alignment of a video: detect, then track (paper, sections 3 and 4).

Each frame's landmarks give the next frame's crop and label map z, and the LSTM's state
runs along. A face that is lost is noticed, said, and found again; the frames between the
detector's last look and its next are then made up for, backwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing

import numpy as np

from trainer.ahead import ahead
from trainer.aligned_frame import AlignedFrame
from trainer.carry import CARRY_FRAMES, Carriers
from trainer.checkpoint import LoadedModel
from trainer.data.video_base import Video, VideoError
from trainer.detection import FaceDetector, default_detector
from trainer.devices import Runner, resolve_device, torch_threads
from trainer.errors import RedError
from trainer.face_network import FaceNetwork
from trainer.following import backwards, follow
from trainer.geometry import FaceBox
from trainer.scheme import scheme_for
from trainer.shape_residuals import CorrectedFaces, ShapeResiduals
from trainer.steady import steadied
from trainer.tracker import FaceTracker
from trainer.tracking import RULES, FaceResult, Judge, TrackingRules, distance

BACK_REACH = 300
"""A correction changes at most so many frames before it."""

_AGREED = 0.03  # of the box side: backward and forward tracks are on the same landmarks
_AGREED_FRAMES = 3


class AlignmentError(RedError):
    """Something asked of an alignment that doesn't fit the model."""


class SequentialAligner:
    """Aligns videos with one network on one device.

    Parameters
    ----------
    loaded : from :func:`trainer.checkpoint.load_model`
    detector : finds faces; the embedded one if None
    device : "auto", "cpu", "cuda" or "mps"
    threads : CPU threads for the network; None leaves PyTorch's setting
    rules : when a face is lost

    Raises
    ------
    DeviceError
        If the device was asked for and isn't there.
    DetectorError
        If the embedded detector's weights are missing.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        *,
        detector: FaceDetector | None = None,
        device: str = "auto",
        threads: int | None = None,
        rules: TrackingRules = RULES,
    ) -> None:
        self.device = resolve_device(device)
        self.threads = threads
        self.detector = detector or default_detector()
        self.people = [str(name) for name in loaded.info.get("people") or ()]
        self.n_landmarks = int(loaded.model.mean_shape.shape[0])
        self.scheme = scheme_for(self.n_landmarks)
        self.rules = rules
        self.mean_shape = loaded.model.mean_shape.cpu().numpy()
        self.judge = Judge(rules, self.mean_shape, self.scheme.eye_corners)
        with torch_threads(threads):
            self.runner = Runner(loaded.model, self.device)

    def warm_up(self, image: np.ndarray) -> None:
        """Run every part once on an (H, W, 3) picture, so that the first frame isn't slow."""
        height, width = image.shape[:2]
        side = min(height, width) / 2
        box = FaceBox((width - side) / 2, (height - side) / 2, side, side)
        with torch_threads(self.threads):
            self.detector.detect(image)
            for _ in range(2):
                FaceNetwork(self.runner, self.scheme).start(image, [box])

    def run(
        self,
        video: Video,
        *,
        faces: int = 1,
        boxes: Sequence[FaceBox | None] | None = None,
        start: int = 0,
        stop: int | None = None,
        corrections: Mapping[tuple[int, int], np.ndarray] | None = None,
        initial: np.ndarray | None = None,
        carry_frames: float = CARRY_FRAMES,
        corrected: CorrectedFaces | None = None,
        people: Sequence[str] = (),
    ) -> Generator[AlignedFrame, None, None]:
        """Align frames ``start`` to ``stop``, in order, each exactly once.

        Parameters
        ----------
        video : an open video
        faces : how many faces to follow at most
        boxes : where faces are in the first frame, by slot; None entries are searched for
        start, stop : first frame and the one after the last; None is the end
        corrections : {(frame, face): (L, 2) xy in video pixels}: come out untouched, enter
            the network as its label map, and restart the track both ways. Up to
            :data:`BACK_REACH` frames before a correction wait for it.
        initial : (F, L, 2) landmarks of frame ``start - 1``, to go on from; NaN where none
        carry_frames : how far what corrections changed is carried on, see :mod:`trainer.carry`
        corrected : of this video and others, so that faces of a like shape are changed alike;
            ``seen`` is from :meth:`answers`
        people : who is in each slot, as ``corrected`` calls them

        Raises
        ------
        AlignmentError
            If a correction has another number of landmarks than the model.
        VideoError
            If the video turns out to be unreadable.
        """
        residuals = None
        if corrected is not None:
            residuals = ShapeResiduals(self.mean_shape, corrected, self.scheme.flip)
        carriers = Carriers(carry_frames, residuals, people)
        run = _Run(self, video, faces, boxes, corrections or {}, initial, carriers)
        aligned = run.frames(start, video.n_frames if stop is None else stop)
        with torch_threads(self.threads):
            yield from steadied(aligned, frozenset(corrections or ()), self.rules.tremble)

    def follow(
        self, video: Video, frame: int, landmarks: np.ndarray, stop: int
    ) -> Generator[AlignedFrame, None, None]:
        """Follow one face from a frame where its landmarks are known.

        Parameters
        ----------
        video : an open video
        frame : that frame
        landmarks : (L, 2) xy in video pixels: enter the network as its label map; rows of
            NaN are filled in
        stop : the frame after the last; below ``frame`` the face is followed backward

        Yields
        ------
        Frames with one slot, in the order they are followed: ``frame`` itself as the network
        sees it from there, then its neighbours on. The last one is empty where the face is
        lost. Landmarks are steadied as in :meth:`run`.

        Raises
        ------
        AlignmentError, FollowError
            If ``landmarks`` don't fit the model, or can't be followed from.
        VideoError
            If the video turns out to be unreadable.
        """
        points = _fitting(landmarks, frame, 0, self.n_landmarks)
        tracker = FaceTracker(FaceNetwork(self.runner, self.scheme), self.detector, self.judge, 1)

        def frames() -> Iterator[AlignedFrame]:
            followed = follow(tracker, video, frame, points, stop)
            for number, found, confidence, disagreement in followed:
                out = AlignedFrame.empty(number, 1, self.n_landmarks, [])
                out.put(0, found, confidence, disagreement)
                yield out

        with torch_threads(self.threads):
            yield from steadied(frames(), {(frame, 0)}, self.rules.tremble)

    def answers(self, video: Video, faces: Sequence[tuple[int, np.ndarray]]) -> np.ndarray:
        """What the network itself says of faces whose place is known.

        Parameters
        ----------
        video : an open video
        faces : (frame, (L, 2) xy in video pixels), in any order; all landmarks finite

        Returns
        -------
        (N, L, 2) float32

        Raises
        ------
        AlignmentError
            If a face has another number of landmarks than the model.
        VideoError
            If one of the frames can't be read.
        """
        network = FaceNetwork(self.runner, self.scheme)
        seen = np.empty((len(faces), self.n_landmarks, 2), np.float32)
        with torch_threads(self.threads):
            for index in sorted(range(len(faces)), key=lambda index: faces[index][0]):
                frame, landmarks = faces[index]
                points = _fitting(landmarks, frame, 0, self.n_landmarks)
                (answer,) = network.follow(video.frame(frame), [points], [None])
                seen[index] = answer.landmarks
        return seen


class _Run:
    """One pass over one video, with the frames that can't be handed out yet."""

    def __init__(
        self,
        aligner: SequentialAligner,
        video: Video,
        faces: int,
        boxes: Sequence[FaceBox | None] | None,
        corrections: Mapping[tuple[int, int], np.ndarray],
        initial: np.ndarray | None,
        carriers: Carriers,
    ) -> None:
        self.video = video
        self.carriers = carriers
        self.n_landmarks = aligner.n_landmarks
        self.boxes = {i: box for i, box in enumerate(boxes or ()) if box is not None}
        self.corrections: dict[int, dict[int, np.ndarray]] = {}
        for (frame, face), landmarks in corrections.items():
            points = _fitting(landmarks, frame, face, self.n_landmarks)
            self.corrections.setdefault(frame, {})[face] = points
        slots = [faces, len(boxes or ()), *(face + 1 for _, face in corrections)]
        if initial is not None:
            slots.append(len(initial))
        self.n_faces = max(slots)
        self.network, self.initial = FaceNetwork(aligner.runner, aligner.scheme), initial
        self.tracker = FaceTracker(self.network, aligner.detector, aligner.judge, self.n_faces)
        self.held: deque[AlignedFrame] = deque()
        self.images: dict[int, np.ndarray] = {}

    def frames(self, start: int, stop: int) -> Iterator[AlignedFrame]:
        """See :meth:`SequentialAligner.run`."""
        for frame in self._all(start, stop):
            self.carriers.apply(frame, self.corrections.get(frame.frame, ()))
            yield frame

    def _all(self, start: int, stop: int) -> Iterator[AlignedFrame]:
        try:
            yield from self._in_order(start, stop)
        except VideoError:
            yield from self.held  # what was done before the damage isn't lost
            raise
        yield from self.held

    def _in_order(self, start: int, stop: int) -> Iterator[AlignedFrame]:
        corrected = sorted(frame for frame in self.corrections if start <= frame < stop)
        expected = start
        with closing(ahead(self.video.frames(start, stop))) as source:
            for (number, image), seconds in source:
                for missing in range(expected, number):
                    self._miss(missing)
                expected = number + 1
                if number == start:
                    self._resume(image, number)
                self._take(image, number, seconds)
                while corrected and corrected[0] <= number:
                    corrected.pop(0)
                yield from self._release(number, corrected[0] if corrected else None)
        for missing in range(expected, min(stop, self.video.n_frames)):
            self._miss(missing)

    def _resume(self, image: np.ndarray, number: int) -> None:
        if self.initial is not None:
            for slot, landmarks in enumerate(self.initial):
                if np.isfinite(landmarks).all():
                    self.tracker.pin(image, number, slot, landmarks.astype(np.float32))

    def _take(self, image: np.ndarray, number: int, seconds: float) -> None:
        """One frame through the tracker, into the frames held back."""
        before = self.network.seconds, self.tracker.seconds
        pinned = self.corrections.get(number, {})
        notes = self.tracker.step(image, number, boxes=self.boxes, pinned=pinned)
        self.boxes = {}
        for slot, since in self.tracker.doubtful.items():
            self._take_back(slot, since)
        out = self._empty(number, notes)
        for slot, track in self.tracker.tracks.items():
            result = track.result
            out.put(slot, result.landmarks, result.confidence, result.disagreement)
        for slot, landmarks in pinned.items():
            if slot in self.tracker.unpinned:
                self.carriers.add(number, slot, landmarks, self.tracker.unpinned[slot].landmarks)
            known = np.isfinite(landmarks).all(axis=-1)
            out.put(slot, landmarks, np.where(known, 1.0, np.nan))
        for slot in self.tracker.found:
            self._make_up(slot, number)
        for slot in pinned:
            if slot in self.tracker.tracks:
                self._rewind(slot, number)
        self.held.append(out)
        self.images[number] = image
        out.seconds = {
            "decode": seconds,
            "detect": self.tracker.seconds - before[1],
            "network": self.network.seconds - before[0],
        }

    def _miss(self, number: int) -> None:
        self.held.append(self._empty(number, self.tracker.missed(number)))

    def _empty(self, number: int, notes: list[str]) -> AlignedFrame:
        return AlignedFrame.empty(number, self.n_faces, self.n_landmarks, notes)

    def _release(self, number: int, next_correction: int | None) -> Iterator[AlignedFrame]:
        """Hand out the frames that nothing can change any more."""
        hold = number + 1
        if self.tracker.searching:
            hold = min(hold, self.tracker.last_search + 1)
        for old in [kept for kept in self.images if kept < hold]:
            del self.images[old]
        # What the detector hasn't seen too may have to be taken back.
        hold = min([hold, *(track.seen + 1 for track in self.tracker.tracks.values())])
        if next_correction is not None:
            hold = min(hold, next_correction - BACK_REACH)
        while self.held and self.held[0].frame < hold:
            yield self.held.popleft()

    def _take_back(self, slot: int, since: int) -> None:
        """There was no face since a frame held back: landmarks there were fancy."""
        for frame in self.held:
            if frame.frame >= since and slot not in self.corrections.get(frame.frame, {}):
                frame.put(slot, np.full_like(frame.landmarks[slot], np.nan), np.array(np.nan))

    def _make_up(self, slot: int, number: int) -> None:
        """A face was found: follow it back to the detector's look before."""
        images = ((n, self.images[n]) for n in range(number - 1, -1, -1) if n in self.images)
        held = {frame.frame: frame for frame in self.held}
        track = self.tracker.tracks[slot]
        for n, result in self.tracker.trace(track, images):
            frame = held.get(n)
            if frame is None or frame.boxes[slot] is not None or self._meets(frame, slot, result):
                return
            frame.put(slot, result.landmarks, result.confidence, result.disagreement)

    def _rewind(self, slot: int, number: int) -> None:
        """A face was corrected: follow it back until that agrees with what was there."""
        held = {frame.frame: frame for frame in self.held}
        earlier = [n for n in self.corrections if n < number and slot in self.corrections[n]]
        first = max((number + max(earlier)) // 2 + 1 if earlier else 0, min(held, default=number))
        agreed = 0
        images = backwards(self.video, first, number)
        with closing(images):
            track = self.tracker.tracks[slot]
            for n, result in self.tracker.trace(track, images):
                frame = held.get(n)
                if frame is None or self._meets(frame, slot, result):
                    return
                there = frame.landmarks[slot]
                near = np.isfinite(there).all() and distance(there, result.landmarks) < _AGREED
                agreed = agreed + 1 if near else 0
                if agreed == _AGREED_FRAMES:
                    return
                if not near:
                    frame.put(slot, result.landmarks, result.confidence, result.disagreement)

    def _meets(self, frame: AlignedFrame, slot: int, result: FaceResult) -> bool:
        """Whether a face traced backward has come upon another slot's face."""
        same = self.tracker.judge.rules.same_face
        return any(
            other != slot
            and np.isfinite(points).all()
            and distance(points, result.landmarks) < same
            for other, points in enumerate(frame.landmarks)
        )


def _fitting(landmarks: np.ndarray, frame: int, face: int, n_landmarks: int) -> np.ndarray:
    """Landmarks that were told, as float32, if the model has as many."""
    points = np.asarray(landmarks, np.float32)
    if points.shape != (n_landmarks, 2):
        raise AlignmentError(
            f"frame {frame}, face {face + 1}: a correction of {len(points)} landmarks, "
            f"the model has {n_landmarks}; choose a model that fits"
        )
    return points
