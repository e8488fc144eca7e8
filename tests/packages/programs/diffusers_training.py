"""diffusers: a small U-Net trained to remove noise, four schedulers, an autoencoder, a network with conditions"""

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
    UNet2DConditionModel,
    UNet2DModel,
)
from diffusers.training_utils import EMAModel

torch.manual_seed(0)
network = UNet2DModel(
    sample_size=16, in_channels=1, out_channels=1, layers_per_block=1, block_out_channels=(8, 16), norm_num_groups=4,
    down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"),
)
scheduler, average = DDPMScheduler(100), EMAModel(network.parameters())
optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
x = torch.randn(4, 1, 16, 16)
for _ in range(3):
    noise, t = torch.randn_like(x), torch.randint(0, 100, (4,))
    loss = torch.nn.functional.mse_loss(network(scheduler.add_noise(x, noise, t), t).sample, noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    average.step(network.parameters())
    print("loss", loss.item())
for kind in (DDIMScheduler, EulerDiscreteScheduler, DPMSolverMultistepScheduler, PNDMScheduler):
    scheduler = kind(num_train_timesteps=100)
    scheduler.set_timesteps(5)
    drawn = torch.ones(1, 1, 16, 16) * scheduler.init_noise_sigma
    with torch.no_grad():
        for t in scheduler.timesteps:
            drawn = scheduler.step(network(scheduler.scale_model_input(drawn, t), t).sample, t, drawn).prev_sample
    print(kind.__name__, drawn.sum().item())
coder = AutoencoderKL(1, 1, ("DownEncoderBlock2D",) * 2, ("UpDecoderBlock2D",) * 2, (8, 16), norm_num_groups=4,
                      latent_channels=2)
print("coder", coder(x).sample.sum().item(), coder.encode(x).latent_dist.kl().sum().item())
conditioned = UNet2DConditionModel(
    16, 2, 2, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), layers_per_block=1, norm_num_groups=4,
    up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), block_out_channels=(8, 16), cross_attention_dim=8,
    attention_head_dim=4,
)
print("conditioned", conditioned(torch.randn(1, 2, 16, 16), 3, torch.randn(1, 4, 8)).sample.sum().item())
