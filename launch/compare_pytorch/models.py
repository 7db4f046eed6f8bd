"""The book's networks in PyTorch, as the comparison trains them. A new model is one builder and one entry of MODELS."""

from dataclasses import dataclass
from typing import Callable

import torch
from torch import nn

import sequences
import transformers


@dataclass(frozen=True)
class Model:
    """A network and how it is trained."""

    build: Callable[[], nn.Module]
    batch_size: int
    input_shape: tuple[int, ...]  # of one example: [channels, height, width]
    classes: int
    learning_rate: float
    bar: float | None = None  # the ratio to PyTorch that Lockstep promises
    half_bar: float | None = None  # the same in bf16

    unit, per_example = "examples", 1

    @property
    def loss(self):
        """Classes are learnt by cross-entropy, numbers (no classes) by squared errors."""
        return nn.functional.cross_entropy if self.classes else nn.functional.mse_loss

    @property
    def convolutional(self):
        return any(isinstance(layer, nn.Conv2d) for layer in self.build().modules())

    def optimizer(self, parameters):
        return torch.optim.SGD(parameters, lr=self.learning_rate, fused=True)

    def clip(self, parameters):
        """Gradients stay as they are."""

    def batch(self, size, seed):
        """`size` random examples: float32 [size, *input_shape] and int64 labels [size], or numbers [size, 1]."""
        generator = torch.Generator().manual_seed(seed)
        images = torch.rand(size, *self.input_shape, generator=generator)
        if not self.classes:
            return images, torch.rand(size, 1, generator=generator)
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


def lenet_bn():
    return nn.Sequential(
        nn.Conv2d(1, 6, kernel_size=5), nn.BatchNorm2d(6), nn.Sigmoid(), nn.MaxPool2d(kernel_size=2, stride=2),
        nn.Conv2d(6, 16, kernel_size=5), nn.BatchNorm2d(16), nn.Sigmoid(), nn.MaxPool2d(kernel_size=2, stride=2),
        nn.Flatten(), nn.Linear(256, 120), nn.BatchNorm1d(120), nn.Sigmoid(), nn.Linear(120, 84), nn.BatchNorm1d(84),
        nn.Sigmoid(), nn.Linear(84, 10))


def alexnet():
    return nn.Sequential(
        nn.Conv2d(1, 96, kernel_size=11, stride=4, padding=1), nn.ReLU(), nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(96, 256, kernel_size=5, padding=2), nn.ReLU(), nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(256, 384, kernel_size=3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 384, kernel_size=3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(kernel_size=3, stride=2), nn.Flatten(),
        nn.Linear(6400, 4096), nn.ReLU(), nn.Dropout(p=0.5), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(p=0.5),
        nn.Linear(4096, 10))


def vgg11():
    blocks, inputs = [], 1
    for convolutions, outputs in ((1, 16), (1, 32), (2, 64), (2, 128), (2, 128)):
        layers = []
        for _ in range(convolutions):
            layers += [nn.Conv2d(inputs, outputs, kernel_size=3, padding=1), nn.ReLU()]
            inputs = outputs
        blocks.append(nn.Sequential(*layers, nn.MaxPool2d(kernel_size=2, stride=2)))
    return nn.Sequential(
        *blocks, nn.Flatten(), nn.Linear(128 * 7 * 7, 4096), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4096, 4096), nn.ReLU(),
        nn.Dropout(0.5), nn.Linear(4096, 10))


def nin_block(inputs, outputs, kernel_size, stride, padding):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size, stride, padding), nn.ReLU(), nn.Conv2d(outputs, outputs, kernel_size=1),
        nn.ReLU(), nn.Conv2d(outputs, outputs, kernel_size=1), nn.ReLU())


def nin():
    return nn.Sequential(
        nin_block(1, 96, 11, 4, 0), nn.MaxPool2d(3, stride=2), nin_block(96, 256, 5, 1, 2), nn.MaxPool2d(3, stride=2),
        nin_block(256, 384, 3, 1, 1), nn.MaxPool2d(3, stride=2), nn.Dropout(0.5), nin_block(384, 10, 3, 1, 1),
        nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten())


