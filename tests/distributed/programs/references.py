"""Image classification as torchvision's references train: their helpers for several processes, SyncBatchNorm, a moving
average of the weights, meters that are reduced, checkpoints that only the master writes."""

import argparse
import builtins
import datetime
import os
import time
from collections import defaultdict, deque

import torch
import torch.distributed as dist
from torch import nn


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += self.downsample(x)
        return self.relu(out)


def resnet(num_classes):
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True),
                         nn.MaxPool2d(2), Block(8, 16, 2), Block(16, 32, 2), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(),
                         nn.Linear(32, num_classes))


def setup_for_distributed(is_master):
    builtin_print = builtins.print

    def print(*args, **kwargs):
        force = kwargs.pop("force", False)
        if is_master or force:
            builtin_print(*args, **kwargs)

    builtins.print = print


def is_dist_avail_and_initialized():
    return dist.is_available() and dist.is_initialized()


def is_main_process():
    return not is_dist_avail_and_initialized() or dist.get_rank() == 0


def save_on_master(*args, **kwargs):
    if is_main_process():
        torch.save(*args, **kwargs)


def init_distributed_mode(args):
    args.distributed = "RANK" in os.environ and "WORLD_SIZE" in os.environ
    args.rank, args.world_size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    args.gpu = int(os.environ["LOCAL_RANK"])
    dist.init_process_group(backend="gloo", init_method="env://", world_size=args.world_size, rank=args.rank)
    dist.barrier()
    setup_for_distributed(args.rank == 0)


def reduce_across_processes(val, op=dist.ReduceOp.SUM):
    if not is_dist_avail_and_initialized():
        return torch.tensor(val)
    t = torch.as_tensor(val)
    dist.barrier()
    dist.all_reduce(t, op=op)
    return t


class SmoothedValue:
    def __init__(self, window_size=20, fmt=None):
        self.deque, self.total, self.count = deque(maxlen=window_size), 0.0, 0
        self.fmt = fmt or "{median:.4f} ({global_avg:.4f})"

    def update(self, value, n=1):
        self.deque.append(value)
        self.count += n
        self.total += value * n

    def synchronize_between_processes(self):
        t = reduce_across_processes([self.count, self.total])
        t = t.tolist()
        self.count, self.total = int(t[0]), t[1]

    @property
    def median(self):
        return torch.tensor(list(self.deque)).median().item()

    @property
    def global_avg(self):
        return self.total / self.count

    def __str__(self):
        return self.fmt.format(median=self.median, global_avg=self.global_avg)


class MetricLogger:
    def __init__(self):
        self.meters = defaultdict(SmoothedValue)

    def update(self, **kwargs):
        for k, v in kwargs.items():
            self.meters[k].update(v.item() if isinstance(v, torch.Tensor) else v)

    def synchronize_between_processes(self):
        for meter in self.meters.values():
            meter.synchronize_between_processes()

    def __str__(self):
        return "  ".join(f"{name}: {meter}" for name, meter in self.meters.items())


def accuracy(output, target, topk=(1,)):
    with torch.inference_mode():
        _, pred = output.topk(max(topk), 1, True, True)
        correct = pred.t().eq(target[None])
        return [correct[:k].flatten().sum(dtype=torch.float32) * (100.0 / target.size(0)) for k in topk]


class ExponentialMovingAverage(torch.optim.swa_utils.AveragedModel):
    def __init__(self, model, decay, device="cpu"):
        def ema_avg(avg_model_param, model_param, num_averaged):
            return decay * avg_model_param + (1 - decay) * model_param

        super().__init__(model, device, ema_avg, use_buffers=True)


def train_one_epoch(model, criterion, optimizer, data_loader, epoch, model_ema):
    model.train()
    metric_logger = MetricLogger()
    for image, target in data_loader:
        output = model(image)
        loss = criterion(output, target)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        model_ema.update_parameters(model)
        acc1, acc3 = accuracy(output, target, topk=(1, 3))
        metric_logger.update(loss=loss, lr=optimizer.param_groups[0]["lr"])
        metric_logger.meters["acc1"].update(acc1.item(), n=image.shape[0])
    metric_logger.synchronize_between_processes()
    print(f"Epoch: [{epoch}] {metric_logger}")


def evaluate(model, criterion, data_loader, name):
    model.eval()
    metric_logger, num_processed_samples = MetricLogger(), 0
    with torch.inference_mode():
        for image, target in data_loader:
            output = model(image)
            acc1, acc3 = accuracy(output, target, topk=(1, 3))
            metric_logger.update(loss=criterion(output, target))
            metric_logger.meters["acc1"].update(acc1.item(), n=image.shape[0])
            num_processed_samples += image.shape[0]
    num_processed_samples = reduce_across_processes(num_processed_samples)
    assert num_processed_samples.item() == len(data_loader.dataset)
    metric_logger.synchronize_between_processes()
    print(f"{name} {metric_logger}")


def main(args):
    init_distributed_mode(args)
    torch.manual_seed(2)
    data = [(torch.randn(3, 32, 32), label) for label in torch.randint(5, (32,)).tolist()]
    train_sampler = torch.utils.data.distributed.DistributedSampler(data)
    test_sampler = torch.utils.data.distributed.DistributedSampler(data, shuffle=False)
    data_loader = torch.utils.data.DataLoader(data, batch_size=8, sampler=train_sampler)
    data_loader_test = torch.utils.data.DataLoader(data, batch_size=8, sampler=test_sampler)
    model = resnet(num_classes=5)
    if args.sync_bn:
        model = torch.nn.SyncBatchNorm.convert_sync_batchnorm(model)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4, nesterov=True)
    scheduler = torch.optim.lr_scheduler.SequentialLR(optimizer, [
        torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.5, total_iters=1),
        torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2, eta_min=0.001)], milestones=[1])
    model = torch.nn.parallel.DistributedDataParallel(model)
    model_without_ddp = model.module
    model_ema = ExponentialMovingAverage(model_without_ddp, 0.9)
    start_time = time.time()
    for epoch in range(args.epochs):
        train_sampler.set_epoch(epoch)
        train_one_epoch(model, criterion, optimizer, data_loader, epoch, model_ema)
        scheduler.step()
        evaluate(model, criterion, data_loader_test, "Test:")
        evaluate(model_ema, criterion, data_loader_test, "EMA:")
        checkpoint = {"model": model_without_ddp.state_dict(), "optimizer": optimizer.state_dict(),
                      "lr_scheduler": scheduler.state_dict(), "epoch": epoch, "model_ema": model_ema.state_dict()}
        save_on_master(checkpoint, os.path.join(args.output_dir, "checkpoint.pth"))
    dist.barrier()
    saved = torch.load(os.path.join(args.output_dir, "checkpoint.pth"), weights_only=True)
    print(len(saved["model"]), saved["epoch"], f"{saved['lr_scheduler']['_last_lr'][0]:.4f}")
    assert datetime.timedelta(seconds=int(time.time() - start_time)) < datetime.timedelta(minutes=5)
    dist.destroy_process_group()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", default=2, type=int)
    parser.add_argument("--sync-bn", action="store_true")
    parser.add_argument("--output-dir", default=".")
    main(parser.parse_args())
