"""Writes the JSON fixtures of the everyday operators: order, statistics, masks, positions, arrangement, einsum, pooling and
convolution of sequences, transposed convolution.

    python everyday_fixtures.py        (needs PyTorch; used with 2.15)
"""

import pathlib
import sys

import torch
import torch.nn.functional as F

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "Support"))
from fixture_format import case, integers, normal, write_families
from make_fixtures import distinct


def everyday():
    cases = []
    for name, function in (("variance", torch.var), ("standardDeviation", torch.std)):
        for axes, correction, keep in (([0], 1, False), ([1], 0, True), ([0, 2], 1, False), ([0, 1, 2], 2, False)):
            cases.append(
                case(f"{name} axes {axes} correction {correction}", name, [normal(2, 3, 4)],
                     lambda x: function(x, axes, correction=correction, keepdim=keep), axes=axes,
                     exponent=float(correction), keepDimensions=keep))
    for order in (1.0, 2.0, 3.0, 0.5):
        cases.append(
            case(f"norm of order {order:g}", "normOfOrder", [normal(3, 4)],
                 lambda x: torch.linalg.vector_norm(x, order, dim=[1]), exponent=order, axes=[1], keepDimensions=False))
    for descending in (False, True):
        for axis in (0, -1):
            label = f"axis {axis}{' descending' if descending else ''}"
            arguments = {"axis": axis, "reverse": descending}
            cases.append(
                case(f"sort {label}", "sort", [distinct(3, 4)], lambda x: x.sort(axis, descending).values, **arguments))
            cases.append(
                case(f"argsort {label}", "argsort", [distinct(3, 4)], lambda x: x.argsort(axis, descending), **arguments))
            cases.append(
                case(f"topk {label}", "topk", [distinct(3, 4)],
                     lambda x: x.topk(2, axis, largest=not descending).values, count=2, **arguments))
    tied = torch.tensor([2.0, 1, 2, 1, 0, 2], dtype=torch.float64)
    for descending in (False, True):
        cases.append(
            case(f"ties stay in order{' descending' if descending else ''}", "argsort", [tied],
                 lambda x: torch.sort(x, dim=0, descending=descending, stable=True).indices, axis=0, reverse=descending))
    for axis in (0, 1, -1):
        x = normal(3, 4)
        cases.append(case(f"cumprod axis {axis}", "cumprod", [x], lambda x: x.cumprod(axis), axis=axis))
    zeros = torch.tensor([[1.5, 0, 2, 3], [0, 2, 0, 4], [1, 2, 3, 0]], dtype=torch.float64)
    cases.append(case("cumprod with zeros", "cumprod", [zeros], lambda x: x.cumprod(1), axis=1))
    for x in (normal(2, 5), torch.tensor([-6.0, -3, -1e-3, 0, 1e-3, 3, 6], dtype=torch.float64)):
        cases.append(case(f"erf {list(x.shape)}".replace(", ", "×"), "erf", [x], torch.erf))
        cases.append(case(f"softplus {list(x.shape)}".replace(", ", "×"), "softplus", [x], F.softplus))
    signs = torch.tensor([7.5, -7.5, 7.5, -7.5, 6, -6, 0.75, -0.75], dtype=torch.float64)
    divisors = torch.tensor([2.0, 2, -2, -2, 3, -3, 0.25, 0.5], dtype=torch.float64)
    cases.append(case("remainder", "remainder", [signs, divisors], torch.remainder))
    cases.append(case("remainder of broadcast", "remainder", [normal(2, 3), normal(3)], torch.remainder))
    cases.append(case("floor division", "floorDivide", [signs, divisors], lambda a, b: torch.floor_divide(a.detach(), b.detach())))
    whole, by = integers([7, -7, 7, -7, 6, -6, 0, 1]), integers([2, 2, -2, -2, 3, -3, 5, -5])
    cases.append(case("remainder of integers", "remainder", [whole, by], torch.remainder))
    cases.append(case("floor division of integers", "floorDivide", [whole, by], torch.floor_divide))
    for name in ("floor", "ceil", "round", "trunc"):
        x = torch.tensor([-2.5, -1.5, -0.4, 0.5, 1.5, 2.4], dtype=torch.float64)
        cases.append(case(name, name, [x], lambda x: getattr(torch, name)(x.detach())))
    cases.append(case("outer", "outer", [normal(3), normal(4)], torch.outer))
    cases.append(case("diagonal", "diagonal", [normal(3, 2, 4)], lambda x: x.diagonal(0, 0, 2).permute(1, 0), axes=[0, 2]))
    for axes in ([], [0], [1]):
        x = torch.tensor([[True, False, True], [False, False, True]])
        cases.append(case(f"any {axes}", "any", [x], lambda x: x.any(axes[0]) if axes else x.any(), axes=axes))
        cases.append(case(f"all {axes}", "all", [x], lambda x: x.all(axes[0]) if axes else x.all(), axes=axes))
    for name, function in (("and", torch.bitwise_and), ("or", torch.bitwise_or), ("xor", torch.bitwise_xor)):
        cases.append(case(f"{name} of integers", name, [whole, by], function))
        cases.append(
            case(f"{name} of truth values", name,
                 [torch.tensor([[True], [False]]), torch.tensor([True, False, True])], function))
    cases.append(case("not of integers", "not", [whole], torch.bitwise_not))
    cases.append(case("not of truth values", "not", [torch.tensor([True, False])], torch.bitwise_not))
    return cases


