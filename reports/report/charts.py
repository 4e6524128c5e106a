"""Charts as inline SVG: no script, no image, colours by CSS class so that light, dark and print share them. Pure.

Every chart is decoration for a table beside it that holds the same figures; its label says what it shows. The markup
is made of numbers and of text that is escaped here.
"""

from collections.abc import Sequence

from markupsafe import Markup

from reports.report.model import Heat, Piece, StripDay

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
HEAT_LEVELS = 5

_STRIP_WIDTH = 960
_ROW_HEIGHT = 22
_BADNESS = ("down", "unknown", "maintenance", "up", "")
_GROWS = {"down": 2, "maintenance": -4}


def sparkline(series: Sequence[float | None], label: str, *, width: int = 160, height: int = 34) -> Markup:
    """A line of few points; a missing value is a gap. Empty where fewer than two points have a value.

    Args:
        series: the values, None where there is none.
        label: what is shown, for those who do not see it.
        width: of the drawing.
        height: of the drawing.
    """
    values = [value for value in series if value is not None]
    if len(values) < 2:
        return Markup("")
    low, high = min(values), max(values)
    step = (width - 6) / max(1, len(series) - 1)
    points = [
        None if value is None else (3 + step * index, _y(value, low, high, height))
        for index, value in enumerate(series)
    ]
    lines = "".join(
        f'<polygon class="under" points="{run[0]} {" ".join(run[1:-1])} {run[-1]}"/>'
        f'<polyline points="{" ".join(run[1:-1])}"/>'
        for run in _runs(points, height)
    )
    x, y = next(point for point in reversed(points) if point is not None)
    return _svg(f'{lines}<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4"/>', label, width, height, "spark")


def strip(days: Sequence[StripDay], label: str) -> Markup:
    """On air by the clock: one row a day, 24 hours wide, each state in its colour and height.

    Args:
        days: in order.
        label: what is shown.
    """
    height = _ROW_HEIGHT * len(days)
    parts = []
    for index, day in enumerate(days):
        top = index * _ROW_HEIGHT + 2
        parts.append(f'<rect class="none" x="0" y="{top}" width="{_STRIP_WIDTH}" height="{_ROW_HEIGHT - 4}"/>')
        for piece in _bounded(day.pieces, max(24, min(240, 8_000 // len(days)))):
            x = piece.start * _STRIP_WIDTH
            # What lasted a minute is still to be seen.
            width = max((piece.end - piece.start) * _STRIP_WIDTH, 0.0 if piece.state == "up" else 2.0)
            grow = _GROWS.get(piece.state, 0)  # colour is not the only sign
            parts.append(
                f'<rect class="{piece.state}" x="{x:.2f}" y="{top - grow}" width="{width:.2f}"'
                f' height="{_ROW_HEIGHT - 4 + 2 * grow}"/>'
            )
    for hour in (6, 12, 18):
        x = _STRIP_WIDTH * hour / 24
        parts.append(f'<line class="grid" x1="{x}" y1="0" x2="{x}" y2="{height}"/>')
    return _svg("".join(parts), label, _STRIP_WIDTH, height, "strip", stretch=True)


def bars(values: Sequence[float], label: str, *, width: int = 720, height: int = 120) -> Markup:
    """Bars from 0 up to the largest value.

    Args:
        values: none below 0.
        label: what is shown.
        width: of the drawing.
        height: of the drawing.
    """
    largest = max(values, default=0) or 1
    step = width / max(1, len(values))
    parts = [
        f'<rect class="bar" x="{index * step + 1.5:.2f}" y="{height - value / largest * height:.2f}"'
        f' width="{step - 3:.2f}" height="{value / largest * height:.2f}"/>'
        for index, value in enumerate(values)
    ]
    return _svg("".join(parts), label, width, height, "bars", stretch=True)


def heat_levels(heat: Heat) -> tuple[tuple[int, ...], ...]:
    """Each cell's level: 0 (nothing), then 1 to 5 by rank among the cells that hold something.

    Ranks, because on a scale of amounts one spike would make all other cells look empty.
    """
    ranked = sorted({value for row in heat.cells for value in row if value})
    steps = max(1, len(ranked) - 1)
    level = {value: 1 + index * (HEAT_LEVELS - 1) // steps for index, value in enumerate(ranked)}
    return tuple(tuple(level.get(value, 0) for value in row) for row in heat.cells)


def _bounded(pieces: Sequence[Piece], columns: int) -> Sequence[Piece]:
    """The pieces of a day; of very many, one for each of so many columns in its worst state: the file stays small."""
    if len(pieces) <= columns:
        return pieces
    worst: list[str] = [""] * columns
    for piece in pieces:
        for column in range(int(piece.start * columns), min(columns, -int(-piece.end * columns // 1))):
            worst[column] = min(worst[column], piece.state, key=_BADNESS.index)
    runs: list[Piece] = []
    for column, state in enumerate(worst):
        start, end = column / columns, (column + 1) / columns
        if runs and runs[-1].state == state and runs[-1].end == start:
            runs[-1] = Piece(state, runs[-1].start, end)
        elif state:
            runs.append(Piece(state, start, end))
    return runs


def _y(value: float, low: float, high: float, height: int) -> float:
    if high == low:
        return height / 2
    return 3 + (height - 6) * (1 - (value - low) / (high - low))


def _runs(points: Sequence[tuple[float, float] | None], height: int) -> list[list[str]]:
    """Points without a gap between, as SVG writes them, with the two corners on the ground before and behind."""
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    cornered = ([(run[0][0], height), *run, (run[-1][0], height)] for run in runs if len(run) > 1)
    return [[f"{x:.1f},{y:.1f}" for x, y in run] for run in cornered]


def _svg(inner: str, label: str, width: int, height: int, kind: str, *, stretch: bool = False) -> Markup:
    # A stretched drawing takes the width of the page and keeps its height.
    ratio = Markup(' height="{}" preserveAspectRatio="none"').format(height) if stretch else Markup("")
    # `inner` is made of numbers and of our own class names.
    drawing = Markup(inner)  # noqa: S704
    head = Markup('<svg class="{}" viewBox="0 0 {} {}" role="img" aria-label="{}"{}><title>{}</title>')
    return head.format(kind, width, height, label, ratio, label) + drawing + Markup("</svg>")
