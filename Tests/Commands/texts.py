"""Texts and sentence pairs: conversion, what h5py reads, checkpoints and their vocabularies."""

import json

import h5py
import numpy

from .support import CommandTest

PAIRS = "Go.\tVa !\nGo!\tVa\u202f!\tCC-BY\nI lost.\tJ'ai perdu.\n\nHe is calm.\tIl est calme.\r\nI go now.\tJe vais.\n"
CHINESE = "学而时习之，不亦说乎？有朋自远方来，不亦乐乎？人不知而不愠，不亦君子乎？\n" * 40


class Texts(CommandTest):
    def convert(self, kind, text, name, *options):
        source, output = self.folder / f"{name}.txt", self.folder / f"{name}.h5"
        source.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.succeed("convert", kind, source, "--output", output, *options)
        return output

    def refuse_text(self, kind, text, *mentions, code=65, options=()):
        source, output = self.folder / "bad.txt", self.folder / "never.h5"
        source.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.refuse(code, "convert", kind, source, "--output", output, *options, mentions=mentions)
        self.assertFalse(output.exists())

    def test_what_h5py_reads_of_a_text(self):
        with h5py.File(self.convert("text", "b a\nb <unk> é\n", "words", "--token", "word")) as file:
            self.assertEqual(file.attrs["task"], "language")
            self.assertEqual([word.decode() for word in file["vocabulary"][:]], ["<unk>", "b", "a", "é"])
            self.assertEqual(file["train/tokens"][:].tolist(), [1, 2, 1, 0, 3])
            self.assertTrue(file["train/tokens"].fletcher32 and file["vocabulary"].fletcher32)
        with h5py.File(self.convert("text", "a b a c\n", "frequent", "--token", "word", "--min-frequency", 2)) as file:
            self.assertEqual((file["train/tokens"][:].tolist(), len(file["vocabulary"])), ([1, 0, 1, 0], 2))
        with h5py.File(self.convert("text", "One, two.\n", "letters", "--letters")) as file:
            words = [word.decode() for word in file["vocabulary"][:]]
            self.assertEqual("".join(words[token] for token in file["train/tokens"][:]), "one two")

    def test_a_text_larger_than_memory(self):
        """Streamed or not, on one rank or two: the same bits."""
        data = self.convert("text", CHINESE * 10, "large", "--chunk", 500)
        for sampling, memory in (("random", "30KB"), ("sequential", "20KB")):
            options = ["--sampling", sampling, "--batch-size", 8, "--steps", 4, "--reproducible", "--quiet"]
            if sampling == "random":
                options += ["--window", "6KB", "--shuffle", "windowed"]
            digests = set()
            for number, (some, ranks) in enumerate(((memory, None), (memory, 2), ("64MB", None))):
                folder = self.folder / f"{sampling}-{number}"
                self.succeed("train", "rnn", "--data", data, "--checkpoint", folder, "--memory", some, *options, ranks=ranks)
                digests.add(self.digest(folder.name))
            self.assertEqual(len(digests), 1)
        self.refuse(64, "train", "rnn", "--data", data, "--memory", "4KB", mentions=["chunks of 500 tokens"])

    def test_what_h5py_reads_of_pairs(self):
        path = self.convert("pairs", PAIRS, "pairs", "--steps", 5)
        with h5py.File(path) as file:
            self.assertEqual((file.attrs["task"], file.attrs["steps"], file.attrs["lockstep_format"]), ("translation", 5, 1))
            self.assertEqual(len(file.attrs["source_sha256"]), 64)
            source, target = ([word.decode() for word in file[f"{side}_vocabulary"][:]] for side in ("source", "target"))
            self.assertEqual(source, ["<unk>", "<pad>", "<bos>", "<eos>", ".", "go", "i"])
            self.assertEqual(target, ["<unk>", "<pad>", "<bos>", "<eos>", ".", "va", "!"])
            numpy.testing.assert_array_equal(
                file["train/source"][:],
                [[5, 4, 3, 1, 1], [5, 0, 3, 1, 1], [6, 0, 4, 3, 1], [0, 0, 0, 4, 3], [6, 5, 0, 4, 3]])
            numpy.testing.assert_array_equal(file["train/target"][:2], [[5, 6, 3, 1, 1]] * 2)
            for side in ("source", "target"):
                tokens, lengths = file[f"train/{side}"], file[f"train/{side}_lengths"]
                self.assertEqual((tokens.dtype, tokens.shape), (numpy.int32, (5, 5)))
                self.assertTrue(tokens.fletcher32 and lengths.fletcher32)
                numpy.testing.assert_array_equal(lengths[:], (tokens[:] != 1).sum(1))
        shown = self.succeed("inspect", path)
        for part in ("5 pairs of 5 tokens", "go . <eos> → va ! <eos>"):
            self.assertIn(part, shown)
        digest = self.succeed("inspect", path, "--digest")
        self.assertRegex(digest, "^sha256:[0-9a-f]{64}\n$")
        self.convert("pairs", PAIRS, "pairs", "--steps", 5)
        self.assertEqual(self.succeed("inspect", path, "--digest"), digest)
        with h5py.File(self.convert("pairs", PAIRS, "two", "--examples", 2, "--min-frequency", 0)) as file:
            self.assertEqual((file["train/source"].shape, file["source_vocabulary"].shape), ((2, 10), (7,)))
        with h5py.File(self.convert("pairs", PAIRS, "all", "--examples", 0)) as file:
            self.assertEqual(file["train/source"].shape, (5, 10))

    def test_the_books_pairs_take_600(self):
        source, output = self.folder / "fra.txt", self.folder / "fra.h5"
        source.write_text("".join(f"Word{n % 7} a.\tMot{n % 5} b.\n" for n in range(700)))
        self.succeed("convert", "fra-eng", "--source", source, "--output", output)
        with h5py.File(output) as file:
            self.assertEqual((file["train/source"].shape, file["target_vocabulary"].shape), ((600, 10), (11,)))

    def test_bad_texts(self):
        for kind in ("text", "pairs"):
            self.refuse_text(kind, "", "bad.txt: is empty")
            self.refuse(66, "convert", kind, self.folder / "none.txt", "--output", self.folder / "never.h5", mentions=["none.txt"])
        self.refuse_text("text", " \n\n", "holds no text")
        self.refuse_text("text", b"ab\xffc", "byte 2 (0xff)", "--lossy")
        self.refuse_text("text", b"ab\xe4\xb8", "byte 2 (0xe4)", options=["--letters"])
        self.refuse_text("text", "ab", "--max-tokens", code=64, options=["--max-tokens", 0])
        self.refuse_text("pairs", "\n \n", "holds no pair")
        self.refuse_text("pairs", "a\tb\n\nGo.\n", "line 3", "no tab")
        self.refuse_text("pairs", "a\tb\n\tVa !\n", "line 2", "the sentence is empty")
        self.refuse_text("pairs", "a\tb\nGo.\t\tx\n", "line 2", "the translation is empty")
        self.refuse_text("pairs", b"a\tb\nGo.\tV\xe9\n", "line 2", "byte 9 (0xe9)", "--lossy")
        for option, value, words in (
            ("steps", 1, "--steps is 1"), ("steps", -3, "--steps is -3"), ("examples", -1, "--examples is -1"),
            ("min-frequency", -1, "--min-frequency is -1")):
            self.refuse_text("pairs", PAIRS, words, code=64, options=[f"--{option}", value])
        for kind, text in (("text", b"ab\xffc"), ("pairs", b"a\tV\xe9\n")):
            with h5py.File(self.convert(kind, text, "lossy", "--lossy", *(["--min-frequency", 0] if kind == "pairs" else []))) as file:
                words = file["vocabulary" if kind == "text" else "target_vocabulary"][:]
                self.assertIn("\ufffd", b"".join(words).decode())

    def test_a_text_of_any_alphabet_trains(self):
        """On 2 ranks, with no option beyond the file's name but for the epochs; then it writes pieces of the text."""
        path, name, metrics = self.convert("text", CHINESE, "chinese"), self.folder / "confucius", self.folder / "zh.jsonl"
        self.succeed(
            "train", "gru", "--data", path, "--epochs", 80, "--checkpoint", name, "--metrics", metrics, "--quiet", ranks=2)
        self.assertLess(json.loads(metrics.read_text().splitlines()[-1])["perplexity"], 3)
        written = self.succeed("generate", name, "--prefix", "学而", "--length", 6).rstrip("\n")
        self.assertEqual((written[:2], len(written)), ("学而", 8))
        self.assertTrue(any(written[place:place + 4] in CHINESE for place in (1, 2, 3, 4)), written)
        self.refuse(65, "generate", name, "--prefix", "学e", mentions=["--prefix", "place 1", '"e"'])
        self.refuse(64, "generate", name, "--prefix", "", mentions=["prefix"])
        self.refuse(64, "generate", name, "--prefix", "学", "--length", -1, mentions=["--length"])
        shown = self.succeed("inspect", path)
        for part in ("language modelling", "1479 characters", "学而时习之"):
            self.assertIn(part, shown)
        self.assertRegex(self.succeed("inspect", path, "--digest"), "^sha256:[0-9a-f]{64}\n$")

    def test_other_vocabularies(self):
        """The same number of tokens, but others: nothing would fail, and every answer would be wrong."""
        mine, other = self.convert("text", "abcabcab" * 60, "mine"), self.convert("text", "abdabdab" * 60, "other")
        longer, name = self.convert("text", "abcabcabd" * 60, "longer"), self.folder / "abc"
        self.succeed("train", "gru", "--data", mine, "--steps", 2, "--checkpoint", name)
        self.succeed("evaluate", name, "--data", mine, "--split", "train")
        for path, word in ((other, 'expected "c", found "d"'), (longer, 'expected nothing, found "d"')):
            words = ["/vocabulary", word]
            self.refuse_everywhere(65, "evaluate", name, "--data", path, "--split", "train", mentions=[path, *words])
            self.refuse_everywhere(65, "train", "gru", "--data", path, "--resume", name, "--epochs", 1, mentions=words)
        self.succeed("train", "gru", "--data", mine, "--resume", name, "--steps", 3, "--checkpoint", name)
        pairs, others = self.convert("pairs", PAIRS, "french"), self.convert("pairs", PAIRS.replace("Va", "Cours"), "others")
        name = self.folder / "translator"
        self.succeed("train", "seq2seq", "--data", pairs, "--steps", 2, "--checkpoint", name)
        self.succeed("evaluate", name, "--data", pairs, "--split", "train", ranks=2)
        words = ["/target_vocabulary", 'number 5: expected "va", found "cours"']
        self.refuse_everywhere(65, "evaluate", name, "--data", others, "--split", "train", mentions=words)
        self.refuse_everywhere(65, "train", "seq2seq", "--data", others, "--resume", name, "--epochs", 1, mentions=words)

    def test_texts_that_do_not_fit(self):
        short = self.convert("text", "abcdefg\n", "short")
        self.refuse_everywhere(65, "train", "rnn", "--data", short, mentions=[short, "holds 7 tokens", "36"])
        long = self.convert("text", CHINESE, "long")
        self.refuse(
            65, "train", "rnn", "--data", long, "--max-tokens", 20, mentions=[f"the beginning of {long}", "holds 20 tokens"])
        pairs, text = self.convert("pairs", PAIRS, "fit-pairs"), self.convert("text", CHINESE, "fit-text")
        self.refuse(65, "train", "rnn", "--data", pairs, mentions=["task: expected language", "translation"])
        self.refuse(65, "train", "lenet", "--data", text, mentions=["task: expected classification", "language"])
        self.refuse(65, "train", "house-prices", "--data", text, mentions=["task: expected regression"])

    def test_damaged_files(self):
        def changed(path, change):
            damaged = self.folder / "damaged.h5"
            damaged.write_bytes(path.read_bytes())
            with h5py.File(damaged, "a") as file:
                change(file)
            return damaged

        def absurd(name):
            def change(file):
                del file[name]
                file.create_dataset(name, shape=(2**40, 10), dtype="i4", chunks=(1000, 10))
            return change

        text, pairs = self.convert("text", CHINESE, "damage-text"), self.convert("pairs", PAIRS, "damage-pairs")

        def token(file):
            file["train/tokens"][5] = 200

        def length(file):
            file["train/target_lengths"][2] = 11

        self.refuse(65, "inspect", changed(text, token), mentions=["/train/tokens", "place 5", "found 200"])
        self.refuse(65, "train", "gru", "--data", changed(text, token), mentions=["place 5"])
        self.refuse(65, "inspect", changed(text, absurd("train/tokens")), mentions=["/train/tokens"])
        self.refuse(65, "inspect", changed(pairs, length), mentions=["/train/target_lengths", "row 2", "found 11"])
        self.refuse(65, "inspect", changed(pairs, absurd("train/source")), mentions=["/train/source", "shape"])
        for path in (text, pairs):
            whole = path.read_bytes()
            for cut in (len(whole) // 3, len(whole) - 1):
                broken = self.folder / "cut.h5"
                broken.write_bytes(whole[:cut])
                self.refuse(65, "inspect", broken, mentions=["cut.h5"])

    def test_book(self):
        chapters = ("text-preprocessing", "language-models", "translation-data")
        pictures = self.folder / "pictures"
        pictures.mkdir()
        shown = self.succeed("book", *chapters, "--pictures", pictures)
        self.assertIn(f"{len(chapters)} chapters, every result as in the notes", shown)
        self.assertGreaterEqual(len(list(pictures.glob("*.svg"))), 2)
