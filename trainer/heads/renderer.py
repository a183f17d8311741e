"""Draws a head with OpenGL: colours, and how far away each pixel's surface is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from trainer.heads import blob_shaders, shaders
from trainer.heads.face_model import EYE_LEFT_END, EYE_RIGHT_END, LASH, TEETH_END, face_model
from trainer.heads.gl import open_context
from trainer.heads.hair import CLOTH, HAIR, LOWEST_COLLAR, MASK, Surface
from trainer.heads.pose import MESH_TO_CAMERA, PIVOT, Camera, Placement

FAR = 1e6
"""Depth where nothing is, cm."""

_LOWER_LASHES = 3.3  # cm; those below look like make-up at this size


@dataclass(frozen=True)
class Light:
    """Colours are linear; ``key_from`` is a unit vector towards the light, camera axes."""

    key_from: np.ndarray
    key_colour: np.ndarray
    sky: np.ndarray
    ground: np.ndarray
    side: np.ndarray
    exposure: float = 1.0


@dataclass(frozen=True)
class Blob:
    """Something between camera and face: ``kind`` 0 hand, 1 bar, 2 microphone, 3 cup.

    ``middle`` (3,) cm in camera axes, ``size`` half width and height in cm, ``angle`` radians.
    """

    kind: int
    middle: tuple[float, float, float]
    size: tuple[float, float]
    angle: float
    colour: tuple[float, float, float]


@dataclass(frozen=True)
class Look:
    """What doesn't change within a clip: colours (linear), skin texture, surfaces worn."""

    skin: np.ndarray
    skin_mean: np.ndarray
    hair_colour: np.ndarray
    iris_colour: np.ndarray
    cloth_colour: np.ndarray
    thing_colour: np.ndarray
    strands: float
    curl: float
    shine: float
    surfaces: tuple[Surface, ...] = ()
    infrared: bool = False


@dataclass(frozen=True)
class _Drawn:
    """A surface on the graphics side."""

    array: Any
    buffers: tuple[Any, ...]

    def release(self) -> None:
        for thing in (self.array, *self.buffers):
            thing.release()


