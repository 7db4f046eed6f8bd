"""Writes the JSON fixtures of this folder: PyTorch's results for the operators.

    python make_fixtures.py        (needs PyTorch; used with 2.15)

Inputs are rounded to three decimals, so that they are short and exact to repeat; PyTorch computes in double
precision on them, so that the figures are right to all of a float32's digits.
"""

import pathlib
import sys

import torch
import torch.nn.functional as F

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "Support"))
from fixture_format import case, integers, normal, write_families


def positive(*shape):
    return ((torch.rand(shape, dtype=torch.float64) * 2.5 + 0.2) * 1000).round() / 1000


def distinct(*shape):
    """No two values equal, so that a maximum has one place."""
    count = torch.Size(shape).numel()
    return (torch.randperm(count).reshape(shape).double() - count / 2 + 0.25) / 20


def elementwise():
    binary = {
        "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div,
        "maximum": torch.maximum, "minimum": torch.minimum,
    }
    pairs = [([2, 3], [2, 3]), ([2, 3], [3]), ([4, 1], [1, 5]), ([], [2, 3]), ([3], []), ([2, 1, 4], [3, 1])]
    cases = []
    for op, function in binary.items():
        for a, b in pairs:
            name = f"{op} {a} {b}".replace(", ", "×")
            cases.append(case(name, op, [normal(*a), normal(*b)], function))
    for a, b in pairs[:4]:
        name = f"pow {a} {b}".replace(", ", "×")
        cases.append(case(name, "pow", [positive(*a), normal(*b)], torch.pow))
    for exponent in (2.0, 3.0, -1.0, 0.5):
        cases.append(
            case(f"pow scalar {exponent:g}", "powScalar", [positive(2, 3)], lambda x: x**exponent, exponent=exponent))
    unary = {
        "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt, "abs": torch.abs, "neg": torch.neg,
        "sin": torch.sin, "cos": torch.cos, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu": torch.relu,
    }
    for op, function in unary.items():
        draw = positive if op in ("log", "sqrt") else normal
        for shape in ([2, 3], [17], [], [2, 3, 1, 2]):
            cases.append(case(f"{op} {shape}".replace(", ", "×"), op, [draw(*shape)], function))
    far = torch.tensor([-100.0, -20.0, -5.0, 5.0, 20.0, 100.0], dtype=torch.float64)
    for op in ("tanh", "sigmoid"):
        cases.append(case(f"{op} far from zero", op, [far], unary[op]))
    cases.append(case("clamp", "clamp", [normal(4, 5)], lambda x: x.clamp(-0.5, 0.7), minimum=-0.5, maximum=0.7))
    cases.append(case("clamp below", "clamp", [normal(7)], lambda x: x.clamp(min=0.21), minimum=0.21))
    cases.append(case("clamp above", "clamp", [normal(7)], lambda x: x.clamp(max=0.21), maximum=0.21))
    for a, b in pairs:
        condition = torch.rand(torch.broadcast_shapes(a, b)) < 0.5
        name = f"where {a} {b}".replace(", ", "×")
        cases.append(case(name, "where", [condition, normal(*a), normal(*b)], torch.where))
    cases.append(
        case("where [3]? 2×3 2×3", "where", [torch.tensor([True, False, True]), normal(2, 3), normal(2, 3)],
             torch.where))
    return cases


def reductions():
    functions = {
        "sum": torch.sum, "mean": torch.mean, "logsumexp": torch.logsumexp,
        "max": torch.amax, "min": torch.amin,
        "norm": lambda x, axes, keep: torch.linalg.vector_norm(x, dim=axes, keepdim=keep),
    }
    cases = []
    for op, function in functions.items():
        for axes, keep in (
            ([0], False), ([1], True), ([-1], False), ([0, 2], False), ([0, 2], True), ([0, 1, 2], False),
        ):
            name = f"{op} axes {axes}{' kept' if keep else ''}"
            cases.append(
                case(name, op, [distinct(2, 3, 4)], lambda x: function(x, axes, keep), axes=axes, keepDimensions=keep))
        cases.append(
            case(f"{op} of a scalar", op, [distinct(1).reshape([])], lambda x: function(x.reshape(1), [0], False),
                 axes=[], keepDimensions=False))
    for axis, keep in ((0, False), (1, True), (-1, False)):
        cases.append(
            case(f"argmax axis {axis}{' kept' if keep else ''}", "argmax", [distinct(3, 4)],
                 lambda x: x.argmax(axis, keep), axis=axis, keepDimensions=keep))
    large = torch.tensor([[1000.0, 1001.0, 999.5], [-1000.0, -1000.0, -999.0]], dtype=torch.float64)
    for op, function in {"softmax": torch.softmax, "logSoftmax": torch.log_softmax, "cumsum": torch.cumsum}.items():
        for shape, axis in (([3, 5], 1), ([3, 5], 0), ([2, 3, 4], -2), ([6], 0)):
            name = f"{op} {shape} axis {axis}".replace(", ", "×")
            cases.append(case(name, op, [normal(*shape)], lambda x: function(x, axis), axis=axis))
        if op != "cumsum":
            cases.append(case(f"{op} of large values", op, [large], lambda x: function(x, 1), axis=1))
    cases.append(
        case("logsumexp of large values", "logsumexp", [large], lambda x: x.logsumexp([1]), axes=[1],
             keepDimensions=False))
    return cases


