"""`compare-pytorch book-lenet`: the book's LeNet from start-up to the last evaluation, wall clock of both sides."""

import os
import pathlib
import sys
import tempfile
import time

import lockstep

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = pathlib.Path("/usr/share/datasets/fashion-mnist")
BAR = 5.0


def timed(command):
    """Wall-clock seconds of `command`, and what it printed."""
    started = time.monotonic()
    text = lockstep.output(command, limit=None)
    return time.monotonic() - started, text


def compare(report):
    """Trains LeNet with both, EPOCHS epochs (10). The conversion to HDF5, made once per dataset, is not counted."""
    epochs = os.environ.get("EPOCHS", "10")
    if not epochs.isdigit() or int(epochs) == 0:
        raise lockstep.Failure(f"EPOCHS={epochs} is not a number of epochs")
    report(f"== the book's LeNet, {epochs} epochs")
    with tempfile.TemporaryDirectory() as folder:
        data, metrics = f"{folder}/fashion-mnist.h5", f"{folder}/lenet.jsonl"
        lockstep.output([lockstep.BINARY, "convert", "fashion-mnist", "--source", SOURCE, "--output", data])
        seconds, _ = timed([
            "env", "-u", "OMP_NUM_THREADS", lockstep.LOCAL, 2, "--", "train", "lenet", "--data", data, "--epochs",
            epochs, "--metrics", metrics, "--quiet",
        ])
        last = lockstep.last_json(pathlib.Path(metrics).read_text())
        ours = {"seconds": seconds, **{name: last[name] for name in ("train_loss", "train_accuracy", "test_accuracy")}}
    report(f"   Lockstep {seconds:.1f} s")
    seconds, text = timed([sys.executable, HERE / "pytorch_book.py", epochs, SOURCE])
    report(f"   PyTorch {seconds:.1f} s")
    return {
        "model": "book-lenet", "epochs": int(epochs), "bar": BAR, "lockstep": ours,
        "pytorch": {"seconds": seconds, **lockstep.last_json(text)},
    }


def table(result):
    """Both sides as Markdown."""
    ratio = result["pytorch"]["seconds"] / result["lockstep"]["seconds"]
    lines = [
        f"| LeNet, epochs: {result['epochs']} | wall clock | loss | train accuracy | test accuracy |",
        "|---|---|---|---|---|",
    ]
    for title, side in (("Lockstep, 2 ranks", "lockstep"), ("PyTorch, DataLoader with 2 workers", "pytorch")):
        row = result[side]
        lines.append(
            f"| {title} | {row['seconds']:.1f} s | {row['train_loss']:.3f} | {row['train_accuracy']:.3f} "
            f"| {row['test_accuracy']:.3f} |")
    promise = "reached" if ratio >= BAR else "missed"
    lines.append(f"| faster by | {ratio:.1f}× (bar {BAR:g}× {promise}) | | | |")
    return "\n".join(lines)
