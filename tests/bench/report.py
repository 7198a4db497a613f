# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests/bench/hook has measured, as a table, as ratios with their goals, and as a picture."""

import math
from html import escape

INTRO = """\
One container's network: podman's default one (bridge, portmap, firewall, tuning), one TCP port.
Whole processes, stdin to exit, medians of {pairs} in turns; Linux {kernel}, {cpus} CPUs, floor {floor}.
Each on a host of its own, where one container is always present. "CPU in all": with what a process
left behind does after the answer. "settled": from the end of tear-down until the host's link is gone."""


def value(result, count, key, name):
    own = result["counts"].get(count, {}).get(key, {})
    return own[name]["median"] if name in own else None


def ratio(above, below):
    return above / below if above is not None and below else None


# ---- the table ----

COLUMNS = [("set-up ms", "setup_wall_ms"), ("CPU ms", "setup_cpu_ms"),
           ("tear-down ms", "teardown_wall_ms"), ("CPU ms", "teardown_cpu_ms"),
           ("CPU in all", "teardown_cpu_all_ms"), ("settled ms", "settled_ms")]


def cost_table(result):
    yield f"{'':18}{'there':>7}" + "".join(f"{title:>14}" for title, _ in COLUMNS) + \
        f"{'peak KiB':>10}"
    for key, label in result["labels"].items():
        for count in result["counts"]:
            cells = "".join(f"{value(result, count, key, name):14.2f}" for _, name in COLUMNS)
            yield f"{label:18}{count:7}{cells}{peak(result, count, key):10.0f}"
    for note in result["notes"]:
        yield note


def peak(result, count, key):
    return max(value(result, count, key, "setup_rss_kib"),
               value(result, count, key, "teardown_rss_kib"))


def other_tables(result):
    yield ""
    yield f"{'32 containers, per second':25}{'set-up':>14}{'one by one':>14}{'tear-down':>14}" \
        f"{'one by one':>14}"
    for key, own in result["at_once"].items():
        cells = "".join(f"{32000 / own[f'{verb}_{name}_ms']:14.0f}"
                        for verb in ("setup", "teardown") for name in ("at_once", "one_by_one"))
        yield f"{result['labels'][key]:25}{cells}"
    if result["calls"]:
        yield ""
        yield f"{'started by':25}{'programs':>14}{'processes':>14}{'system calls':>14}" \
            "   set-up / tear-down"
    for key, own in result["calls"].items():
        cells = "".join(f"{str(own['setup'][name]) + ' / ' + str(own['teardown'][name]):>14}"
                        for name in ("programs", "forks", "calls"))
        yield f"{result['labels'][key]:25}{cells}"
    yield ""
    if isinstance(result["crun"], str):
        yield f"crun run: not measured: {result['crun']}"
        return
    yield f"{'crun run of true':25}{'wall ms':>14}{'CPU ms':>14}"
    for key, own in result["crun"].items():
        label = {"without": "without hooks"}.get(key) or result["labels"][key]
        yield f"{label:25}{own['wall_ms']['median']:14.2f}{own['cpu_ms']['median']:14.2f}"


# ---- goals ----

def goals(result):
    """(what, measured or None, "<=" or ">=", goal)"""
    first = next(iter(result["counts"]))
    netavark = result["labels"].get("netavark", "netavark")

    def against(above, below, name):
        return ratio(value(result, first, above, name), value(result, first, below, name))

    yield "set-up, executables / built-in", against("exec", "builtin", "setup_wall_ms"), ">=", 40
    yield "tear-down, executables / built-in", \
        against("exec", "builtin", "teardown_wall_ms"), ">=", 80
    yield f"set-up, {netavark} / built-in", \
        against("netavark", "builtin", "setup_wall_ms"), ">=", 20
    yield f"tear-down, {netavark} / built-in", \
        against("netavark", "builtin", "teardown_wall_ms"), ">=", 15
    for verb, title in (("setup", "set-up"), ("teardown", "tear-down")):
        yield f"{title}, built-in / floor", \
            against("builtin", "floor", f"{verb}_wall_ms"), "<=", 1.7
        yield f"{title}, built-in / floor, CPU", \
            against("builtin", "floor", f"{verb}_cpu_ms"), "<=", 1.7
    yield "tear-down, built-in / floor, CPU in all", \
        against("builtin", "floor", "teardown_cpu_all_ms"), "<=", 1.7
    yield "settled, ms", value(result, first, "builtin", "settled_ms"), "<=", 150
    yield "crun run, built-in / without hooks", crun_ratio(result), "<=", 1.5
    yield from growth_goals(result)
    yield from call_goals(result)
    yield "peak memory, KiB", int(peak(result, first, "builtin")), "<", 4096
    own = result["at_once"]["builtin"]
    for verb, title in (("setup", "set-up"), ("teardown", "tear-down")):
        yield f"32 at once, {title}: one by one / at once", \
            ratio(own[f"{verb}_one_by_one_ms"], own[f"{verb}_at_once_ms"]), ">=", 1


def crun_ratio(result):
    if isinstance(result["crun"], str):
        return None
    return ratio(result["crun"]["builtin"]["wall_ms"]["median"],
                 result["crun"]["without"]["wall_ms"]["median"])


def growth_goals(result):
    many = max(result["counts"])
    for verb, title in (("setup", "set-up"), ("teardown", "tear-down")):
        for unit, kind in (("wall_ms", ""), ("cpu_ms", ", CPU")):
            name = f"{verb}_{unit}"
            yield f"{title}, {many} containers there / none{kind}", \
                ratio(value(result, many, "builtin", name), value(result, many, "alone", name)), "<=", 1.2


