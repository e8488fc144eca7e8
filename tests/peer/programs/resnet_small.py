"""A CIFAR-style ResNet on made data: BasicBlock with Lambda shortcut, SGD with milestones, mixup, freezing, profiling."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.nn.init as init


def _weights_init(m):
    if isinstance(m, nn.Linear) or isinstance(m, nn.Conv2d):
        init.kaiming_normal_(m.weight)


class LambdaLayer(nn.Module):
    def __init__(self, lambd):
        super(LambdaLayer, self).__init__()
        self.lambd = lambd

    def forward(self, x):
        return self.lambd(x)


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, in_planes, planes, stride=1, option="A"):
        super(BasicBlock, self).__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != planes:
            if option == "A":
                self.shortcut = LambdaLayer(
                    lambda x: F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, planes // 4, planes // 4), "constant", 0))
            else:
                self.shortcut = nn.Sequential(nn.Conv2d(in_planes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class ResNet(nn.Module):
    def __init__(self, block, num_blocks, num_classes=4):
        super(ResNet, self).__init__()
        self.in_planes = 4
        self.conv1 = nn.Conv2d(3, 4, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer1 = self._make_layer(block, 4, num_blocks[0], stride=1)
        self.layer2 = self._make_layer(block, 8, num_blocks[1], stride=2)
        self.linear = nn.Linear(8, num_classes)
        self.apply(_weights_init)

    def _make_layer(self, block, planes, num_blocks, stride):
        layers = []
        for stride in [stride] + [1] * (num_blocks - 1):
            layers.append(block(self.in_planes, planes, stride))
            self.in_planes = planes * block.expansion
        return nn.Sequential(*layers)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer2(self.layer1(out))
        out = F.avg_pool2d(out, out.size()[3])
        return self.linear(out.view(out.size(0), -1))


class AverageMeter(object):
    def __init__(self):
        self.val = self.avg = self.sum = self.count = 0

    def update(self, val, n=1):
        self.val = val
        self.sum += val * n
        self.count += n
        self.avg = self.sum / self.count


def accuracy(output, target, topk=(1,)):
    with torch.no_grad():
        maxk = max(topk)
        _, pred = output.topk(maxk, 1, True, True)
        pred = pred.t()
        correct = pred.eq(target.view(1, -1).expand_as(pred))
        return [correct[:k].reshape(-1).float().sum(0, keepdim=True).mul_(100.0 / target.size(0)) for k in topk]


torch.manual_seed(0)
model = torch.nn.DataParallel(ResNet(BasicBlock, [1, 2])) if torch.cuda.is_available() else ResNet(BasicBlock, [1, 2])
print(model.layer2)
images, target = torch.randn(12, 3, 8, 8), torch.randint(0, 4, (12,))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, weight_decay=1e-4)
lr_scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[2, 3], last_epoch=-1)
losses, top1 = AverageMeter(), AverageMeter()
for epoch in range(4):
    model.train()
    lam, index = 0.7, torch.randperm(images.size(0))
    mixed = lam * images + (1 - lam) * images[index, :]
    output = model(mixed)
    loss = lam * criterion(output, target) + (1 - lam) * criterion(output, target[index])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    prec1, prec3 = accuracy(output.data, target, topk=(1, 3))
    losses.update(loss.item(), images.size(0))
    top1.update(prec1.item(), images.size(0))
    lr_scheduler.step()
    print("current lr {:.5e}".format(optimizer.param_groups[0]["lr"]), "Loss {loss.val:.4f} ({loss.avg:.4f})\t"
          "Prec@1 {top1.val:.3f} ({top1.avg:.3f})".format(loss=losses, top1=top1), prec3)
for name, param in model.named_parameters():
    if not name.startswith("linear"):
        param.requires_grad = False
tuned = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=1e-3)
print(sum(p.numel() for p in model.parameters() if p.requires_grad), len(tuned.param_groups[0]["params"]))
model.eval()
print(model(images)[:2], model.bn1.running_var)
