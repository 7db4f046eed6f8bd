"""Fixtures of optimizers, schedules and clipping in PyTorch; LARS and LAMB, which it has not, and Muon, which it has in bfloat16, by hand.

    python make_fixtures.py
"""

import math
import pathlib
import sys

import torch
from torch import nn
from torch.optim import lr_scheduler

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "Support"))
from fixture_format import tensor, write_families

STEPS = 20


class LayerWise:
    """LARS and LAMB, which PyTorch has not, as their papers define them; vectors take the step as it is."""

    def __init__(self, parameters, lr, weight_decay=0.0):
        (self.parameter,) = parameters
        self.lr, self.decay, self.count = lr, weight_decay, 0

    def zero_grad(self):
        self.parameter.grad = None

    def ratio(self, over):
        size = self.parameter.norm()
        return size / over if self.parameter.dim() > 1 and size > 0 and over > 0 else 1.0

    @torch.no_grad()
    def step(self):
        self.count += 1
        self.parameter -= self.change(self.parameter.grad)


class LARS(LayerWise):
    """You, Gitman, Ginsburg 2017, algorithm 1."""

    def __init__(self, parameters, lr, momentum=0.9, weight_decay=0.0, trust=0.001):
        super().__init__(parameters, lr, weight_decay)
        self.momentum, self.trust, self.last = momentum, trust, 0.0

    def change(self, gradient):
        ratio = self.ratio(gradient.norm() + self.decay * self.parameter.norm())
        local = ratio if ratio == 1.0 else self.trust * ratio
        self.last = self.momentum * self.last + self.lr * local * (gradient + self.decay * self.parameter)
        return self.last


class LAMB(LayerWise):
    """You et al. 2020, algorithm 2."""

    def __init__(self, parameters, lr, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0):
        super().__init__(parameters, lr, weight_decay)
        self.betas, self.eps, self.mean, self.square = betas, eps, 0.0, 0.0

    def change(self, gradient):
        self.mean = self.betas[0] * self.mean + (1 - self.betas[0]) * gradient
        self.square = self.betas[1] * self.square + (1 - self.betas[1]) * gradient ** 2
        mean, square = (m / (1 - b ** self.count) for m, b in zip((self.mean, self.square), self.betas))
        direction = mean / (square.sqrt() + self.eps) + self.decay * self.parameter
        return self.lr * self.ratio(direction.norm()) * direction


class Muon:
    """`torch.optim.Muon`, whose iteration is bfloat16, in float64. Axes behind the first count as one."""

    def __init__(self, parameters, lr, momentum=0.95, weight_decay=0.0, nesterov=True, scaling="original"):
        (self.parameter,) = parameters
        self.lr, self.momentum, self.decay, self.nesterov, self.scaling = lr, momentum, weight_decay, nesterov, scaling
        self.mean = torch.zeros_like(self.parameter)

    def zero_grad(self):
        self.parameter.grad = None

    @staticmethod
    def orthogonalized(matrix):
        x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
        x = x / x.norm().clamp(min=1e-7)
        for _ in range(5):
            gram = x @ x.T
            x = 3.4445 * x + (-4.775 * gram + 2.0315 * gram @ gram) @ x
        return x.T if matrix.shape[0] > matrix.shape[1] else x

    @torch.no_grad()
    def step(self):
        gradient = self.parameter.grad
        self.mean.lerp_(gradient, 1 - self.momentum)
        matrix = (gradient.lerp(self.mean, self.momentum) if self.nesterov else self.mean).flatten(1)
        rows, columns = matrix.shape
        scale = max(1, rows / columns) ** 0.5 if self.scaling == "original" else 0.2 * max(rows, columns) ** 0.5
        self.parameter.mul_(1 - self.lr * self.decay)
        self.parameter.sub_(self.lr * scale * self.orthogonalized(matrix).reshape(self.parameter.shape))


