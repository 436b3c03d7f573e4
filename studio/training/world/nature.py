"""Places as nature made them, from the beach to the moon."""

import math
from random import Random

from studio.training.world.brush import Brush, Colour, ridge, shade


def beach(brush: Brush, random: Random) -> float:
    """The sea with foam behind a strip of sand."""
    horizon = random.uniform(0.42, 0.50)
    brush.box(0, horizon, 1, 0.74, (45, 135, 190))
    for y in (horizon + 0.06, horizon + 0.14):
        shift = random.uniform(0, 0.2)
        for x in (0.0, 0.3, 0.6, 0.9):
            brush.line([(x - shift, y), (x + 0.16 - shift, y)], (120, 190, 225), 0.012)
    brush.box(0, 0.70, 1, 0.74, (225, 240, 245))
    brush.box(0, 0.735, 1, 1, (238, 214, 160))
    return 0.90


def forest(brush: Brush, random: Random) -> float:
    """Rows of firs, the far ones paler."""
    brush.box(0, 0.70, 1, 1, (70, 115, 60))
    for base, colour, count in ((0.70, (75, 130, 105), 7), (0.78, (30, 90, 60), 5)):
        for index in range(count):
            x = (index + random.uniform(0.2, 0.8)) / count
            height, half = random.uniform(0.40, 0.60), random.uniform(0.08, 0.11)
            brush.box(x - 0.012, base - 0.06, x + 0.012, base + 0.01, (95, 65, 45))
            for tier in range(3):
                bottom = base - 0.04 - tier * height * 0.24
                spread = half * (1 - tier * 0.24)
                tip = bottom - height * 0.42
                brush.shape([(x - spread, bottom), (x, tip), (x + spread, bottom)], colour)
    return 0.90


def meadow(brush: Brush, random: Random) -> float:
    """Rolling grass with flowers."""
    lift = random.uniform(-0.03, 0.03)
    brush.oval(0.2, 1.00 + lift, 0.9, 0.42, (110, 180, 80))
    brush.oval(0.9, 1.05 - lift, 0.9, 0.40, (125, 195, 85))
    brush.box(0, 0.80, 1, 1, (100, 175, 75))
    petals: list[Colour] = [(245, 235, 110), (240, 130, 160), (250, 250, 250)]
    for _ in range(14):
        x, y = random.uniform(0, 1), random.uniform(0.80, 0.98)
        brush.oval(x, y, 0.014, 0.014, random.choice(petals))
    return 0.88


def mountains(brush: Brush, random: Random) -> float:
    """Peaks with snow caps over a green foreground."""
    for centre, colour in ((0.75, (125, 135, 160)), (0.28, (100, 110, 140))):
        x, top = centre + random.uniform(-0.08, 0.08), random.uniform(0.20, 0.30)
        brush.shape([(x - 0.5, 0.80), (x, top), (x + 0.5, 0.80)], colour)
        cap = 0.13
        drop = (0.80 - top) / 0.5
        brush.shape(
            [
                (x, top),
                (x + cap, top + cap * drop),
                (x + cap * 0.4, top + cap * drop * 0.75),
                (x, top + cap * drop * 1.05),
                (x - cap * 0.4, top + cap * drop * 0.75),
                (x - cap, top + cap * drop),
            ],
            (245, 248, 252),
        )
    brush.box(0, 0.78, 1, 1, (95, 140, 85))
    return 0.90


def desert(brush: Brush, random: Random) -> float:
    """Dunes with a shaded side."""
    shift = random.uniform(-0.1, 0.1)
    brush.box(0, 0.66, 1, 1, (232, 180, 105))
    for x, width, top in ((0.2 + shift, 0.45, 0.50), (0.85 - shift, 0.5, 0.54)):
        brush.shape([(x - width, 0.72), (x, top), (x + width, 0.72)], (238, 190, 115))
        brush.shape([(x, top), (x + width, 0.72), (x + width * 0.3, 0.72)], (205, 148, 85))
    brush.shape([(0, 0.80), (0.5, 0.74), (1, 0.82), (1, 1), (0, 1)], (240, 196, 122))
    return 0.90


def moon(brush: Brush, random: Random) -> float:
    """Grey ground with craters under a black sky with the Earth in it."""
    brush.box(0, 0, 1, 0.8, (10, 10, 22))
    for _ in range(36):
        x, y = random.uniform(0, 1), random.uniform(0, 0.66)
        brush.oval(x, y, 0.006, 0.006, (250, 250, 255))
    x = random.uniform(0.72, 0.86)
    brush.oval(x, 0.18, 0.10, 0.10, (60, 120, 210))
    brush.oval(x - 0.03, 0.16, 0.04, 0.03, (90, 170, 100))
    brush.oval(x + 0.03, 0.21, 0.04, 0.025, (90, 170, 100))
    brush.oval(0.5, 1.05, 0.95, 0.36, (150, 150, 155))
    for _ in range(7):
        x, y = random.uniform(0.02, 0.98), random.uniform(0.78, 0.97)
        brush.oval(x, y, 0.06, 0.02, (115, 115, 122))
    return 0.90


