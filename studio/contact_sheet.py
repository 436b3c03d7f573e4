"""How the pictures of a batch stand together in one preview. Pure."""

import math


def grid(count: int) -> tuple[int, int]:
    """Columns and rows for that many pictures: as square as can be, wider rather than taller."""
    columns = math.ceil(math.sqrt(count))
    return columns, math.ceil(count / columns)
