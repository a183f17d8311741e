"""Runs one other aligner in its own Python: frames in on stdin, landmarks out on stdout.

Started as ``PYTHON worker.py PEER``, by file, never imported: it uses only the standard
library, numpy and the peer. One message, in either direction::

    4 bytes   b"RPM1"
    4 bytes   length of the head, unsigned, little endian
    4 bytes   length of the body, likewise
    head      JSON object, UTF-8
    body      raw bytes, C order, little endian; the head says dtype and shape

The parent sends heads with an ``op``:

``start``  ``settings`` of the peer; answered with ``ready``
``frame``  ``shape`` (H, W, 3), ``box`` (x, y, width, height) of the 68 landmarks or null;
           body: uint8 RGB; answered with ``landmarks``
``reset``  forget the last frame: another video begins; answered with ``ready``
``usage``  answered with ``usage``: ``peak_rss`` in bytes, or null

and the answers' heads have a ``kind``: ``ready`` (``version``), ``usage``, ``landmarks``
(``shape`` (faces, points, 2), ``seconds`` {"detect", "landmarks"}; body: float32 xy, pixel
centres at integers), or ``error`` with its ``text``. The end of stdin ends the worker.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import time
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path

import numpy as np

MAGIC = b"RPM1"
CHECK_EVERY = 10  # frames between the detector's looks at a tracked face
UNSEEN_CHECKS = 5  # a track that so many looks in a row don't confirm is given up


class BoxAligner:
    """A peer that wants a box: told, from its own detector, or from its last landmarks.

    ``settings``: ``mode`` "box", "detect" or "track", ``faces`` at most, and ``rectangle``
    (dx, dy, side): from the tight box of the 68 landmarks to the square the peer knows,
    in units of that box's side (mean of width and height), from centre to centre.
    """

    def __init__(self, settings):
        self.mode = settings["mode"]
        self.faces = settings.get("faces", 1)
        self.rectangle = settings["rectangle"]
        self.reset()

    def detect(self, image):
        """(x0, y0, x1, y1) squares as the peer's detector gives them, best first."""
        raise NotImplementedError

    def landmarks(self, image, square):
        """(68, 2) landmarks in one square."""
        raise NotImplementedError

    def reset(self):
        self.tracks = []
        self.age = 0

    def align(self, image, box, seconds):
        if self.mode == "box":
            squares = [self.square(*box)]
        elif self.mode == "detect":
            squares = self._timed_detect(image, seconds)[: self.faces]
        else:
            return self.track(image, seconds)
        begin = time.perf_counter()
        found = [self.landmarks(image, square) for square in squares]
        seconds["landmarks"] += time.perf_counter() - begin
        return found

    def square(self, x, y, width, height):
        dx, dy, scale = self.rectangle
        side = (width + height) / 2
        cx, cy = x + width / 2 + dx * side, y + height / 2 + dy * side
        half = scale * side / 2
        return cx - half, cy - half, cx + half, cy + half

    def track(self, image, seconds):
        """Landmarks in the square that follows from the last frame's; detected when lost."""
        begin = time.perf_counter()
        kept = []
        for points, unseen in self.tracks:
            after = self.landmarks(image, self.square(*tight_box(points)))
            if still_a_face(points, after, image.shape):
                kept.append((after, unseen))
        seconds["landmarks"] += time.perf_counter() - begin
        check = self.age % CHECK_EVERY == 0
        if len(kept) < self.faces or check:
            seen = self._timed_detect(image, seconds)
            kept = self._confirmed(kept, seen) if check else kept
            begin = time.perf_counter()
            for square in seen:
                taken = [self.square(*tight_box(points)) for points, _ in kept]
                if len(kept) < self.faces and all(overlap(square, t) < 0.3 for t in taken):
                    kept.append((self.landmarks(image, square), 0))
            seconds["landmarks"] += time.perf_counter() - begin
        self.tracks = kept
        self.age += 1
        return [points for points, _ in kept]

    def _confirmed(self, tracks, seen):
        after = []
        for points, unseen in tracks:
            here = self.square(*tight_box(points))
            unseen = 0 if any(overlap(here, square) >= 0.3 for square in seen) else unseen + 1
            if unseen < UNSEEN_CHECKS:
                after.append((points, unseen))
        return after

    def _timed_detect(self, image, seconds):
        begin = time.perf_counter()
        squares = self.detect(image)
        seconds["detect"] += time.perf_counter() - begin
        return squares


