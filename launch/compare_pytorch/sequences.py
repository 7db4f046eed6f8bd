"""The book's sequence models in PyTorch, as the comparison trains them: language models over one-hot tokens, translation."""

from dataclasses import dataclass
from typing import Callable

import torch
from torch import nn

VOCABULARY, HIDDEN = 28, 256
WORDS = (188, 201)  # the vocabularies of 600 pairs
IGNORED = -100  # the target of padding


class LanguageModel(nn.Module):
    """Tokens `[batch, steps]` to logits `[steps · batch, vocabulary]`."""

    def __init__(self, cell):
        super().__init__()
        self.rnn, self.linear = cell(VOCABULARY, HIDDEN), nn.Linear(HIDDEN, VOCABULARY)

    def forward(self, tokens):
        outputs, _ = self.rnn(nn.functional.one_hot(tokens.T, VOCABULARY).float())
        return self.linear(outputs.reshape(-1, HIDDEN))


class Seq2Seq(nn.Module):
    """Source and the decoder's inputs, `[batch, 2, steps]`, to logits `[steps · batch, words]`."""

    def __init__(self, width=32, layers=2, dropout=0.1):
        super().__init__()
        self.source, self.target = nn.Embedding(WORDS[0], width), nn.Embedding(WORDS[1], width)
        self.encoder = nn.GRU(width, width, layers, dropout=dropout)
        self.decoder = nn.GRU(2 * width, width, layers, dropout=dropout)
        self.dense = nn.Linear(width, WORDS[1])

    def forward(self, tokens):
        _, state = self.encoder(self.source(tokens[:, 0].T))
        words = self.target(tokens[:, 1].T)
        context = state[-1].expand(len(words), -1, -1)
        outputs, _ = self.decoder(torch.cat((words, context), 2), state)
        return self.dense(outputs).flatten(0, 1)


@dataclass(frozen=True)
class SequenceModel:
    """A network over tokens and how it is trained; gradients are clipped to a common norm of 1."""

    build: Callable[[], nn.Module]
    batch_size: int
    per_example: int  # steps
    bar: float
    is_translation: bool = False

    unit, convolutional, half_bar = "tokens", False, None

    @staticmethod
    def loss(logits, targets):
        return nn.functional.cross_entropy(logits, targets.T.reshape(-1), ignore_index=IGNORED)

    def batch(self, size, seed):
        generator = torch.Generator().manual_seed(seed)
        if not self.is_translation:
            tokens = torch.randint(VOCABULARY, (size, self.per_example + 1), generator=generator)
            return tokens[:, :-1], tokens[:, 1:]
        inputs = torch.randint(min(WORDS), (size, 2, self.per_example), generator=generator)
        targets = torch.randint(WORDS[1], (size, self.per_example), generator=generator)
        lengths = torch.randint(3, self.per_example + 1, (size, 1), generator=generator)
        return inputs, targets.masked_fill(torch.arange(self.per_example) >= lengths, IGNORED)

    def optimizer(self, parameters):
        if self.is_translation:
            return torch.optim.Adam(parameters, lr=0.005, fused=True)
        return torch.optim.SGD(parameters, lr=1.0, fused=True)

    def clip(self, parameters):
        nn.utils.clip_grad_norm_(parameters, 1.0)


MODELS = {
    "rnn": SequenceModel(lambda: LanguageModel(nn.RNN), 32, 35, 2.9),
    "gru": SequenceModel(lambda: LanguageModel(nn.GRU), 32, 35, 2.9),
    "lstm": SequenceModel(lambda: LanguageModel(nn.LSTM), 32, 35, 1.3),
    "seq2seq": SequenceModel(Seq2Seq, 64, 10, 3.0, is_translation=True),
}
