"""REINFORCE (Williams, 1992) with a baseline learns to play catch.

A ball falls through a field of 9 columns and 8 rows, and is blown aside now and then; a paddle below moves left, stays,
or moves right. The policy sees only the ball and the paddle, and learns at the end of each game whether it caught the
ball. More than 0.9 of the balls are caught in the end; at random it is a third.
"""

import argparse

import torch
import torch.nn as nn

COLUMNS, ROWS, GAMES = 9, 8, 128


class Catch:
    """Many games at once: tensors hold one number a game."""

    def __init__(self):
        self.ball = torch.randint(COLUMNS, (GAMES,))
        self.paddle = torch.full((GAMES,), COLUMNS // 2)
        self.row = 0

    def observe(self):
        row = torch.full((GAMES,), self.row / ROWS)
        ball, paddle = self.ball / (COLUMNS - 1) * 2 - 1, self.paddle / (COLUMNS - 1) * 2 - 1
        return torch.stack([ball, paddle, row], dim=1)

    def step(self, action):
        """Moves paddles and balls; gives the reward of each game, which is 0 until the last row."""
        self.paddle = (self.paddle + action - 1).clamp(0, COLUMNS - 1)
        wind = torch.randint(-1, 2, (GAMES,)) * (torch.rand(GAMES) < 0.3)
        self.ball = (self.ball + wind).clamp(0, COLUMNS - 1)
        self.row += 1
        over = self.row == ROWS
        caught = (self.ball - self.paddle).abs() <= 1
        return caught.float() if over else torch.zeros(GAMES), over


def play(policy):
    """One game each: the log-probabilities of the moves made, the entropies, and the rewards."""
    game, over, log_probs, entropies = Catch(), False, [], []
    while not over:
        log_p = torch.log_softmax(policy(game.observe()), dim=1)
        action = torch.multinomial(log_p.exp().detach(), 1)
        log_probs.append(log_p.gather(1, action).squeeze(1))
        entropies.append(-(log_p.exp() * log_p).sum(dim=1))
        reward, over = game.step(action.squeeze(1))
    return torch.stack(log_probs), torch.stack(entropies), reward


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=400)
    options = parser.parse_args()

    torch.manual_seed(0)
    policy = nn.Sequential(nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 3))
    optimizer = torch.optim.RMSprop(policy.parameters(), lr=3e-3)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, total_iters=max(options.steps, 1))
    baseline = 0.0
    for step in range(1, options.steps + 1):
        log_probs, entropies, reward = play(policy)
        loss = -(log_probs * (reward - baseline)).mean() - 0.005 * entropies.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        caught = reward.mean().item()
        baseline += 0.1 * (caught - baseline)
        if step <= 5 or step % 50 == 0:
            print(f"step {step:3d}  loss {loss.item():+.4f}  caught {caught:.4f}  average {baseline:.4f}")

    with torch.no_grad():
        caught = sum(play(policy)[2].mean().item() for _ in range(10)) / 10
    print(f"\n{caught:.3f} of the balls caught")


if __name__ == "__main__":
    main()
