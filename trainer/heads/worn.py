"""What people wear in their faces: glasses and surgical masks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from trainer.heads.face_model import FACE_END, FaceModel, face_model
from trainer.heads.hair import GLASSES, MASK, Surface
from trainer.heads.mesh import edges_of, smooth_normals, triangles_of, vertex_faces

_GAP = 0.45  # cm between skin and mask


def glasses(person: np.ndarray, width: float, height: float, squareness: float) -> Surface:
    """Rims, bridge and temples around a person's (V, 3) eyes; half sizes in cm."""
    model = face_model()
    corners = person[model.landmark_vertices[[36, 39, 42, 45, 27]]]
    nose = corners[4]
    tubes = []
    rims = []
    for first, second in ((0, 1), (2, 3)):
        middle = (corners[first] + corners[second]) / 2
        turn = np.linspace(0, 2 * np.pi, 41)
        c, s = np.cos(turn), np.sin(turn)
        x = width * np.sign(c) * np.abs(c) ** squareness
        y = height * np.sign(s) * np.abs(s) ** squareness
        side = np.sign(middle[0])
        z = nose[2] + 0.35 - 0.045 * (middle[0] + x) ** 2 * 0.9
        rim = np.column_stack([middle[0] + 0.15 * side + x, middle[1] - 0.35 + y, z])
        rims.append(rim)
        tubes.append(rim)
        outer = rim[np.argmax(rim[:, 0] * side + 0.3 * rim[:, 1])]
        ear = np.array([side * (np.abs(person[:FACE_END, 0]).max() - 1.1), middle[1] + 0.2, -0.5])
        tubes.append(np.linspace(outer, ear, 8))
    inner = [rim[np.argmin(np.abs(rim[:, 0]) - 0.2 * rim[:, 1])] for rim in rims]
    bridge = np.linspace(inner[0], inner[1], 7)
    bridge[:, 1] += 0.3 * np.sin(np.linspace(0, np.pi, 7))
    tubes.append(bridge)
    return _tubes(tubes, 0.13)


def _tubes(paths: list[np.ndarray], radius: float) -> Surface:
    points, quads, normals = [], [], []
    count = 0
    for path in paths:
        along = np.gradient(path, axis=0)
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
        helper = np.where(np.abs(along[:, 2:]) < 0.9, np.array([0, 0, 1.0]), np.array([0, 1.0, 0]))
        first = np.cross(along, helper)
        first /= np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-9)
        second = np.cross(along, first)
        for k in range(6):
            angle = k * np.pi / 3
            normal = first * np.cos(angle) + second * np.sin(angle)
            points.append(path + radius * normal)
            normals.append(normal)
        n = len(path)
        for k in range(6):
            a = count + k * n + np.arange(n - 1)
            b = count + (k + 1) % 6 * n + np.arange(n - 1)
            quads.append(np.stack([a, a + 1, b + 1, b], axis=1))
        count += 6 * n
    polygons = np.concatenate(quads)
    return Surface(
        np.concatenate(points).astype(np.float32),
        np.concatenate(normals).astype(np.float32),
        np.zeros((count, 2), np.float32),
        np.full(count, 3, np.float32),
        np.ones(count, np.float32),
        triangles_of(polygons),
        GLASSES,
    )


@dataclass(frozen=True)
class MaskRegion:
    """The part of the face a surgical mask covers.

    ``vertices`` (M,) of the mesh; ``polygons`` (P, 4) of those; ``edges`` (E, 2) of those;
    ``degree`` (M,) how many edges meet at each; ``inside`` (M,) is below 1 above the hem.
    """

    vertices: np.ndarray
    polygons: np.ndarray
    edges: np.ndarray
    degree: np.ndarray
    inside: np.ndarray


@cache
def mask_region() -> MaskRegion:
    """From the nose's bridge to under the chin, cheek to cheek."""
    model = face_model()
    x, y, z = model.neutral.T
    normals = model.normals(model.neutral)
    top = 2.0 - 0.028 * x**2
    covered = (y < top + 0.5) & (y > -9.0) & (z > 4.6) & (np.arange(len(x)) < FACE_END)
    covered &= (normals[:, 2] > -0.75) & (np.abs(x) < 7.6)
    polygons = model.faces.corners
    polygons = polygons[covered[polygons].all(axis=1)]
    vertices, local = np.unique(polygons, return_inverse=True)
    local = local.reshape(polygons.shape)
    edges = edges_of(local)
    edges = edges[edges[:, 0] != edges[:, 1]]
    degree = np.bincount(edges.ravel(), minlength=len(vertices)).astype(np.float32)
    inside = 1 + (top - y)[vertices]
    return MaskRegion(vertices, local, edges, degree, inside.astype(np.float32))


def mask(model: FaceModel, points: np.ndarray, normals: np.ndarray) -> Surface:
    """A mask over the (V, 3) face of one frame, stretched over nose and chin."""
    region = mask_region()
    here = points[region.vertices] + _GAP * normals[region.vertices]
    bare = here.copy()
    a, b = region.edges.T
    for _ in range(12):
        total = np.zeros_like(here)
        np.add.at(total, a, here[b])
        np.add.at(total, b, here[a])
        mean = total / np.maximum(region.degree, 1)[:, None]
        # Cloth spans hollows and is held out by what sticks out.
        here = np.where(mean[:, 2:] > bare[:, 2:], 0.3 * here + 0.7 * mean, 0.9 * bare + 0.1 * mean)
    here = here.astype(np.float32)
    return Surface(
        here,
        smooth_normals(here, vertex_faces(region.polygons)),
        np.zeros((len(here), 2), np.float32),
        region.inside,
        np.ones(len(here), np.float32),
        triangles_of(region.polygons),
        MASK,
    )
