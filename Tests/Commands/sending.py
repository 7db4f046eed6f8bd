"""Less to send: options of train that change what travels between ranks, or when."""

import h5py

from .support import CommandTest


class Sending(CommandTest):
    def test_each_trains_and_goes_on(self):
        """On two ranks, simulated ones, and from a checkpoint on one process."""
        ways = {
            "int8": ["--compression", "int8"], "powersgd": ["--compression", "powersgd", "--compression-rank", 2],
            "local": ["--local-steps", 2], "slices": ["--accumulate", 3],
        }
        for name, options in ways.items():
            epochs = self.train("mlp", name, "--epochs", 2, *options, ranks=2)
            self.assertLess(epochs[1]["train_loss"], epochs[0]["train_loss"], name)
            self.succeed("train", "mlp", "--data", self.data, "--epochs", 1, "--simulate-ranks", 3, "--quiet", *options)
            self.succeed("train", "mlp", "--data", self.data, "--epochs", 3, "--resume", self.folder / name, "--quiet")

    def test_a_sharded_optimizer_changes_no_bit(self):
        """Checkpoints have the whole memory, whichever job saved them, and any job goes on from them."""
        options = ["--epochs", 2, "--optimizer", "adam", "--learning-rate", 0.001, "--reproducible"]
        self.train("mlp", "whole", *options, ranks=2)
        self.train("mlp", "sharded", *options, "--shard-optimizer", ranks=2)
        self.assertEqual(self.digest("sharded"), self.digest("whole"))
        with h5py.File(self.newest("sharded")) as sharded, h5py.File(self.newest("whole")) as whole:
            for slot in ("mean", "square"):
                self.assertEqual(set(sharded["optimizer"][slot]), set(whole["optimizer"][slot]))
                for name in whole["optimizer"][slot]:
                    found, wanted = sharded["optimizer"][slot][name][:], whole["optimizer"][slot][name][:]
                    self.assertEqual(found.tobytes(), wanted.tobytes(), f"{slot} of {name}")
        for name, others in (("whole", ["--shard-optimizer"]), ("sharded", [])):
            self.succeed(
                "train", "mlp", "--data", self.data, "--epochs", 3, "--resume", self.folder / name, "--reproducible",
                "--checkpoint", self.folder / f"{name}-on", "--quiet", *others, ranks=3)
        self.assertEqual(self.digest("sharded-on"), self.digest("whole-on"))

    def test_what_can_not_be(self):
        reproducible = ["--reproducible"]
        refused = {
            ("--compression", "zip"): ["compression is 'zip'", "none, bf16, int8 or powersgd"],
            ("--compression-rank", 2): ["compression-rank needs --compression powersgd"],
            ("--outer-momentum", 0.5): ["outer-momentum needs --local-steps"],
            ("--accumulate", 0): ["accumulate is 0", "at least 1"],
            ("--local-steps", -1): ["local-steps is -1", "at least 0"],
            ("--compression", "int8", *reproducible): ["compression is int8", "left out with --reproducible"],
            ("--local-steps", 5, *reproducible): ["local-steps is 5", "left out with --reproducible"],
            ("--accumulate", 2, *reproducible): ["accumulate is 2", "virtual shards"],
            ("--local-steps", 5, "--shard-optimizer"): ["shard-optimizer", "left out with --local-steps"],
        }
        for options, mentions in refused.items():
            self.refuse(64, "train", "mlp", "--data", self.data, *options, mentions=mentions)
