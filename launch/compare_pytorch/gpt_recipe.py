"""`compare-pytorch gpt-recipe`: nanoGPT's character recipe on The Time Machine by both, its last tenth held out."""

import os
import pathlib
import sys
import tempfile

import lockstep
from book import timed

HERE = pathlib.Path(__file__).resolve().parent
THREADS = (1, 2)


def convert(folder):
    """The text as it is; both read the same tokens."""
    text = (pathlib.Path(os.environ["LOCKSTEP_DATASETS"]) / "timemachine.txt").read_bytes()
    cut = len(text) * 9 // 10
    (folder / "train.txt").write_bytes(text[:cut])
    (folder / "held-out.txt").write_bytes(text[cut:])
    lockstep.output([
        lockstep.BINARY, "convert", "text", folder / "train.txt", "--validation", folder / "held-out.txt", "--raw", "--output",
        folder / "text.h5",
    ])
    return folder / "text.h5"


def compare(report):
    """STEPS steps (2,000) of each, with one thread and with two."""
    steps = os.environ.get("STEPS", "2000")
    if not steps.isdigit() or int(steps) == 0:
        raise lockstep.Failure(f"STEPS={steps} is not a number of steps")
    if "LOCKSTEP_DATASETS" not in os.environ:
        raise lockstep.Failure("LOCKSTEP_DATASETS must name the folder of timemachine.txt", 66)
    report(f"== nanoGPT's recipe, {steps} steps")
    result = {"model": "gpt-recipe", "steps": int(steps)}
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        data, metrics = convert(folder), folder / "gpt.jsonl"
        for threads in THREADS:
            metrics.unlink(missing_ok=True)
            seconds, _ = timed([
                "env", f"OMP_NUM_THREADS={threads}", lockstep.BINARY, "train", "gpt", "--data", data, "--steps", steps, "--epochs",
                1000, "--metrics", metrics, "--quiet",
            ])
            report(f"   Lockstep, {threads} thread(s) {seconds:.1f} s")
            if seconds < result.get("lockstep", {}).get("seconds", float("inf")):
                result["lockstep"] = {**lockstep.last_json(metrics.read_text()), "seconds": seconds, "threads": threads}
            seconds, text = timed([sys.executable, HERE / "pytorch_gpt.py", data, steps, threads])
            report(f"   PyTorch, {threads} thread(s) {seconds:.1f} s")
            if seconds < result.get("pytorch", {}).get("seconds", float("inf")):
                result["pytorch"] = {**lockstep.last_json(text), "seconds": seconds, "threads": threads}
    return result


def table(result):
    """Both sides as Markdown."""
    lines = [
        f"| gpt, {result['steps']} steps | wall clock | loss at the end | held-out loss |",
        "|---|---|---|---|",
    ]
    for title, side in (("Lockstep", "lockstep"), ("PyTorch", "pytorch")):
        row = result[side]
        lines.append(
            f"| {title}, {row['threads']} thread(s) | {row['seconds']:.1f} s | {row['train_loss']:.3f} | {row['valid_loss']:.3f} |")
    ratio = result["pytorch"]["seconds"] / result["lockstep"]["seconds"]
    return "\n".join([*lines, f"| faster by | {ratio:.1f}× | | |"])