def call_goals(result):
    own = result["calls"].get("builtin")
    full = result["calls_full"].get("builtin")
    for verb, title in (("setup", "set-up"), ("teardown", "tear-down")):
        yield f"programs started, {title}", own and own[verb]["programs"], "<=", 0
        yield f"system calls, {title}", own and own[verb]["calls"], "<=", 120
        yield f"system calls, {title}, {max(result['counts'])} there", \
            full and full[verb]["calls"], "<=", 120


def met(measured, relation, goal):
    return {"<=": measured <= goal, ">=": measured >= goal, "<": measured < goal}[relation]


def goal_table(result):
    yield ""
    for what, measured, relation, goal in goals(result):
        if measured is None:
            yield f"{what:44} goal {relation:2} {goal:<5}: not measured"
            continue
        number = measured if isinstance(measured, int) else f"{measured:.{1 if measured > 10 else 2}f}"
        yield f"{what:44} goal {relation:2} {goal:<5}: {number:>7} " \
            f"{'met' if met(measured, relation, goal) else 'NOT met'}"


def print_all(result):
    print(INTRO.format(**result["machine"]) + "\n")
    for table in (cost_table, other_tables, goal_table):
        print("\n".join(table(result)))
    result["goals"] = [{"what": what, "measured": measured, "relation": relation, "goal": goal,
                        "met": measured is not None and met(measured, relation, goal)}
                       for what, measured, relation, goal in goals(result)]


# ---- the picture ----

WIDTH, PANEL, LEFT, TOP, HEIGHT, GAP = 900, 360, 64, 76, 300, 62
COLORS = {"builtin": "#1a7f37", "floor": "#8a8a8a", "exec": "#d1702a", "netavark": "#3b6fd4"}
DASHES = {"floor": "5 4"}
STYLE = """
text { font: 13px sans-serif; fill: #24292f; }
.title { font-size: 16px; font-weight: bold; }
.small { font-size: 11px; }
.middle { text-anchor: middle; }
.end { text-anchor: end; }
.back { fill: #ffffff; }
.grid { stroke: #d8dee4; }
.axis { stroke: #57606a; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.back { fill: #0d1117; }
.grid { stroke: #30363d; }
.axis { stroke: #8b949e; }
}
"""


class Panel:
    def __init__(self, result, left, decades):
        self.result, self.left, self.decades = result, left, decades
        self.counts = sorted(result["counts"])

    def x(self, count):
        """The square root, so that both 0 and the largest can be told from the next."""
        most = math.sqrt(max(self.counts)) or 1
        return self.left + 12 + (PANEL - 24) * math.sqrt(count) / most

    def y(self, ms):
        low, high = self.decades
        return TOP + HEIGHT * (high - math.log10(ms)) / (high - low)

    def frame(self, title):
        right, bottom = self.left + PANEL, TOP + HEIGHT
        for decade in range(self.decades[0], self.decades[1] + 1):
            y = self.y(10 ** decade)
            yield f'<path class="grid" d="M{self.left} {y:.1f}H{right}"/>'
            yield f'<text class="small end" x="{self.left - 6}" y="{y + 4:.1f}">{10 ** decade:g}</text>'
        for count in self.counts:
            yield f'<path class="axis" d="M{self.x(count):.1f} {bottom}v5"/>'
            yield f'<text class="small middle" x="{self.x(count):.1f}" y="{bottom + 18}">{count}</text>'
        yield f'<path class="axis" fill="none" d="M{self.left} {TOP}V{bottom}H{right}"/>'
        yield f'<text class="middle" x="{self.left + PANEL / 2}" y="{TOP - 12}">{title}</text>'
        yield f'<text class="middle" x="{self.left + PANEL / 2}" y="{bottom + 38}">containers present</text>'

    def lines(self, name):
        for key in self.result["labels"]:
            points = [(self.x(count), self.y(value(self.result, count, key, name)))
                      for count in self.counts]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            dash = f' stroke-dasharray="{DASHES[key]}"' if key in DASHES else ""
            yield f'<polyline fill="none" stroke="{COLORS[key]}" stroke-width="2"{dash} points="{path}"/>'
            for x, y in points:
                yield f'<circle fill="{COLORS[key]}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'


def decades_of(result):
    values = [value(result, count, key, f"{verb}_wall_ms") for count in result["counts"]
              for key in result["labels"] for verb in ("setup", "teardown")]
    return math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))


def legend(result, y):
    x = LEFT
    for key, label in result["labels"].items():
        dash = f' stroke-dasharray="{DASHES[key]}"' if key in DASHES else ""
        yield f'<path stroke="{COLORS[key]}" stroke-width="2"{dash} d="M{x} {y - 4}h28"/>'
        yield f'<text x="{x + 34}" y="{y}">{escape(label)}</text>'
        x += 60 + 8 * len(label)


def plot(result):
    decades = decades_of(result)
    bottom = TOP + HEIGHT
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 80}" role="img">',
             f"<style>{STYLE}</style>",
             f'<rect class="back" width="{WIDTH}" height="{bottom + 80}"/>',
             f'<text class="title" x="{LEFT}" y="28">'
             "Time for one container's network, by containers already there</text>",
             f'<text class="middle" transform="translate(16 {TOP + HEIGHT / 2}) rotate(-90)">'
             "milliseconds (logarithmic)</text>"]
    for i, (title, verb) in enumerate((("set-up", "setup"), ("tear-down, as returned", "teardown"))):
        panel = Panel(result, LEFT + i * (PANEL + GAP), decades)
        lines += panel.frame(title)
        lines += panel.lines(f"{verb}_wall_ms")
    lines += legend(result, bottom + 66)
    return "\n".join(lines + ["</svg>"]) + "\n"
