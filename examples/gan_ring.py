"""A generative adversarial network (Goodfellow et al., 2014) that learns eight heaps of points on a ring.

A generator turns noise into points, a discriminator tells them from real ones, and each learns from the other. At the
end at least 7 of the 8 heaps are found, and most points lie in one of them.
"""

import argparse
import math

import torch
from torch import nn

WIDTH = 0.15


def real_points(count):
    angles = torch.randint(8, (count,)) * (2 * math.pi / 8)
    centres = torch.stack([angles.cos(), angles.sin()], dim=1) * 2
    return centres + torch.randn(count, 2) * WIDTH


def network(inputs, outputs):
    return nn.Sequential(
        nn.Linear(inputs, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, outputs)
    )


def heaps_found(points):
    """How many heaps hold at least 3 % of the points, and the share of points that lie in a heap."""
    angles = torch.arange(8) * (2 * math.pi / 8)
    centres = torch.stack([angles.cos(), angles.sin()], dim=1) * 2
    distances = (points[:, None, :] - centres[None, :, :]).norm(dim=2)
    nearest, heap = distances.min(dim=1)
    inside = nearest < 4 * WIDTH
    counts = torch.bincount(heap[inside], minlength=8)
    return (counts >= 0.03 * len(points)).sum().item(), inside.float().mean().item()


def picture(points, size=21):
    counts = [[0] * (2 * size) for _ in range(size)]
    for x, y in points.tolist():
        column, row = int((x + 3) / 6 * 2 * size), int((y + 3) / 6 * size)
        if 0 <= row < size and 0 <= column < 2 * size:
            counts[row][column] += 1
    return "\n".join("".join(" .:*#@"[min(count, 5)] for count in row) for row in counts)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=4000)
    options = parser.parse_args()

    torch.manual_seed(1)
    generator, discriminator = network(4, 2), network(2, 1)
    for_generator = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.99))
    for_discriminator = torch.optim.Adam(discriminator.parameters(), lr=1e-3, betas=(0.5, 0.99))
    loss_of = nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(128, 1), torch.zeros(128, 1)

    for step in range(1, options.steps + 1):
        fake = generator(torch.randn(128, 4))
        of_discriminator = loss_of(discriminator(real_points(128)), ones) + loss_of(discriminator(fake.detach()), zeros)
        for_discriminator.zero_grad()
        of_discriminator.backward()
        for_discriminator.step()

        of_generator = loss_of(discriminator(fake), ones)
        for_generator.zero_grad()
        of_generator.backward()
        for_generator.step()
        if step <= 5 or step % 500 == 0:
            print(f"step {step:4d}  discriminator {of_discriminator.item():.4f}  generator {of_generator.item():.4f}")

    with torch.no_grad():
        points = generator(torch.randn(1000, 4))
    print(picture(points))
    found, share = heaps_found(points)
    print(f"\n{found} of 8 heaps found, {share:.2f} of the points in one of them")


if __name__ == "__main__":
    main()
