"""Arithmetic on polygon meshes: triangles, neighbours, normals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class VertexFaces:
    """Which polygons meet at each vertex, as flat arrays for ``np.add.reduceat``.

    ``corners`` is (P, 4) vertices of each polygon, its last repeated for triangles;
    ``faces`` lists polygons vertex by vertex, ``starts`` where each vertex's list begins,
    ``vertices`` which vertices have any.
    """

    corners: np.ndarray
    faces: np.ndarray
    starts: np.ndarray
    vertices: np.ndarray


def vertex_faces(polygons: np.ndarray) -> VertexFaces:
    """Prepare (P, 4) polygons, -1 padding triangles, for :func:`smooth_normals`."""
    corners = np.asarray(polygons, np.int64)
    corners = np.where(corners < 0, corners[:, [2, 2, 2, 2]], corners)
    faces = np.repeat(np.arange(len(corners)), 4)
    order = np.argsort(corners.ravel(), kind="stable")
    vertices, starts = np.unique(corners.ravel()[order], return_index=True)
    return VertexFaces(corners, faces[order], starts, vertices)


def smooth_normals(points: np.ndarray, mesh: VertexFaces) -> np.ndarray:
    """(V, 3) float32 unit normals, outward, of (V, 3) points; 0 where no polygon is."""
    a, b, c, d = (points[mesh.corners[:, k]] for k in range(4))
    u, v = c - a, d - b
    cross = np.empty_like(u)
    cross[:, 0] = u[:, 1] * v[:, 2] - u[:, 2] * v[:, 1]
    cross[:, 1] = u[:, 2] * v[:, 0] - u[:, 0] * v[:, 2]
    cross[:, 2] = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    normals = np.zeros_like(points)
    normals[mesh.vertices] = np.add.reduceat(cross[mesh.faces], mesh.starts, axis=0)
    length = np.sqrt(np.einsum("ij,ij->i", normals, normals))
    return normals / np.maximum(length, 1e-12)[:, None]


def triangles_of(polygons: np.ndarray) -> np.ndarray:
    """(N, 3) int32 triangles of (P, 4) polygons, -1 padding triangles."""
    polygons = np.asarray(polygons, np.int32)
    second = polygons[polygons[:, 3] >= 0][:, [0, 2, 3]]
    return np.concatenate([polygons[:, :3], second])


def edges_of(polygons: np.ndarray) -> np.ndarray:
    """(E, 2) int64 edges of (P, 4) polygons, each once, smaller vertex first."""
    polygons = np.asarray(polygons, np.int64)
    following = np.roll(polygons, -1, axis=1)
    following = np.where(following < 0, polygons[:, :1], following)
    pairs = np.stack([polygons, following], axis=-1)[polygons >= 0]
    return np.unique(np.sort(pairs, axis=1), axis=0)
