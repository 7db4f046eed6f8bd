"""Transformers in PyTorch, as the comparison trains them: attention is `scaled_dot_product_attention`, PyTorch's fastest."""

from dataclasses import dataclass
from math import sqrt
from typing import Callable

import torch
from torch import nn
from torch.nn.functional import cross_entropy, gelu, linear, relu, scaled_dot_product_attention

import sequences

CHARACTERS = 28


def heads_of(steps, heads):
    """`[batch, steps, width]` by heads, `[batch, heads, steps, width / heads]`."""
    batch, count, width = steps.shape
    return steps.view(batch, count, heads, width // heads).transpose(1, 2)


def joined(means):
    return means.transpose(1, 2).flatten(2)


class GPTBlock(nn.Module):
    """nanoGPT's."""

    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.ln_1, self.ln_2 = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.c_fc, self.c_out = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)
        self.drop = nn.Dropout(dropout)

    def forward(self, x):
        q, k, v = (heads_of(part, self.heads) for part in self.c_attn(self.ln_1(x)).chunk(3, 2))
        means = scaled_dot_product_attention(
            q, k, v, is_causal=True, dropout_p=self.dropout if self.training else 0)
        x = x + self.drop(self.c_proj(joined(means)))
        return x + self.drop(self.c_out(gelu(self.c_fc(self.ln_2(x)))))

    def read(self, x, keys, values, place, mask=None):
        """One more step, behind those in the caches `[batch, heads, context, width / heads]`, which it is put into.

        With a mask all of the cache is looked at, so that each step has the same shapes: what `torch.compile` needs.
        """
        q, k, v = (heads_of(part, self.heads) for part in self.c_attn(self.ln_1(x)).chunk(3, 2))
        if mask is None:
            keys[:, :, place:place + 1], values[:, :, place:place + 1] = k, v
            keys, values = keys[:, :, :place + 1], values[:, :, :place + 1]
        else:
            keys.index_copy_(2, place, k)
            values.index_copy_(2, place, v)
        x = x + self.c_proj(joined(scaled_dot_product_attention(q, keys, values, attn_mask=mask)))
        return x + self.c_out(gelu(self.c_fc(self.ln_2(x))))


