"""`lockstep scale`: what it measures, predicts and refuses."""

import json
import math

from .support import CommandTest

NETWORK = ["--latency", "50us", "--bandwidth", "1gbit"]


class Scaling(CommandTest):
    def scale(self, *arguments, ranks=None):
        return json.loads(self.succeed("scale", *arguments, "--seconds", 0.2, "--json", ranks=ranks))

    def test_one_process(self):
        """Of a network that is given: gradients are the model's, and sums take what that of pairs of ranks says."""
        found = self.scale("lenet", "--batch-size", 64, *NETWORK)
        self.assertEqual(sum(bucket["bytes"] for bucket in found["buckets"]), 4 * 61_706)
        self.assertEqual([row["ranks"] for row in found["strong"]], [2 ** power for power in range(13)])
        self.assertEqual({row["batch_size"] for row in found["strong"]}, {64})
        self.assertEqual([row["batch_size"] for row in found["weak"]], [64 * 2 ** power for power in range(13)])
        self.assertFalse(found["network_measured"])
        for kind in ("strong", "weak"):
            self.assertAlmostEqual(found[kind][0]["efficiency"], 1)
            for row in found[kind]:
                n = row["ranks"]
                pairs = 2e3 * math.log2(n) * 50e-6 + 2e3 * (n - 1) / n * 4 * 61_706 / 125e6
                self.assertLess((1 - row["hidden"]) * pairs - 1e-9, row["step_ms"])
        # A network a thousand times faster hides or ends all of it; a compressed sum takes less.
        fast = self.scale("lenet", "--batch-size", 64, "--latency", "0s", "--bandwidth", "1tbit", "--ranks", 16)
        slow = self.scale("lenet", "--batch-size", 64, "--latency", "0s", "--bandwidth", "1mbit", "--ranks", 16)
        less = self.scale(
            "lenet", "--batch-size", 64, "--latency", "0s", "--bandwidth", "1mbit", "--ranks", 16, "--compression", "int8")
        step = lambda result: result["weak"][-1]["step_ms"]
        self.assertLess(10 * step(fast), step(slow))
        self.assertLess(2 * step(less), step(slow))

    def test_ranks_that_are_there(self):
        """Two ranks measure their network, predict themselves and compare; the error is what the two figures say."""
        found = self.scale("mlp", "--batch-size", 64, "--ranks", 6, "--verify", ranks=2)
        self.assertTrue(found["network_measured"])
        self.assertEqual((found["ranks"], [row["ranks"] for row in found["strong"]]), (2, [1, 2, 4, 6]))
        self.assertGreater(found["measured_ms"], 0)
        self.assertAlmostEqual(found["error_percent"], 100 * (found["predicted_ms"] / found["measured_ms"] - 1), places=6)
        self.assertAlmostEqual(found["predicted_ms"], found["strong"][1]["step_ms"], places=9)

    def test_statistics_over_ranks(self):
        """Batch normalisation's messages are carried in a rehearsal: there is more to wait for than the step's end."""
        self.assertGreater(self.scale("lenet-bn", "--batch-size", 32, "--ranks", 4, ranks=2)["strong"][1]["step_ms"], 0)

    def test_hosts_for_a_time(self):
        words = ["mlp", "--batch-size", 64, *NETWORK, "--ranks", 32, "--epochs", 3, "--examples", 60_000, "--within"]
        enough = self.scale(*words, "100d")
        self.assertEqual(enough["hosts"], 1)
        self.assertAlmostEqual(
            enough["hosts_seconds"], 3 * 60_000 / 64 * enough["strong"][0]["step_ms"] / 1e3, delta=1e-6 * enough["hosts_seconds"])
        self.assertNotIn("hosts", self.scale(*words, "1us"))
        self.assertIn("no number of hosts", self.succeed("scale", *words, "1us", "--seconds", 0.2))

    def test_a_picture(self):
        picture = self.folder / "scale.svg"
        self.succeed("scale", "softmax-regression", "--batch-size", 32, *NETWORK, "--ranks", 8, "--seconds", 0.2, "--plot", picture)
        self.assertIn("weak scaling", picture.read_text())

    def test_wrong_words(self):
        for words, mentions in (
                (["nolenet"], ["nolenet"]), (["mlp", "--ranks", 0], ["--ranks is 0"]),
                (["mlp", "--bandwidth", "12 parsecs"], ["12 parsecs"]), (["mlp", "--latency", "-1us"], ["-1us"]),
                (["mlp", "--ranks-per-host", -2], ["ranks-per-host"]), (["mlp", "--compression", "zip"], ["zip"]), (["mlp", "--compression", "powersgd"], ["powersgd"]),
                (["mlp", "--within", "2h"], ["--examples"]), (["mlp", "--examples", 100], ["--within"]),
                (["mlp", "--within", "2h", "--examples", 0], ["--examples is 0"]), (["mlp", "--batch-size", 0], ["batch-size"]),
                (["mlp", "--algorithm", "star"], ["star"]), (["mlp", "--seconds", 0], ["--seconds"]), (["mlp", "--plot", "a.gif"], ["a.gif"])):
            with self.subTest(words=words):
                self.refuse(64, "scale", *words, mentions=mentions)
        self.refuse(64, "scale", "mlp", "--ranks", 0, mentions=["--ranks is 0"], ranks=2)
