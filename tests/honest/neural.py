"""Networks: half precision, a Transformer with the support in its context, training at test time."""

import copy

import torch
from torch import nn


class Recurrent(nn.Module):
    """A small LSTM, untrained; a submission may itself be a module."""

    def prepare(self, context):
        torch.manual_seed(1)
        self.embedding = nn.Embedding(context.vocab_size, 24)
        self.lstm = nn.LSTM(24, 32, batch_first=True)
        self.output = nn.Linear(32, context.vocab_size)

    def adapt(self, support):
        return self

    def logits(self, songs):
        shifted = nn.functional.pad(songs, (1, 0), value=1)[:, :-1]
        return self.output(self.lstm(self.embedding(shifted))[0])


class Half(Recurrent):
    """All in float16."""

    def prepare(self, context):
        super().prepare(context)
        self.half()


class Hidden(Recurrent):
    """bfloat16 inside, float32 outside; says so."""

    precision = torch.bfloat16

    def prepare(self, context):
        super().prepare(context)
        self.bfloat16()

    def logits(self, songs):
        return super().logits(songs).float()


class InContext(nn.Module):
    """A Transformer that reads the whole support before each song."""

    def prepare(self, context):
        torch.manual_seed(2)
        self.embedding = nn.Embedding(context.vocab_size, 32)
        self.position = nn.Parameter(0.1 * torch.randn(1024, 32))
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.output = nn.Linear(32, context.vocab_size)

    def adapt(self, support):
        return Reader(self, torch.tensor([token for song in support for token in [1, *song.tolist()]]))


class Reader:
    def __init__(self, model, context):
        self.model, self.context = model, context.long()

    def logits(self, songs):
        before = self.context.expand(len(songs), -1)
        tokens = torch.cat([before, torch.ones_like(songs[:, :1]), songs[:, :-1]], 1)
        hidden = self.model.embedding(tokens) + self.model.position[: tokens.shape[1]]
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
        return self.model.output(self.model.layers(hidden, mask=mask, is_causal=True))[:, before.shape[1] :]


class TestTime(Recurrent):
    """Dynamic evaluation: scores a segment, then takes a gradient step on it; each song from one start."""

    def logits(self, songs):
        return torch.cat([self.one(song[None]) for song in songs])

    @torch.enable_grad()
    def one(self, song, segment=5):
        model, rows = copy.deepcopy(self), []
        for start in range(0, song.shape[1], segment):
            scores = super(TestTime, model).logits(song[:, : start + segment])[:, start:]
            rows.append(scores.detach())
            loss = nn.functional.cross_entropy(scores[0], song[0, start : start + segment])
            weights = list(model.parameters())
            for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
                weight.data -= 0.5 * gradient
        return torch.cat(rows, 1)


class InPlace(Recurrent):
    """Fine-tunes its own weights, and begins every time from those that it was made with."""

    def prepare(self, context):
        super().prepare(context)
        self.start = copy.deepcopy(self.state_dict())

    def adapt(self, support):
        self.load_state_dict(self.start)
        optimizer = torch.optim.SGD(self.parameters(), lr=1.0)
        for song in support:
            tokens = torch.as_tensor(song.astype("int64"))[None]
            loss = nn.functional.cross_entropy(self.logits(tokens)[0], tokens[0])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return self


class RandomStart(Recurrent):
    """Draws at random while it adapts: the harness sets the seeds."""

    def adapt(self, support):
        predictor = copy.deepcopy(self)
        nn.init.normal_(predictor.output.weight)
        return predictor
