"""Files as Python writes them, which Lockstep must read: run with numpy, torch, h5py and safetensors installed."""

import json
import pathlib

import h5py
import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
values = torch.tensor([[1.5, -2.25, 3e-3], [0.1, 65504.0, -0.0]], dtype=torch.float64)
save_file(
    {
        "float64": values, "float32": values.float(), "float16": values.half(), "bfloat16": values.bfloat16(),
        "int64": torch.tensor([2**40, -1]), "int32": torch.tensor([[7], [-8]], dtype=torch.int32),
        "int16": torch.tensor([-300], dtype=torch.int16), "int8": torch.tensor([-5], dtype=torch.int8),
        "uint8": torch.tensor([200], dtype=torch.uint8), "bool": torch.tensor([True, False]),
        "scalar": torch.tensor(4.5), "empty": torch.zeros(0, 3), 'häuser."1"': torch.ones(1),
    },
    HERE / "types.safetensors", metadata={"format": "pt", "note": "made by make_fixtures.py"})

perceptron = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))
state = {
    "0.weight": torch.arange(6.0).reshape(2, 3), "0.bias": torch.tensor([0.5, -0.5]),
    "2.weight": torch.tensor([[2.0, -3.0]]), "2.bias": torch.tensor([1.0]),
}
perceptron.load_state_dict(state)
shards = {
    "model-00001-of-00002.safetensors": {"0.weight": state["0.weight"]},
    "model-00002-of-00002.safetensors": {name: tensor for name, tensor in state.items() if name != "0.weight"},
}
folder = HERE / "sharded"
folder.mkdir(exist_ok=True)
for name, tensors in shards.items():
    save_file(tensors, folder / name)
(folder / "model.safetensors.index.json").write_text(json.dumps({
    "metadata": {"total_size": 36}, "weight_map": {name: file for file, tensors in shards.items() for name in tensors}}))

with h5py.File(HERE / "nested.h5", "w") as file:
    for name, tensor in state.items():
        file[f"network/layers/{name.replace('.', '/')}"] = tensor.double().numpy()
    file["notes"] = "not a tensor"
