"""The book's house prices as PyTorch's users train them: k folds, each a DataLoader, a loop, and log rmse per epoch.

    python pytorch_house.py DATA.h5 FOLDS EPOCHS

DATA.h5 is what `lockstep convert house-prices` wrote. Prints one JSON line of the folds' mean results.
"""

import json
import sys

import h5py
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BATCH_SIZE, LEARNING_RATE, THREADS = 64, 5, 2
loss = nn.MSELoss()


def log_rmse(network, features, targets):
    with torch.no_grad():
        predictions = torch.clamp(network(features), 1, float("inf"))
        return torch.sqrt(loss(torch.log(predictions), torch.log(targets))).item()


def train(train_rows, valid_rows, epochs):
    network = nn.Sequential(nn.Linear(train_rows[0].shape[1], 1))
    batches = DataLoader(TensorDataset(*train_rows), BATCH_SIZE, shuffle=True)
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    for _ in range(epochs):
        for features, targets in batches:
            optimizer.zero_grad()
            loss(network(features), targets).backward()
            optimizer.step()
        result = log_rmse(network, *train_rows), log_rmse(network, *valid_rows)
    return result


def main():
    path, folds, epochs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    with h5py.File(path) as file:
        rows = [torch.from_numpy(file[f"train/{name}"][:]) for name in ("features", "targets")]
    size = len(rows[0]) // folds
    results = []
    for fold in range(folds):
        left = slice(fold * size, (fold + 1) * size)
        rest = [torch.cat([part[:left.start], part[left.stop:]]) for part in rows]
        results.append(train(rest, [part[left] for part in rows], epochs))
    train_mean, valid_mean = (sum(column) / folds for column in zip(*results))
    print(json.dumps({"train_log_rmse": train_mean, "valid_log_rmse": valid_mean}))


if __name__ == "__main__":
    main()
