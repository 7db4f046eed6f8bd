"""Translation: a small model learns three sentences, and says what it makes of them."""

from .support import CommandTest, run

PAIRS = "Go.\tVa !\nI lost.\tJ'ai perdu.\nHe is calm.\tIl est calme.\n" * 2


class Translating(CommandTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        source = cls.folder / "pairs.txt"
        source.write_text(PAIRS)
        test = cls()
        cls.pairs = cls.folder / "pairs.h5"
        test.succeed("convert", "pairs", source, "--output", cls.pairs, "--steps", 6)
        cls.plain, cls.attending, cls.heads = cls.folder / "plain", cls.folder / "attending", cls.folder / "heads"
        sizes = ("--layers", 1, "--heads", 2, "--width", 16, "--hidden", 24, "--dropout", 0)
        for model, name, options in (
            ("seq2seq", cls.plain, ()), ("seq2seq-attention", cls.attending, ()), ("transformer", cls.heads, sizes)):
            test.succeed("train", model, "--data", cls.pairs, "--epochs", 300, "--checkpoint", name, "--checkpoint-every",
                "100epochs", *options)

    def test_learnt_sentences(self):
        for name in (self.plain, self.attending, self.heads):
            for options in ([], ["--beam", 4], ["--beam", 3, "--length-penalty", 0]):
                shown = self.succeed("translate", name, *options, "go .", "I lost.", "he is calm .")
                self.assertEqual(
                    shown.splitlines(), ["go . => va !", "i lost . => j'ai perdu .", "he is calm . => il est calme ."])
        # Two words of three and one pair of two: (2/3)^(1/2) · (1/2)^(1/4).
        for sentence, wanted, line in (
            ("go .", "Va!", "go . => va !, bleu 1.000"), ("I lost.", "il perdu .", "i lost . => j'ai perdu ., bleu 0.687")):
            self.assertEqual(self.succeed("translate", self.plain, "--reference", wanted, sentence), line + "\n")

    def test_mean_bleu(self):
        for options, what in (([], "6 pairs, greedy"), (["--first", 2, "--beam", 4], "2 pairs, beam 4")):
            shown = self.succeed("translate", self.attending, "--data", self.pairs, *options)
            self.assertEqual(shown, f"seq2seq-attention: mean bleu 1.0000 of the first {what}\n")
        # Once for the whole job, and other data than the model's are refused.
        self.assertEqual(len(self.succeed("translate", self.plain, "--data", self.pairs, ranks=2).splitlines()), 1)
        source, other = self.folder / "other.txt", self.folder / "other.h5"
        source.write_text(PAIRS.replace("perdu", "gagné"))
        self.succeed("convert", "pairs", source, "--output", other, "--steps", 6)
        self.refuse(65, "translate", self.plain, "--data", other, mentions=["/target_vocabulary"])

    def test_heat_map(self):
        for name, start in (("look.svg", b"<?xml"), ("look.png", b"\x89PNG")):
            picture = self.folder / name
            model = self.attending if name == "look.svg" else self.heads
            self.succeed("translate", model, "he is calm .", "--attention", picture)
            self.assertTrue(picture.read_bytes().startswith(start))
        shown = (self.folder / "look.svg").read_text()
        for word in ("he", "calm", "il", "calme", "&lt;eos>"):
            self.assertTrue(f">{word}<" in shown, word)
        never = self.folder / "never.svg"
        self.refuse(64, "translate", self.plain, "go .", "--attention", never, mentions=["seq2seq has none"])
        self.refuse(64, "translate", self.attending, "go .", "go .", "--attention", never, mentions=["--attention"])
        self.refuse(64, "translate", self.attending, "go .", "--attention", self.folder / "x.jpg", mentions=[".svg or .png"])
        self.assertFalse(never.exists())

    def test_heads(self):
        picture = self.folder / "heads.svg"
        self.succeed("translate", self.heads, "he is calm .", "--heads", picture)
        shown = picture.read_text()
        for title in ("encoder 1", "decoder 1, itself", "decoder 1, sentence", "head 1", "head 2"):
            self.assertEqual(shown.count(f">{title}<"), 1, title)
        # The sentence stands beside and below the encoder's maps, and below one of the decoder's, of each of two heads.
        self.assertEqual(shown.count(">calm<"), 2 * 3)
        never = self.folder / "none.svg"
        self.refuse(64, "translate", self.attending, "go .", "--heads", never, mentions=["heads is", "seq2seq-attention has none"])
        self.refuse(64, "translate", self.heads, "go .", "go .", "--heads", never, mentions=["--heads is for one sentence"])
        self.assertFalse(never.exists())

    def test_bad_sizes(self):
        for options, wanted in (
            (["--heads", 5], ["heads is 5", "must divide the width, 32"]), (["--heads", 0], ["heads is 0"]),
            (["--layers", 0], ["layers is 0"]), (["--dropout", 1], ["dropout is 1"]), (["--hidden", "0"], ["hidden is '0'"])):
            self.refuse(64, "train", "transformer", "--data", self.pairs, *options, mentions=wanted)
        self.refuse(64, "train", "seq2seq", "--data", self.pairs, "--heads", 2, mentions=["heads is for gpt, transformer and vit, not seq2seq"])

    def test_bad_sentences(self):
        for sentence in ("", "  ", "\u202f"):
            self.refuse(64, "translate", self.plain, "go .", sentence, mentions=["sentence 2", "must hold a word"])
        self.refuse(64, "translate", self.plain, mentions=["sentences to translate"])
        self.refuse(64, "translate", self.plain, "go .", "--data", self.pairs, mentions=["--data"])
        for beam in (0, -1, 10**6):
            self.refuse(64, "translate", self.plain, "go .", "--beam", beam, mentions=[f"--beam is {beam}"])
        self.refuse(64, "translate", self.plain, "go .", "--length-penalty", -1, mentions=["--length-penalty is -1"])
        self.refuse(64, "translate", self.plain, "go .", "--length-penalty", "nan", mentions=["--length-penalty"])
        self.refuse(64, "translate", self.plain, "go .", "i .", "--reference", "va !", mentions=["one sentence", "are 2"])
        self.refuse(64, "translate", self.plain, "--data", self.pairs, "--first", 0, mentions=["--first is 0"])
        self.succeed("translate", self.plain, "he is calm now .")
        self.refuse(65, "translate", self.plain, "he is so calm now .", mentions=["has 6 words", "takes 5"])
        self.refuse(66, "translate", self.folder / "none", "go .", mentions=["none"])

    def test_unknown_words(self):
        done = run("translate", self.plain, "zebra .")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, 'warning: .* does not know "zebra": read as <unk>\n$')
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertTrue(done.stdout.startswith("zebra . => "))

    def test_other_models(self):
        source, text, name = self.folder / "text.txt", self.folder / "text.h5", self.folder / "gru"
        source.write_text("abcab" * 60)
        self.succeed("convert", "text", source, "--output", text)
        self.succeed("train", "gru", "--data", text, "--steps", 1, "--checkpoint", name)
        self.refuse(65, "translate", name, "go .", mentions=["of gru, which does not translate"])
        self.refuse(65, "generate", self.plain, "--prefix", "a", mentions=["no language model"])
        self.refuse(65, "translate", self.plain, "--data", text, mentions=["expected translation"])
