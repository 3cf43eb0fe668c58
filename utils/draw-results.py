"""Writes docs/measured.md and docs/pictures/results.svg from what the benchmarks recorded.

Usage: draw-results.py <root of the source tree> [--check]

--check writes nothing and fails if the two are not what the records in benchmarks/results say.
"""

import argparse
import dataclasses
import json
import pathlib
import sys

import tree


@dataclasses.dataclass
class Pair:
    """One quantity, ours and theirs; larger is better."""
    what: str
    ours: float
    theirs: float


@dataclasses.dataclass
class Chart:
    title: str
    unit: str
    source: str  # of benchmarks/results
    script: str
    where: str
    theirs: str
    pairs: list


def bamba(path):
    data = json.loads(path.read_text())
    where = f"{data['cpu']}, {data['threads']} threads, {data['dtype']}, {data['tokens']} tokens; medians of {len(data['raw']['ours']['prefill'])}"
    pairs = [Pair(what, data[what]["ours"], data[what]["torch"]) for what in ("prefill", "decode")]
    return Chart(f"A Bamba-like model of {data['parameters'] / 1e6:.0f}M parameters", "tokens per second", path.name,
                 "bamba_cpu.py", where, f"transformers {data['transformers']} on torch {data['torch']}", pairs)


def tokenizers(path):
    data = json.loads(path.read_text())
    where = f"{data['cpu']}, {data['measure']}; {data['results'][0]['bytes'] / 1e6:.1f} MB of text, " \
            f"{sum(len(result['differences']) for result in data['results'])} differences"
    theirs = ", ".join(f"{name} {version}" for name, version in data["libraries"].items())
    pairs = [Pair(result["tokenizer"], result["MB/s"], result["reference MB/s"]) for result in data["results"]]
    return Chart("Text to tokens", "MB per second", path.name, "tokenizing.py", where, theirs, pairs)


def charts(root):
    results = root / "benchmarks/results"
    return [bamba(results / "bamba_cpu_zen3_f32.json"), tokenizers(results / "tokenizers_zen3.json")]


STYLE = """  <style>
    svg { font: 14px sans-serif; --page: #ffffff; --ink: #1c2733; --quiet: #5a6a7a; --ours: #2f6fb5; --theirs: #b9c4cf; }
    @media (prefers-color-scheme: dark) {
      svg { --page: #14191f; --ink: #e6edf3; --quiet: #9fb0c0; --ours: #5b9be0; --theirs: #4d5a67; }
    }
    .page { fill: var(--page); } text { fill: var(--ink); } .quiet { fill: var(--quiet); }
    .title { font-weight: bold; } .end { text-anchor: end; }
    .ours { fill: var(--ours); } .theirs { fill: var(--theirs); }
  </style>"""


def svg(charts):
    width, left, right, row = 940, 240, 130, 40
    body, y = [], 20
    for chart in charts:
        body += [f'  <text class="title" x="20" y="{y + 16}">{chart.title}, {chart.unit}</text>',
                 f'  <rect class="ours" x="{width - 360}" y="{y + 5}" width="12" height="12"/>',
                 f'  <text class="quiet" x="{width - 342}" y="{y + 16}">hybridc</text>',
                 f'  <rect class="theirs" x="{width - 270}" y="{y + 5}" width="12" height="12"/>',
                 f'  <text class="quiet" x="{width - 252}" y="{y + 16}">the reference</text>']
        y += 30
        # Quantities of one chart may differ in size: bars are relative to the larger of a pair where they do.
        largest = max(max(pair.ours, pair.theirs) for pair in chart.pairs)
        alike = largest < 5 * min(max(pair.ours, pair.theirs) for pair in chart.pairs)
        for pair in chart.pairs:
            full = (width - left - right) / (largest if alike else max(pair.ours, pair.theirs))
            body.append(f'  <text class="end" x="{left - 12}" y="{y + 21}">{pair.what}</text>')
            for name, value, top in (("ours", pair.ours, y + 2), ("theirs", pair.theirs, y + 17)):
                note = f" ({pair.ours / pair.theirs:.1f}x)" if name == "ours" else ""
                body += [f'  <rect class="{name}" x="{left}" y="{top}" width="{value * full:.1f}" height="14" rx="2"/>',
                         f'  <text class="quiet" x="{left + value * full + 8:.1f}" y="{top + 12}">{value:.4g}{note}</text>']
            y += row
        y += 20
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" role="img" aria-labelledby="title">\n' \
           f'  <title id="title">Speed of hybridc beside the references</title>\n'
    return head + STYLE + f'\n  <rect class="page" width="{width}" height="{y}" rx="12"/>\n' + "\n".join(body) + "\n</svg>\n"


def page(charts):
    out = ["# What was measured", "",
           "Written by `utils/draw-results.py` from the records in `benchmarks/results`, where the raw numbers are.", "",
           "![Bars of each quantity below, ours beside the reference's](pictures/results.svg)"]
    for chart in charts:
        out += ["", f"## {chart.title}", "", f"`benchmarks/{chart.script}`, recorded in `benchmarks/results/{chart.source}`.",
                f"{chart.where}. The reference is {chart.theirs}.", "",
                f"| {chart.unit} | hybridc | the reference | ratio |", "|---|---|---|---|"]
        out += [f"| {pair.what} | {pair.ours:.4g} | {pair.theirs:.4g} | {pair.ours / pair.theirs:.2f} |" for pair in chart.pairs]
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--check", action="store_true", help="fail if the files are not what would be written")
    arguments = parser.parse_args()
    drawn, problems = charts(arguments.root), []
    for name, text in (("docs/measured.md", page(drawn)), ("docs/pictures/results.svg", svg(drawn))):
        path = arguments.root / name
        if not arguments.check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            problems.append(f"{name}: expected what benchmarks/results says; run utils/draw-results.py .")
    return tree.report(problems)


if __name__ == "__main__":
    sys.exit(main())
