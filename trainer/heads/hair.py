"""Hair, clothes, glasses and masks: plain surfaces put around a person's head.

All are returned as a :class:`Surface` in the mesh's axes, cm, for a person at rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.heads.face_model import BACK, FACE_END, SKIN, FaceModel
from trainer.heads.mesh import smooth_normals, triangles_of, vertex_faces

HAIR, CLOTH, GLASSES, MASK = 8, 9, 11, 12
"""Materials, going on from those of :mod:`trainer.heads.face_model`."""

LOWEST_COLLAR = -15.0
"""Height, cm, below which clothes cover everything."""

# The hairline seen from the side: height at which hair begins, by depth; cm.
_LINE_Z = np.array([-9.0, -6.0, -4.5, -3.3, -2.4, 0.0, 2.2, 3.4, 4.6, 6.0, 8.0, 10.0])
_LINE_Y = np.array([-6.5, -5.5, -4.0, 0.5, 4.6, 5.2, 5.2, 3.4, 5.8, 8.4, 9.8, 10.2])


@dataclass(frozen=True)
class Surface:
    """A triangle mesh of one material.

    ``points``, ``normals`` (V, 3); ``uv`` (V, 2); ``inside`` (V,) how far within its ragged
    edge, 1 or more is solid; ``neck`` (V,) 1 turns with the head; ``triangles`` (N, 3).
    """

    points: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    inside: np.ndarray
    neck: np.ndarray
    triangles: np.ndarray
    material: int


@dataclass(frozen=True)
class HairStyle:
    """``thickness`` cm on top (0 is bald), ``line`` cm the front line is higher, ``peak`` how
    far its middle dips, ``length`` cm that hair falls below the crown (0 is short),
    ``opening`` degrees from the back to where falling hair ends in front, ``curl`` 0 to 1."""

    thickness: float
    line: float
    peak: float
    length: float
    opening: float
    curl: float
    seed: int


def hair_cap(model: FaceModel, person: np.ndarray, style: HairStyle) -> Surface:
    """A layer over the scalp, thin at the hairline."""
    rest = model.neutral
    scalp = (model.material == SKIN) | (model.material == BACK)
    x, y, z = rest.T
    front = np.clip((z - 3.5) / 3, 0, 1)
    line = np.interp(z, _LINE_Z, _LINE_Y)
    line = line + front * (style.line - style.peak * np.cos(np.clip(x / 5, -1, 1) * np.pi))
    field = np.where(scalp, y - line, -9)
    corners = model.faces.corners  # triangles repeat their last corner
    chosen = corners[(field[corners] > -0.7).all(axis=1)]
    used, polygons = np.unique(chosen, return_inverse=True)
    polygons = polygons.reshape(chosen.shape)
    normals = model.normals(person)[used]
    rng = np.random.default_rng(style.seed)
    grown = np.clip(field[used] / 3.5, 0, 1)
    grown = np.sqrt(grown * (2 - grown))
    wave = np.zeros(len(used))
    for _ in range(6):
        axis = rng.normal(size=3) * (0.25 + 0.9 * style.curl)
        wave += np.sin(rest[used] @ axis + rng.uniform(0, 6.3)) / 6
    thick = style.thickness * grown * (1 + 0.6 * wave)
    # Hair rises more than it spreads.
    lift = normals * (0.8, 1.0, 0.8) * thick[:, None]
    points = person[used] + lift + normals * 0.12
    centre = person[used].mean(axis=0)
    uv = _around_crown(points - centre, style)
    return Surface(
        points.astype(np.float32),
        smooth_normals(points.astype(np.float32), vertex_faces(polygons)),
        uv,
        np.clip((field[used] + 0.35) / 1.2, 0, 3).astype(np.float32),
        np.ones(len(used), np.float32),
        triangles_of(polygons),
        HAIR,
    )


def falling_hair(person: np.ndarray, style: HairStyle) -> Surface:
    """Long hair: a curtain around sides and back, from the crown down."""
    columns, rows = 72, 26
    rng = np.random.default_rng(style.seed + 1)
    phi = np.radians(np.linspace(-style.opening, style.opening, columns))
    v = np.linspace(0, 1, rows)[:, None]
    top = float(person[:, 1].max())
    half = float(np.abs(person[:FACE_END, 0]).max())
    wave = sum(
        np.sin(phi * rng.uniform(3, 9) + v * rng.uniform(0, 5) + rng.uniform(0, 6.3))
        for _ in range(4)
    )
    round_top = np.sqrt(np.clip(v / 0.42, 0, 1) * (2 - np.clip(v / 0.42, 0, 1)))
    flare = 1 + 0.12 * np.clip(v - 0.4, 0, 1)
    rx = (half + 0.2 + 0.55 * style.thickness + 0.18 * wave) * round_top * flare
    rz = (9.0 + 0.5 * style.thickness + 0.18 * wave) * round_top * flare
    x, z = rx * np.sin(phi), -0.2 - rz * np.cos(phi)
    # Towards the front the curtain starts lower, at the temple.
    y = top + 0.3 - style.length * v - 0.0 * x
    points = np.stack([x, y, z], axis=-1).astype(np.float32).reshape(-1, 3)
    index = np.arange(rows * columns).reshape(rows, columns)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], -1)
    quads = quads.reshape(-1, 4)
    edge = np.minimum((style.opening - np.abs(np.degrees(phi))) / 12 + 0.25, 3) * np.ones((rows, 1))
    end = np.clip((1 - v) / 0.12, 0, 3) * np.ones(columns)
    uv = np.stack([np.broadcast_to(phi / 6.283, x.shape), np.broadcast_to(v * 2, x.shape)], -1)
    return Surface(
        points,
        smooth_normals(points, vertex_faces(quads)),
        uv.reshape(-1, 2).astype(np.float32),
        np.minimum(edge, end).ravel().astype(np.float32),
        np.clip(1.0 - np.clip((-6.0 - points[:, 1]) / 10, 0, 0.75), 0, 1).astype(np.float32),
        triangles_of(quads),
        HAIR,
    )


def clothes(
    model: FaceModel, person: np.ndarray, collar: float, dip: float
) -> tuple[Surface, Surface]:
    """A garment: close to neck and shoulders, and rings around the chest below.

    ``collar`` is its height in cm (mesh y), ``dip`` how much lower it is in front.
    """
    rest = model.neutral
    x, y, z = rest.T
    skin = (model.material == SKIN) | (model.material == BACK)
    front = np.clip((z + 1) / 5, 0, 1) * np.exp(-((x / 4.5) ** 2))
    field = np.where(skin, collar - dip * front + 0.08 * np.abs(x) - y, -9)
    corners = model.faces.corners
    used, polygons = np.unique(corners[(field[corners] > -0.7).all(axis=1)], return_inverse=True)
    polygons = polygons.reshape(-1, 4)
    normals = model.normals(person)[used]
    points = person[used] + normals * (0.25 + 0.3 * np.clip(field[used], 0, 2))[:, None]
    close = _garment(points.astype(np.float32), polygons, model.neck[used], 1 + field[used])
    columns, rows = 64, 16
    phi = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    # cm below the shoulders' top, half width, half depth in front and behind
    profile = np.array(
        [
            [0.0, 6.5, 2.8, 4.6], [0.8, 10.0, 4.6, 6.0], [1.8, 13.8, 6.0, 7.4],
            [4.0, 18.0, 7.6, 8.6], [6.5, 20.4, 8.6, 9.2], [10.0, 21.8, 9.8, 9.8],
            [18.0, 22.8, 11.5, 11.0], [60.0, 22.0, 12.0, 11.0],
        ]
    )  # fmt: skip
    down = np.concatenate([np.linspace(0, 8, 11), np.linspace(10, 60, rows - 11)])
    width, before, behind = (
        np.interp(down, profile[:, 0], profile[:, k])[:, None] for k in range(1, 4)
    )
    c, s = np.cos(phi), np.sin(phi)
    # Shoulders are boxier than an ellipse.
    x = width * np.sign(s) * np.abs(s) ** 0.85
    z = -1.5 + np.where(c > 0, before, behind) * np.sign(c) * np.abs(c) ** 0.85
    y = np.broadcast_to(-12.2 - down[:, None], x.shape)
    scale = float(np.abs(person[:FACE_END, 0]).max() / np.abs(rest[:FACE_END, 0]).max())
    points = np.stack([x * scale, y, z], axis=-1).astype(np.float32).reshape(-1, 3)
    index = np.arange(rows * columns).reshape(rows, columns)
    index = np.concatenate([index, index[:, :1]], axis=1)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], -1)
    count = len(points)
    return close, _garment(points, quads.reshape(-1, 4), np.zeros(count), np.full(count, 3))


def _garment(
    points: np.ndarray, quads: np.ndarray, neck: np.ndarray, inside: np.ndarray
) -> Surface:
    return Surface(
        points,
        smooth_normals(points, vertex_faces(quads)),
        np.zeros((len(points), 2), np.float32),
        inside.astype(np.float32),
        neck.astype(np.float32),
        triangles_of(quads),
        CLOTH,
    )


def _around_crown(offset: np.ndarray, style: HairStyle) -> np.ndarray:
    """(V, 2) float32: angle around the crown in turns, and distance from it."""
    crown = np.array([0.25 * np.sin(style.seed), 0.9, -0.35])
    crown /= np.linalg.norm(crown)
    unit = offset / np.maximum(np.linalg.norm(offset, axis=1, keepdims=True), 1e-6)
    side = np.cross(crown, (0, 0, 1))
    side /= np.linalg.norm(side)
    other = np.cross(side, crown)
    # Where the angle jumps is at the back of the head.
    angle = np.arctan2(unit @ side, unit @ other)
    return np.column_stack([angle / 6.283, np.arccos(np.clip(unit @ crown, -1, 1))]).astype(
        np.float32
    )