def matmul():
    shapes = [
        ("mm 2×3 3×4", [2, 3], [3, 4]), ("mm 1×1 1×1", [1, 1], [1, 1]), ("mm 7×5 5×1", [7, 5], [5, 1]),
        ("mm 17×19 19×13", [17, 19], [19, 13]), ("dot", [5], [5]), ("matrix vector", [3, 4], [4]),
        ("vector matrix", [3], [3, 4]), ("batch", [3, 2, 4], [3, 4, 5]), ("batch by matrix", [3, 2, 4], [4, 5]),
        ("matrix by batch", [2, 4], [3, 4, 5]), ("broadcast batches", [2, 1, 2, 3], [4, 3, 2]),
        ("batch by vector", [2, 3, 4], [4]), ("vector by batch", [3], [2, 3, 4]),
    ]
    cases = [case(name, "matmul", [normal(*a), normal(*b)], torch.matmul) for name, a, b in shapes]
    cases.append(
        case("first transposed", "matmulTransposed", [normal(5, 3), normal(5, 4)], lambda a, b: a.T @ b,
             transposeFirst=True, transposeSecond=False))
    cases.append(
        case("second transposed", "matmulTransposed", [normal(3, 5), normal(4, 5)], lambda a, b: a @ b.T,
             transposeFirst=False, transposeSecond=True))
    return cases


def shapes():
    cases = [
        case("transpose 0 1", "transpose", [normal(2, 3)], lambda x: x.transpose(0, 1), axes=[0, 1]),
        case("transpose 0 -1", "transpose", [normal(2, 3, 4)], lambda x: x.transpose(0, -1), axes=[0, -1]),
        case("permute 2 0 1", "permute", [normal(2, 3, 4)], lambda x: x.permute(2, 0, 1), axes=[2, 0, 1]),
        case("permute 0 2 3 1", "permute", [normal(2, 3, 2, 4)], lambda x: x.permute(0, 2, 3, 1), axes=[0, 2, 3, 1]),
        case("reshape 6 4", "reshape", [normal(2, 3, 4)], lambda x: x.reshape(6, 4), shape=[6, 4]),
        case("reshape after transpose", "transposeReshape", [normal(3, 4)], lambda x: x.T.reshape(2, 6), shape=[2, 6]),
        case("reshape to a scalar", "reshape", [normal(1, 1)], lambda x: x.reshape([]), shape=[]),
        case("expand", "expand", [normal(3, 1)], lambda x: x.expand(2, 3, 4), shape=[2, 3, 4]),
        case("expand a scalar", "expand", [normal()], lambda x: x.expand(2, 3), shape=[2, 3]),
    ]
    for axis, start, end, step in ((0, 1, 3, 1), (1, 0, 5, 2), (1, 2, 3, 1), (-1, 1, 5, 3)):
        def function(x):
            index = [slice(None)] * x.dim()
            index[axis] = slice(start, end, step)
            return x[tuple(index)]
        cases.append(
            case(f"slice axis {axis} {start}..<{end} step {step}", "slice", [normal(4, 5)], function, axis=axis,
                 start=start, end=end, step=step))
    cases += [
        case("gather axis 1", "gather", [normal(3, 4), integers([[0, 3], [2, 2], [1, 0]])],
             lambda x, i: x.gather(1, i), axis=1),
        case("gather axis 0", "gather", [normal(3, 4), integers([[0, 2, 2, 1]])], lambda x, i: x.gather(0, i), axis=0),
        case("index select axis 0", "indexSelect", [normal(4, 3), integers([3, 0, 0])],
             lambda x, i: x.index_select(0, i), axis=0),
        case("index select axis 1", "indexSelect", [normal(2, 5, 2), integers([4, 1, 4, 4])],
             lambda x, i: x.index_select(1, i), axis=1),
        case("cat axis 0", "cat", [normal(2, 3), normal(1, 3), normal(3, 3)], lambda *x: torch.cat(x, 0), axis=0),
        case("cat axis 1", "cat", [normal(2, 3, 2), normal(2, 1, 2)], lambda *x: torch.cat(x, 1), axis=1),
        case("cat axis -1", "cat", [normal(2, 3), normal(2, 2)], lambda *x: torch.cat(x, -1), axis=-1),
        case("stack axis 0", "stack", [normal(2, 3), normal(2, 3)], lambda *x: torch.stack(x, 0), axis=0),
        case("stack axis 1", "stack", [normal(2, 3) for _ in range(3)], lambda *x: torch.stack(x, 1), axis=1),
        case("stack axis -1", "stack", [normal(2), normal(2)], lambda *x: torch.stack(x, -1), axis=-1),
    ]
    return cases


