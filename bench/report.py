# SPDX-License-Identifier: Apache-2.0
"""Rows become one table for people and SVG plots for the documents."""

import subprocess

HEADINGS = ["row", "case", "unit", "ours", "stock", "floor", "ours / floor", "ours / stock",
            "ours p50/p99/p99.9 us", "stock p50/p99/p99.9 us", "floor p50/p99/p99.9 us",
            "ours must show", "shown", "note"]
KINDS = ("ours", "stock", "floor")
COLOURS = {"ours": "#1f6fb4", "stock": "#c8472d", "floor": "#7a7a7a"}
VERDICTS = {True: "yes", False: "MISSED", None: "-"}


def _number(value):
    if value is None:
        return "-"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.2f}" if value < 1000 else f"{value:,.0f}"


def _ratio(value):
    return "-" if value is None else f"{value:.3f}"


def _latencies(values):
    return "-" if values is None else " / ".join(f"{value:,.0f}" for value in values)


def _cells(row):
    return [row.name, row.case, row.unit,
            *(_number(row.median(kind)) for kind in KINDS),
            _ratio(row.ratio("ours", "floor")), _ratio(row.ratio("ours", "stock")),
            *(_latencies(row.latencies(kind)) for kind in KINDS),
            row.must, VERDICTS[row.verdict()],
            "; ".join(filter(None, [row.note, row.disturbed() and "CPU was shared"]))]


def table(rows):
    lines = [HEADINGS, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    numeric = range(3, 11)

    def shape(line):
        cells = (cell.rjust(width) if column in numeric else cell.ljust(width)
                 for column, (cell, width) in enumerate(zip(line, widths)))
        return "| " + " | ".join(cells) + " |"

    rule = ["-" * (width - 1) + ":" if column in numeric else "-" * width
            for column, width in enumerate(widths)]
    return "\n".join([shape(lines[0]), shape(rule), *map(shape, lines[1:])])


def _points(rows, name, in_flight, value):
    """(nodes, value) of each contestant, in the rows of this name."""
    points = {}
    for row in rows:
        if row.name != name or row.at[1] != in_flight:
            continue
        for kind in KINDS:
            if (found := value(row, kind)) is not None:
                points.setdefault(kind, []).append((row.at[0], found))
    return points


def _plot(path, title, label, curves):
    blocks, plots = [], []
    for number, (name, points) in enumerate(curves.items()):
        data = "\n".join(f"{x} {y}" for x, y in points)
        blocks.append(f"$curve{number} << END\n{data}\nEND\n")
        colour, dash = COLOURS[name.split(",")[0]], 2 if name.endswith("p99") else 1
        plots.append(f"$curve{number} using 1:2 with linespoints title '{name}' "
                     f"linecolor rgb '{colour}' dashtype {dash} linewidth 1.5 pointtype 7")
    script = "".join(blocks) + f"""
set terminal svg size 720,440 font 'sans-serif,13' background '#ffffff'
set output '{path}'
set title '{title}'
set xlabel 'registered nodes'
set ylabel '{label}'
set logscale xy
set grid
set key outside right top
plot {', '.join(plots)}
"""
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def plots(rows, directory):
    """Write the plots whose rows were measured; return their paths."""
    def cpu(row, kind):
        return row.median(kind)

    def latency(column):
        return lambda row, kind: (row.latencies(kind) or [None] * 3)[column]

    quantiles = {f"{kind}, {name}": points
                 for column, name in enumerate(("p50", "p99"))
                 for kind, points in _points(rows, "lookup, known", 1, latency(column)).items()}
    wanted = [
        ("lookup-cpu.svg", "Lookup, 32 in flight", "server CPU per lookup, us",
         _points(rows, "lookup, known", 32, cpu)),
        ("lookup-latency.svg", "Lookup, one client at a time", "connect to close, us", quantiles),
        ("names-cpu.svg", "NAMES, one client at a time", "server CPU per request, us",
         _points(rows, "NAMES", 1, cpu)),
    ]
    written = []
    for name, title, label, curves in wanted:
        if curves:
            directory.mkdir(parents=True, exist_ok=True)
            _plot(directory / name, title, label, curves)
            written.append(directory / name)
    return written
