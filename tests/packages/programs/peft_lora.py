"""peft: LoRA adapters on a GPT-2 made from a configuration, trained, written, read, and merged into it."""

import tempfile

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import GPT2Config, GPT2LMHeadModel

config = GPT2Config(vocab_size=64, n_embd=32, n_layer=2, n_head=4, n_positions=32, bos_token_id=1, eos_token_id=2)


def base():
    torch.manual_seed(1)
    return GPT2LMHeadModel(config)


torch.manual_seed(0)
words = torch.randint(4, 60, (4, 10))
for name, options in {"lora": {}, "rslora": {"use_rslora": True}, "dora": {"use_dora": True}}.items():
    torch.manual_seed(2)
    model = get_peft_model(base(), LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=8, target_modules=["c_attn"],
                                              fan_in_fan_out=True, lora_dropout=0.0, **options))
    print(name, *model.get_nb_trainable_parameters())
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.01)
    for _ in range(4):
        optimizer.zero_grad()
        loss = model(input_ids=words, labels=words).loss
        loss.backward()
        optimizer.step()
        print(name, loss.item())
    model.eval()
    with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        before = model(input_ids=words).logits
        with model.disable_adapter():
            print(f"{name}.without", model(input_ids=words, labels=words).loss.item())
        model.save_pretrained(folder)
        again = PeftModel.from_pretrained(base(), folder).eval()
        print(f"{name}.again", (again(input_ids=words).logits - before).abs().max().item())
        merged = model.merge_and_unload()
        print(f"{name}.merged", float((merged(input_ids=words).logits - before).abs().max() < 1e-4),
              merged.transformer.h[0].attn.c_attn.weight.sum().item())