def arranging():
    cases = []
    mask = torch.tensor([[True, False, True], [False, False, True]])
    cases += [
        case("masked", "masked", [normal(2, 3), mask], lambda x, m: x[m]),
        case("masked rows", "masked", [normal(2, 3), torch.tensor([False, True])], lambda x, m: x[m]),
        case("masked by nothing", "masked", [normal(2, 3), torch.zeros(2, 3, dtype=torch.bool)], lambda x, m: x[m]),
        case("indexed", "masked", [normal(4, 3), integers([[3, 0], [0, -1]])], lambda x, i: x[i]),
        case("masked fill", "maskedFill", [normal(2, 3), mask], lambda x, m: x.masked_fill(m, -1.5), minimum=-1.5),
        case("masked fill broadcast", "maskedFill", [normal(2, 1, 3), mask], lambda x, m: x.masked_fill(m, 0.0),
             minimum=0.0),
        case("nonzero", "nonzero", [torch.tensor([[0.0, 2, 0], [3, 0, 4]], dtype=torch.float64)],
             lambda x: x.detach().nonzero()),
        case("scatter axis 1", "scatter", [normal(3, 4), integers([[0, 3], [2, 1], [1, 0]]), normal(3, 2)],
             lambda x, i, y: x.scatter(1, i, y), axis=1),
        case("scatter axis 0", "scatter", [normal(3, 4), integers([[2, 0, 1, 1]]), normal(1, 4)],
             lambda x, i, y: x.scatter(0, i, y), axis=0),
        case("scatter add", "scatterAdd", [normal(3, 4), integers([[0, 0, 0], [2, 2, 1]]), normal(2, 3)],
             lambda x, i, y: x.scatter_add(1, i, y), axis=1),
    ]
    for axes in ([0], [1], [0, -1]):
        cases.append(case(f"flip {axes}", "flip", [normal(2, 3, 2)], lambda x: x.flip(axes), axes=axes))
    for shift, axis in ((1, 0), (-2, 1), (7, 1), (2, None)):
        cases.append(
            case(f"roll {shift} axis {axis}", "roll", [normal(3, 4)], lambda x: x.roll(shift, axis), count=shift,
                 **({} if axis is None else {"axis": axis})))
    for times in ([2], [2, 3], [2, 1, 3], [0, 2]):
        cases.append(case(f"tile {times}", "tile", [normal(2, 3)], lambda x: x.tile(times), shape=times))
    cases += [
        case("repeat interleave", "repeatInterleave", [normal(2, 3)], lambda x: x.repeat_interleave(2), count=2),
        case("repeat interleave axis 1", "repeatInterleave", [normal(2, 3)], lambda x: x.repeat_interleave(3, 1), count=3,
             axis=1),
        case("repeat interleave by counts", "repeatInterleaveCounts", [normal(3, 2)],
             lambda x: x.repeat_interleave(integers([2, 0, 1]), 0), shape=[2, 0, 1], axis=0),
    ]
    for name in ("tril", "triu"):
        for shape, diagonal in (([3, 4], 0), ([3, 4], 1), ([4, 3], -2), ([2, 3, 3], 0), ([2, 2], 9), ([2, 2], -9)):
            cases.append(
                case(f"{name} {shape} {diagonal}".replace(", ", "×"), name, [normal(*shape)],
                     lambda x: getattr(x, name)(diagonal), count=diagonal))
    for amounts in ([1, 2], [0, 1, 2, 0], [1, 1, 1, 1, 1, 1], [-1, 2], [0, -1, -1, 0]):
        cases.append(
            case(f"pad {amounts}", "pad", [normal(2, 3, 4)], lambda x: F.pad(x, amounts, value=0.5), shape=amounts,
                 mode="constant", minimum=0.5))
    for mode in ("reflect", "replicate", "circular"):
        for amounts in ([1, 2], [2, 1, 1, 2]):
            cases.append(
                case(f"pad {mode} {amounts}", "pad", [normal(1, 2, 3, 4)] if len(amounts) == 4 else [normal(2, 3, 4)],
                     lambda x: F.pad(x, amounts, mode=mode), shape=amounts, mode=mode))
    cases += [
        case("chunk", "chunk", [normal(5, 2)], lambda x: x.chunk(3)[1] * 2, count=3, axis=0, start=1),
        case("last chunk", "chunk", [normal(2, 5)], lambda x: x.chunk(3, 1)[2] * 2, count=3, axis=1, start=2),
        case("split", "split", [normal(2, 5)], lambda x: x.split(2, -1)[1] * 2, count=2, axis=-1, start=1),
    ]
    for equation, *shapes in (
        ("ij,jk->ik", [2, 3], [3, 4]), ("ij,jk", [2, 3], [3, 4]), ("ij->ji", [2, 3]), ("ij->", [2, 3]), ("ij->j", [2, 3]),
        ("ii->i", [3, 3]), ("ii", [3, 3]), ("i,j->ij", [2], [3]), ("i,i->", [3], [3]), ("bij,bjk->bik", [2, 3, 4], [2, 4, 2]),
        ("bhqd,bhkd->bhqk", [2, 2, 3, 4], [2, 2, 5, 4]), ("...ij,...jk->...ik", [2, 3, 4], [4, 2]), ("...i->...", [2, 3]),
        ("ij,jk,kl->il", [2, 3], [3, 4], [4, 2]), ("bn,anm,bm->ba", [2, 3], [4, 3, 2], [2, 2]), ("ij,kj->ik", [2, 3], [4, 3]),
        ("ijk,ik->j", [2, 3, 4], [2, 4]), ("aij,ajk->ik", [2, 3, 2], [2, 2, 3]), ("ij,ij->ij", [2, 3], [1, 3]),
    ):
        cases.append(
            case(f"einsum {equation}", "einsum", [normal(*shape) for shape in shapes],
                 lambda *x: torch.einsum(equation, *x), equation=equation))
    return cases


