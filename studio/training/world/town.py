"""Places that people built: street, village, harbour, farm, and the rooms room, kitchen, library, stage."""

from random import Random

from studio.training.world.brush import WINDOW_LIGHT, Brush, Colour, shade


def street(brush: Brush, random: Random) -> float:
    """Houses with windows (lit at night) above a road with a dashed line."""
    walls: list[Colour] = [(176, 122, 104), (128, 136, 158), (192, 164, 126), (108, 134, 140), (160, 110, 120)]
    left = -0.02
    while left < 1:
        width, top = random.uniform(0.16, 0.24), random.uniform(0.14, 0.34)
        wall = random.choice(walls)
        brush.box(left, top, left + width, 0.68, wall)
        brush.box(left - 0.008, top - 0.022, left + width + 0.008, top, shade(wall, 0.75))
        for row in range(int((0.62 - top) / 0.12)):
            for column in (0.20, 0.60):
                brush.window(left + width * column, top + 0.05 + row * 0.12, 0.042, 0.06)
        left += width
    brush.box(0, 0.68, 1, 0.74, (178, 174, 170))
    brush.box(0, 0.74, 1, 1, (95, 97, 104))
    for start in (0.02, 0.28, 0.54, 0.80):
        brush.box(start, 0.855, start + 0.14, 0.875, (232, 220, 150))
    return 0.86


def village(brush: Brush, random: Random) -> float:
    """Cottages with steep red roofs and smoking chimneys on a green hill."""
    brush.oval(0.5, 1.02, 1.0, 0.46, (124, 178, 92))
    for index in range(3):
        x, base = 0.04 + index * 0.34 + random.uniform(0, 0.06), 0.70 + random.uniform(-0.03, 0.03)
        wall: Colour = random.choice([(244, 232, 208), (236, 214, 190), (226, 228, 232)])
        roof: Colour = random.choice([(190, 74, 58), (168, 88, 62), (96, 108, 134)])
        brush.box(x + 0.17, base - 0.34, x + 0.20, base - 0.22, (140, 96, 84))
        brush.box(x, base - 0.18, x + 0.24, base, wall)
        brush.shape([(x - 0.03, base - 0.17), (x + 0.12, base - 0.33), (x + 0.27, base - 0.17)], roof)
        brush.window(x + 0.035, base - 0.12, 0.05, 0.05)
        brush.box(x + 0.14, base - 0.10, x + 0.19, base, (120, 80, 58))
    brush.shape([(0.42, 0.72), (0.56, 0.72), (0.80, 1), (0.20, 1)], (222, 200, 152))
    return 0.88


def harbour(brush: Brush, random: Random) -> float:
    """A pier of planks before dark water, a lighthouse at its end."""
    brush.box(0, 0.50, 1, 1, (44, 110, 142))
    for _ in range(9):
        x, y = random.uniform(0, 0.9), random.uniform(0.53, 0.70)
        brush.line([(x, y), (x + 0.09, y)], (104, 164, 188), 0.010)
    x = random.choice((0.12, 0.86)) + random.uniform(-0.03, 0.03)
    brush.oval(x, 0.56, 0.17, 0.06, (104, 98, 96))
    for step, colour in enumerate(((238, 236, 230), (204, 66, 58), (238, 236, 230), (204, 66, 58))):
        top, half = 0.20 + step * 0.085, 0.038 + step * 0.005
        below = half + 0.005
        brush.shape([(x - half, top), (x + half, top), (x + below, top + 0.087), (x - below, top + 0.087)], colour)
    brush.box(x - 0.032, 0.14, x + 0.032, 0.20, WINDOW_LIGHT)
    brush.shape([(x - 0.05, 0.145), (x, 0.09), (x + 0.05, 0.145)], (70, 74, 84))
    brush.box(0, 0.74, 1, 1, (156, 112, 74))
    for y in (0.80, 0.87, 0.94):
        brush.box(0, y, 1, y + 0.010, (118, 82, 54))
    for post in (0.06, 0.5, 0.94):
        brush.box(post - 0.02, 0.66, post + 0.02, 0.78, (104, 72, 48))
    return 0.88


def farm(brush: Brush, random: Random) -> float:
    """A red barn and a fence behind rows of a golden field."""
    brush.box(0, 0.60, 1, 1, (226, 188, 92))
    for index in range(9):
        x = index / 8
        brush.line([(0.5 + (x - 0.5) * 0.7, 0.62), (0.5 + (x - 0.5) * 2.6, 1)], (196, 152, 66), 0.016)
    x = random.choice((0.06, 0.58)) + random.uniform(-0.02, 0.02)
    brush.box(x, 0.34, x + 0.34, 0.64, (184, 58, 50))
    brush.shape(
        [(x - 0.03, 0.36), (x + 0.05, 0.22), (x + 0.17, 0.15), (x + 0.29, 0.22), (x + 0.37, 0.36)], (124, 48, 46)
    )
    brush.box(x + 0.10, 0.46, x + 0.24, 0.64, (244, 238, 228))
    brush.shape([(x + 0.12, 0.48), (x + 0.22, 0.48), (x + 0.17, 0.55)], (184, 58, 50))
    brush.window(x + 0.14, 0.27, 0.06, 0.07)
    for post in range(8):
        left = post / 7 - 0.015
        brush.box(left, 0.60, left + 0.03, 0.74, (240, 232, 218))
    brush.box(0, 0.635, 1, 0.655, (240, 232, 218))
    brush.box(0, 0.69, 1, 0.71, (240, 232, 218))
    return 0.90


