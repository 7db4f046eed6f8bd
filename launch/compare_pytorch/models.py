"""The book's networks in PyTorch, as the comparison trains them. A new model is one builder and one entry of MODELS."""

from dataclasses import dataclass
from typing import Callable

import torch
from torch import nn


@dataclass(frozen=True)
class Model:
    """A network and how it is trained."""

    build: Callable[[], nn.Module]
    batch_size: int
    input_shape: tuple[int, ...]  # of one example: [channels, height, width]
    classes: int
    learning_rate: float
    bar: float | None = None  # the ratio to PyTorch that Lockstep promises

    @property
    def convolutional(self):
        return any(isinstance(layer, nn.Conv2d) for layer in self.build().modules())

    def batch(self, size, seed):
        """`size` random examples: float32 [size, channels, height, width] and int64 labels [size]."""
        generator = torch.Generator().manual_seed(seed)
        images = torch.rand(size, *self.input_shape, generator=generator)
        return images, torch.randint(self.classes, (size,), generator=generator)


def softmax_regression():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


def mlp_dropout():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Dropout(0.2), nn.Linear(256, 256), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(256, 10))


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, kernel_size=5, padding=2), nn.Sigmoid(), nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Conv2d(6, 16, kernel_size=5), nn.Sigmoid(), nn.AvgPool2d(kernel_size=2, stride=2), nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10))


MODELS = {
    "softmax-regression": Model(softmax_regression, 256, (1, 28, 28), 10, 0.1),
    "mlp": Model(mlp, 256, (1, 28, 28), 10, 0.1, bar=1.15),
    "mlp-dropout": Model(mlp_dropout, 256, (1, 28, 28), 10, 0.5),
    "lenet": Model(lenet, 256, (1, 28, 28), 10, 0.9, bar=1.5),
}
