"""Make the sample clip: one face of the London set, from neutral to smile and back, moving.

    python scripts/make_sample.py PATH_TO_LONDON_SET

The landmarks of the two photographs (``scripts/sample``) were found by the model and put
right by eye. The smile is warped onto the neutral face over the triangles between them,
the picture is then moved by a smooth camera, and the landmarks move exactly along.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import imageio.v3 as iio
import numpy as np
from scipy.spatial import Delaunay

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from trainer.data.pts import read_pts, write_pts  # noqa: E402

FRAMES, FPS = 120, 25
WIDTH, HEIGHT = 480, 400
NEUTRAL, SMILING = "neutral_front/009_03.jpg", "smiling_front/009_08.jpg"
STEADY = list(range(27, 36)) + [36, 39, 42, 45]


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(2, 3) least-squares similarity that takes source points to target points."""
    return cv2.estimateAffinePartial2D(source, target, method=cv2.LMEDS)[0]


def with_frame(points: np.ndarray, size: int) -> np.ndarray:
    """Landmarks plus the picture's border, which stays where it is."""
    edge = np.linspace(0, size - 1, 5)
    border = [(x, y) for x in edge for y in edge if x in (0, size - 1) or y in (0, size - 1)]
    return np.concatenate([points, np.array(border)])


def displacement(shape: np.ndarray, source: np.ndarray, size: int) -> np.ndarray:
    """(size, size, 2) float32 map: where in the source each pixel of ``shape``'s face lies."""
    triangles = Delaunay(shape)
    y, x = np.mgrid[:size, :size]
    pixels = np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float64)
    found = triangles.find_simplex(pixels)
    matrices = triangles.transform[found]
    two = np.einsum("nij,nj->ni", matrices[:, :2], pixels - matrices[:, 2])
    weights = np.column_stack([two, 1 - two.sum(axis=1)])
    corners = source[triangles.simplices[found]]
    return np.einsum("ni,nij->nj", weights, corners).astype(np.float32).reshape(size, size, 2)


def warped(image: np.ndarray, shape: np.ndarray, source: np.ndarray) -> np.ndarray:
    """The image with its ``source`` points at ``shape``."""
    size = image.shape[0]
    where = displacement(with_frame(shape, size), with_frame(source, size), size)
    return cv2.remap(image, where, None, cv2.INTER_LINEAR)


def camera(t: float) -> np.ndarray:
    """(2, 3) affine of the frame at time t in 0 … 1, about the face's middle."""
    angle = np.radians(7) * np.sin(2 * np.pi * t * 1.5)
    scale = 0.92 + 0.16 * np.sin(2 * np.pi * t)
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[c, -s], [s, c]])
    goal = np.array([WIDTH / 2 + 55 * np.sin(2 * np.pi * t * 2 + 0.5), HEIGHT / 2
                     + 22 * np.cos(2 * np.pi * t * 3)])  # fmt: skip
    return np.column_stack([linear, goal - linear @ (320.0, 335.0)])


def face_mask(shape: np.ndarray, size: int) -> np.ndarray:
    """(size, size, 1) 0 … 1: soft inside of the landmarks and the forehead above them."""
    top = shape[17:27].mean(axis=0) + (shape[17:27] - shape[17:27].mean(axis=0)) * [0.9, 1]
    outline = np.concatenate([shape[:17], (top - [0, 25])[::-1]])
    mask = np.zeros((size, size), np.float32)
    cv2.fillPoly(mask, [cv2.convexHull(outline.round().astype(np.int32))], 1.0)
    mask = cv2.erode(mask, np.ones((9, 9)))
    return cv2.GaussianBlur(mask, (0, 0), 6)[..., None]


def main(london: Path) -> None:
    """Write the clip, its annotation and nothing else."""
    neutral, smiling = (iio.imread(london / name) for name in (NEUTRAL, SMILING))
    own = Path(__file__).parent / "sample"
    shape_n, shape_s = (read_pts(own / f"{Path(name).stem}.pts") for name in (NEUTRAL, SMILING))
    align = similarity(shape_s[STEADY], shape_n[STEADY])
    size = neutral.shape[0]
    smiling = cv2.warpAffine(smiling, align, (size, size), borderMode=cv2.BORDER_REPLICATE)
    shape_s = (shape_s @ align[:, :2].T + align[:, 2]).astype(np.float32)
    target = ROOT / "napari_red" / "sample"
    (target / "annot").mkdir(parents=True, exist_ok=True)
    with av.open(target / "talking_face.mp4", "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS), options={"crf": "23"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(FRAMES):
            t = number / FRAMES
            smile = 0.5 - 0.5 * np.cos(2 * np.pi * t * 3)
            shape = (1 - smile) * shape_n + smile * shape_s
            mask = face_mask(shape, size) * smile
            face = (1 - mask) * warped(neutral, shape, shape_n)
            face = (face + mask * warped(smiling, shape, shape_s)).round().astype(np.uint8)
            move = camera(t)
            image = cv2.warpAffine(
                face, move, (WIDTH, HEIGHT), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
            )
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                container.mux(packet)
            landmarks = shape @ move[:, :2].T + move[:, 2]
            write_pts(target / "annot" / f"{number + 1:06d}.pts", landmarks)
        for packet in stream.encode():
            container.mux(packet)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
