"""A finite mixture over latent artists: exact, with posterior weights carried along the song."""

import torch


class Mixture:
    """Each training artist is one latent; the support and the song's own past weigh them."""

    def fit(self, train, validation, context):
        parts = []
        for artist in train.artists:
            counts = torch.ones(context.vocab_size, dtype=torch.float64)
            for song in artist.songs:
                counts += torch.bincount(torch.as_tensor(song.tokens.astype("int64")), minlength=len(counts))
            parts.append(torch.log(counts / counts.sum()))
        self.parts = torch.stack(parts)

    def adapt(self, support):
        weights = torch.zeros(len(self.parts), dtype=torch.float64)
        for song in support:
            weights += self.parts[:, song.astype("int64")].sum(1)
        return Posterior(self.parts, weights)


class Posterior:
    def __init__(self, parts, weights):
        self.parts, self.weights = parts, weights

    def logits(self, songs):
        gained = self.parts[:, songs].cumsum(2)
        before = torch.cat([torch.zeros_like(gained[:, :, :1]), gained[:, :, :-1]], 2)
        weights = torch.log_softmax(self.weights[:, None, None] + before, 0)
        return torch.logsumexp(weights[..., None] + self.parts[:, None, None], 0)

    def stream(self, songs=1):
        return Walk(self.parts, self.weights[:, None].expand(-1, songs))


class Walk:
    def __init__(self, parts, weights):
        self.parts, self.weights, self.begun = parts, weights, False

    def step(self, tokens):
        if self.begun:
            self.weights = self.weights + self.parts[:, tokens]
        self.begun = True
        return torch.logsumexp(torch.log_softmax(self.weights, 0)[..., None] + self.parts[:, None], 0)