class GPT(nn.Module):
    """nanoGPT: tokens `[batch, steps]` to logits `[batch · steps, vocabulary]`."""

    def __init__(self, layers, heads, width, context, dropout=0.0, vocabulary=CHARACTERS):
        super().__init__()
        self.heads, self.context = heads, context
        self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(GPTBlock(width, heads, dropout) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                small = name.endswith(("c_proj.weight", "c_out.weight"))
                nn.init.normal_(parameter, std=0.02 / sqrt(2 * layers) if small else 0.02)

    def forward(self, tokens):
        x = self.drop(self.wte(tokens) + self.wpe.weight[:tokens.shape[1]])
        for block in self.blocks:
            x = block(x)
        return linear(self.ln_f(x), self.wte.weight).flatten(0, 1)

    def next(self, token, place, caches, mask=None):
        """The most probable token behind `token`, which is at `place`."""
        x = self.wte(token) + self.wpe.weight[place]
        for block, (keys, values) in zip(self.blocks, caches):
            x = block.read(x, keys, values, place, mask)
        return linear(self.ln_f(x), self.wte.weight).argmax(-1)

    @torch.no_grad()
    def generate(self, count, fixed=False):
        """The most probable token again and again behind token 0, with a cache of keys and values."""
        width = self.wte.weight.shape[1]
        shape = (1, self.heads, self.context, width // self.heads)
        caches = [(torch.zeros(shape), torch.zeros(shape)) for _ in self.blocks]
        token, result = torch.zeros(1, 1, dtype=torch.int64), []
        for place in range(count):
            if fixed:
                places = torch.tensor([place])
                token = self.next(token, places, caches, (torch.arange(self.context) <= places)[None, None, None])
            else:
                token = self.next(token, place, caches)
            result.append(token.item())
        return result


@dataclass(frozen=True)
class LanguageTransformer:
    """A GPT and how it is trained: AdamW with decay on matrices alone, gradients clipped to a common norm of 1."""

    sizes: tuple  # layers, heads, width, context, dropout
    batch_size: int
    bar: float
    half_bar: float | None = 1.2

    unit, convolutional = "tokens", False

    def build(self):
        return GPT(*self.sizes)

    @property
    def per_example(self):
        return self.sizes[3]

    @property
    def options(self):
        """Of `lockstep benchmark gpt`."""
        names = ("--layers", "--heads", "--width", "--context", "--dropout")
        return ["gpt", *(str(word) for pair in zip(names, self.sizes) for word in pair)]

    @staticmethod
    def loss(logits, targets):
        return cross_entropy(logits, targets.reshape(-1))

    def batch(self, size, seed):
        generator = torch.Generator().manual_seed(seed)
        tokens = torch.randint(CHARACTERS, (size, self.per_example + 1), generator=generator)
        return tokens[:, :-1], tokens[:, 1:]

    def optimizer(self, parameters):
        decayed = [one for one in parameters if one.ndim >= 2]
        plain = [one for one in parameters if one.ndim < 2]
        groups = [{"params": decayed, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused=True)

    def clip(self, parameters):
        nn.utils.clip_grad_norm_(parameters, 1.0)


class Attention(nn.Module):
    """The book's `MultiHeadAttention`."""

    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.W_q, self.W_k, self.W_v, self.W_o = (nn.Linear(width, width, bias=False) for _ in range(4))

    def forward(self, queries, keys, causal=False, mask=None):
        q, k, v = (heads_of(part, self.heads) for part in (self.W_q(queries), self.W_k(keys), self.W_v(keys)))
        dropout = self.dropout if self.training else 0
        means = scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal, dropout_p=dropout)
        return self.W_o(joined(means))


class AddNorm(nn.Module):
    def __init__(self, width, dropout):
        super().__init__()
        self.norm, self.drop = nn.LayerNorm(width), nn.Dropout(dropout)

    def forward(self, x, y):
        return self.norm(x + self.drop(y))


class Block(nn.Module):
    """The book's block of an encoder, or where it looks at a source, too, of a decoder."""

    def __init__(self, width, heads, hidden, dropout, decodes):
        super().__init__()
        self.own = Attention(width, heads, dropout)
        self.source = Attention(width, heads, dropout) if decodes else None
        self.norms = nn.ModuleList(AddNorm(width, dropout) for _ in range(3 if decodes else 2))
        self.dense1, self.dense2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x, mask, source=None):
        if self.source is None:
            x = self.norms[0](x, self.own(x, x, mask=mask))
        else:
            x = self.norms[0](x, self.own(x, x, causal=True))
            x = self.norms[1](x, self.source(x, source, mask=mask))
        return self.norms[-1](x, self.dense2(relu(self.dense1(x))))


class Transformer(nn.Module):
    """The book's: source and the decoder's inputs, `[batch, 2, steps]`, to logits `[steps · batch, words]`."""

    def __init__(self, width=32, heads=4, hidden=64, layers=2, dropout=0.1, steps=10):
        super().__init__()
        self.root = sqrt(width)
        self.source, self.target = (nn.Embedding(words, width) for words in sequences.WORDS)
        angles = torch.arange(steps).unsqueeze(1) / 10000 ** (torch.arange(0, width, 2) / width)
        self.register_buffer("places", torch.stack((angles.sin(), angles.cos()), 2).flatten(1))
        self.drop = nn.Dropout(dropout)
        self.encoder, self.decoder = (
            nn.ModuleList(Block(width, heads, hidden, dropout, decodes) for _ in range(layers)) for decodes in (False, True))
        self.dense = nn.Linear(width, sequences.WORDS[1])

    def forward(self, tokens):
        # Padding is looked for in the source alone; the comparison's sources are full, as their masks are made all the same.
        mask = (tokens[:, 0] >= 0)[:, None, None, :]
        x = self.drop(self.source(tokens[:, 0]) * self.root + self.places)
        for block in self.encoder:
            x = block(x, mask)
        y = self.drop(self.target(tokens[:, 1]) * self.root + self.places)
        for block in self.decoder:
            y = block(y, mask, x)
        return self.dense(y).transpose(0, 1).flatten(0, 1)


class VisionBlock(nn.Module):
    """The book's `ViTBlock`."""

    def __init__(self, width, hidden, heads, dropout):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.dense1, self.dense2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x):
        y = self.ln1(x)
        x = x + self.attention(y, y)
        return x + self.drop(self.dense2(self.drop(gelu(self.dense1(self.ln2(x))))))


class VisionTransformer(nn.Module):
    """The book's `ViT`: `[batch, 1, side, side]` to `[batch, classes]`."""

    def __init__(self, side=96, patch=16, width=512, hidden=2048, heads=8, layers=2, dropout=0.1):
        super().__init__()
        self.conv = nn.Conv2d(1, width, kernel_size=patch, stride=patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embedding = nn.Parameter(torch.randn(1, (side // patch) ** 2 + 1, width))
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.Sequential(*(VisionBlock(width, hidden, heads, dropout) for _ in range(layers)))
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 10))

    def forward(self, x):
        patches = self.conv(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), patches), 1) + self.pos_embedding
        return self.head(self.blocks(self.drop(x))[:, 0])


MODELS = {
    "gpt": LanguageTransformer((4, 4, 128, 64, 0.0), 12, 1.3),
    "gpt-6x384": LanguageTransformer((6, 6, 384, 256, 0.2), 64, 1.3),
    "transformer": sequences.SequenceModel(Transformer, 64, 10, 2.0, is_translation=True),
}
