"""PPO's update on made rollouts: Normal and Categorical policies, generalised advantage, clipped ratio, entropy bonus."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.distributions.normal import Normal


def layer_init(layer, std=np.sqrt(2), bias_const=0.0):
    torch.nn.init.orthogonal_(layer.weight, std)
    torch.nn.init.constant_(layer.bias, bias_const)
    return layer


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.critic = nn.Sequential(layer_init(nn.Linear(3, 16)), nn.Tanh(), layer_init(nn.Linear(16, 1), std=1.0))
        self.actor_mean = nn.Sequential(layer_init(nn.Linear(3, 16)), nn.Tanh(), layer_init(nn.Linear(16, 2), std=0.01))
        self.actor_logstd = nn.Parameter(torch.zeros(1, 2))

    def get_value(self, x):
        return self.critic(x)

    def get_action_and_value(self, x, action=None):
        action_mean = self.actor_mean(x)
        action_std = torch.exp(self.actor_logstd.expand_as(action_mean))
        probs = Normal(action_mean, action_std)
        if action is None:
            action = probs.sample()
        return action, probs.log_prob(action).sum(1), probs.entropy().sum(1), self.critic(x)


torch.manual_seed(1)
torch.backends.cudnn.deterministic = True
agent = Agent()
optimizer = optim.Adam(agent.parameters(), lr=3e-3, eps=1e-5)
steps, envs = 6, 4
obs, actions = torch.zeros((steps, envs, 3)), torch.zeros((steps, envs, 2))
logprobs, rewards, dones, values = (torch.zeros((steps, envs)) for _ in range(4))
next_obs, next_done = torch.randn(envs, 3), torch.zeros(envs)
for step in range(steps):
    obs[step], dones[step] = next_obs, next_done
    with torch.no_grad():
        action, logprob, _, value = agent.get_action_and_value(next_obs)
        values[step] = value.flatten()
    actions[step], logprobs[step] = action, logprob
    rewards[step] = -(action - next_obs[:, :2]).pow(2).sum(1)
    next_obs = 0.9 * next_obs + 0.1 * torch.randn(envs, 3)
    next_done = torch.Tensor(np.array([step == 3, False, False, True]))
with torch.no_grad():
    next_value = agent.get_value(next_obs).reshape(1, -1)
    advantages = torch.zeros_like(rewards)
    lastgaelam = 0
    for t in reversed(range(steps)):
        nextnonterminal = 1.0 - (next_done if t == steps - 1 else dones[t + 1])
        nextvalues = next_value if t == steps - 1 else values[t + 1]
        delta = rewards[t] + 0.99 * nextvalues * nextnonterminal - values[t]
        advantages[t] = lastgaelam = delta + 0.99 * 0.95 * nextnonterminal * lastgaelam
    returns = advantages + values
b_obs, b_actions = obs.reshape((-1, 3)), actions.reshape((-1, 2))
b_logprobs, b_advantages = logprobs.reshape(-1), advantages.reshape(-1)
b_returns, b_values = returns.reshape(-1), values.reshape(-1)
b_inds = np.arange(24)
np.random.seed(1)
for epoch in range(2):
    np.random.shuffle(b_inds)
    for start in range(0, 24, 12):
        mb = b_inds[start : start + 12]
        _, newlogprob, entropy, newvalue = agent.get_action_and_value(b_obs[mb], b_actions[mb])
        logratio = newlogprob - b_logprobs[mb]
        ratio = logratio.exp()
        with torch.no_grad():
            approx_kl = ((ratio - 1) - logratio).mean()
            clipfrac = ((ratio - 1.0).abs() > 0.2).float().mean().item()
        adv = (b_advantages[mb] - b_advantages[mb].mean()) / (b_advantages[mb].std() + 1e-8)
        pg_loss = torch.max(-adv * ratio, -adv * torch.clamp(ratio, 1 - 0.2, 1 + 0.2)).mean()
        newvalue = newvalue.view(-1)
        v_clipped = b_values[mb] + torch.clamp(newvalue - b_values[mb], -0.2, 0.2)
        v_loss = 0.5 * torch.max((newvalue - b_returns[mb]) ** 2, (v_clipped - b_returns[mb]) ** 2).mean()
        loss = pg_loss - 0.01 * entropy.mean() + v_loss * 0.5
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
        optimizer.step()
        print(f"{epoch} {start} pg {pg_loss:.5f} v {v_loss:.5f} ent {entropy.mean():.5f} kl {approx_kl:.6f} {clipfrac}")
y_pred, y_true = b_values.cpu().numpy(), b_returns.cpu().numpy()
print("explained variance", 1 - np.var(y_true - y_pred) / np.var(y_true))
