"""The tables that scikit-learn carries, from CSV to accuracy, beside PyTorch's training of the same network.

    PYTHON=/path/to/python; $PYTHON launch/compare_pytorch/tables.py FOLDER

FOLDER has iris.csv, wine_data.csv and breast_cancer.csv: sklearn/datasets/data of the package scikit-learn, which need not be
installed (`pip download --no-deps scikit-learn`, `unzip`). One row in five is a test row. Both sides train on the rows that
`lockstep convert csv --classes --standardize` made, with the same network, optimizer, batch size and epochs, five times from
different first weights. Prints a Markdown table.
"""

import pathlib
import re
import sys
import tempfile

import h5py
import torch

import lockstep
import scikit

HIDDEN, EPOCHS, BATCH, RATE, SEEDS = (64, 32), 40, 16, 0.01, range(5)


def ours(data, folder, seed):
    """Test accuracy of `lockstep train mlp`."""
    checkpoint = f"{folder}{seed}"
    lockstep.output([
        lockstep.BINARY, "train", "mlp", "--data", data, "--hidden", ",".join(map(str, HIDDEN)), "--optimizer", "adam",
        "--learning-rate", RATE, "--epochs", EPOCHS, "--batch-size", BATCH, "--seed", seed, "--checkpoint", checkpoint,
        "--checkpoint-every", f"{EPOCHS}epoch", "--quiet"])
    text = lockstep.output([lockstep.BINARY, "evaluate", checkpoint, "--data", data])
    return float(re.search(r"accuracy ([0-9.]+)", text).group(1))


def theirs(data, seed):
    """Test accuracy of the same in PyTorch."""
    with h5py.File(data) as file:
        (x, y), (test_x, test_y) = [
            (torch.tensor(file[f"{split}/features"][:]), torch.tensor(file[f"{split}/labels"][:]))
            for split in ("train", "test")]
    torch.manual_seed(seed)
    layers, before = [], x.shape[1]
    for width in HIDDEN:
        layers += [torch.nn.Linear(before, width), torch.nn.ReLU()]
        before = width
    network = torch.nn.Sequential(*layers, torch.nn.Linear(before, int(y.max()) + 1))
    for layer in network:
        if isinstance(layer, torch.nn.Linear):
            torch.nn.init.xavier_uniform_(layer.weight)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    loss = torch.nn.CrossEntropyLoss()
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            loss(network(x[batch]), y[batch]).backward()
            optimizer.step()
    with torch.no_grad():
        return (network(test_x).argmax(1) == test_y).float().mean().item()


def main(source):
    print(f"| table | rows | columns | classes | Lockstep, mean of {len(SEEDS)} | PyTorch, mean of {len(SEEDS)} |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in scikit.COLUMNS:
            train, test, data = f"{folder}/train.csv", f"{folder}/test.csv", f"{folder}/{name}.h5"
            scikit.prepare(pathlib.Path(source) / f"{name}.csv", train, test)
            lockstep.output([
                lockstep.BINARY, "convert", "csv", "--input", train, "--test-file", test, "--target", "class", "--classes",
                "--standardize", "--output", data])
            with h5py.File(data) as file:
                (rows, columns), tests = file["train/features"].shape, len(file["test/labels"])
                classes = len(file.attrs["class_names"])
            results = [[ours(data, f"{folder}/{name}-", seed) for seed in SEEDS], [theirs(data, seed) for seed in SEEDS]]
            means = [f"{sum(side) / len(side):.4f}" for side in results]
            print(f"| {name} | {rows} + {tests} | {columns} | {classes} | {' | '.join(means)} |", flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except lockstep.Failure as failure:
        print(f"tables: {failure}", file=sys.stderr)
        sys.exit(failure.status)
