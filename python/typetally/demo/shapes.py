"""Pictures of coloured shapes and the answers that describe them: a grounding data set made from a seed."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass

from PIL import Image, ImageDraw

SIDE = 128
"""Pixels along each side of a picture: 4 x 4 of Qwen3-VL's merged patches of 32 pixels."""

QUESTION = "Find all shapes."

_CELLS = 4
_BACKGROUND = (245, 245, 245)
_COLOURS = {
    "red": (220, 40, 40),
    "green": (40, 170, 60),
    "blue": (50, 80, 230),
    "yellow": (235, 210, 40),
    "purple": (150, 60, 190),
    "black": (25, 25, 25),
}
_SHAPES = ("circle", "square", "triangle")
_SQUARES = [
    (left, top, size) for size in (1, 2) for top in range(_CELLS - size + 1) for left in range(_CELLS - size + 1)
]

Box = tuple[int, int, int, int]
"""x1, y1, x2, y2 in thousandths of the picture's side (Qwen3-VL's convention); x2 and y2 are exclusive."""


@dataclass(frozen=True)
class Shape:
    """One drawn object: what it is called and exactly where it is."""

    desc: str
    bbox_2d: Box


@dataclass(frozen=True)
class Scene:
    """A picture with its objects, in reading order of their upper left corners."""

    image: Image.Image
    objects: tuple[Shape, ...]

    @property
    def answer(self) -> str:
        """The assistant's text: `{"objects": [{"desc": "red circle", "bbox_2d": [0, 250, 250, 500]}]}`."""
        return json.dumps({"objects": [{"desc": o.desc, "bbox_2d": list(o.bbox_2d)} for o in self.objects]})


def draw_scene(seed: int) -> Scene:
    """Draws one or two shapes, a quarter or half of the picture wide. The same seed gives the same scene."""
    rng = random.Random(seed)
    image = Image.new("RGB", (SIDE, SIDE), _BACKGROUND)
    pen = ImageDraw.Draw(image)
    objects = []
    for left, top, size in _place(rng, rng.choice((1, 1, 2))):
        colour, shape = rng.choice(list(_COLOURS)), rng.choice(_SHAPES)
        _draw(pen, shape, _COLOURS[colour], [v * SIDE // _CELLS for v in (left, top, left + size, top + size)])
        x1, y1, x2, y2 = (v * 1000 // _CELLS for v in (left, top, left + size, top + size))
        objects.append(Shape(f"{colour} {shape}", (x1, y1, x2, y2)))
    return Scene(image, tuple(objects))


def _place(rng: random.Random, count: int) -> list[tuple[int, int, int]]:
    """Squares of cells `(left, top, size)` that do not overlap, at most `count`, in reading order."""
    taken: set[tuple[int, int]] = set()
    places = []
    for _ in range(count):
        # Among all the free squares, large ones too, so that there is always one: no two shapes fill the picture.
        place = rng.choice([square for square in _SQUARES if taken.isdisjoint(_cells(*square))])
        taken |= _cells(*place)
        places.append(place)
    return sorted(places, key=lambda place: (place[1], place[0]))


def _cells(left: int, top: int, size: int) -> set[tuple[int, int]]:
    return {(left + dx, top + dy) for dx in range(size) for dy in range(size)}


def _draw(pen: ImageDraw.ImageDraw, shape: str, colour: tuple[int, int, int], corners: list[int]) -> None:
    # PIL's right and lower edges are inclusive: one pixel less, and the drawn extent is the box exactly.
    x1, y1, x2, y2 = corners[0], corners[1], corners[2] - 1, corners[3] - 1
    if shape == "circle":
        pen.ellipse((x1, y1, x2, y2), fill=colour)
    elif shape == "square":
        pen.rectangle((x1, y1, x2, y2), fill=colour)
    else:
        pen.polygon([((x1 + x2) // 2, y1), (x1, y2), (x2, y2)], fill=colour)
