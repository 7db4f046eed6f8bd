"""The book's chapters on sequences and optimization: each fails where a result is not the notes'."""

from .support import CommandTest

CHAPTERS = {
    "sequence-models": ["sine-prediction", "sine-steps"],
    "rnn-scratch": ["perplexity-rnn-from-scratch", "perplexity-rnn-in-random-order"],
    "rnn": ["perplexity-rnn", "perplexity-rnn-random"],
    "gru": ["perplexity-gru-from-scratch", "perplexity-gru"],
    "lstm": ["perplexity-lstm-from-scratch", "perplexity-lstm"],
    "deep-rnn": ["perplexity-deep-lstm"],
    "bidirectional": [],
    "seq2seq": ["loss-seq2seq-from-scratch", "loss-seq2seq"],
    "beam-search": [],
    "attention-pooling": ["attention-fixed-weights", "attention-learnt", "attention-learnt-weights"],
    "attention-scoring": ["attention-additive", "attention-dot-product"],
    "bahdanau": ["loss-seq2seq-attention", "attention-translation"],
    "densenet": [],
    "multi-head-attention": ["attention-heads"],
    "positions": ["positional-encoding", "positional-encoding-all"],
    "fine-tuning": [],
    "vision-transformer": ["loss-vit"],
    "byte-pairs": [],
    "transformer": ["loss-transformer", "transformer-heads"],
    "optimization": ["gradient-descent", "optimization-valley", "optimization-algorithms", "learning-rate-schedules"],
}


class Book(CommandTest):
    def test_chapters_on_sequences(self):
        pictures = self.folder / "pictures"
        pictures.mkdir()
        for chapter, names in CHAPTERS.items():
            with self.subTest(chapter):
                shown = self.succeed("book", chapter, "--quick", "--pictures", pictures)
                self.assertIn("1 chapters, every result as in the notes", shown)
                self.assertNotIn("OFF", shown)
                for name in names:
                    self.assertIn("<svg", (pictures / f"{name}.svg").read_text()[:2000])
