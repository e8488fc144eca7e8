"""Knowledge distillation: a soft-target loss with temperature, intermediate features by hooks, frozen teacher."""

import torch
import torch.nn as nn
import torch.optim as optim

torch.manual_seed(11)


class DeepNN(nn.Module):
    def __init__(self, num_classes=4):
        super(DeepNN, self).__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 8, kernel_size=3, padding=1), nn.ReLU(),
                                      nn.Conv2d(8, 8, kernel_size=3, padding=1, groups=2), nn.SiLU(),
                                      nn.AdaptiveAvgPool2d((2, 2)))
        self.classifier = nn.Sequential(nn.Linear(32, 24), nn.ReLU(), nn.Dropout(0.1), nn.Linear(24, num_classes))

    def forward(self, x):
        x = self.features(x)
        x = torch.flatten(x, 1)
        return self.classifier(x)


class LightNN(nn.Module):
    def __init__(self, num_classes=4):
        super(LightNN, self).__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3, padding="same"), nn.Hardswish(), nn.AvgPool2d(4))
        self.classifier = nn.LazyLinear(num_classes)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


def train_knowledge_distillation(teacher, student, x, labels, T, soft_target_loss_weight, ce_loss_weight):
    ce_loss = nn.CrossEntropyLoss()
    optimizer = optim.Adam(student.parameters(), lr=0.01)
    teacher.eval()
    student.train()
    for step in range(5):
        optimizer.zero_grad()
        with torch.no_grad():
            teacher_logits = teacher(x)
        student_logits = student(x)
        soft_targets = nn.functional.softmax(teacher_logits / T, dim=-1)
        soft_prob = nn.functional.log_softmax(student_logits / T, dim=-1)
        soft_targets_loss = torch.sum(soft_targets * (soft_targets.log() - soft_prob)) / soft_prob.size()[0] * (T**2)
        kl = nn.KLDivLoss(reduction="batchmean")(soft_prob, soft_targets) * T**2
        label_loss = ce_loss(student_logits, labels)
        loss = soft_target_loss_weight * soft_targets_loss + ce_loss_weight * label_loss
        loss.backward()
        optimizer.step()
        print(f"step {step}, loss {loss.item():.5f}, {soft_targets_loss.item():.5f} {kl.item():.5f}")


x, labels = torch.randn(12, 1, 8, 8), torch.randint(4, (12,))
teacher, student = DeepNN(), LightNN()
print(student)
student(x)
print(student)
optimizer = optim.SGD(teacher.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
for step in range(4):
    loss = nn.functional.cross_entropy(teacher(x), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print("teacher", step, loss.item())
for p in teacher.parameters():
    p.requires_grad = False
features = {}


def keep(name):
    def hook(module, inputs, output):
        features[name] = output.detach()
    return hook


handles = [module.register_forward_hook(keep(name)) for name, module in teacher.named_modules() if name.startswith("f")]
train_knowledge_distillation(teacher, student, x, labels, T=2, soft_target_loss_weight=0.25, ce_loss_weight=0.75)
for name in sorted(features):
    print(name, tuple(features[name].shape), features[name].mean().item())
[h.remove() for h in handles]
total = sum(p.numel() for p in student.parameters() if p.requires_grad)
print(f"LightNN parameters: {total:,}", any(p.requires_grad for p in teacher.parameters()))