def windows():
    cases = []
    for shape, kernel, stride, padding in (
        ([2, 3, 6, 7], (3, 2), (2, 2), (0, 0)), ([1, 2, 5, 5], (2, 2), (2, 2), (0, 0)), ([1, 2, 5, 6], (3, 3), (2, 2), (1, 1)),
        ([1, 1, 7, 4], (3, 3), (3, 3), (1, 0)), ([1, 2, 4, 4], (2, 2), (3, 3), (1, 1)), ([1, 1, 1, 3], (2, 2), (2, 2), (0, 0)),
    ):
        label = f"{shape} kernel {kernel} stride {stride} padding {padding}".replace(", ", "×")
        arguments = {"kernel": list(kernel), "stride": list(stride), "padding": list(padding), "ceilMode": True}
        cases.append(
            case("max, rounded up " + label, "maxPool2d", [distinct(*shape)],
                 lambda x: F.max_pool2d(x, kernel, stride, padding, ceil_mode=True), **arguments))
        for counting in (True, False):
            cases.append(
                case(f"avg, rounded up {label} {counting}", "avgPool2d", [normal(*shape)],
                     lambda x: F.avg_pool2d(x, kernel, stride, padding, True, counting), **arguments,
                     countIncludePadding=counting))
    for shape, outputs in (([2, 3, 6, 6], [1, 1]), ([1, 2, 6, 4], [3, 2]), ([2, 2, 7, 5], [3, 2]), ([1, 1, 3, 3], [5, 4])):
        cases.append(
            case(f"adaptive max {shape} to {outputs}".replace(", ", "×"), "adaptiveMaxPool2d", [distinct(*shape)],
                 lambda x: F.adaptive_max_pool2d(x, outputs), shape=outputs))
    for shape, outputs in (([2, 3, 6], 2), ([1, 2, 7], 3)):
        label = f"{shape} to {outputs}".replace(", ", "×")
        cases.append(
            case(f"adaptive max {label}", "adaptiveMaxPool1d", [distinct(*shape)],
                 lambda x: F.adaptive_max_pool1d(x, outputs), count=outputs))
        cases.append(
            case(f"adaptive mean {label}", "adaptiveAvgPool1d", [normal(*shape)],
                 lambda x: F.adaptive_avg_pool1d(x, outputs), count=outputs))
    for shape, kernel, stride, padding, up in (([2, 3, 8], 2, 2, 0, False), ([1, 2, 7], 3, 2, 1, False), ([1, 2, 8], 3, 2, 0, True)):
        label = f"{shape} kernel {kernel} stride {stride} padding {padding}".replace(", ", "×")
        arguments = {"kernel": [kernel], "stride": [stride], "padding": [padding], "ceilMode": up}
        cases.append(
            case("max " + label, "maxPool1d", [distinct(*shape)], lambda x: F.max_pool1d(x, kernel, stride, padding, 1, up),
                 **arguments))
        cases.append(
            case("avg " + label, "avgPool1d", [normal(*shape)], lambda x: F.avg_pool1d(x, kernel, stride, padding, up),
                 **arguments))
    for name, input_shape, weights, stride, padding, dilation, groups, bias in (
        ("plain", [2, 3, 8], [4, 3, 3], 1, 0, 1, 1, True), ("stride", [1, 2, 9], [3, 2, 3], 2, 1, 1, 1, True),
        ("dilation", [1, 4, 9], [4, 2, 3], 1, 2, 2, 2, False), ("depthwise", [2, 3, 6], [6, 1, 2], 1, 0, 1, 3, True),
    ):
        inputs = [normal(*input_shape), normal(*weights)] + ([normal(weights[0])] if bias else [])
        cases.append(
            case(f"conv1d {name}", "conv1d", inputs, lambda x, w, b=None: F.conv1d(x, w, b, stride, padding, dilation, groups),
                 stride=[stride], padding=[padding], dilation=[dilation], groups=groups))
    for name, input_shape, weights, stride, padding, extra, groups, dilation, bias in (
        ("plain", [2, 3, 4, 5], [3, 4, 3, 3], (1, 1), (0, 0), (0, 0), 1, (1, 1), True),
        ("stride", [1, 2, 3, 4], [2, 3, 4, 4], (2, 2), (1, 1), (0, 0), 1, (1, 1), True),
        ("output padding", [1, 2, 3, 3], [2, 3, 3, 3], (2, 3), (1, 0), (1, 2), 1, (1, 1), False),
        ("groups", [2, 4, 3, 3], [4, 3, 3, 2], (2, 1), (1, 0), (0, 0), 2, (1, 1), True),
        ("depthwise", [1, 3, 4, 4], [3, 1, 2, 2], (2, 2), (0, 0), (0, 0), 3, (1, 1), True),
        ("dilation", [1, 2, 4, 3], [2, 2, 3, 3], (2, 1), (2, 1), (1, 0), 1, (2, 2), True),
        ("one pixel", [2, 3, 1, 1], [3, 2, 5, 4], (1, 1), (0, 0), (0, 0), 1, (1, 1), True),
        ("wide", [1, 16, 4, 4], [16, 16, 3, 3], (1, 1), (1, 1), (0, 0), 1, (1, 1), True),
        ("with more behind than a stride", [2, 3, 3, 4], [3, 2, 3, 3], (1, 2), (1, 0), (2, 1), 1, (3, 2), True),
        ("with more behind in groups", [1, 4, 2, 3], [4, 1, 2, 2], (1, 1), (0, 1), (1, 2), 2, (2, 3), False),
    ):
        inputs = [normal(*input_shape), normal(*weights)] + ([normal(weights[1] * groups)] if bias else [])
        cases.append(
            case(f"transposed {name}", "convTranspose2d", inputs,
                 lambda x, w, b=None: F.conv_transpose2d(x, w, b, stride, padding, extra, groups, dilation),
                 stride=list(stride), padding=list(padding), shape=list(extra), dilation=list(dilation), groups=groups))
    return cases


if __name__ == "__main__":
    write_families(__file__, [everyday, arranging, windows])
