"""What the scripts that make fixtures share: how one is written, and one operator's case.

Plain JSON, one case per line, floats with nine significant digits. The scripts lie beside the fixtures that they make.
"""

import math
import pathlib

import torch

TYPES = {torch.float64: "float32", torch.int64: "int64", torch.bool: "bool"}


def tensor(value):
    """A tensor as {"shape", "type", "values"}: row-major values, booleans as 0 and 1."""
    value = value.detach()
    return {
        "shape": list(value.shape),
        "type": TYPES[value.dtype],
        "values": [int(v) if value.dtype != torch.float64 else float(v) for v in value.reshape(-1).tolist()],
    }


def encode(value):
    """`value` as JSON text. Refuses what JSON cannot hold (NaN, infinities)."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"not a finite number: {value}")
        return f"{value:.9g}"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(encode(v) for v in value) + "]"
    return "{" + ",".join(f'"{k}":{encode(v)}' for k, v in value.items()) + "}"


def write(script, family, cases):
    """Writes `family`.json beside the script that makes it, after checking that names are unique and the file is small."""
    names = [case["name"] for case in cases]
    if len(set(names)) != len(names):
        raise ValueError(f"{family}: a name occurs twice")
    text = "[\n" + ",\n".join(encode(case) for case in cases) + "\n]\n"
    if len(text) >= 150_000:
        raise ValueError(f"{family}: {len(text)} bytes, more than 150,000")
    (pathlib.Path(script).parent / f"{family}.json").write_text(text)
    print(f"{family}.json: {len(cases)} cases, {len(text)} bytes")


def normal(*shape):
    """Normal values, three decimals, none closer to zero than 0.05 (abs and relu have a kink there)."""
    value = (torch.randn(shape, dtype=torch.float64) * 1000).round() / 1000
    return torch.where(value.abs() < 0.05, value + 0.1 * torch.sign(value + 1e-9), value)


def integers(values):
    return torch.tensor(values, dtype=torch.int64)


def case(name, op, inputs, function, **arguments):
    """One operator case: forward on `inputs`, backward with a random gradient of the output.

    `gradients` has one entry per input, null for integers and booleans; it and `gradientOutput` are null where
    the output has no gradient (argmax).
    """
    leaves = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
    output = function(*leaves)
    result = {
        "name": name, "op": op, "arguments": arguments, "inputs": [tensor(x) for x in inputs],
        "output": tensor(output), "gradientOutput": None, "gradients": None,
    }
    if output.requires_grad:
        gradient = normal(*output.shape)
        output.backward(gradient)
        result["gradientOutput"] = tensor(gradient)
        result["gradients"] = [None if x.grad is None else tensor(x.grad) for x in leaves]
    return result


def write_families(script, families):
    """Each family's function makes the cases of the file of its name, from random numbers of its own."""
    for family in families:
        torch.manual_seed(0)
        write(script, family.__name__, family())