def conv2d():
    # name, input, weight, stride, padding, dilation, groups, bias
    rows = [
        ("lenet 1→6", [2, 1, 8, 8], [6, 1, 5, 5], (1, 1), (2, 2), (1, 1), 1, True),
        ("lenet 6→16", [1, 6, 7, 8], [16, 6, 5, 5], (1, 1), (0, 0), (1, 1), 1, True),
        ("one pixel", [2, 3, 1, 1], [4, 3, 1, 1], (1, 1), (0, 0), (1, 1), 1, True),
        ("1×1", [2, 3, 4, 5], [5, 3, 1, 1], (1, 1), (0, 0), (1, 1), 1, True),
        ("3×3 same", [1, 4, 7, 6], [3, 4, 3, 3], (1, 1), (1, 1), (1, 1), 1, True),
        ("stride 2", [2, 3, 7, 6], [4, 3, 3, 3], (2, 2), (1, 1), (1, 1), 1, True),
        ("rectangular", [1, 2, 8, 9], [3, 2, 3, 5], (2, 1), (0, 1), (1, 1), 1, True),
        ("dilation", [1, 2, 9, 9], [3, 2, 3, 3], (1, 1), (2, 1), (2, 2), 1, True),
        ("dilation rectangular", [1, 2, 9, 8], [2, 2, 2, 3], (1, 2), (0, 2), (3, 1), 1, True),
        ("groups", [2, 4, 4, 5], [6, 2, 3, 3], (1, 1), (1, 1), (1, 1), 2, True),
        ("depthwise", [1, 3, 6, 6], [3, 1, 3, 3], (1, 1), (0, 0), (1, 1), 3, True),
        ("no bias", [1, 3, 5, 6], [4, 3, 3, 3], (1, 1), (1, 1), (1, 1), 1, False),
        ("16 channels", [1, 16, 4, 4], [16, 16, 1, 1], (1, 1), (1, 1), (1, 1), 1, True),
        ("kernel as large as the image", [2, 2, 5, 4], [3, 2, 5, 4], (1, 1), (0, 0), (1, 1), 1, True),
        ("7×7 stride 2 padding 3", [1, 1, 11, 11], [4, 1, 7, 7], (2, 2), (3, 3), (1, 1), 1, True),
    ]
    cases = []
    for name, input_shape, weight_shape, stride, padding, dilation, groups, bias in rows:
        inputs = [normal(*input_shape), normal(*weight_shape)] + ([normal(weight_shape[0])] if bias else [])
        cases.append(
            case(name, "conv2d", inputs,
                 lambda x, w, b=None: F.conv2d(x, w, b, stride, padding, dilation, groups), stride=list(stride),
                 padding=list(padding), dilation=list(dilation), groups=groups))
    return cases


