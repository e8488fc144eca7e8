"""peft: variants of adapters on a GPT-2 and on a small network, trained for three steps."""

# ruff: noqa: B023, E731, E741
import tempfile
import warnings

import peft
import torch
import transformers as T
from torch import nn

from tests.packages.printing import attempt, seeded

T.logging.set_verbosity_error()

warnings.simplefilter("ignore")

G = dict(vocab_size=40, n_embd=16, n_layer=1, n_head=2, n_positions=16)
for n, c in {
    "lora_all": lambda: peft.LoraConfig(
        task_type="CAUSAL_LM", r=2, target_modules="all-linear", use_rslora=True, lora_dropout=0.0
    ),
    "dora": lambda: peft.LoraConfig(
        task_type="CAUSAL_LM", r=2, target_modules=["c_attn"], use_dora=True, fan_in_fan_out=True
    ),
    "ia3": lambda: peft.IA3Config(
        task_type="CAUSAL_LM",
        target_modules=["c_attn", "c_proj"],
        feedforward_modules=["c_proj"],
        fan_in_fan_out=True,
    ),
    "prefix": lambda: peft.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3),
    "prompt": lambda: peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3),
    "ptune": lambda: peft.PromptEncoderConfig(task_type="CAUSAL_LM", num_virtual_tokens=3, encoder_hidden_size=8),
    "adalora": lambda: peft.AdaLoraConfig(
        task_type="CAUSAL_LM", target_modules=["c_attn"], init_r=4, target_r=2, total_step=20, fan_in_fan_out=True
    ),
    "pissa": lambda: peft.LoraConfig(
        task_type="CAUSAL_LM", r=2, target_modules=["c_attn"], init_lora_weights="pissa", fan_in_fan_out=True
    ),
}.items():
    if c is None:
        continue

    @seeded
    def run():
        m = peft.get_peft_model(T.GPT2LMHeadModel(T.GPT2Config(**G, attn_pdrop=0, resid_pdrop=0, embd_pdrop=0)), c())
        x = torch.randint(0, 40, (2, 8))
        o = torch.optim.SGD([p for p in m.parameters() if p.requires_grad], 0.5)
        for _ in range(3):
            loss = m(input_ids=x, labels=x).loss
            o.zero_grad()
            loss.backward()
            o.step()
        t = m.get_nb_trainable_parameters()
        with tempfile.TemporaryDirectory() as d:
            m.save_pretrained(d)
        return loss, t[0], t[1]

    attempt("peft_" + n, run)
for n, c in {
    "loha": lambda: peft.LoHaConfig(r=2, target_modules=["0"]),
    "lokr": lambda: peft.LoKrConfig(r=2, target_modules=["0"]),
    "oft": lambda: peft.OFTConfig(r=0, oft_block_size=4, target_modules=["0"]),
    "boft": lambda: peft.BOFTConfig(boft_block_size=2, target_modules=["0"]),
    "vera": lambda: peft.VeraConfig(r=2, target_modules=["0"]),
    "fourier": lambda: peft.FourierFTConfig(n_frequency=8, target_modules=["0"]),
    "hra": lambda: peft.HRAConfig(r=2, target_modules=["0"]),
    "ln": lambda: peft.LNTuningConfig(target_modules=["1"]),
    "vblora": lambda: peft.VBLoRAConfig(r=2, target_modules=["0"], num_vectors=8, vector_length=4, topk=2),
}.items():

    @seeded
    def run():
        m = peft.get_peft_model(nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 1)), c())
        o = torch.optim.SGD([p for p in m.parameters() if p.requires_grad], 0.1)
        x = torch.randn(6, 8)
        for _ in range(3):
            loss = m(x).square().mean()
            o.zero_grad()
            loss.backward()
            o.step()
        z = m.merge_and_unload()(x) if n not in ("vblora",) else loss
        return loss, z

    attempt("peft2_" + n, run)
