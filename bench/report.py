"""Medians of what was measured, as one readable table; ratios and shares of the machine's limits are worked out here.

Contract: a ratio "x PEER" is always how many times as good the first engine is, whether more or less is better.
Not here: measuring, and the JSON file (bench.py writes the same figures).
"""

import statistics


def medians(runs):
    """Each figure's median over the rounds."""
    def middle(values):
        if isinstance(values[0], dict):
            return {key: middle([value[key] for value in values]) for key in values[0]}
        return round(statistics.median(values), 2)

    return middle(runs) if runs else None


def print_heading(engines, limits=True):
    columns = "".join(f"{engine:>16}" for engine in engines)
    ratios = "".join(f"{f'x {peer}':>16}" for peer in engines[1:])
    print(f"\n{'':34}{columns}{ratios}{'    share of the limit' if limits else ''}")


def print_row(label, engines, values, unit, larger_is_better=True, limit=None):
    """values: one per engine, None where an engine has no figure."""
    line = f"  {label:32}"
    for value in values:
        line += f"{value:12.1f} {unit:3}" if value is not None else f"{'-':>12} {'':3}"
    for peer in values[1:]:
        ours, theirs = (values[0], peer) if larger_is_better else (peer, values[0])
        line += f"{ours / theirs:16.2f}" if ours is not None and theirs else f"{'':16}"
    if limit:
        line += "    " + "".join(f"{value / limit:6.1%}  " if value is not None else f"{'-':>6}  " for value in values)
    print(line.rstrip(), flush=True)


def print_rates(engines, threads, result, work, limits):
    """result: {engine: medians or None}"""
    have = next((figures for figures in result.values() if figures), None)
    if have is None:
        return

    def values(*keys):
        for engine in engines:
            figures = result[engine]
            for key in keys:
                figures = figures.get(key) if figures else None
            yield figures

    suffix = f", {threads} thread{'s' if threads != 1 else ''}"
    for count in have["prefill"]:
        print_row(f"prefill {count}{suffix}", engines, list(values("prefill", count)), "t/s",
                  limit=work.prefill_rate(limits, int(count)))
    for count in have["decode"]:
        streams = "" if count == "1" else f" x{count}"
        print_row(f"decode{streams}{suffix}", engines, list(values("decode", count)), "t/s",
                  limit=work.decode_rate(limits, int(count)))
    for depth in have.get("decode_depth", {}):
        print_row(f"decode at {depth}{suffix}", engines, list(values("decode_depth", depth)), "t/s",
                  limit=work.decode_rate(limits, 1, int(depth)))
    for key, label in (("anonymous_mb", "anonymous memory"), ("file_mb", "file pages in memory"),
                       ("peak_mb", "peak memory, both")):
        print_row(f"{label}{suffix}", engines, list(values(key)), "MB", larger_is_better=False)


def print_start(engines, state, result):
    """state: "warm" or "cold"; result: {engine: medians or None}"""
    for key, label in (("load_ms", "load"), ("first_token_ms", "first token, 16-token prompt")):
        values = [result[engine][key] if result[engine] else None for engine in engines]
        print_row(f"{state} {label}", engines, values, "ms", larger_is_better=False)
