"""`compare-pytorch generate`: GPTs add tokens one after another, with a cache of keys and values on both sides."""

import pathlib
import sys

import lockstep
from transformers import MODELS

HERE = pathlib.Path(__file__).resolve().parent
NAMES = ("gpt", "gpt-6x384")
ROUNDS, BAR = 3, 3.0


def ours(model, count, threads):
    text = lockstep.output(
        [lockstep.BINARY, "benchmark", *model.options, "--generate", count, "--json"], {"OMP_NUM_THREADS": str(threads)})
    return lockstep.last_json(text)["tokens_per_second"]


def theirs(name, count, threads, compiled):
    text = lockstep.output([sys.executable, HERE / "pytorch_generating.py", name, count, threads, int(compiled)])
    return lockstep.last_json(text)["tokens_per_second"]


def compare(report):
    """The best of all threads of both sides, PyTorch's eager and compiled, as long as the context is."""
    result = {"model": "generate", "bar": BAR, "rows": []}
    for name in NAMES:
        model = MODELS[name]
        count = model.per_example - 1
        row = {"name": name, "tokens": count, "lockstep": {}, "pytorch": {}}
        for number in range(1, ROUNDS + 1):
            for threads in (1, 2):
                row["lockstep"].setdefault(f"{threads} thread(s)", []).append(ours(model, count, threads))
                for kind in ("eager", "compile"):
                    rates = row["pytorch"].setdefault(f"{kind}, {threads} thread(s)", [])
                    rates.append(theirs(name, count, threads, kind == "compile"))
            report(f"   round {number} {name}: " + ", ".join(
                f"{who} {how} {rates[-1]:,.0f}" for who in ("lockstep", "pytorch") for how, rates in row[who].items()))
        result["rows"].append(row)
    return result


def table(result):
    lines = ["| generate | Lockstep, tokens/s | PyTorch, tokens/s | ratio | our goal |", "|---|---|---|---|---|"]
    for row in result["rows"]:
        best = {who: max((max(rates), how) for how, rates in row[who].items()) for who in ("lockstep", "pytorch")}
        (fast, how), (slow, their_how) = best["lockstep"], best["pytorch"]
        promise = f"{result['bar']:g}× {'reached' if fast / slow >= result['bar'] else 'missed'}"
        lines.append(
            f"| {row['name']}, {row['tokens']} tokens | {fast:,.0f} ({how}) | {slow:,.0f} ({their_how}) | {fast / slow:.2f}× "
            f"| {promise} |")
    return "\n".join(lines)
