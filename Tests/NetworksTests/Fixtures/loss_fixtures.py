"""Fixtures of losses with their options in PyTorch.

    python loss_fixtures.py
"""

import pathlib
import sys

import torch
import torch.nn.functional as F

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "Support"))
from fixture_format import case, integers, normal, write_families

REDUCTIONS = ("mean", "sum", "none")


def shares(*shape):
    """Positive, and along axis 1 one together."""
    return normal(*shape).softmax(1)


def optional_losses():
    cases = []
    weights = torch.tensor([0.5, 2, 1, 0, 1.5], dtype=torch.float64)
    labels = integers([0, 4, -100, 2, 1, 2])
    for reduction in REDUCTIONS:
        for smoothing in (0.0, 0.1):
            for weighted in (False, True):
                label = f"{reduction} smoothing {smoothing}{' weights' if weighted else ''}"
                arguments = {"reduction": reduction, "smoothing": smoothing, "weighted": weighted}
                extra = [weights] if weighted else []

                def cross(x, y, w=None):
                    return F.cross_entropy(
                        x, y, None if w is None else w.detach(), reduction=reduction, label_smoothing=smoothing)

                cases.append(case(f"labels {label}", "crossEntropy", [normal(6, 5), labels, *extra], cross, **arguments))
                cases.append(
                    case(f"probabilities {label}", "crossEntropy", [normal(3, 5), shares(3, 5), *extra], cross, **arguments))
        cases.append(
            case(f"pixels {reduction}", "crossEntropy", [normal(2, 5, 2, 3), integers([[[0, 1, 2], [3, 4, 4]]] * 2), weights],
                 lambda x, y, w: F.cross_entropy(x, y, w.detach(), ignore_index=4, reduction=reduction), reduction=reduction,
                 smoothing=0.0, weighted=True, ignored=4))
        cases.append(
            case(f"probabilities of pixels {reduction}", "crossEntropy", [normal(2, 5, 3), shares(2, 5, 3), weights],
                 lambda x, y, w: F.cross_entropy(x, y, w.detach(), reduction=reduction), reduction=reduction, smoothing=0.0,
                 weighted=True))
        for weighted in (False, True):
            extra = [weights] if weighted else []
            cases.append(
                case(f"negative log-likelihood {reduction}{' weights' if weighted else ''}", "nll",
                     [normal(6, 5), labels, *extra],
                     lambda x, y, w=None: F.nll_loss(x, y, None if w is None else w.detach(), reduction=reduction),
                     reduction=reduction))
        cases.append(
            case(f"negative log-likelihood of pixels {reduction}", "nll", [normal(2, 5, 3), integers([[0, 1, 2], [-100, 4, 4]])],
                 lambda x, y: F.nll_loss(x, y, reduction=reduction), reduction=reduction))
        certain = torch.tensor([0, 1, 0, 1, 0.25, 0.75], dtype=torch.float64)
        probabilities = torch.tensor([0, 1, 0.9, 0.2, 0.5, 0.125], dtype=torch.float64)
        cases.append(
            case(f"binary {reduction}", "binary", [probabilities, certain],
                 lambda p, t: F.binary_cross_entropy(p, t.detach(), reduction=reduction), reduction=reduction))
        inner = probabilities.clamp(0.1, 0.9)
        cases.append(
            case(f"binary with weights {reduction}", "binary", [inner, certain, normal(6).abs()],
                 lambda p, t, w: F.binary_cross_entropy(p, t, w.detach(), reduction=reduction), reduction=reduction,
                 weighted=True))
        logits = torch.tensor([[-50.0, 50, -3], [0, 0.5, 20]], dtype=torch.float64)
        targets = torch.tensor([[0.0, 0, 1], [1, 0.25, 1]], dtype=torch.float64)
        cases.append(
            case(f"binary of logits {reduction}", "binaryLogits", [logits, targets],
                 lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction=reduction), reduction=reduction))
        cases.append(
            case(f"binary of logits with weights {reduction}", "binaryLogits",
                 [logits, targets, normal(2, 1).abs(), normal(3).abs()],
                 lambda x, t, w, p: F.binary_cross_entropy_with_logits(
                     x, t, w.detach(), reduction=reduction, pos_weight=p.detach()), reduction=reduction, weighted=True))
        difference = torch.tensor([-3.0, -0.6, -0.2, 0.1, 0.5, 4], dtype=torch.float64)
        cases += [
            case(f"absolute {reduction}", "absolute", [normal(3, 2), normal(3, 2)],
                 lambda x, y: F.l1_loss(x, y, reduction=reduction), reduction=reduction),
            case(f"Huber {reduction}", "huber", [difference, torch.zeros(6, dtype=torch.float64)],
                 lambda x, y: F.huber_loss(x, y, reduction=reduction, delta=0.7), reduction=reduction, delta=0.7),
            case(f"smooth L1 {reduction}", "smoothL1", [difference, torch.zeros(6, dtype=torch.float64)],
                 lambda x, y: F.smooth_l1_loss(x, y, reduction=reduction, beta=0.7), reduction=reduction, delta=0.7),
            case(f"divergence {reduction}", "divergence", [shares(3, 4).log(), shares(3, 4)],
                 lambda x, y: F.kl_div(x, y, reduction=reduction), reduction=reduction, weighted=False),
            case(f"divergence of logarithms {reduction}", "divergence", [shares(3, 4).log(), shares(3, 4).log()],
                 lambda x, y: F.kl_div(x, y, reduction=reduction, log_target=True), reduction=reduction, weighted=True),
        ]
    cases.append(
        case("divergence of zeros", "divergence",
             [shares(2, 2).log(), torch.tensor([[0, 1], [0.5, 0.5]], dtype=torch.float64)],
             lambda x, y: F.kl_div(x, y.detach(), reduction="sum"), reduction="sum", weighted=False))
    for logarithmic in (False, True):
        target = shares(3, 4, 2)
        cases.append(
            case(f"divergence of a batch{' of logarithms' if logarithmic else ''}", "divergence",
                 [shares(3, 4, 2).log(), target.log() if logarithmic else target],
                 lambda x, y, log=logarithmic: F.kl_div(x, y, reduction="batchmean", log_target=log),
                 reduction="batchmean", weighted=logarithmic))
    return cases


if __name__ == "__main__":
    write_families(__file__, [optional_losses])