class Dlib(BoxAligner):
    """dlib's 68-point predictor and HOG detector."""

    package = "dlib-bin"

    def __init__(self, settings):
        self.dlib = import_module("dlib")
        model = model_file(
            "face_recognition_models", "models/shape_predictor_68_face_landmarks.dat"
        )
        self.predictor = self.dlib.shape_predictor(str(model))
        self.detector = self.dlib.get_frontal_face_detector()
        # It was trained on faces of 80 pixels: at twice the size it finds those of 40.
        self.upsample = settings.get("upsample", 1)
        super().__init__(settings)

    def detect(self, image):
        found, scores, _ = self.detector.run(image, self.upsample, 0.0)
        order = sorted(range(len(found)), key=lambda i: -scores[i])
        return [
            (found[i].left(), found[i].top(), found[i].right(), found[i].bottom()) for i in order
        ]

    def landmarks(self, image, square):
        shape = self.predictor(image, self.dlib.rectangle(*(round(v) for v in square)))
        return np.array([(p.x, p.y) for p in shape.parts()], np.float32)


class OpenCv(BoxAligner):
    """OpenCV's FacemarkLBF and Haar cascade."""

    package = "opencv-contrib-python"

    def __init__(self, settings):
        self.cv2 = cv2 = import_module("cv2")
        self.facemark = cv2.face.createFacemarkLBF()
        self.facemark.loadModel(str(model_file("GoldenFace", "landmark.yaml")))
        folder = Path(cv2.data.haarcascades)
        self.detector = cv2.CascadeClassifier(str(folder / "haarcascade_frontalface_alt2.xml"))
        super().__init__(settings)

    def detect(self, image):
        grey = self.cv2.cvtColor(image, self.cv2.COLOR_RGB2GRAY)
        found = self.detector.detectMultiScale(grey, 1.1, 3, minSize=(30, 30))
        squares = [(x, y, x + w, y + h) for x, y, w, h in found]
        return sorted(squares, key=lambda s: s[0] - s[2])

    def landmarks(self, image, square):
        x0, y0, x1, y1 = (round(v) for v in square)
        height, width = image.shape[:2]
        # It crashes on squares that leave the picture: room is made around it.
        margin = max(0, -x0, -y0, x1 - width + 1, y1 - height + 1)
        grey = self.cv2.cvtColor(image, self.cv2.COLOR_RGB2GRAY)
        if margin:
            grey = np.pad(grey, margin, mode="edge")
        square = np.array([[x0 + margin, y0 + margin, x1 - x0, y1 - y0]], np.int32)
        _, found = self.facemark.fit(grey, square)
        return np.asarray(found[0], np.float32).reshape(-1, 2) - margin


class MediaPipe:
    """mediapipe's FaceMesh: all points of its mesh. ``mode`` "box" (stills) or "track"."""

    package = "mediapipe"

    def __init__(self, settings):
        module = import_module("mediapipe.python.solutions.face_mesh")
        self.make = lambda: module.FaceMesh(
            static_image_mode=settings["mode"] == "box",
            max_num_faces=settings.get("faces", 1),
            refine_landmarks=settings.get("refine", True),
            min_detection_confidence=settings.get("detection", 0.5),
            min_tracking_confidence=settings.get("tracking", 0.5),
        )
        self.mesh = self.make()

    def reset(self):
        self.mesh.close()
        self.mesh = self.make()

    def align(self, image, box, seconds):
        begin = time.perf_counter()
        found = self.mesh.process(image).multi_face_landmarks or []
        seconds["landmarks"] += time.perf_counter() - begin
        size = np.array([image.shape[1], image.shape[0]])
        # Its coordinates run from edge to edge of the picture, ours from pixel to pixel centre.
        return [np.array([(p.x, p.y) for p in f.landmark]) * size - 0.5 for f in found]


