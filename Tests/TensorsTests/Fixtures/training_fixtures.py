"""Fixtures of what surrounds the operators: optimizers, schedules, clipping and whole networks."""

import math

import torch
from torch import nn
from torch.optim import lr_scheduler

from fixture_format import tensor

STEPS = 5


def optimizers():
    """Parameters after each of five steps on the quadratic ½ Σ c (w − t)², with the gradients that were applied."""
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
    ]
    start = torch.tensor([[1.5, -2.0, 0.3], [0.0, 0.75, -0.5]], dtype=torch.float64)
    target = torch.tensor([[0.5, 1.0, -0.7], [0.2, 0.25, -2.0]], dtype=torch.float64)
    curvature = torch.tensor([[1.0, 0.5, 2.0], [3.0, 0.1, 1.5]], dtype=torch.float64)
    names = {"lr": "learningRate", "weight_decay": "weightDecay", "eps": "epsilon"}
    cases = []
    for name, kind, optimizer_class, settings in rows:
        parameter = start.clone().requires_grad_(True)
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
            "name": name, "optimizer": kind, "arguments": arguments, "start": tensor(start), "gradients": gradients,
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
