"""The book's LeNet as PyTorch's users train it: DataLoader with two workers, evaluation after each epoch.

    python pytorch_book.py EPOCHS FOLDER

Prints one JSON line of the last epoch's results. It does no more work for a sample than torchvision's FashionMNIST
with ToTensor does: that one also makes a PIL image of it and copies it back.
"""

import gzip
import json
import pathlib
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from models import MODELS

BATCH_SIZE, WORKERS, THREADS = 256, 2, 2


class FashionMNIST(Dataset):
    """One split of the gzip IDX files, kept as uint8; a sample becomes float 0…1 when it is asked for."""

    def __init__(self, folder, split):
        def read(kind, header):
            raw = gzip.decompress((pathlib.Path(folder) / f"{split}-{kind}-ubyte.gz").read_bytes())
            return torch.frombuffer(bytearray(raw[header:]), dtype=torch.uint8)

        self.images = read("images-idx3", 16).reshape(-1, 28, 28)
        self.labels = read("labels-idx1", 8).long()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.images[index].unsqueeze(0).to(torch.float32).div(255), int(self.labels[index])


def xavier(layer):
    if isinstance(layer, (nn.Linear, nn.Conv2d)):
        nn.init.xavier_uniform_(layer.weight)


def accuracy(network, loader):
    network.eval()
    right = total = 0
    with torch.no_grad():
        for images, labels in loader:
            right += (network(images).argmax(1) == labels).sum().item()
            total += labels.numel()
    return right / total


def main():
    epochs, folder = int(sys.argv[1]), sys.argv[2]
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    training = DataLoader(FashionMNIST(folder, "train"), BATCH_SIZE, shuffle=True, num_workers=WORKERS)
    test = DataLoader(FashionMNIST(folder, "t10k"), BATCH_SIZE, num_workers=WORKERS)
    model = MODELS["lenet"]
    network = model.build()
    network.apply(xavier)
    optimizer = torch.optim.SGD(network.parameters(), lr=model.learning_rate)
    for _ in range(epochs):
        network.train()
        loss_sum = right = total = 0
        for images, labels in training:
            optimizer.zero_grad()
            logits = network(images)
            loss = nn.functional.cross_entropy(logits, labels)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                loss_sum += loss.item() * labels.numel()
                right += (logits.argmax(1) == labels).sum().item()
                total += labels.numel()
        result = {
            "train_loss": loss_sum / total, "train_accuracy": right / total, "test_accuracy": accuracy(network, test),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
