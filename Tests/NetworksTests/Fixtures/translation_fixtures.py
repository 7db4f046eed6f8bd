"""Fixtures of the encoder-decoders: logits, masked loss and all gradients of the notes' networks in PyTorch.

    python translation_fixtures.py
"""

import pathlib
import sys

import torch
from torch import nn

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "Support"))
from fixture_format import tensor, write

# name, with attention, batch, source steps, target steps, width, hidden, layers
ROWS = [
    ("seq2seq", False, 3, 4, 5, 3, 4, 2),
    ("seq2seq of one step", False, 2, 1, 1, 2, 3, 1),
    ("seq2seq with attention", True, 3, 4, 5, 3, 4, 2),
    ("seq2seq with attention of one step", True, 1, 3, 1, 2, 3, 1),
]
SOURCE_WORDS, TARGET_WORDS = 6, 7


class Encoder(nn.Module):
    def __init__(self, width, hidden, layers):
        super().__init__()
        self.embedding, self.rnn = nn.Embedding(SOURCE_WORDS, width), nn.GRU(width, hidden, layers)

    def forward(self, source):
        return self.rnn(self.embedding(source).permute(1, 0, 2))


class Decoder(nn.Module):
    def __init__(self, width, hidden, layers):
        super().__init__()
        self.embedding = nn.Embedding(TARGET_WORDS, width)
        self.rnn = nn.GRU(width + hidden, hidden, layers)
        self.dense = nn.Linear(hidden, TARGET_WORDS)

    def forward(self, inputs, encoded, lengths):
        outputs, state = encoded
        words = self.embedding(inputs).permute(1, 0, 2)
        context = state[-1].repeat(len(words), 1, 1)
        return self.dense(self.rnn(torch.cat((words, context), 2), state)[0])


class AdditiveAttention(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.W_k, self.W_q = nn.Linear(hidden, hidden, bias=False), nn.Linear(hidden, hidden, bias=False)
        self.w_v = nn.Linear(hidden, 1, bias=False)

    def forward(self, queries, keys, values, lengths):
        scores = self.w_v(torch.tanh(self.W_q(queries).unsqueeze(2) + self.W_k(keys).unsqueeze(1))).squeeze(-1)
        outside = torch.arange(keys.shape[1])[None, None] >= lengths[:, None, None]
        return torch.softmax(scores.masked_fill(outside, -1e6), -1) @ values


class AttentionDecoder(nn.Module):
    def __init__(self, width, hidden, layers):
        super().__init__()
        self.attention = AdditiveAttention(hidden)
        self.embedding = nn.Embedding(TARGET_WORDS, width)
        self.rnn = nn.GRU(width + hidden, hidden, layers)
        self.dense = nn.Linear(hidden, TARGET_WORDS)

    def forward(self, inputs, encoded, lengths):
        values, state = encoded[0].permute(1, 0, 2), encoded[1]
        outputs = []
        for words in self.embedding(inputs).permute(1, 0, 2):
            context = self.attention(state[-1].unsqueeze(1), values, values, lengths)
            output, state = self.rnn(torch.cat((context.squeeze(1), words), 1).unsqueeze(0), state)
            outputs.append(output)
        return self.dense(torch.cat(outputs))


class Network(nn.Module):
    def __init__(self, attention, *sizes):
        super().__init__()
        self.encoder, self.decoder = Encoder(*sizes), (AttentionDecoder if attention else Decoder)(*sizes)

    def forward(self, source, lengths, inputs):
        return self.decoder(inputs, self.encoder(source), lengths)


def translation():
    cases = []
    for name, attention, batch, source_steps, steps, *sizes in ROWS:
        network = Network(attention, *sizes).double()
        source = torch.randint(SOURCE_WORDS, (batch, source_steps))
        inputs, targets = torch.randint(TARGET_WORDS, (batch, steps)), torch.randint(TARGET_WORDS, (batch, steps))
        source_lengths = torch.randint(1, source_steps + 1, (batch,))
        lengths = torch.randint(1, steps + 1, (batch,))
        logits = network(source, source_lengths, inputs)
        losses = nn.functional.cross_entropy(logits.permute(1, 2, 0), targets, reduction="none")
        loss = (losses * (torch.arange(steps)[None] < lengths[:, None])).sum()
        loss.backward()
        parameters = dict(network.named_parameters())
        cases.append({
            "name": name, "hasAttention": attention, "width": sizes[0], "hidden": sizes[1], "layers": sizes[2],
            "source": tensor(source), "sourceLengths": tensor(source_lengths), "inputs": tensor(inputs),
            "targets": tensor(targets), "lengths": tensor(lengths), "logits": tensor(logits), "loss": loss.item(),
            "parameterNames": list(parameters), "parameters": [tensor(p) for p in parameters.values()],
            "gradients": [tensor(p.grad) for p in parameters.values()]})
    return cases


if __name__ == "__main__":
    torch.manual_seed(0)
    write(__file__, "translation", translation())
