"""Landmarks of a posed head, the jaw's on the visible outline as in photographs' sets.

On a photograph of a turned head the annotator can't see the far jaw: the jaw's landmarks
lie on the outline of the cheek instead. Each of them slides along a line over the cheek,
from the jaw's own vertex towards the face's middle, to where the line turns back from view.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from trainer.heads.face_model import FACE_END, FaceModel, face_model
from trainer.heads.mesh import edges_of
from trainer.heads.pose import MESH_TO_CAMERA, Camera, Placement

JAW = 17
_SAMPLES = 40
_LOWEST_CENTRE = -3.2  # cm: lines of the lower jaw meet below the nose, at the mouth
_INNERMOST = 1.9  # cm from the face's middle: no line reaches the nose
_NOSE_BASE = -2.0  # cm: below it, lines may go further


@dataclass(frozen=True)
class CheekLines:
    """For each of the 17 jaw landmarks, points along a line over the cheek.

    Attributes
    ----------
    ends : (17, S, 2) int, the edge of the mesh each point lies on
    share : (17, S, 1) float32, how far along that edge
    outward : (17, 2) float, unit direction away from the face's middle, mesh xy
    """

    ends: np.ndarray
    share: np.ndarray
    outward: np.ndarray

    def points(self, vertices: np.ndarray) -> np.ndarray:
        """(17, S, 3) of (V, 3) vertices."""
        first, second = vertices[self.ends[..., 0]], vertices[self.ends[..., 1]]
        return first + (second - first) * self.share


@cache
def cheek_lines() -> CheekLines:
    """The lines of the model that ships."""
    model = face_model()
    polygons = model.polygons[(model.polygons < FACE_END).all(axis=1)]
    edges = edges_of(polygons)
    outer = _outer_skin(model)
    edges = edges[outer[edges].all(axis=1)]
    found = [_line(model, edges, n) for n in range(JAW)]
    return CheekLines(
        np.stack([ends for ends, _, _ in found]),
        np.stack([share for _, share, _ in found])[..., None].astype(np.float32),
        np.stack([outward for _, _, outward in found]),
    )


def landmarks_of(
    vertices: np.ndarray, placement: Placement, camera: Camera
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Landmarks of one moment.

    Parameters
    ----------
    vertices : (V, 3) float32, the face's mesh, cm
    placement, camera : where it is and what sees it

    Returns
    -------
    contour, vertex : (68, 2) float64 pixels, the jaw on the outline or at its vertices
    contour_depth, vertex_depth : (68,) float64 cm away from the camera
    """
    model = face_model()
    fixed = placement.place(vertices[model.landmark_vertices])
    lines = cheek_lines()
    placed = placement.place(lines.points(vertices).reshape(-1, 3)).reshape(JAW, _SAMPLES, 3)
    seen = camera.project(placed)
    roll = np.radians(placement.seen_angles()[2])
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    outward = (lines.outward * MESH_TO_CAMERA[:2]) @ turn.T
    reach = np.einsum("jsk,jk->js", seen, outward)
    best = np.arange(JAW), reach.argmax(axis=1)
    vertex = camera.project(fixed)
    contour, depth = vertex.copy(), fixed[:, 2].copy()
    slid = reach[best] > np.einsum("jk,jk->j", vertex[:JAW], outward)
    contour[:JAW][slid] = seen[best][slid]
    depth[:JAW][slid] = placed[best][slid, 2]
    return contour, vertex, depth, fixed[:, 2]


def _outer_skin(model: FaceModel) -> np.ndarray:
    """(V,) bool: skin that faces outwards, neither lips' insides nor nostrils."""
    normals = model.normals(model.neutral)
    outward = model.neutral - np.array([0, 0, 0], np.float32)
    return np.einsum("ij,ij->i", normals, outward) > 0


def _line(
    model: FaceModel, edges: np.ndarray, jaw: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where a plane through a jaw vertex and the face's middle cuts edges, jaw first."""
    start = model.neutral[model.landmark_vertices[jaw]].astype(np.float64)
    centre = np.array([0.0, max(start[1], _LOWEST_CENTRE)])
    outward = start[:2] - centre
    length = float(np.linalg.norm(outward))
    outward /= length
    across = np.array([-outward[1], outward[0]])
    place = model.neutral[:, :2].astype(np.float64) - centre
    side = place @ across
    ends = edges[(side[edges[:, 0]] > 0) != (side[edges[:, 1]] > 0)]
    share = side[ends[:, 0]] / (side[ends[:, 0]] - side[ends[:, 1]])
    first, second = model.neutral[ends[:, 0]], model.neutral[ends[:, 1]]
    points = first + (second - first) * share[:, None]
    along = (points[:, :2] - centre) @ outward
    inner = _INNERMOST if centre[1] > _NOSE_BASE else 0.15 * length
    # Behind the jaw vertex the plane also cuts the neck and the ear.
    on = (along > inner) & (along < length + 0.05) & (points[:, 2] > start[2] - 0.3)
    ends, share, along = ends[on], share[on], along[on]
    order = np.argsort(-along)
    chosen = order[np.round(np.linspace(0, len(order) - 1, _SAMPLES)).astype(int)]
    return ends[chosen], share[chosen], outward