class Renderer:
    """Draws pictures of one size. One per process and size; call from one thread.

    Pictures are drawn ``scale`` times as large and averaged down.
    """

    def __init__(self, width: int, height: int, scale: float = 1.5) -> None:
        self.width, self.height, self.scale = width, height, scale
        gl = self._gl = open_context()
        model = face_model()
        size = self._size = (round(width * scale), round(height * scale))
        self._notes = [gl.texture(size, 4, dtype="f2") for _ in range(3)]
        for note in self._notes:
            note.filter = (gl.NEAREST, gl.NEAREST)
        self._first = gl.framebuffer(self._notes, gl.depth_renderbuffer(size))
        self._colour = gl.renderbuffer(size, 4)
        self._depth = gl.renderbuffer(size, 1, dtype="f4")
        self._second = gl.framebuffer([self._colour, self._depth])
        vertex = shaders.VERTEX
        self._solid = gl.program(
            vertex_shader=vertex, fragment_shader=shaders.surface_shader(ragged=False)
        )
        self._ragged = gl.program(
            vertex_shader=vertex, fragment_shader=shaders.surface_shader(ragged=True)
        )
        self._shade = gl.program(
            vertex_shader=shaders.SCREEN, fragment_shader=shaders.shading_shader()
        )
        corners = gl.buffer(np.array([-1, -1, 1, -1, -1, 1, 1, 1], np.float32))
        self._screen = gl.vertex_array(self._shade, [(corners, "2f", "corner")])
        self._blob_program = gl.program(
            vertex_shader=blob_shaders.BLOB_VERTEX, fragment_shader=blob_shaders.BLOB_FRAGMENT
        )
        self._blob_array = gl.vertex_array(self._blob_program, [(corners, "2f", "corner")])
        drawn = model.drawn_vertices
        eyes = (drawn >= TEETH_END) & (drawn < EYE_RIGHT_END)
        uv = np.where(eyes[:, None], _eye_uv(model.neutral)[drawn], model.drawn_uv)
        self._moving = gl.buffer(reserve=len(drawn) * 6 * 4, dynamic=True)
        columns = (model.visibility, model.neck[:, None], model.material[:, None])
        fixed = np.concatenate([uv, *(c[drawn] for c in columns)], axis=1).astype(np.float32)
        lashes = (model.material[drawn] == LASH)[model.triangles].all(axis=1)
        upper = (model.neutral[drawn, 1] > _LOWER_LASHES)[model.triangles].all(axis=1)
        covered = (model.neutral[drawn, 1] < LOWEST_COLLAR - 0.5)[model.triangles].all(axis=1)
        bare = model.triangles[~lashes & ~covered]
        self._face = self._array(self._solid, self._moving, fixed, bare)
        self._lashes = self._array(
            self._ragged, self._moving, fixed, model.triangles[lashes & upper]
        )
        self._worn: list[_Drawn] = []
        self._textures: list[Any] = []
        self.owner: object = None  # whoever dressed it last

    def dress(self, look: Look, picture: np.ndarray) -> None:
        """Take over a clip's look and its (H, W, 3) uint8 backdrop."""
        for thing in (*self._worn, *self._textures):
            thing.release()
        self._worn = [self._upload(surface) for surface in look.surfaces]
        self._textures = [
            self._gl.texture(image.shape[1::-1], 3, np.ascontiguousarray(image), alignment=1)
            for image in (look.skin, picture)
        ]
        for program in (self._ragged, self._shade):
            _set(program, "hair_shape", (look.strands, 0.9, look.curl, 3.0))
        for name in ("skin_mean", "hair_colour", "iris_colour", "cloth_colour", "thing_colour"):
            _set(self._shade, name, tuple(map(float, getattr(look, name))))
        _set(self._shade, "shine", look.shine)
        _set(self._shade, "infrared", float(look.infrared))

    def draw(
        self,
        points: np.ndarray,
        normals: np.ndarray,
        placement: Placement,
        camera: Camera,
        light: Light,
        *,
        window: tuple[float, float, float, float] = (0, 0, 1, 1),
        blobs: tuple[Blob, ...] = (),
        extra: tuple[Surface, ...] = (),
    ) -> tuple[np.ndarray, np.ndarray]:
        """One picture.

        Parameters
        ----------
        points, normals : (V, 3) float32 of the face's mesh, cm
        placement, camera, light : where the head is, what sees it, what lights it
        window : part of the backdrop that is seen, x, y, width, height as shares
        blobs : things in front
        extra : surfaces of this frame alone

        Returns
        -------
        (H, W, 3) uint8 sRGB, and (H * scale, W * scale) float32 cm away from the camera,
        :data:`FAR` where only the backdrop is
        """
        block = np.concatenate([points - PIVOT, normals], axis=1).astype(np.float32)
        self._moving.write(block[face_model().drawn_vertices])
        added = [self._upload(surface) for surface in extra]
        self._set_view(placement, camera, light)
        gl = self._gl
        self._first.use()
        self._first.clear(0.0, 0.0, 0.0, -1.0, depth=1.0)
        gl.enable_only(gl.DEPTH_TEST)
        gl.enable(gl.CULL_FACE)
        gl.cull_face = "front"  # rows run downwards, which turns triangles over
        self._face.array.render()
        gl.disable(gl.CULL_FACE)
        for thing in (*self._worn, *added, self._lashes):
            thing.array.render()
        self._second.use()
        gl.disable(gl.DEPTH_TEST)
        _set(self._shade, "window", window)
        names = ("facing", "surface", "position", "skin")
        textures = (*self._notes, *self._textures)
        for unit, (name, texture) in enumerate(
            zip((*(f"{n}_texture" for n in names), "backdrop"), textures, strict=True)
        ):
            texture.use(unit)
            _set(self._shade, name, unit)
        self._screen.render(gl.TRIANGLE_STRIP)
        self._draw_blobs(blobs, camera, light)
        width, height = self._size
        raw = np.frombuffer(self._second.read(components=4), np.uint8)
        large = raw.reshape(height, width, 4)[..., :3]
        image = cv2.resize(large, (self.width, self.height), interpolation=cv2.INTER_AREA)
        raw = np.frombuffer(self._second.read(components=1, attachment=1, dtype="f4"), np.float32)
        for thing in added:
            thing.release()
        return image, raw.reshape(height, width)

    def _draw_blobs(self, blobs: tuple[Blob, ...], camera: Camera, light: Light) -> None:
        program = self._blob_program
        facing = max(float(-light.key_from[2]), 0.0) * 0.8 + 0.2
        total = (0.5 * (light.sky + light.ground) + light.key_colour * facing) * light.exposure
        for blob in blobs:
            for name in ("kind", "middle", "size", "angle"):
                _set(program, name, getattr(blob, name))
            _set(program, "camera", _clip_camera(camera))
            _set(program, "blob_colour", blob.colour)
            _set(program, "light", tuple(map(float, total)))
            _set(program, "seed", blob.size[0])
            self._blob_array.render(self._gl.TRIANGLE_STRIP)

    def _set_view(self, placement: Placement, camera: Camera, light: Light) -> None:
        key = placement.head.T @ light.key_from * MESH_TO_CAMERA
        for program in (self._solid, self._ragged):
            _set(program, "head", tuple(placement.head.T.ravel()))
            _set(program, "chest", tuple(placement.chest.T.ravel()))
            _set(program, "at", placement.at)
            _set(program, "camera", _clip_camera(camera))
            _set(program, "local_key", tuple(map(float, key)))
        program = self._shade
        _set(program, "camera", _clip_camera(camera))
        for name, value in (
            ("key_from", light.key_from),
            ("key_colour", light.key_colour),
            ("sky", light.sky),
            ("ground", light.ground),
            ("side_light", light.side),
        ):
            _set(program, name, tuple(map(float, value)))
        _set(program, "exposure", light.exposure)

    def _upload(self, surface: Surface) -> _Drawn:
        moving = np.concatenate([surface.points - PIVOT, surface.normals], axis=1)
        buffer = self._gl.buffer(moving.astype(np.float32))
        count = len(surface.points)
        ragged = surface.material in (HAIR, CLOTH, MASK)
        # Of these, the visibility's constant says how far inside its edge a point is.
        visibility = np.zeros((count, 4))
        visibility[:, 0] = surface.inside if ragged else 1.0
        columns = (
            surface.uv,
            visibility,
            surface.neck[:, None],
            np.full((count, 1), surface.material),
        )
        fixed = np.concatenate(columns, axis=1).astype(np.float32)
        program = self._ragged if ragged else self._solid
        return self._array(program, buffer, fixed, surface.triangles)

    def _array(self, program: Any, moving: Any, fixed: np.ndarray, triangles: np.ndarray) -> _Drawn:
        rest = self._gl.buffer(fixed)
        index = self._gl.buffer(np.ascontiguousarray(triangles, np.int32))
        content = [
            (moving, "3f 3f", "place", "normal"),
            (rest, "2f 4f 1f 1f", "uv", "visibility", "neck", "material"),
        ]
        array = self._gl.vertex_array(program, content, index, index_element_size=4)
        return _Drawn(array, (moving, rest, index))


def _eye_uv(neutral: np.ndarray) -> np.ndarray:
    """(V, 2): sideways parts of the direction from an eye's middle; 9 on its back."""
    uv = np.zeros((len(neutral), 2), np.float32)
    for first, last in ((TEETH_END, EYE_LEFT_END), (EYE_LEFT_END, EYE_RIGHT_END)):
        ball = neutral[first:last]
        middle = (ball.min(axis=0) + ball.max(axis=0)) / 2
        direction = ball - middle
        direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-6)
        flat = direction[:, :2]
        uv[first:last] = np.where(direction[:, 2:] > 0, flat, flat * 9)
    return uv


def _set(program: Any, name: str, value: Any) -> None:
    if name in program:  # a driver leaves out what a shader doesn't use
        program[name].value = value


def _clip_camera(camera: Camera) -> tuple[float, float, float, float]:
    half_width, half_height = camera.width / 2, camera.height / 2
    return (
        camera.focal / half_width,
        camera.focal / half_height,
        (camera.centre[0] + 0.5) / half_width - 1,
        (camera.centre[1] + 0.5) / half_height - 1,
    )