class Inception(nn.Module):
    def __init__(self, inputs, c1, c2, c3, c4):
        super().__init__()
        self.p1_1 = nn.Conv2d(inputs, c1, kernel_size=1)
        self.p2_1 = nn.Conv2d(inputs, c2[0], kernel_size=1)
        self.p2_2 = nn.Conv2d(c2[0], c2[1], kernel_size=3, padding=1)
        self.p3_1 = nn.Conv2d(inputs, c3[0], kernel_size=1)
        self.p3_2 = nn.Conv2d(c3[0], c3[1], kernel_size=5, padding=2)
        self.p4_1 = nn.MaxPool2d(kernel_size=3, stride=1, padding=1)
        self.p4_2 = nn.Conv2d(inputs, c4, kernel_size=1)

    def forward(self, x):
        relu = nn.functional.relu
        return torch.cat((
            relu(self.p1_1(x)), relu(self.p2_2(relu(self.p2_1(x)))), relu(self.p3_2(relu(self.p3_1(x)))),
            relu(self.p4_2(self.p4_1(x)))), dim=1)


def googlenet():
    def halving():
        return nn.MaxPool2d(kernel_size=3, stride=2, padding=1)

    return nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3), nn.ReLU(), halving()),
        nn.Sequential(
            nn.Conv2d(64, 64, kernel_size=1), nn.ReLU(), nn.Conv2d(64, 192, kernel_size=3, padding=1), nn.ReLU(), halving()),
        nn.Sequential(Inception(192, 64, (96, 128), (16, 32), 32), Inception(256, 128, (128, 192), (32, 96), 64), halving()),
        nn.Sequential(
            Inception(480, 192, (96, 208), (16, 48), 64), Inception(512, 160, (112, 224), (24, 64), 64),
            Inception(512, 128, (128, 256), (24, 64), 64), Inception(512, 112, (144, 288), (32, 64), 64),
            Inception(528, 256, (160, 320), (32, 128), 128), halving()),
        nn.Sequential(
            Inception(832, 256, (160, 320), (32, 128), 128), Inception(832, 384, (192, 384), (48, 128), 128),
            nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten()),
        nn.Linear(1024, 10))


class Residual(nn.Module):
    def __init__(self, inputs, outputs, projecting=False, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, stride=stride)
        self.conv2 = nn.Conv2d(outputs, outputs, kernel_size=3, padding=1)
        self.conv3 = nn.Conv2d(inputs, outputs, kernel_size=1, stride=stride) if projecting else None
        self.bn1 = nn.BatchNorm2d(outputs)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x):
        y = self.bn2(self.conv2(nn.functional.relu(self.bn1(self.conv1(x)))))
        return nn.functional.relu(y + (self.conv3(x) if self.conv3 else x))


def resnet18():
    def stage(inputs, outputs, first=False):
        begin = Residual(outputs, outputs) if first else Residual(inputs, outputs, projecting=True, stride=2)
        return nn.Sequential(begin, Residual(outputs, outputs))

    return nn.Sequential(
        nn.Sequential(
            nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3), nn.BatchNorm2d(64), nn.ReLU(),
            nn.MaxPool2d(kernel_size=3, stride=2, padding=1)),
        stage(64, 64, first=True), stage(64, 128), stage(128, 256), stage(256, 512),
        nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(512, 10))


MODELS = {
    "linear-regression": Model(lambda: nn.Sequential(nn.Linear(2, 1)), 10, (2,), 0, 0.03, bar=10.0),
    "softmax-regression": Model(softmax_regression, 256, (1, 28, 28), 10, 0.1),
    "mlp": Model(mlp, 256, (1, 28, 28), 10, 0.1, bar=1.35),
    "mlp-dropout": Model(mlp_dropout, 256, (1, 28, 28), 10, 0.5),
    "lenet": Model(lenet, 256, (1, 28, 28), 10, 0.9, bar=2.1),
    "lenet-bn": Model(lenet_bn, 256, (1, 28, 28), 10, 1.0, bar=2.1),
    "alexnet": Model(alexnet, 32, (1, 224, 224), 10, 0.01, bar=1.8),
    "vgg11": Model(vgg11, 32, (1, 224, 224), 10, 0.05, bar=3.0),
    "nin": Model(nin, 32, (1, 224, 224), 10, 0.1, bar=1.35),
    "googlenet": Model(googlenet, 64, (1, 96, 96), 10, 0.1, bar=1.5),
    "resnet18": Model(resnet18, 128, (1, 96, 96), 10, 0.05, bar=1.75, half_bar=1.2),
    "vit": Model(transformers.VisionTransformer, 128, (1, 96, 96), 10, 0.1, bar=1.3),
    **sequences.MODELS,
    **transformers.MODELS,
}
