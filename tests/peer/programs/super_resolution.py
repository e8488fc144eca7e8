"""ESPCN: sub-pixel convolution, orthogonal initialisation, PSNR, checkpointing the whole model by state_dict."""

import os
import tempfile
from math import log10

import torch
import torch.nn as nn
import torch.nn.init as init
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset, random_split


class Net(nn.Module):
    def __init__(self, upscale_factor):
        super(Net, self).__init__()
        self.relu = nn.ReLU()
        self.conv1 = nn.Conv2d(1, 8, (5, 5), (1, 1), (2, 2))
        self.conv2 = nn.Conv2d(8, 8, (3, 3), (1, 1), (1, 1))
        self.conv3 = nn.Conv2d(8, upscale_factor**2, (3, 3), (1, 1), (1, 1))
        self.pixel_shuffle = nn.PixelShuffle(upscale_factor)
        self._initialize_weights()

    def forward(self, x):
        x = self.relu(self.conv1(x))
        x = self.relu(self.conv2(x))
        return self.pixel_shuffle(self.conv3(x))

    def _initialize_weights(self):
        init.orthogonal_(self.conv1.weight, init.calculate_gain("relu"))
        init.orthogonal_(self.conv2.weight, init.calculate_gain("relu"))
        init.orthogonal_(self.conv3.weight)


torch.manual_seed(123)
ramp = torch.linspace(0, 1, 16)
pictures = torch.stack([torch.outer((ramp * k).sin(), (ramp * (k + 1)).cos()) for k in range(1, 13)]).unsqueeze(1)
small = nn.functional.interpolate(pictures, scale_factor=0.5, mode="bilinear", align_corners=False)
train, test = random_split(TensorDataset(small, pictures), [9, 3], generator=torch.Generator().manual_seed(5))
model = Net(2)
criterion = nn.MSELoss()
optimizer = optim.Adam(model.parameters(), lr=0.005)
for epoch in range(1, 4):
    for iteration, (input, target) in enumerate(DataLoader(train, batch_size=3, shuffle=True), 1):
        optimizer.zero_grad()
        loss = criterion(model(input), target)
        loss.backward()
        optimizer.step()
        print("===> Epoch[{}]({}): Loss: {:.4f}".format(epoch, iteration, loss.item()))
    avg_psnr = 0
    with torch.no_grad():
        for input, target in DataLoader(test, batch_size=1):
            mse = criterion(model(input), target)
            avg_psnr += 10 * log10(1 / mse.item())
    print("===> Avg. PSNR: {:.4f} dB".format(avg_psnr / len(test)))
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "model.pth")
    torch.save({"state_dict": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}, path)
    checkpoint = torch.load(path, map_location=torch.device("cpu"))
other = Net(2)
print(other.load_state_dict(checkpoint["state_dict"]), checkpoint["epoch"], list(checkpoint["optimizer"]))
print(torch.equal(other(small), model(small)))
baseline = nn.functional.interpolate(small, size=(16, 16), mode="bicubic", align_corners=True)
print(f"{criterion(baseline, pictures):.6f} {criterion(nn.Upsample(scale_factor=2)(small), pictures):.6f}")
