"""A package of one file, outside of the repository, with a model of its own and every subcommand for it."""

import csv
import json
import pathlib
import random
import re
import subprocess

import h5py

from .support import ROOT, CommandTest

MANIFEST = """\
// swift-tools-version: 6.0
import PackageDescription

let package = Package(
  name: "Wine", dependencies: [.package(name: "Lockstep", path: "ROOT")],
  targets: ["wine", "tool", "training", "sines"].map { name in
    .executableTarget(
      name: name,
      dependencies: [
        .product(name: name == "wine" || name == "tool" ? "LockstepCommand" : "Lockstep", package: "Lockstep")
      ])
  })
"""


PAGES = {"README.md": ["tool"], "Sources/Lockstep/Lockstep.docc/YourOwnProgram.md": ["training", "sines"]}
MARKS = {"tool": "LockstepTool", "training": "Environment.start", "sines": "struct Sines"}


def shown_programs():
    """The whole programs that the documentation shows, by what tells them apart."""
    programs = {}
    for page, names in PAGES.items():
        blocks = re.findall(r"```swift\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
        # The manifest is MANIFEST's form. No other block of Swift goes untested.
        blocks = [block for block in blocks if "swift-tools-version" not in block]
        assert len(blocks) == len(names), (page, blocks)
        for name, block in zip(names, blocks):
            assert MARKS[name] in block, (page, name)
            programs[name] = block
    return programs


PROGRAM = """\
import LockstepCommand

final class Taster: Module {
  let hidden: Linear, output: Linear

  init(features: Int) { (hidden, output) = (Linear(features, 16), Linear(16, 1)) }

  override func forward(_ input: Tensor) -> Tensor { output(hidden(input).relu()) }
}

@main struct Tool: LockstepTool {
  static let models = [
    ModelEntry(
      "wine", .regression, inputShape: [3], recipe: .recipe(epochs: 20, batchSize: 16, learningRate: 0.05)
    ) { Taster(features: $0.features) }
  ]
}
"""


class OwnTool(CommandTest):
    def run_tool(self, *arguments, ranks=None):
        launcher = [] if ranks is None else [ROOT / "launch" / "mpirun", "-n", ranks]
        words = [str(word) for word in [*launcher, self.tool, *arguments]]
        return subprocess.run(words, capture_output=True, text=True, timeout=300)

    def tool_succeeds(self, *arguments, **options):
        done = self.run_tool(*arguments, **options)
        self.assertEqual(done.returncode, 0, f"{arguments}: {done.stderr}")
        return done.stdout

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        package = cls.folder / "package"
        package.mkdir()
        (package / "Package.swift").write_text(MANIFEST.replace("ROOT", str(ROOT)))
        for name, program in {"wine": PROGRAM, **shown_programs()}.items():
            (package / "Sources" / name).mkdir(parents=True)
            (package / "Sources" / name / ("Program.swift" if "@main" in program else "main.swift")).write_text(program)
        # Where the repository itself is built: none of it is compiled again.
        built = ROOT / ".build"
        command = ["swift", "build", "--package-path", package, "--scratch-path", built, "-c", "release"]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        cls.tools, cls.tool = built / "release", built / "release" / "wine"
        numbers = random.Random(1)
        with open(cls.folder / "wine.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["acid", "sugar", "alcohol", "quality"])
            for _ in range(300):
                row = [round(numbers.random(), 3) for _ in range(3)]
                writer.writerow([*row, round(3 * row[0] - 2 * row[1] + row[2] + 1, 4)])

    def test_every_command_of_ones_own_tool(self):
        self.assertLess(len(PROGRAM.splitlines()), 30)
        table, folder = self.folder / "wine.h5", self.folder / "wine"
        self.tool_succeeds(
            "convert", "csv", "--input", self.folder / "wine.csv", "--target", "quality", "--output", table)
        train = ("train", "wine", "--data", table, "--reproducible")
        shown = self.tool_succeeds(*train, "--checkpoint", folder, ranks=3)
        self.assertIn("wine on 3 ranks: 300 training samples", shown)
        self.tool_succeeds(*train, "--simulate-ranks", 2, "--checkpoint", self.folder / "simulated", "--quiet")
        digests = {self.tool_succeeds("inspect", place, "--digest") for place in (folder, self.folder / "simulated")}
        self.assertEqual(len(digests), 1)
        rmse = float(re.search(r"rmse ([0-9.]+)", self.tool_succeeds("evaluate", folder, "--data", table))[1])
        self.assertLess(rmse, 0.3)
        predictions = self.folder / "p.h5"
        self.tool_succeeds("predict", folder, "--data", table, "--split", "train", "--output", predictions)
        with h5py.File(predictions) as file:
            self.assertEqual(file["predictions"].shape, (300, 1))
        measured = json.loads(self.tool_succeeds("benchmark", "wine", "--steps", 3, "--json"))
        self.assertEqual((measured["model"], measured["batch_size"]), ("wine", 16))
        self.assertIn("81", self.tool_succeeds("summary", "wine"))
        models = [line.split()[0] for line in self.tool_succeeds("models").splitlines()]
        self.assertEqual(models[1], "wine")
        self.assertIn("lenet", models)
        self.tool_succeeds("doctor")
        refused = self.run_tool("train", "wines", "--data", table)
        self.assertEqual(refused.returncode, 64)
        self.assertEqual(refused.stderr, "wine: There is no model 'wines'. Did you mean 'wine'?\n")

    def test_the_programs_of_the_readme(self):
        tool, folder = self.tools / "tool", self.folder / "readme"
        folder.mkdir()
        self.succeeds_as(
            tool, "train", "perceptron", "--data", self.data, "--steps", 2, "--quiet", "--checkpoint", folder / "p")
        with h5py.File(next((folder / "p").glob("checkpoint-*.h5"))) as file:
            self.assertEqual(
                sorted(file["model"]), ["hidden.bias", "hidden.weight", "output.bias", "output.weight"])
        self.assertIn("perceptron: test loss", self.succeeds_as(tool, "evaluate", folder / "p", "--data", self.data))
        self.assertRegex(self.succeeds_as(tool, "models").replace(",", ""), r"perceptron +203530")
        sine = float(re.search(r"sine of 1: ([0-9.]+)", self.succeeds_as(self.tools / "sines"))[1])
        self.assertAlmostEqual(sine, 0.8415, delta=0.1)
        (folder / "fashion-mnist.h5").symlink_to(self.data)
        self.succeeds_as(self.tools / "training", cwd=folder)
        self.assertTrue(list((folder / "perceptron-run").glob("checkpoint-*.h5")))

    def succeeds_as(self, program, *arguments, cwd=None):
        done = subprocess.run(
            [str(word) for word in (program, *arguments)], capture_output=True, text=True, timeout=300, cwd=cwd)
        self.assertEqual(done.returncode, 0, f"{program} {arguments}: {done.stderr}")
        return done.stdout
