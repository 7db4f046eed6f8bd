"""How a fixture is written: plain JSON, one case per line, floats with nine significant digits."""

import math
import pathlib

import torch

FOLDER = pathlib.Path(__file__).parent
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


def write(family, cases):
    """Writes `family`.json beside this file, after checking that names are unique and the file is small."""
    names = [case["name"] for case in cases]
    if len(set(names)) != len(names):
        raise ValueError(f"{family}: a name occurs twice")
    text = "[\n" + ",\n".join(encode(case) for case in cases) + "\n]\n"
    if len(text) >= 150_000:
        raise ValueError(f"{family}: {len(text)} bytes, more than 150,000")
    (FOLDER / f"{family}.json").write_text(text)
    print(f"{family}.json: {len(cases)} cases, {len(text)} bytes")
