"""REINFORCE and actor-critic on a small corridor, with Categorical from distributions and namedtuples."""

from collections import deque, namedtuple
from itertools import count

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.distributions import Categorical

SavedAction = namedtuple("SavedAction", ["log_prob", "value"])
torch.manual_seed(543)


class Corridor:
    def reset(self):
        self.place, self.steps = 2, 0
        return self.observe()

    def observe(self):
        state = [0.0] * 6
        state[self.place] = 1.0
        return state

    def step(self, action):
        self.place = max(0, min(5, self.place + (1 if action == 1 else -1)))
        self.steps += 1
        done = self.place in (0, 5) or self.steps >= 12
        return self.observe(), (1.0 if self.place == 5 else -0.1), done


class Policy(nn.Module):
    def __init__(self):
        super(Policy, self).__init__()
        self.affine1 = nn.Linear(6, 16)
        self.dropout = nn.Dropout(p=0.1)
        self.action_head = nn.Linear(16, 2)
        self.value_head = nn.Linear(16, 1)
        self.saved_actions = []
        self.rewards = []

    def forward(self, x):
        x = F.relu(self.dropout(self.affine1(x)))
        return F.softmax(self.action_head(x), dim=-1), self.value_head(x)


model = Policy()
optimizer = optim.Adam(model.parameters(), lr=3e-2)
eps = torch.finfo(torch.float32).eps
history = deque(maxlen=10)


def select_action(state):
    state = torch.tensor(state).float()
    probs, state_value = model(state)
    m = Categorical(probs)
    action = m.sample()
    model.saved_actions.append(SavedAction(m.log_prob(action), state_value))
    return action.item(), m.entropy()


def finish_episode():
    R = 0
    policy_losses, value_losses, returns = [], [], []
    for r in model.rewards[::-1]:
        R = r + 0.99 * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std(unbiased=False) + eps)
    for (log_prob, value), R in zip(model.saved_actions, returns):
        advantage = R - value.item()
        policy_losses.append(-log_prob * advantage)
        value_losses.append(F.smooth_l1_loss(value, torch.tensor([R])))
    optimizer.zero_grad()
    loss = torch.stack(policy_losses).sum() + torch.stack(value_losses).sum()
    loss.backward()
    optimizer.step()
    del model.rewards[:]
    del model.saved_actions[:]
    return loss


environment = Corridor()
for episode in range(8):
    state, ep_reward = environment.reset(), 0
    for t in count():
        action, entropy = select_action(state)
        state, reward, done = environment.step(action)
        model.rewards.append(reward)
        ep_reward += reward
        if done:
            break
    history.append(ep_reward)
    loss = finish_episode()
    print(f"Episode {episode}\tsteps {t}\treward {ep_reward:.2f}\tloss {loss.item():.4f}\tentropy {entropy:.4f}")
print(sum(history) / len(history))
