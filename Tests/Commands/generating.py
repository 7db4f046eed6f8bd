"""GPT: byte pairs, a held-out text, training on ranks, text that is drawn, and what can't be."""

import json

import h5py

from .support import CommandTest

TEXT = "".join(f"Line {n}: the traveller's time, and the machine; {n * n % 97} of them.\n" for n in range(120))
SMALL = ["--layers", 2, "--heads", 2, "--width", 16, "--context", 12, "--batch-size", 16, "--seed", 1, "--quiet"]


class Generating(CommandTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.folder / "t.txt").write_text(TEXT)
        (cls.folder / "held.txt").write_text("the machine; 1895 é\n" * 5)
        cls.text = cls.folder / "t.h5"
        test = cls("test_one_answer")
        test.succeed(
            "convert", "text", cls.folder / "t.txt", "--validation", cls.folder / "held.txt", "--token", "bpe", "--vocabulary", 300,
            "--output", cls.text)
        cls.metrics = cls.folder / "gpt.jsonl"
        test.succeed(
            "train", "gpt", "--data", cls.text, "--steps", 14, "--reproducible", "--checkpoint", cls.folder / "gpt", "--metrics",
            cls.metrics, *SMALL)

    def generate(self, *options, name="gpt", prefix="the"):
        return self.succeed("generate", self.folder / name, "--prefix", prefix, "--length", 20, *options)

    def test_what_h5py_reads(self):
        with h5py.File(self.text) as file:
            words, merges = ([text.decode() for text in file[name][:]] for name in ("vocabulary", "merges"))
            self.assertEqual((file.attrs["token"], words[:3], len(words), len(merges)), ("bpe", ["<unk>", "!", '"'], 300, 43))
            for split, wanted in (("train", TEXT), ("validation", "the machine; 1895 é\n" * 5)):
                spelled = "".join(words[token] for token in file[f"{split}/tokens"][:])
                self.assertEqual(spelled.replace("Ġ", " ").replace("Ċ", "\n").replace("Ã©", "é"), wanted)
        shown = self.succeed("inspect", self.text)
        for part in ("byte-pair tokens, 300 different", "merges: 43:", "/validation/tokens: ", "the machine; 1895 é"):
            self.assertIn(part, shown)
        self.assertIn("/validation", self.succeed("inspect", self.text, "--verify"))
        letters = self.folder / "bytes.h5"
        self.succeed("convert", "text", self.folder / "t.txt", "--token", "byte", "--output", letters)
        with h5py.File(letters) as file:
            self.assertEqual((len(file["vocabulary"]), file["train/tokens"].shape), (257, (len(TEXT.encode()),)))

    def test_one_answer(self):
        """The same on two ranks, and gone on with from there; a held-out text is judged."""
        self.succeed(
            "train", "gpt", "--data", self.text, "--steps", 7, "--reproducible", "--checkpoint", self.folder / "two", *SMALL, ranks=2)
        self.succeed(
            "train", "gpt", "--data", self.text, "--steps", 14, "--reproducible", "--checkpoint", self.folder / "two", "--resume",
            self.folder / "two", "--quiet")
        self.assertEqual(self.digest("two"), self.digest("gpt"))
        shown = self.succeed("evaluate", self.folder / "gpt", "--data", self.text)
        self.assertIn("validation loss", shown)

    def test_a_report(self):
        page = self.folder / "gpt.html"
        self.succeed("report", self.folder / "gpt", "--data", self.text, "--output", page)
        for words in ("On /validation of", "Texts that it writes", "at temperature 0.8", "<blockquote>"):
            self.assertIn(words, page.read_text())

    def test_a_validation_loss(self):
        metrics = self.folder / "held.jsonl"
        data = self.folder / "char.h5"
        self.succeed("convert", "text", self.folder / "t.txt", "--raw", "--output", data)
        self.succeed(
            "train", "gpt", "--data", data, "--validation", 0.1, "--epochs", 1, "--metrics", metrics, "--checkpoint",
            self.folder / "char", *SMALL)
        epoch = json.loads(metrics.read_text().splitlines()[-1])
        self.assertGreater(epoch["valid_perplexity"], 1)
        self.assertIn("validation loss", self.succeed("evaluate", self.folder / "char", "--data", data))
        self.succeed(
            "train", "gru", "--data", data, "--validation", 0.1, "--epochs", 1, "--metrics", metrics, "--quiet")
        self.assertGreater(json.loads(metrics.read_text().splitlines()[-1])["valid_perplexity"], 1)
        self.refuse(65, "generate", self.folder / "char", "--prefix", "tüme", mentions=["place 1", "ü"])
        drawn = self.generate("--temperature", 2, "--seed", 3, name="char")
        # An untrained model may well draw the unknown token.
        self.assertEqual(len(drawn.replace("<unk>", "?")), 24)
        self.refuse(64, "train", "gpt", "--data", self.text, "--validation", 0.1, mentions=["/validation of its own"])
        self.refuse(64, "train", "gpt", "--data", data, "--stratify", mentions=["stratify"])

    def test_drawn_text(self):
        greedy = self.generate()
        self.assertTrue(greedy.startswith("the"))
        self.assertEqual(self.generate("--top-k", 1), greedy)
        drawn = [self.generate("--temperature", 1.5, "--top-p", 0.95, "--seed", seed) for seed in (1, 1, 2)]
        self.assertEqual(drawn[0], drawn[1])
        self.assertNotEqual(drawn[0], drawn[2])
        # Any text can be spelt, and one longer than the context.
        self.generate("--seed", 0, prefix="🙂 é 时 " * 10)

    def test_what_can_not_be(self):
        for options, words in (
            (["--temperature", 0], "--temperature is 0"), (["--temperature", -1], "--temperature is -1"),
            (["--temperature", "nan"], "--temperature is nan"), (["--top-k", 0], "--top-k is 0"), (["--top-p", 0], "--top-p is 0"),
            (["--top-p", 1.5], "--top-p is 1.5"), (["--seed", -1], "seed")):
            self.refuse(64, "generate", self.folder / "gpt", "--prefix", "the", *options, mentions=[words])
        self.refuse(64, "generate", self.folder / "gpt", "--prefix", "", mentions=["prefix"])
        for options, code, words in (
            (["--heads", 3], 64, "heads is 3, but must divide the width, 128"), (["--layers", 0], 64, "layers is 0"),
            (["--context", 0], 64, "context is 0"), (["--dropout", 1], 64, "dropout is 1"), (["--width", 0], 64, "width is 0"),
            (["--context", 100_000], 65, "100001")):
            self.refuse_everywhere(code, "train", "gpt", "--data", self.text, *options, mentions=[words])
        self.refuse(64, "train", "gru", "--data", self.text, "--layers", 2, mentions=["layers is for gpt, transformer and vit, not gru"])
        self.refuse(64, "train", "gru", "--data", self.text, "--width", 2, mentions=["width is for vgg11, gpt, transformer and vit, not gru"])
        text = self.folder / "t.txt"
        for options, words in (
            (["--token", "bpe", "--vocabulary", 256], "--vocabulary is 256"), (["--vocabulary", 300], "--token bpe"),
            (["--token", "word", "--raw"], "--raw"), (["--raw", "--letters"], "--raw and --letters")):
            self.refuse(64, "convert", "text", text, "--output", self.folder / "no.h5", *options, mentions=[words])
        self.refuse(
            66, "convert", "text", text, "--output", self.folder / "no.h5", "--validation", self.folder / "none.txt",
            mentions=["none.txt"])
        self.assertFalse((self.folder / "no.h5").exists())

    def test_a_file_that_lies(self):
        damaged = self.folder / "damaged.h5"
        damaged.write_bytes(self.text.read_bytes())
        with h5py.File(damaged, "a") as file:
            del file["merges"]
        self.refuse(65, "inspect", damaged, mentions=["damaged.h5"])
