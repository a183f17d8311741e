"""The face model fitted to landmarks in frontal photographs (for heads_skin.py)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from trainer.heads.mesh import vertex_faces

FOCAL = 2600.0  # pixels of a 640-pixel photo: taken from some metres away
FREE_EXPRESSIONS = (
    "browDown_L",
    "browDown_R",
    "browInnerUp_L",
    "browInnerUp_R",
    "browOuterUp_L",
    "browOuterUp_R",
    "eyeBlink_L",
    "eyeBlink_R",
    "eyeWide_L",
    "eyeWide_R",
    "eyeSquint_L",
    "eyeSquint_R",
    "jawOpen",
    "mouthPress_L",
    "mouthPress_R",
    "mouthFrown_L",
    "mouthFrown_R",
    "mouthSmile_L",
    "mouthSmile_R",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthPucker",
    "mouthLowerDown_L",
    "mouthLowerDown_R",
    "mouthUpperUp_L",
    "mouthUpperUp_R",
)


class FaceModel:
    """The reduced model as floats."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as data:
            self.neutral = data["neutral"]
            self.polygons = data["polygons"].astype(np.int64)
            self.drawn = data["drawn_polygons"]
            self.drawn_vertices = data["drawn_vertices"]
            self.uv = data["drawn_uv"].astype(np.float32)
            scale = data["identity_scale"][:, None, None]
            self.identity = data["identity"].astype(np.float32) * scale
            scale = data["expression_scale"][:, None, None]
            self.expression = data["expression"].astype(np.float32) * scale
            self.names = [str(name) for name in data["expression_names"]]
            self.landmarks = data["model_landmark_vertices"]
        self.faces = vertex_faces(self.polygons)


def photo_landmarks(images: dict[str, np.ndarray], cache: Path | None) -> dict[str, np.ndarray]:
    """(68, 2) landmarks of each photo."""
    if cache is not None and cache.exists():
        with np.load(cache) as saved:
            return {name: saved[name] for name in saved}
    import torch

    from trainer.checkpoint import load_model
    from trainer.detection import default_detector
    from trainer.devices import Runner
    from trainer.face_network import FaceNetwork
    from trainer.scheme import IBUG68

    network = FaceNetwork(Runner(load_model("red-lite").model, torch.device("cpu")), IBUG68)
    detector = default_detector()
    found = {}
    for name, image in images.items():
        boxes = detector.detect(image)
        if not boxes:
            continue
        points = network.start(image, [boxes[0]])[0].landmarks
        for _ in range(3):
            points = network.follow(image, [points], [None])[0].landmarks
        width, mirrored = image.shape[1], np.ascontiguousarray(image[:, ::-1])
        other = IBUG68.flip_landmarks(points, width)
        for _ in range(2):
            other = network.follow(mirrored, [other], [None])[0].landmarks
        found[name] = (points + IBUG68.flip_landmarks(other, width)) / 2
    if cache is not None:
        np.savez_compressed(cache, **found)
    return found


def fit(model: FaceModel, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Identity (K,), vertices in camera axes (V, 3) cm, their pixels (V, 2), rms pixels."""
    lm = model.landmarks
    free = [model.names.index(name) for name in FREE_EXPRESSIONS]
    basis = np.concatenate([model.identity, model.expression[free]])[:, lm]
    n_identity = len(model.identity)
    prior = np.r_[np.full(n_identity, 1.0), np.full(len(free), 4.0)]
    weight = np.ones(68)
    weight[:17] = 0.5
    camera = np.array([[FOCAL, 0, 319.5], [0, FOCAL, 319.5], [0, 0, 1]])
    flip = np.array([1.0, -1.0, -1.0])
    coefficients = np.zeros(len(basis))
    rotation_vector, shift = np.zeros((3, 1)), np.array([[0.0], [0.0], [200.0]])
    for _ in range(12):
        shape = (model.neutral[lm] + np.tensordot(coefficients, basis, 1)) * flip
        _, rotation_vector, shift = cv2.solvePnP(
            shape, points.astype(np.float64), camera, None, rotation_vector, shift, True
        )
        rotation = cv2.Rodrigues(rotation_vector)[0]
        placed = shape @ rotation.T + shift.T
        scale = FOCAL / placed[:, 2:]
        seen = placed[:, :2] * scale + 319.5
        moved = (basis * flip) @ rotation.T
        jacobian = (moved[..., :2] - moved[..., 2:] * (placed[:, :2] / placed[:, 2:])) * scale
        a = (jacobian * weight[:, None]).reshape(len(basis), -1).T / 2.0  # 2 px of noise
        error = ((points - seen) * weight[:, None]).ravel() / 2.0
        step = np.linalg.solve(a.T @ a + np.diag(prior), a.T @ error - prior * coefficients)
        coefficients += 0.7 * step
        coefficients[n_identity:] = np.clip(coefficients[n_identity:], -0.2, 1)
    vertices = model.neutral + np.tensordot(coefficients[:n_identity], model.identity, 1)
    vertices = vertices + np.tensordot(coefficients[n_identity:], model.expression[free], 1)
    placed = (vertices * flip) @ rotation.T + shift.T
    seen = placed[:, :2] * FOCAL / placed[:, 2:] + 319.5
    rms = float(np.sqrt(((seen[lm] - points) ** 2).sum(axis=1).mean()))
    return coefficients[:n_identity].astype(np.float32), placed, seen, rms