PEERS: dict = {"dlib": Dlib, "opencv": OpenCv, "mediapipe": MediaPipe}


def model_file(package, inside):
    """A file inside an installed package, found without running the package's code."""
    spec = find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError(f"no package {package}")
    return Path(spec.submodule_search_locations[0], inside)


def tight_box(points):
    """(x, y, width, height) around landmarks."""
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return float(x0), float(y0), float(x1 - x0), float(y1 - y0)


def still_a_face(before, after, image_shape):
    """Whether a track went on plausibly: no jump in place or size, most of it in the picture."""
    (x, y, w, h), (ax, ay, aw, ah) = tight_box(before), tight_box(after)
    side, after_side = (w + h) / 2, (aw + ah) / 2
    if after_side < 10 or not 1 / 1.5 < after_side / side < 1.5:
        return False
    if np.hypot(ax + aw / 2 - x - w / 2, ay + ah / 2 - y - h / 2) > 0.5 * side:
        return False
    inside = (after >= 0) & (after < (image_shape[1], image_shape[0]))
    return inside.all(axis=1).mean() >= 0.5


def overlap(one, other):
    """Intersection over union of two (x0, y0, x1, y1)."""
    w = min(one[2], other[2]) - max(one[0], other[0])
    h = min(one[3], other[3]) - max(one[1], other[1])
    if w <= 0 or h <= 0:
        return 0.0
    areas = [(s[2] - s[0]) * (s[3] - s[1]) for s in (one, other)]
    return w * h / (sum(areas) - w * h)


def peak_rss():
    """Most memory this process ever held, in bytes; None where the system doesn't tell."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says on Linux begins with the parent's memory
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def receive(stream):
    """(head, body) of the next message, None at the end."""
    lead = stream.read(12)
    if len(lead) < 12:
        return None
    magic, head, body = struct.unpack("<4sII", lead)
    if magic != MAGIC:
        raise ValueError(f"a message begins with {magic!r}")
    return json.loads(stream.read(head)), stream.read(body)


def send(stream, head, body=b""):
    """Write one message."""
    text = json.dumps(head).encode()
    stream.write(struct.pack("<4sII", MAGIC, len(text), len(body)) + text + body)
    stream.flush()


def answer(peer, head, body):
    """(head, body) of the answer to one message once the peer runs."""
    if head["op"] == "frame":
        image = np.frombuffer(body, np.uint8).reshape(head["shape"])
        seconds = {"detect": 0.0, "landmarks": 0.0}
        found = peer.align(np.ascontiguousarray(image), head["box"], seconds)
        points = np.array(found, "<f4")
        shape = points.shape if len(found) else (0, 0, 2)
        return {"kind": "landmarks", "shape": shape, "seconds": seconds}, points.tobytes()
    if head["op"] == "usage":
        return {"kind": "usage", "peak_rss": peak_rss()}, b""
    if head["op"] == "reset":
        peer.reset()
        return {"kind": "ready"}, b""
    raise ValueError(f"unknown op {head['op']!r}")


def main(name):
    """Serve until stdin ends."""
    incoming = sys.stdin.buffer
    outgoing = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between the messages
    peer = None
    while (message := receive(incoming)) is not None:
        head, body = message
        try:
            if head["op"] == "start":
                kind = PEERS[name]
                peer = kind(head["settings"])
                send(outgoing, {"kind": "ready", "version": metadata.version(kind.package)})
            else:
                send(outgoing, *answer(peer, head, body))
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            send(outgoing, {"kind": "error", "text": text})


if __name__ == "__main__":
    main(sys.argv[1])
