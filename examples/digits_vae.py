"""A variational autoencoder of handwritten digits (Kingma & Welling, 2014).

An encoder maps a digit to a distribution over four numbers, a decoder draws a digit from four numbers. Trained on the
bound on the likelihood, which ends below 25 nats a digit. Prints digits that nobody wrote.
"""

import argparse

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

SHADES = " .:-=+*#%@"


class VAE(nn.Module):
    def __init__(self, latent=4):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 2 * latent))
        self.decoder = nn.Sequential(nn.Linear(latent, 64), nn.SiLU(), nn.Linear(64, 64))

    def forward(self, x):
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return self.decoder(z), mean, log_variance


def bound(logits, x, mean, log_variance):
    """How far the digits are from being reproduced, and the distributions from a normal one; both in nats a digit."""
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
    divergence = -0.5 * (1 + log_variance - mean.pow(2) - log_variance.exp()).sum() / len(x)
    return reconstruction, divergence


def draw(images):
    for row in range(8):
        print("   ".join("".join(SHADES[int(v * 9.99)] for v in image[row].tolist()) for image in images))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1500)
    options = parser.parse_args()

    torch.manual_seed(0)
    x = torch.tensor(load_digits().data / 16, dtype=torch.float32)
    model = VAE()
    optimizer = torch.optim.RAdam(model.parameters(), lr=3e-3)
    for step in range(1, options.steps + 1):
        batch = x[torch.randint(len(x), (128,))]
        reconstruction, divergence = bound(*_outputs(model, batch))
        loss = reconstruction + divergence
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step <= 5 or step % 250 == 0:
            print(f"step {step:4d}  reconstruction {reconstruction.item():.3f}  divergence {divergence.item():.3f}")

    model.eval()
    with torch.no_grad():
        reconstruction, divergence = bound(*_outputs(model, x))
        print("\ndrawn from noise:")
        draw(torch.sigmoid(model.decoder(torch.randn(8, 4))).reshape(8, 8, 8))
    print(f"\nbound {(reconstruction + divergence).item():.3f} nats a digit")


def _outputs(model, batch):
    logits, mean, log_variance = model(batch)
    return logits, batch, mean, log_variance


if __name__ == "__main__":
    main()
