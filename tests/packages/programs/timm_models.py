"""Ten small models of timm, each trained for a step and evaluated; their features; optimisers, a schedule, an average
of weights, mixed images."""

import timm
import timm.data
import timm.loss
import timm.optim
import timm.scheduler
import timm.utils
import torch

MODELS = ("resnet10t", "mobilenetv3_small_050", "test_byobnet", "test_convnext", "test_vit", "test_efficientnet",
          "test_nfnet", "test_mambaout", "test_vit2", "edgenext_xx_small")

torch.manual_seed(0)
x, y = torch.randn(2, 3, 96, 96), torch.tensor([1, 3])
smooth = timm.loss.LabelSmoothingCrossEntropy(0.1)
for name in MODELS:
    torch.manual_seed(1)
    model = timm.create_model(name, num_classes=5)
    optimizer = timm.optim.create_optimizer_v2(model, opt="sgd", lr=1e-3, weight_decay=0.05)
    losses = []
    for _ in range(2):
        optimizer.zero_grad()
        loss = smooth(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(name, sum(p.numel() for p in model.parameters()), *losses, *model.eval()(x).flatten().tolist())
for name in ("resnet10t", "mobilenetv3_small_050", "test_convnext"):
    torch.manual_seed(1)
    features = timm.create_model(name, features_only=True).eval()
    print(f"{name}.features", *features.feature_info.channels(), *[part.abs().mean().item() for part in features(x)])
for opt in ("lamb", "lion", "adafactor", "madgrad", "nadamw", "radam"):
    torch.manual_seed(2)
    model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    optimizer = timm.optim.create_optimizer_v2(model, opt=opt, lr=0.01)
    schedule = timm.scheduler.CosineLRScheduler(optimizer, t_initial=6, warmup_t=2, warmup_lr_init=1e-3)
    average = timm.utils.ModelEmaV3(model, decay=0.9)
    for epoch in range(4):
        schedule.step(epoch)
        optimizer.zero_grad()
        loss = model(torch.ones(4, 6)).square().mean()
        loss.backward()
        optimizer.step()
        average.update(model)
    print(opt, loss.item(), optimizer.param_groups[0]["lr"], average.module[0].weight.sum().item())
torch.manual_seed(3)
mixed, targets = timm.data.Mixup(mixup_alpha=0.8, num_classes=5)(x, y)
print("mixup", targets.sum().item(), len(mixed))
