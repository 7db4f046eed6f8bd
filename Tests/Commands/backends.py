"""Whole networks of large images on both backends: in a release build, where the naive loops take seconds."""

import h5py
import numpy

from .support import CommandTest


class Backends(CommandTest):
    def test_reference_kernels(self):
        for model in ("alexnet", "vgg11", "nin", "googlenet", "resnet18"):
            with self.subTest(model=model):
                options = ("--batch-size", 2, "--steps", 1, "--convolution", "direct")
                for kernels in ("onednn", "reference"):
                    self.train(model, f"{model}-{kernels}", *options, "--kernels", kernels)
                found, wanted = (self.parameters(f"{model}-{kernels}") for kernels in ("onednn", "reference"))
                self.assertEqual(found.keys(), wanted.keys())
                for name, values in wanted.items():
                    numpy.testing.assert_allclose(found[name], values, rtol=0, atol=3e-5, err_msg=f"{model} {name}")

    def parameters(self, name):
        with h5py.File(self.newest(name)) as file:
            return {key: values[()] for key, values in file["model"].items()}
