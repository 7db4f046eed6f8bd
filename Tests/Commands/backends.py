"""Backends: whole networks of large images on each, in a release build, where the naive loops take seconds; and instruction sets."""

import platform
import re

import h5py
import numpy

from .support import CommandTest


class Backends(CommandTest):
    def test_reference_kernels(self):
        for model in ("alexnet", "vgg11", "nin", "googlenet", "resnet18"):
            with self.subTest(model=model):
                options = ("--batch-size", 2, "--steps", 1, "--convolution", "direct")
                trained = {}
                for kernels in ("native", "onednn", "reference"):
                    self.train(model, f"{model}-{kernels}", *options, "--kernels", kernels)
                    trained[kernels] = self.parameters(f"{model}-{kernels}")
                wanted = trained.pop("reference")
                for kernels, found in trained.items():
                    self.assertEqual(found.keys(), wanted.keys())
                    for name, values in wanted.items():
                        message = f"{model} {kernels} {name}"
                        numpy.testing.assert_allclose(found[name], values, rtol=0, atol=3e-5, err_msg=message)

    def test_instruction_sets(self):
        """Those that the processor has may be chosen; of any other name no command takes a step."""
        line = re.search(r"^instructions +(\w+) of (\w+(?: \w+)*)$", self.succeed("doctor"), re.MULTILINE)
        self.assertIsNotNone(line)
        there = line[2].split()
        self.assertEqual((line[1], there[-1]), (there[0], "plain"))
        for name in there:
            shown = self.succeed("doctor", variables={"LOCKSTEP_ISA": name})
            self.assertRegex(shown, rf"(?m)^instructions +{name} of {line[2]}$")
        commands = (
            "convert", "models", "summary", "train", "evaluate", "predict", "show", "generate", "translate", "inspect",
            "benchmark", "scale", "book", "doctor")
        foreign = "avx2" if platform.machine() == "aarch64" else "neon"
        for name in ("sse9", foreign, "AVX2", ""):
            options = {"variables": {"LOCKSTEP_ISA": name}, "mentions": [f'LOCKSTEP_ISA is "{name}"', ", ".join(there)]}
            for command in commands if name in ("sse9", foreign) else ("doctor",):
                self.refuse(64, command, **options)
            self.refuse(64, "doctor", ranks=2, **options)

    def parameters(self, name):
        with h5py.File(self.newest(name)) as file:
            return {key: values[()] for key, values in file["model"].items()}