def pooling():
    # input, kernel, stride, padding
    rows = [
        ([2, 1, 6, 6], (2, 2), (2, 2), (0, 0)), ([2, 6, 4, 4], (2, 2), (2, 2), (0, 0)),
        ([1, 6, 7, 5], (2, 2), (2, 2), (0, 0)), ([2, 1, 7, 7], (3, 3), (2, 2), (1, 1)),
        ([1, 6, 8, 5], (3, 3), (2, 2), (1, 1)), ([1, 3, 6, 7], (3, 2), (1, 2), (1, 0)),
        ([1, 16, 4, 4], (2, 2), (2, 2), (0, 0)), ([2, 2, 5, 5], (3, 3), (1, 1), (1, 1)),
        ([1, 2, 3, 4], (3, 4), (1, 1), (0, 0)),
    ]
    cases = []
    for shape, kernel, stride, padding in rows:
        label = f"{shape} kernel {kernel} stride {stride} padding {padding}".replace(", ", "×")
        arguments = {"kernel": list(kernel), "stride": list(stride), "padding": list(padding)}
        cases.append(
            case("avg " + label, "avgPool2d", [normal(*shape)], lambda x: F.avg_pool2d(x, kernel, stride, padding),
                 **arguments, countIncludePadding=True))
        cases.append(
            case("max " + label, "maxPool2d", [distinct(*shape)], lambda x: F.max_pool2d(x, kernel, stride, padding),
                 **arguments))
    cases.append(
        case("avg without the padding's count", "avgPool2d", [normal(1, 2, 5, 5)],
             lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), kernel=[3, 3], stride=[2, 2], padding=[1, 1],
             countIncludePadding=False))
    return cases


def normalization():
    """Batch normalisation with the batch's statistics and with given ones, adaptive means, convolutions with a ReLU."""
    cases = []
    for shape in ([4, 3], [3, 16], [2, 6, 3, 2], [3, 1, 2, 2], [4, 66, 1, 1]):
        channels = shape[1]
        mean, variance = normal(channels), positive(channels)
        for then_relu in (False, True):
            def train(x, w, b):
                y = F.batch_norm(x, None, None, w, b, training=True)
                return F.relu(y) if then_relu else y

            def evaluate(x, w, b):
                y = F.batch_norm(x, mean, variance, w, b, training=False)
                return F.relu(y) if then_relu else y

            label = f"{shape}{' relu' if then_relu else ''}".replace(", ", "×")
            inputs = [normal(*shape) + 3, normal(channels), normal(channels)]
            cases.append(case(f"batch norm {label}", "batchNorm", inputs, train, thenReLU=then_relu))
            cases.append(
                case(f"batch norm with given statistics {label}", "batchNormGiven", inputs, evaluate, thenReLU=then_relu,
                     mean=mean.tolist(), variance=variance.tolist()))
    for shape, outputs in (([2, 3, 6, 6], [1, 1]), ([1, 2, 6, 4], [3, 2]), ([2, 2, 7, 5], [3, 2]), ([1, 1, 3, 3], [5, 4])):
        cases.append(
            case(f"adaptive mean {shape} to {outputs}".replace(", ", "×"), "adaptiveAvgPool2d", [normal(*shape)],
                 lambda x: F.adaptive_avg_pool2d(x, outputs), shape=outputs))
    for shape, weights in (([2, 1, 8, 8], [6, 1, 5, 5]), ([1, 16, 3, 3], [4, 16, 3, 3]), ([1, 3, 5, 4], [2, 3, 1, 1])):
        cases.append(
            case(f"conv2d relu {shape} {weights}".replace(", ", "×"), "conv2dReLU",
                 [normal(*shape), normal(*weights) / 3, normal(weights[0])],
                 lambda x, w, b: F.relu(F.conv2d(x, w, b, padding=weights[2] // 2)), padding=[weights[2] // 2] * 2))
    return cases


def linear():
    rows = [
        ("4×3 → 5", [4, 3], 5, True), ("one row", [1, 7], 2, True), ("no bias", [3, 4], 6, False),
        ("one output", [5, 3], 1, True), ("16×20 → 12", [16, 20], 12, True),
        ("leading dimensions", [2, 3, 4], 5, True), ("vector", [4], 3, True),
    ]
    cases = []
    for name, shape, outputs, bias in rows:
        inputs = [normal(*shape), normal(outputs, shape[-1])] + ([normal(outputs)] if bias else [])
        cases.append(case(name, "linear", inputs, F.linear))
    return cases


if __name__ == "__main__":
    write_families(__file__, [elementwise, reductions, matmul, shapes, conv2d, pooling, normalization, linear])
