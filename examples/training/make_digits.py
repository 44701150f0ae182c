#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the data set of this example: 8x8 grey pictures of the digits 0 to 9.

usage: ./make_digits.py > digits.txt      (same bytes each time: the seed is fixed)

Each picture is one digit drawn with straight strokes that are turned, sheared, scaled, shifted and
made thicker or thinner at random, plus noise. A line is the digit, a space and 64 hex numbers from
0 (white) to f (black), row by row.
"""
import math
import random

COUNT = 3000
SIDE = 8
NOISE = 0.08

# Corner points in a unit square, x to the right and y down; each stroke is a chain of lines.
STROKES = {
    0: [[(.5, .05), (.82, .25), (.82, .75), (.5, .95), (.18, .75), (.18, .25), (.5, .05)]],
    1: [[(.3, .25), (.55, .05), (.55, .95)]],
    2: [[(.18, .25), (.5, .05), (.8, .25), (.75, .5), (.18, .95), (.85, .95)]],
    3: [[(.2, .1), (.7, .08), (.78, .28), (.45, .48), (.8, .7), (.65, .93), (.2, .9)]],
    4: [[(.65, .95), (.65, .05), (.15, .65), (.88, .65)]],
    5: [[(.8, .05), (.25, .05), (.22, .45), (.65, .42), (.82, .7), (.6, .95), (.18, .9)]],
    6: [[(.72, .08), (.35, .3), (.2, .7), (.45, .95), (.78, .75), (.6, .5), (.22, .62)]],
    7: [[(.15, .07), (.85, .07), (.42, .95)]],
    8: [[(.5, .05), (.77, .22), (.5, .47), (.22, .22), (.5, .05)],
        [(.5, .47), (.82, .72), (.5, .95), (.18, .72), (.5, .47)]],
    9: [[(.78, .38), (.4, .5), (.22, .28), (.5, .05), (.78, .2), (.78, .38), (.6, .95)]],
}


def distance(px, py, a, b):
    """From a point to the line between a and b."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    length2 = dx * dx + dy * dy or 1e-9
    t = max(0.0, min(1.0, ((px - a[0]) * dx + (py - a[1]) * dy) / length2))
    return math.hypot(px - a[0] - t * dx, py - a[1] - t * dy)


def move(rng):
    """A random small turn, shear, scale and shift around the middle."""
    turn, shear = rng.gauss(0, .12), rng.gauss(0, .12)
    sx, sy = rng.uniform(.75, .98), rng.uniform(.8, 1.0)
    ox, oy = rng.gauss(0, .04), rng.gauss(0, .04)
    cos, sin = math.cos(turn), math.sin(turn)

    def apply(point):
        x, y = (point[0] - .5) * sx, (point[1] - .5) * sy
        x += shear * y
        return x * cos - y * sin + .5 + ox, x * sin + y * cos + .5 + oy
    return apply


def draw(digit, rng):
    apply = move(rng)
    width = rng.uniform(.07, .12)
    chains = [[apply(p) for p in chain] for chain in STROKES[digit]]
    pixels = []
    for row in range(SIDE):
        for column in range(SIDE):
            px, py = (column + .5) / SIDE, (row + .5) / SIDE
            near = min(distance(px, py, c[i], c[i + 1]) for c in chains for i in range(len(c) - 1))
            ink = max(0.0, min(1.0, 1.5 - near / width)) + rng.gauss(0, NOISE)
            pixels.append(max(0, min(15, round(ink * 15))))
    return pixels


def main():
    rng = random.Random(20261)
    print("# 8x8 digits drawn by make_digits.py: the digit, then 64 grey values, row by row")
    for _ in range(COUNT):
        digit = rng.randrange(10)
        print(digit, "".join(f"{p:x}" for p in draw(digit, rng)))


if __name__ == "__main__":
    main()
