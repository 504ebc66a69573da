"""Triangle meshes that our toys are built from, made in numpy: superquadrics, boxes, lathes, tubes.

A primitive is a unit shape around the origin, z up; `Toy.add` puts it in place with a 4 x 4 frame, which may hold a
scale. A material is the number of a tile in the toy's texture atlas (`TILES` tiles side by side).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
TILES = 6  # of the atlas; 0-3: the toy's own colours and patterns, 4: near black, 5: white
BLACK, WHITE = 4, 5
TILE_MARGIN = 0.06  # share of a tile on each side that is not used, so that no sample reaches the neighbour


@dataclass(frozen=True)
class Mesh:
    """A mesh of n vertices and m triangles."""

    vertices: Array  # [n, 3]
    normals: Array  # [n, 3], of length 1
    uvs: Array  # [n, 2] in [0, 1]
    faces: npt.NDArray[np.int64]  # [m, 3], indices of vertices


def move(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Array:
    """Frame [4, 4] of a translation."""
    frame = np.eye(4)
    frame[:3, 3] = x, y, z
    return frame


def scale(x: float, y: float | None = None, z: float | None = None) -> Array:
    """Frame [4, 4] of a scale; one number scales all axes."""
    return np.diag([x, x if y is None else y, x if z is None else z, 1.0])


def turn(axis: str, degrees: float) -> Array:
    """Frame [4, 4] of a rotation about "x", "y" or "z"."""
    angle = np.radians(degrees)
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    frame = np.eye(4)
    frame[i, i] = frame[j, j] = np.cos(angle)
    frame[i, j], frame[j, i] = -np.sin(angle), np.sin(angle)
    return frame


def _grid_faces(rows: int, columns: int) -> npt.NDArray[np.int64]:
    i = np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)[None]
    lower = np.stack([i, i + columns, i + 1], -1).reshape(-1, 3)
    upper = np.stack([i + 1, i + columns, i + columns + 1], -1).reshape(-1, 3)
    return np.concatenate([lower, upper])


def _power(x: Array, exponent: float) -> Array:
    return np.sign(x) * np.abs(x) ** exponent


def superquadric(around: float = 1.0, along: float = 1.0, columns: int = 15, rows: int = 9) -> Mesh:
    """Superquadric of radius 1 (Barr 1981): exponents 1 give a ball, 0.3 a rounded block, 0.3 and 1 a drum."""
    u, v = np.meshgrid(np.linspace(0, 2 * np.pi, columns), np.linspace(np.pi / 2, -np.pi / 2, rows))

    def surface(e1: float, e2: float) -> Array:
        x = _power(np.cos(v), e1) * _power(np.cos(u), e2)
        y = _power(np.cos(v), e1) * _power(np.sin(u), e2)
        return np.stack([x, y, _power(np.sin(v), e1)], -1).reshape(-1, 3)

    normals = surface(2 - along, 2 - around)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    uvs = np.stack([u / (2 * np.pi), (np.pi / 2 - v) / np.pi], -1).reshape(-1, 2)
    return Mesh(surface(along, around), normals, uvs, _grid_faces(rows, columns))


def box() -> Mesh:
    """Cube of side 2 with flat faces, each carrying the whole tile."""
    corner = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], float)
    vertices: list[Array] = []
    normals: list[Array] = []
    uvs: list[Array] = []
    faces: list[npt.NDArray[np.int64]] = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            face = np.insert(corner, axis, sign, axis=1)
            normal = np.zeros(3)
            normal[axis] = sign
            quad = np.array([[0, 1, 2], [1, 3, 2]]) if (sign > 0) != (axis == 1) else np.array([[0, 2, 1], [1, 2, 3]])
            faces.append(quad + 4 * len(vertices))
            vertices.append(face)
            normals.append(np.tile(normal, (4, 1)))
            uvs.append((corner + 1) / 2)
    return Mesh(np.concatenate(vertices), np.concatenate(normals), np.concatenate(uvs), np.concatenate(faces))


def lathe(profile: list[tuple[float, float]], smooth: bool = False, columns: int = 17) -> Mesh:
    """Surface of revolution about the z axis of a profile of (radius, z), from top to bottom on the outside."""
    points = np.array(profile, float)
    if smooth:
        tangent = np.gradient(points, axis=0)
    else:  # each segment has its own flat normals: sharp rims
        tangent = np.repeat(np.diff(points, axis=0), 2, axis=0)
        points = np.repeat(points, 2, axis=0)[1:-1]
    rows = len(points)
    u = np.linspace(0, 2 * np.pi, columns)
    ring = np.stack([np.cos(u), np.sin(u)], -1)
    vertices = np.empty((rows, columns, 3))
    vertices[..., :2] = points[:, None, :1] * ring
    vertices[..., 2] = points[:, 1:]
    normals = np.empty_like(vertices)
    normals[..., :2] = -tangent[:, None, 1:] * ring
    normals[..., 2] = tangent[:, :1]
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    uvs = np.stack(np.broadcast_arrays(u / (2 * np.pi), (length / length[-1])[:, None]), -1)
    faces = _grid_faces(rows, columns)
    return Mesh(vertices.reshape(-1, 3), normals.reshape(-1, 3), uvs.reshape(-1, 2), faces)


def cylinder(top: float = 1.0, bottom: float = 1.0, columns: int = 15) -> Mesh:
    """Closed cylinder or cone along z from -1 to 1 with the radii given."""
    return lathe([(0, 1), (top, 1), (bottom, -1), (0, -1)], columns=columns)


def tube(path: Array, radius: float, columns: int = 8) -> Mesh:
    """Tube of `radius` along a path [n, 3] in the x-z plane: a handle, a tail, a rail."""
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.array([0.0, 1.0, 0.0])
    outward = np.cross(tangent, side)
    u = np.linspace(0, 2 * np.pi, columns)
    normals = np.cos(u)[None, :, None] * side + np.sin(u)[None, :, None] * outward[:, None]
    vertices = path[:, None] + radius * normals
    v = np.linspace(0, 1, len(path))
    uvs = np.stack(np.broadcast_arrays(u / (2 * np.pi), v[:, None]), -1)
    faces = _grid_faces(len(path), columns)[:, ::-1]
    return Mesh(vertices.reshape(-1, 3), normals.reshape(-1, 3), uvs.reshape(-1, 2), faces)


@dataclass
class Toy:
    """The parts of one toy in one pose."""

    parts: list[Mesh] = field(default_factory=list)

    def add(self, mesh: Mesh, frame: Array, material: int = 0) -> None:
        """Adds a primitive; `frame` [4, 4] maps it to the toy, and `material` is its tile of the atlas."""
        linear = frame[:3, :3]
        normals = mesh.normals @ np.linalg.inv(linear)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        uvs = TILE_MARGIN + (1 - 2 * TILE_MARGIN) * mesh.uvs
        uvs = np.stack([(uvs[:, 0] + material) / TILES, uvs[:, 1]], -1)
        self.parts.append(Mesh(mesh.vertices @ linear.T + frame[:3, 3], normals, uvs, mesh.faces))

    def merged(self) -> Mesh:
        """All parts as one mesh."""
        offsets = np.cumsum([0] + [len(part.vertices) for part in self.parts[:-1]])
        return Mesh(
            np.concatenate([part.vertices for part in self.parts]),
            np.concatenate([part.normals for part in self.parts]),
            np.concatenate([part.uvs for part in self.parts]),
            np.concatenate([part.faces + offset for part, offset in zip(self.parts, offsets, strict=True)]),
        )
