"""Backends: whole networks of large images on each, in a release build, where the naive loops take seconds; and instruction sets."""

import json
import platform
import re

import h5py
import numpy

from .support import CommandTest, run


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

    def test_tuned_kernels(self):
        """Measured once and kept; ranks take rank 0's; what is not this machine's is ignored in a line."""
        caches = self.folder / "caches"
        train = ("train", "lenet", "--data", self.data, "--steps", 2, "--batch-size", 100, "--kernels", "tuned", "--quiet")
        settings = {"variables": {"XDG_CACHE_HOME": str(caches), "OMP_NUM_THREADS": "1"}}

        def trained(name, ranks=None):
            done = run(*train, "--checkpoint", self.folder / name, ranks=ranks, **settings)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stderr

        self.assertEqual(trained("first"), "")
        [file] = (caches / "lockstep").iterdir()
        plans = json.loads(file.read_text())
        self.assertEqual({plan["problem"]["kind"] for plan in plans["plans"]}, {"forward", "inputGradient", "weightsGradient", "product"})
        self.assertEqual(trained("second"), "")
        self.assertEqual(self.digest("first"), self.digest("second"))
        self.assertEqual(json.loads(file.read_text()), plans)
        file.write_text(file.read_text()[:100])
        said = trained("third", ranks=2).splitlines()
        self.assertEqual(said, [f"warning: {file}: does not hold plans of kernels; its plans are measured anew"])
        self.assertEqual(trained("fourth", ranks=2), "")
        self.assertEqual(self.digest("third"), self.digest("fourth"))
        self.assertIn("lenet: test loss", self.succeed("evaluate", self.folder / "first", "--data", self.data, **settings))
        self.refuse(64, *train, "--reproducible", mentions=["kernels is tuned", "--reproducible"], **settings)

    def parameters(self, name):
        with h5py.File(self.newest(name)) as file:
            return {key: values[()] for key, values in file["model"].items()}