def room(brush: Brush, random: Random) -> float:
    """A wall with a picture and a rug; the window is the part of the sky left open."""
    wall: Colour = random.choice([(212, 168, 140), (168, 190, 168), (180, 168, 202)])
    brush.box(0, 0, 1, 0.10, wall)
    brush.box(0, 0.44, 1, 0.74, wall)
    brush.box(0, 0, 0.10, 0.74, wall)
    brush.box(0.48, 0, 1, 0.74, wall)
    frame = (245, 240, 230)
    for box in (
        (0.08, 0.08, 0.11, 0.46),
        (0.47, 0.08, 0.50, 0.46),
        (0.08, 0.08, 0.50, 0.11),
        (0.08, 0.43, 0.50, 0.46),
        (0.28, 0.08, 0.30, 0.46),
    ):
        brush.box(*box, frame)
    brush.box(0.66, 0.14, 0.88, 0.34, (110, 75, 50))
    brush.box(0.685, 0.165, 0.855, 0.315, random.choice([(90, 150, 180), (200, 110, 90)]))
    brush.box(0, 0.72, 1, 0.745, (240, 235, 225))
    brush.box(0, 0.745, 1, 1, (150, 105, 70))
    brush.oval(0.5, 0.90, 0.42, 0.07, (175, 70, 75))
    return 0.90


def kitchen(brush: Brush, random: Random) -> float:
    """Tiles, a shelf with jars, and a window over a checked floor."""
    wall, tile = (198, 222, 214), (232, 242, 238)
    brush.box(0, 0, 1, 0.08, wall)
    brush.box(0, 0.08, 0.54, 0.62, wall)
    brush.box(0.92, 0.08, 1, 0.62, wall)
    brush.box(0.54, 0.40, 1, 0.62, wall)
    for frame in ((0.52, 0.06, 0.55, 0.42), (0.91, 0.06, 0.94, 0.42), (0.52, 0.39, 0.94, 0.42)):
        brush.box(*frame, (250, 248, 240))
    for row in range(2):
        for column in range(9):
            left, top = column * 0.115 - row * 0.055, 0.46 + row * 0.085
            brush.box(left, top, left + 0.105, top + 0.075, tile)
    brush.box(0.04, 0.30, 0.46, 0.325, (150, 104, 68))
    jars: list[Colour] = [(214, 92, 72), (240, 190, 80), (120, 158, 96), (108, 142, 190)]
    for index in range(4):
        x = 0.08 + index * 0.10
        brush.box(x, 0.20, x + 0.06, 0.30, random.choice(jars))
        brush.box(x + 0.005, 0.18, x + 0.055, 0.20, (120, 90, 70))
    brush.box(0, 0.62, 1, 0.66, (168, 118, 78))
    brush.box(0, 0.66, 1, 1, (244, 240, 230))
    for row in range(3):
        for column in range(5):
            left = column * 0.25 - (row % 2) * 0.125
            brush.box(left, 0.66 + row * 0.115, left + 0.125, 0.66 + (row + 1) * 0.115, (92, 122, 140))
    return 0.90


def library(brush: Brush, random: Random) -> float:
    """Shelves full of books, an arched window and a green carpet."""
    brush.box(0, 0, 0.34, 0.74, (112, 72, 48))
    brush.box(0.66, 0, 1, 0.74, (112, 72, 48))
    brush.box(0.34, 0.48, 0.66, 0.74, (150, 104, 70))
    brush.box(0.34, 0, 0.66, 0.06, (150, 104, 70))
    for left in (0.33, 0.485, 0.64):
        brush.box(left, 0.05, left + 0.03, 0.50, (84, 54, 38))
    brush.box(0.34, 0.46, 0.66, 0.49, (84, 54, 38))
    spines: list[Colour] = [
        (178, 60, 52),
        (60, 104, 140),
        (212, 168, 82),
        (92, 132, 84),
        (134, 84, 132),
        (226, 212, 184),
    ]
    for start in (0.02, 0.68):
        for row in range(4):
            x, bottom = start, 0.18 + row * 0.18
            while x < start + 0.26:
                width, height = random.uniform(0.025, 0.045), random.uniform(0.09, 0.135)
                brush.box(x, bottom - height, x + width - 0.006, bottom, random.choice(spines))
                x += width
            brush.box(start - 0.02, bottom, start + 0.30, bottom + 0.022, (84, 54, 38))
    brush.box(0, 0.74, 1, 1, (118, 80, 54))
    brush.shape([(0.18, 0.76), (0.82, 0.76), (0.98, 1), (0.02, 1)], (62, 112, 88))
    return 0.90


def stage(brush: Brush, random: Random) -> float:
    """Red curtains to both sides of a spotlight on boards."""
    brush.box(0, 0, 1, 1, (52, 30, 58))
    x = random.uniform(0.44, 0.56)
    brush.shape([(x - 0.03, 0), (x + 0.03, 0), (x + 0.34, 0.84), (x - 0.34, 0.84)], (128, 96, 116))
    brush.box(0, 0.76, 1, 1, (162, 112, 74))
    for y in (0.83, 0.90, 0.96):
        brush.box(0, y, 1, y + 0.008, (126, 84, 56))
    brush.oval(x, 0.88, 0.36, 0.075, (250, 226, 160))
    for side in (0, 1):
        for fold in range(5):
            left = fold * 0.048
            edge = abs(side - left), abs(side - left - 0.05)
            colour = (186, 38, 48) if fold % 2 else (150, 26, 40)
            brush.box(min(edge), 0, max(edge), 0.84 - fold * 0.02, colour)
    brush.box(0, 0, 1, 0.09, (166, 32, 44))
    for index in range(9):
        brush.oval(index / 8, 0.09, 0.066, 0.045, (166, 32, 44) if index % 2 else (188, 44, 52))
    return 0.90