def optimizers():
    """Parameters after each of some steps on the quadratic ½ Σ c (w − t)², with the gradients that were applied."""
    sgd, adam, adamw = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW
    # name, optimizer, class, PyTorch's arguments
    rows = [
        ("sgd", "sgd", sgd, {"lr": 0.1}),
        ("sgd momentum", "sgd", sgd, {"lr": 0.1, "momentum": 0.9}),
        ("sgd nesterov", "sgd", sgd, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
        ("sgd weight decay", "sgd", sgd, {"lr": 0.1, "weight_decay": 0.05}),
        ("sgd momentum dampening", "sgd", sgd, {"lr": 0.1, "momentum": 0.8, "dampening": 0.3}),
        ("sgd all", "sgd", sgd, {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
        ("adam", "adam", adam, {"lr": 0.1}),
        ("adam betas", "adam", adam, {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-4}),
        ("adam weight decay", "adam", adam, {"lr": 0.1, "weight_decay": 0.05}),
        ("adamw", "adamw", adamw, {"lr": 0.1, "weight_decay": 0.05}),
        ("lars", "lars", LARS, {"lr": 20.0}),
        ("lars weight decay", "lars", LARS, {"lr": 20.0, "momentum": 0.8, "weight_decay": 0.05, "trust": 0.01}),
        ("lars of a vector", "lars", LARS, {"lr": 0.1, "weight_decay": 0.05}),
        ("lars from zeros", "lars", LARS, {"lr": 0.1}),
        ("lamb", "lamb", LAMB, {"lr": 0.1}),
        ("lamb weight decay", "lamb", LAMB, {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.05}),
        ("lamb of a vector", "lamb", LAMB, {"lr": 0.1, "weight_decay": 0.05}),
        ("lamb from zeros", "lamb", LAMB, {"lr": 0.1}),
        ("adagrad", "adagrad", torch.optim.Adagrad, {"lr": 0.5}),
        ("adagrad all", "adagrad", torch.optim.Adagrad,
         {"lr": 0.5, "lr_decay": 0.1, "weight_decay": 0.05, "initial_accumulator_value": 0.2, "eps": 1e-3}),
        ("rmsprop", "rmsprop", torch.optim.RMSprop, {"lr": 0.05}),
        ("rmsprop momentum", "rmsprop", torch.optim.RMSprop,
         {"lr": 0.02, "alpha": 0.9, "momentum": 0.8, "weight_decay": 0.05}),
        ("rmsprop centered", "rmsprop", torch.optim.RMSprop, {"lr": 0.02, "alpha": 0.95, "eps": 1e-4, "centered": True}),
        ("rmsprop all", "rmsprop", torch.optim.RMSprop,
         {"lr": 0.01, "alpha": 0.9, "momentum": 0.5, "centered": True, "weight_decay": 0.01}),
        ("adadelta", "adadelta", torch.optim.Adadelta, {"lr": 1.0}),
        ("adadelta all", "adadelta", torch.optim.Adadelta, {"lr": 0.5, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.05}),
        ("muon", "muon", Muon, {"lr": 0.1}),
        ("muon adamw", "muon", Muon, {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.1, "scaling": "adamw"}),
        ("muon tall without nesterov", "muon", Muon, {"lr": 0.1, "nesterov": False, "weight_decay": 0.05}),
        ("muon convolution", "muon", Muon, {"lr": 0.05}),
    ]
    start = torch.tensor([[1.5, -2.0, 0.3], [0.0, 0.75, -0.5]], dtype=torch.float64)
    target = torch.tensor([[0.5, 1.0, -0.7], [0.2, 0.25, -2.0]], dtype=torch.float64)
    curvature = torch.tensor([[1.0, 0.5, 2.0], [3.0, 0.1, 1.5]], dtype=torch.float64)
    names = {
        "lr": "learningRate", "weight_decay": "weightDecay", "eps": "epsilon", "lr_decay": "learningRateDecay",
        "initial_accumulator_value": "initialSum"}
    cases = []
    for name, kind, optimizer_class, settings in rows:
        begin = torch.zeros_like(start) if name.endswith("zeros") else start
        begin = begin.flatten() if name.endswith("vector") else begin
        begin = begin.reshape(3, 2) if "tall" in name else begin.reshape(2, 3, 1, 1) if "convolution" in name else begin
        parameter = begin.clone()
        target, curvature = target.reshape(parameter.shape), curvature.reshape(parameter.shape)
        parameter.requires_grad_(True)
        optimizer = optimizer_class([parameter], **settings)
        gradients, parameters = [], []
        for _ in range(STEPS):
            optimizer.zero_grad()
            (0.5 * curvature * (parameter - target) ** 2).sum().backward()
            gradients.append(tensor(parameter.grad))
            optimizer.step()
            parameters.append(tensor(parameter))
        arguments = {names.get(key, key): value for key, value in settings.items()}
        cases.append({
            "name": name, "optimizer": kind, "arguments": arguments, "start": tensor(begin), "gradients": gradients,
            "parameters": parameters,
        })
    return cases


def schedules():
    """Learning rates of steps 0, 1, 2 … (the first is the one that the first step uses)."""
    rate, count = 0.4, 12

    def linear_warm_up(optimizer):
        return lr_scheduler.LinearLR(optimizer, start_factor=0.2, total_iters=4)

    def warm_up_then_cosine(optimizer):
        cosine = lr_scheduler.CosineAnnealingLR(optimizer, T_max=8, eta_min=0.01)
        return lr_scheduler.SequentialLR(optimizer, [linear_warm_up(optimizer), cosine], milestones=[4])

    rows = [
        ("step", {"stepSize": 3, "gamma": 0.5}, lambda o: lr_scheduler.StepLR(o, 3, 0.5)),
        ("step", {"stepSize": 1, "gamma": 0.9}, lambda o: lr_scheduler.StepLR(o, 1, 0.9)),
        ("cosine", {"totalSteps": 11, "minimum": 0.0}, lambda o: lr_scheduler.CosineAnnealingLR(o, 11)),
        ("cosine", {"totalSteps": 11, "minimum": 0.05}, lambda o: lr_scheduler.CosineAnnealingLR(o, 11, 0.05)),
        ("warmUp", {"warmUpSteps": 4, "startFactor": 0.2}, linear_warm_up),
        ("warmUpCosine", {"warmUpSteps": 4, "startFactor": 0.2, "totalSteps": 8, "minimum": 0.01},
         warm_up_then_cosine),
        ("exponential", {"stepSize": 1, "gamma": 0.8}, lambda o: lr_scheduler.ExponentialLR(o, 0.8)),
        ("polynomial", {"totalSteps": 8}, lambda o: lr_scheduler.PolynomialLR(o, 8)),
        ("polynomial", {"totalSteps": 10, "power": 2.0}, lambda o: lr_scheduler.PolynomialLR(o, 10, 2.0)),
        ("oneCycle", {"totalSteps": 13}, lambda o: lr_scheduler.OneCycleLR(o, rate, 13, cycle_momentum=False)),
        ("oneCycle", {"totalSteps": 20, "rise": 0.5},
         lambda o: lr_scheduler.OneCycleLR(o, rate, 20, pct_start=0.5, cycle_momentum=False)),
    ]
    cases = []
    for index, (kind, arguments, make) in enumerate(rows):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)
        schedule = make(optimizer)
        rates = []
        for _ in range(count):
            rates.append(float(optimizer.param_groups[0]["lr"]))
            optimizer.step()
            schedule.step()
        cases.append({
            "name": f"{kind} {index}", "schedule": kind, "arguments": {"learningRate": rate, **arguments},
            "learningRates": rates,
        })
    return cases


def clipping():
    """`clip_grad_norm_` on three gradients at once: the norm before, and what is left after."""
    cases = []
    for maximum in (0.5, 1.0, 100.0):
        shapes = [(2, 3), (4,), ()]
        gradients = [(torch.randn(shape, dtype=torch.float64) * 1000).round() / 1000 for shape in shapes]
        parameters = [torch.zeros_like(g).requires_grad_(True) for g in gradients]
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = gradient.clone()
        norm = nn.utils.clip_grad_norm_(parameters, maximum)
        cases.append({
            "name": f"maximum {maximum:g}", "maximumNorm": maximum, "gradients": [tensor(g) for g in gradients],
            "totalNorm": float(norm), "clipped": [tensor(p.grad) for p in parameters],
        })
    return cases


if __name__ == "__main__":
    write_families(__file__, [optimizers, schedules, clipping])