def jungle(brush: Brush, random: Random) -> float:
    """Hanging leaves, lianas and broad fronds around a clearing."""
    brush.shape(ridge(random, 0.52, 0.14, 7), (92, 158, 104))
    brush.shape(ridge(random, 0.64, 0.10, 9), (52, 122, 74))
    brush.box(0, 0.76, 1, 1, (112, 140, 66))
    for side in (0.0, 1.0):
        for index in range(5):
            angle = math.radians(-75 + index * 34 + random.uniform(-8, 8))
            reach, root = 0.34, (side, 0.62)
            inward = 1 if side == 0 else -1
            tip = (root[0] + inward * reach * math.cos(angle), root[1] + reach * math.sin(angle))
            middle = ((root[0] + tip[0]) / 2, (root[1] + tip[1]) / 2 - 0.05)
            low = (middle[0], middle[1] + 0.10)
            brush.shape([root, middle, tip, low], (30, 104, 58) if index % 2 else (58, 148, 70))
    for index in range(8):
        x, length = (index + random.uniform(0.1, 0.9)) / 8, random.uniform(0.08, 0.20)
        brush.line([(x, 0), (x, length)], (44, 96, 50), 0.014)
        brush.oval(x, length, 0.05, 0.032, (64, 146, 68))
    for _ in range(6):
        brush.oval(random.uniform(0, 1), random.uniform(0.80, 0.97), 0.016, 0.016, (236, 92, 128))
    return 0.90


def lake(brush: Brush, random: Random) -> float:
    """Still water between far hills and a bank with reeds."""
    brush.shape(ridge(random, 0.50, 0.16, 5), (112, 142, 132))
    brush.shape(ridge(random, 0.54, 0.06, 8), (66, 114, 90))
    brush.box(0, 0.54, 1, 0.80, (92, 160, 194))
    for _ in range(7):
        x, y = random.uniform(0, 0.85), random.uniform(0.58, 0.76)
        brush.line([(x, y), (x + 0.13, y)], (150, 202, 222), 0.009)
    brush.oval(0.5, 1.04, 0.95, 0.27, (110, 158, 76))
    for side in (0.05, 0.90):
        for index in range(4):
            x = side + index * 0.022
            top = random.uniform(0.56, 0.66)
            brush.line([(x, 0.88), (x + 0.012, top)], (72, 118, 58), 0.010)
            brush.oval(x + 0.012, top, 0.011, 0.030, (120, 78, 46))
    return 0.89


def cave(brush: Brush, random: Random) -> float:
    """Dark rock around an opening to the sky, with crystals and hanging stone."""
    rock: Colour = (96, 82, 86)
    x, corners = random.uniform(0.42, 0.58), 22
    mouth = []
    for index in range(corners + 1):
        angle = 2 * math.pi * (index % corners) / corners
        reach = 1 + 0.10 * math.sin(5 * angle + x * 40) + 0.06 * math.sin(9 * angle)
        mouth.append((x + 0.33 * reach * math.sin(angle), 0.40 - 0.29 * reach * math.cos(angle)))
    around = [(mouth[0][0], 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0), (mouth[0][0], 0.0)]
    brush.shape([*mouth, *around], rock)
    for index in range(6):
        left = index * 0.17 + random.uniform(0, 0.08)
        brush.shape([(left, 0), (left + 0.035, random.uniform(0.10, 0.20)), (left + 0.07, 0)], shade(rock, 0.72))
    brush.shape(ridge(random, 0.80, 0.05, 8), (124, 110, 108))
    colours: list[Colour] = [(110, 216, 228), (206, 128, 232), (124, 232, 168)]
    for side in (0.10, 0.88):
        for index in range(3):
            left, base, colour = side - 0.08 + index * 0.055, 0.84, random.choice(colours)
            top = base - random.uniform(0.12, 0.24)
            brush.shape([(left, base), (left + 0.03, top), (left + 0.06, base)], colour)
            brush.shape([(left + 0.03, top), (left + 0.06, base), (left + 0.035, base)], shade(colour, 0.7))
    return 0.90


def underwater(brush: Brush, random: Random) -> float:
    """Blue depth with rays, bubbles, weed and coral over sand."""
    for step in range(12):
        top = step * 0.075
        brush.box(0, top, 1, top + 0.08, (24, round(146 - step * 8.5), round(196 - step * 6)))
    for _ in range(3):
        x = random.uniform(0.1, 0.9)
        brush.shape([(x, 0), (x + 0.07, 0), (x - 0.06, 0.8), (x - 0.22, 0.8)], (52, 148, 196))
    brush.shape(ridge(random, 0.80, 0.05, 6), (216, 196, 146))
    for side in (0.07, 0.16, 0.84, 0.93):
        lean = random.uniform(-0.03, 0.03)
        points = [(side + lean * math.sin(k * 1.6) + 0.02 * math.sin(k * 2.2), 0.88 - k * 0.07) for k in range(6)]
        brush.line(points, (40, 138, 92), 0.024)
    corals: list[Colour] = [(240, 110, 110), (250, 160, 80), (214, 104, 176)]
    for _ in range(3):
        x, colour = random.uniform(0.04, 0.96), random.choice(corals)
        for dx in (-0.04, 0.0, 0.04):
            brush.line([(x, 0.92), (x + dx, 0.82)], colour, 0.022)
            brush.oval(x + dx, 0.82, 0.017, 0.017, colour)
    for _ in range(9):
        x, y, radius = random.uniform(0, 1), random.uniform(0.05, 0.7), random.uniform(0.008, 0.020)
        brush.oval(x, y, radius, radius, (160, 220, 240))
        brush.oval(x, y, radius * 0.6, radius * 0.6, (60, 152, 200))
    return 0.90


def clouds(brush: Brush, random: Random) -> float:
    """A floor of clouds high up, with towers of cloud beside it."""
    for base, radius, colour in (
        (0.66, 0.13, (214, 226, 242)),
        (0.80, 0.15, (234, 240, 250)),
        (0.98, 0.17, (252, 252, 255)),
    ):
        for index in range(7):
            x = index / 6 + random.uniform(-0.05, 0.05)
            lift = 0.14 * abs(2 * x - 1) ** 2
            size = radius * random.uniform(0.85, 1.15)
            brush.oval(x, base - lift, size, size * 0.75, colour)
    brush.box(0, 0.92, 1, 1, (252, 252, 255))
    return 0.88
