"""The face model: a mesh, how people differ, how faces move, where the landmarks are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from trainer.heads.mesh import VertexFaces, smooth_normals, triangles_of, vertex_faces

DATA = Path(__file__).parent / "data"

# Vertex ranges of ICT-FaceKit, as they stand in the reduced mesh.
FACE_END, HEAD_END, MOUTH_END, SOCKETS_END = 9409, 11248, 13294, 14062
GUMS_END, TEETH_END, EYE_LEFT_END, EYE_RIGHT_END = 17039, 21451, 23021, 24591

SKIN, BACK, MOUTH, SOCKET, GUMS, TEETH, EYE, LASH = range(8)
"""What a vertex is made of."""

_NECK = (-8.0, -14.0)
"""From where to where, in cm below the nose bridge, the head's turn fades to the chest's."""


@dataclass(frozen=True)
class FaceModel:
    """Axes of the mesh: x to the image's right, y up, z towards the camera, cm.

    Attributes
    ----------
    neutral : (V, 3) float32
    identity : (K, V, 3) float32, cm per unit; people's coefficients are about N(0, 1)
    expression : (E, V, 3) float32, cm at weight 1
    expression_names : E names, ICT's
    landmark_vertices : (68,) int, in iBUG's order
    material : (V,) int8, :data:`SKIN` and so on
    visibility : (V, 4) float32, see :func:`trainer.heads.occlusion.baked_visibility`
    neck : (V,) float32, 1 where a vertex turns with the head, 0 with the chest
    faces : for normals, without those inside the mouth
    rest_normals : (V, 3) float32 of the neutral face
    drawn_vertices : (D,) int, the mesh vertex each drawn vertex is
    drawn_uv : (D, 2) float32, texture coordinates, v upwards; the face's tile is 0 to 1
    triangles : (N, 3) int32 of drawn vertices
    polygons : (P, 4) int of mesh vertices, -1 pads triangles
    moving : (M,) int, vertices that any expression moves
    moves : (E, M * 3) float32, the expression deltas of those
    """

    neutral: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    expression_names: tuple[str, ...]
    landmark_vertices: np.ndarray
    material: np.ndarray
    visibility: np.ndarray
    neck: np.ndarray
    faces: VertexFaces
    rest_normals: np.ndarray
    drawn_vertices: np.ndarray
    drawn_uv: np.ndarray
    triangles: np.ndarray
    polygons: np.ndarray
    moving: np.ndarray
    moves: np.ndarray

    def person(self, identity: np.ndarray) -> np.ndarray:
        """(V, 3) float32 neutral face of a person with (K,) coefficients."""
        return self.neutral + np.tensordot(np.float32(identity), self.identity, 1)

    def expressed(self, person: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """(V, 3) float32: a person's face under (E,) expression weights."""
        points = person.copy()
        points[self.moving] += (np.float32(weights) @ self.moves).reshape(-1, 3)
        return points

    def normals(self, points: np.ndarray) -> np.ndarray:
        """(V, 3) float32 unit normals of (V, 3) points; inside the mouth those at rest."""
        normals = smooth_normals(points, self.faces)
        inner = slice(HEAD_END, TEETH_END)
        normals[inner] = self.rest_normals[inner]
        return normals

    def weights(self, **named: float) -> np.ndarray:
        """(E,) float32 from names; a name without _L or _R sets both sides."""
        found = np.zeros(len(self.expression_names), np.float32)
        for name, value in named.items():
            found[self.indices(name)] += value
        return found

    def indices(self, name: str) -> list[int]:
        """Where an expression, or both its sides, is in the order of weights."""
        names = self.expression_names
        wanted = [n for n in (name, f"{name}_L", f"{name}_R") if n in names]
        if not wanted:
            raise ValueError(f"{name}: no such expression; known: {', '.join(names)}")
        return [names.index(n) for n in wanted]


@cache
def face_model() -> FaceModel:
    """The model that ships with the package."""
    with np.load(DATA / "face_model.npz") as data:
        neutral = data["neutral"]
        identity = data["identity"].astype(np.float32) * data["identity_scale"][:, None, None]
        expression = data["expression"].astype(np.float32)
        expression *= data["expression_scale"][:, None, None]
        names = tuple(str(name) for name in data["expression_names"])
        landmarks = data["landmark_vertices"].astype(np.int64)
        visibility = data["visibility"].astype(np.float32) / 127
        polygons = data["polygons"].astype(np.int64)
        drawn_polygons = data["drawn_polygons"]
        drawn_vertices = data["drawn_vertices"].astype(np.int64)
        uv = data["drawn_uv"].astype(np.float32)
    material = np.zeros(len(neutral), np.int8)
    for first, last, kind in (
        (FACE_END, HEAD_END, BACK),
        (HEAD_END, MOUTH_END, MOUTH),
        (MOUTH_END, SOCKETS_END, SOCKET),
        (SOCKETS_END, GUMS_END, GUMS),
        (GUMS_END, TEETH_END, TEETH),
        (TEETH_END, EYE_RIGHT_END, EYE),
        (EYE_RIGHT_END, len(neutral), LASH),
    ):
        material[first:last] = kind
    # The front of the neck hangs lower than its back for the same turn.
    height = neutral[:, 1] + 0.25 * neutral[:, 2]
    t = np.clip((height - _NECK[1]) / (_NECK[0] - _NECK[1]), 0, 1)
    neck = (t * t * (3 - 2 * t)).astype(np.float32)
    neck[material >= MOUTH] = 1
    corners = np.where(polygons < 0, polygons[:, :1], polygons)
    inner = ((corners >= HEAD_END) & (corners < TEETH_END)).all(axis=1)
    moving = np.flatnonzero(np.abs(expression).max(axis=(0, 2)) > 0)
    return FaceModel(
        neutral=neutral,
        identity=identity,
        expression=expression,
        expression_names=names,
        landmark_vertices=landmarks,
        material=material,
        visibility=visibility,
        neck=neck,
        faces=vertex_faces(polygons[~inner]),
        rest_normals=smooth_normals(neutral, vertex_faces(polygons)),
        drawn_vertices=drawn_vertices,
        drawn_uv=uv,
        triangles=triangles_of(drawn_polygons),
        polygons=polygons,
        moving=moving,
        moves=np.ascontiguousarray(expression[:, moving].reshape(len(expression), -1)),
    )
