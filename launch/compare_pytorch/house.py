"""`compare-pytorch house-prices`: the book's k-fold cross-validation from start-up to the end, wall clock of both sides."""

import os
import pathlib
import sys
import tempfile

import lockstep
from book import timed

HERE = pathlib.Path(__file__).resolve().parent
FOLDS, EPOCHS = 5, 100
BAR = 10.0


def compare(report):
    """Both read the same HDF5 file, whose conversion from CSV is not counted. Lockstep also trains once on all rows."""
    if "LOCKSTEP_DATASETS" not in os.environ:
        raise lockstep.Failure("LOCKSTEP_DATASETS must name the folder of kaggle_house_pred_train.csv and …_test.csv", 66)
    report(f"== house prices, {FOLDS} folds of {EPOCHS} epochs")
    with tempfile.TemporaryDirectory() as folder:
        data, metrics = f"{folder}/house.h5", f"{folder}/house.jsonl"
        lockstep.output([lockstep.BINARY, "convert", "house-prices", "--output", data])
        train = [
            "env", "OMP_NUM_THREADS=1", lockstep.BINARY, "train", "house-prices", "--data", data, "--folds", FOLDS,
            "--epochs", EPOCHS, "--metrics", metrics, "--quiet",
        ]
        ours, theirs = [], []
        for number in range(1, 4):
            ours.append(timed(train)[0])
            report(f"   round {number} Lockstep {ours[-1]:.2f} s")
            seconds, text = timed([sys.executable, HERE / "pytorch_house.py", data, FOLDS, EPOCHS])
            theirs.append(seconds)
            report(f"   round {number} PyTorch {seconds:.2f} s")
        last = lockstep.last_json(pathlib.Path(metrics).read_text())
    keys = ("train_log_rmse", "valid_log_rmse")
    return {
        "model": "house-prices", "bar": BAR, "lockstep": {"seconds": min(ours), **{key: last[key] for key in keys}},
        "pytorch": {"seconds": min(theirs), **lockstep.last_json(text)},
    }


def table(result):
    """Both sides as Markdown."""
    lines = [
        f"| house prices, {FOLDS} folds × {EPOCHS} epochs | wall clock | train log rmse | valid log rmse |",
        "|---|---|---|---|",
    ]
    for title, side in (("Lockstep, 1 process, and once more on all rows", "lockstep"), ("PyTorch, DataLoader", "pytorch")):
        row = result[side]
        lines.append(f"| {title} | {row['seconds']:.2f} s | {row['train_log_rmse']:.4f} | {row['valid_log_rmse']:.4f} |")
    ratio = result["pytorch"]["seconds"] / result["lockstep"]["seconds"]
    promise = "reached" if ratio >= BAR else "missed"
    lines.append(f"| faster by | {ratio:.1f}× (bar {BAR:g}× {promise}) | | |")
    return "\n".join(lines)
