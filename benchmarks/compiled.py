"""What compiled training steps take: `python -m benchmarks compiled`, each workload on five sides.

The workloads are those of `networks` and `architectures`. Beside the time of a step stand its *floor*, the least time
in which this machine could do its arithmetic and move what it must read and write; the first call with an empty cache,
and that in a second process; and the peak of the process's memory.
"""

from __future__ import annotations

from benchmarks import architectures, eager, networks
from benchmarks.workloads import Workload

WORKLOADS = (
    Workload("adaline", 0.5, eager.adaline_step, "adaline"),
    Workload("mlp", 0.65, networks.mlp, "mlp"),
    Workload("lenet", 0.4, networks.lenet, "lenet"),
    Workload("resnet20", 0.8, networks.resnet20, "resnet20"),
    Workload("lstm", 0.7, networks.lstm, "lstm"),
    Workload("gpt", 0.75, networks.gpt, "gpt"),
    Workload("pointwise", 0.35, networks.pointwise, "pointwise"),
    Workload("softmax of layer norm", 0.5, architectures.softmax_of_layer_norm, "softmax_of_layer_norm"),
    Workload("vae", 1.0, architectures.vae, "vae"),
    Workload("separable", 1.0, architectures.separable, "separable"),
    Workload("bigru", 1.0, architectures.bigru, "bigru"),
    Workload("unet", 1.0, architectures.unet, "unet"),
    Workload("vit", 1.0, architectures.vit, "vit"),
    Workload("wavenet", 1.0, architectures.wavenet, "wavenet"),
    Workload("neural ode", 1.0, architectures.neural_ode, "neural_ode"),
    Workload("pinn", 1.0, architectures.pinn, "pinn"),
    Workload("triplet", 1.0, architectures.triplet, "triplet"),
)
