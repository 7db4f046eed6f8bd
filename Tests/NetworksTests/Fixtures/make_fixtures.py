"""Fixtures of losses and of whole networks in PyTorch.

    python make_fixtures.py
"""

import math
import pathlib
import sys

import torch
import torch.nn.functional as F
from torch import nn

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "Support"))
from fixture_format import case, integers, normal, tensor, write_families


def losses():
    cases = []
    for reduction in ("mean", "sum", "none"):
        cases.append(
            case(f"cross entropy {reduction}", "crossEntropy", [normal(4, 5), integers([0, 4, 2, 2])],
                 lambda x, y: F.cross_entropy(x, y, reduction=reduction), reduction=reduction))
        cases.append(
            case(f"mean squared error {reduction}", "meanSquaredError", [normal(3, 2), normal(3, 2)],
                 lambda x, y: F.mse_loss(x, y, reduction=reduction), reduction=reduction))
    large = torch.tensor([[1000.0, 0.0, -1000.0], [-500.0, 500.0, 499.0]], dtype=torch.float64)
    cases.append(
        case("cross entropy of large logits", "crossEntropy", [large, integers([0, 2])], F.cross_entropy,
             reduction="mean"))
    cases.append(
        case("cross entropy of one sample", "crossEntropy", [normal(1, 10), integers([7])], F.cross_entropy,
             reduction="mean"))
    return cases


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2, 2), nn.Conv2d(6, 16, 5), nn.Sigmoid(),
        nn.AvgPool2d(2, 2), nn.Flatten(), nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(),
        nn.Linear(84, 10))


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


def softmax_regression():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def formula(shape, scale, frequency, phase, offset=0.0):
    """offset + scale · sin(frequency · i + phase) over the row-major index i, rounded to float32."""
    count = torch.Size(shape).numel()
    values = [offset + scale * math.sin(frequency * i + phase) for i in range(count)]
    return torch.tensor(values, dtype=torch.float64).float().double().reshape(shape)


def networks():
    """Logits, mean cross-entropy and digests of the gradients of the book's networks, on two examples.

    Parameter k (in state_dict order) holds 0.1 · sin(0.37 · i + k), the input 0.5 + 0.5 · sin(0.11 · i).
    """
    cases = []
    for name, make in (("lenet", lenet), ("mlp", mlp), ("softmax-regression", softmax_regression)):
        network = make().double()
        for index, parameter in enumerate(network.parameters()):
            parameter.data = formula(parameter.shape, 0.1, 0.37, index)
        inputs, labels = formula([2, 1, 28, 28], 0.5, 0.11, 0, offset=0.5), torch.tensor([3, 7])
        logits = network(inputs)
        loss = nn.functional.cross_entropy(logits, labels)
        loss.backward()
        cases.append({
            "name": name, "inputShape": list(inputs.shape), "labels": labels.tolist(), "logits": tensor(logits),
            "loss": float(loss.detach()), "parameters": [digest(*named) for named in network.named_parameters()],
        })
    return cases


def digest(name, parameter):
    """A gradient's sum, sum of absolute values, and five entries spread evenly over it."""
    gradient = parameter.grad.reshape(-1)
    indices = [i * (gradient.numel() - 1) // 4 for i in range(5)]
    return {
        "name": name, "shape": list(parameter.shape), "gradientSum": float(gradient.sum()),
        "gradientAbsoluteSum": float(gradient.abs().sum()), "indices": indices,
        "gradientValues": [float(gradient[i]) for i in indices],
    }


if __name__ == "__main__":
    write_families(__file__, [losses, networks])
