"""torchinfo's table of a network."""

import torchinfo
from torch import nn

model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                      nn.Linear(8 * 64, 10))
found = torchinfo.summary(model, input_size=(2, 3, 16, 16), verbose=0)
print("parameters", found.total_params, found.trainable_params)
print("operations", found.total_mult_adds)
print("bytes", found.total_output_bytes, found.total_param_bytes)
print("lines", len(str(found).splitlines()))
