#!/usr/bin/env python3
"""Measures suites beside the peers and puts their figures into benchmark/README.md.

    python3 benchmark/refresh.py codec rpc build     # measure these, then write the tables
    python3 benchmark/refresh.py --quick rpc         # shorter rounds
    python3 benchmark/refresh.py                     # only write the tables from the lines kept before

What a suite prints with --json is kept in benchmark/figures/SUITE.jsonl, its circumstances as the first line; the
tables between the two markers of the README are made from these files and nothing else.
"""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
KEPT = HERE / "figures"
README = HERE / "README.md"
START, END = "<!-- figures: made by refresh.py -->", "<!-- end of figures -->"
SUITES = ["codec", "rpc", "transport", "layers", "build"]
# What is shown, in this order; all the rest stays in the lines.
METRICS = {
    "encode": "encode, minimum in ns",
    "decode": "decode and drop, minimum in ns",
    "instr_enc": "encode, instructions",
    "instr_dec": "decode and drop, instructions",
    "allocs_enc": "encode, allocations",
    "allocs_dec": "decode, allocations",
    "qps": "calls per second",
    "latency": "latency, median in µs",
    "throughput": "messages per second",
    "above_bare": "instructions above the bare service",
    "p50": "latency, median",
    "p99": "latency, 99th percentile",
    "cpu_us": "processor time per call, both sides, µs",
    "syscalls": "system calls per call",
    "rss": "resident memory per idle connection, server side, bytes",
    "lines": "lines",
    "crates": "crates",
    "build_cpu_s": "processor time of a build from nothing, s",
    "binary_size": "binary, bytes",
}


def measure(suite, quick):
    command = ["cargo", "run", "--release", "--manifest-path", str(HERE / "peers/Cargo.toml"), "--", suite, "--json"]
    done = subprocess.run(command + ["--quick"] * quick, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{suite} failed:\n{done.stderr}")
    circumstances = next(line for line in done.stderr.splitlines() if line.startswith("# "))
    remarks = dict.fromkeys(line for line in done.stderr.splitlines() if line.startswith(("SKIPPED", "note")))
    head = {"circumstances": circumstances[2:] + (", quick" if quick else ""), "remarks": list(remarks)}
    KEPT.mkdir(exist_ok=True)
    (KEPT / f"{suite}.jsonl").write_text(json.dumps(head, ensure_ascii=False) + "\n" + done.stdout)


def number(value):
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"


def beside(figure):
    """A peer's value and how many times better ours is; losses stand out."""
    ratio = f"{figure['ratio']:.2f}×"
    return f"{number(figure['theirs'])} ({ratio if figure['ratio'] >= 1 else f'**{ratio}**'})"


def table(figures, row_of):
    rows, peers = list(dict.fromkeys(map(row_of, figures))), list(dict.fromkeys(f["peer"] for f in figures))
    lines = ["| | ours | " + " | ".join(peers) + " |", "|---" * (len(peers) + 2) + "|"]
    for row in rows:
        cells = {f["peer"]: f for f in figures if row_of(f) == row}
        ours = number(next(iter(cells.values()))["ours"])
        lines.append(f"| {row} | {ours} | " + " | ".join(beside(cells[p]) if p in cells else "" for p in peers) + " |")
    return "\n".join(lines)


def section(suite):
    head, *figures = map(json.loads, (KEPT / f"{suite}.jsonl").read_text().splitlines())
    parts = [f"### {suite}", head["circumstances"] + ".", *(f"- {remark}" for remark in head["remarks"])]
    if suite == "build":
        parts.append(table(figures, lambda f: f"`{f['case']}`: {METRICS.get(f['metric'], f['metric'])}"))
        return "\n\n".join(parts)
    for metric, title in METRICS.items():
        of_metric = [f for f in figures if f["metric"] == metric]
        if of_metric:
            parts += [f"**{title}**", table(of_metric, lambda f: f"`{f['case']}`")]
    return "\n\n".join(parts)


def main(words):
    suites = [word for word in words if word != "--quick"]
    if unknown := [suite for suite in suites if suite not in SUITES]:
        sys.exit(f"there is no suite {unknown[0]}; there are {', '.join(SUITES)}")
    for suite in suites:
        measure(suite, "--quick" in words)
    before, rest = README.read_text().split(START)
    _, after = rest.split(END)
    sections = [section(suite) for suite in SUITES if (KEPT / f"{suite}.jsonl").exists()]
    README.write_text(f"{before}{START}\n\n" + "\n\n".join(sections) + f"\n\n{END}{after}")


main(sys.argv[1:])
