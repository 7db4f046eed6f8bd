"""`compare-pytorch memory MODEL…`: the most memory that a training step takes, kept and not kept, beside PyTorch's."""

import os
import pathlib
import sys

import lockstep
from models import MODELS

HERE = pathlib.Path(__file__).resolve().parent
STEPS = 5
PLAIN, FRUGAL, THEIRS, IMPORT = "lockstep", "checkpointed", "pytorch", "import"
# For a binary of before: its peaks come as another column.
BEFORE = os.environ.get("LOCKSTEP_BEFORE")


def ours(options, batch_size, binary, *more):
    """Megabytes and milliseconds of one process with one thread."""
    words = ["benchmark", *options, "--json", "--batch-size", batch_size, "--steps", STEPS, *more]
    found = lockstep.last_json(lockstep.output([binary, *words], {"OMP_NUM_THREADS": "1"}, limit=1800))
    return found["peak_memory_mb"], found["step_ms_median"]


def pytorch(name):
    """Megabytes of eager steps, and of a process that has only made the network's classes."""
    words = [sys.executable, HERE / "step.py", name, "float32", "eager, 1 thread", 0.1]
    peak = lockstep.last_json(lockstep.output(words, limit=1800))["peak_memory_mb"]
    script = f"import sys; sys.path.insert(0, {str(HERE)!r}); import step; print(step.peak_memory_mb())"
    return peak, float(lockstep.output([sys.executable, "-c", script]))


def compare(names, report):
    """One row of figures for each model."""
    rows = []
    for name in names:
        model = MODELS[name]
        options = getattr(model, "options", [name])
        row = {"model": name, "batch_size": model.batch_size}
        if BEFORE:
            row["before"] = ours(options, model.batch_size, BEFORE)
        row[PLAIN] = ours(options, model.batch_size, lockstep.BINARY)
        row[FRUGAL] = ours(options, model.batch_size, lockstep.BINARY, "--checkpoint-activations")
        row[THEIRS], row[IMPORT] = pytorch(name)
        report(f"   {row}")
        rows.append(row)
    return rows


def table(rows):
    """The Markdown table of the measurements."""
    lines = [
        "| model (batch) | before, MB | MB | with `--checkpoint-activations` | its step | PyTorch eager | without what importing it takes |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        (plain, usual), (frugal, slower) = row[PLAIN], row[FRUGAL]
        before = f"{row['before'][0]:,.0f}" if "before" in row else ""
        lines.append(
            f"| {row['model']} ({row['batch_size']}) | {before} | {plain:,.0f} | {frugal:,.0f} ({frugal / plain:.2f}) "
            f"| {slower / usual:.2f}× | {row[THEIRS]:,.0f} | {row[THEIRS] - row[IMPORT]:,.0f} |")
    return "\n".join(lines)
