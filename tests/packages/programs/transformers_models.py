"""transformers: BERT, GPT-2, Llama, T5 and ViT made from small configurations, without weights of others: losses and
gradients, text that they generate, and files of safetensors written and read."""

import tempfile

import torch
import transformers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
    ViTConfig,
    ViTForImageClassification,
)

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
torch.manual_seed(0)
words = torch.randint(4, 60, (2, 9))
mask = torch.tensor([[1] * 9, [1] * 6 + [0] * 3])
images, kinds = torch.randn(2, 3, 16, 16), torch.tensor([0, 2])
MODELS = {
    "bert": (BertForMaskedLM, BertConfig(vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                                         intermediate_size=48), {"input_ids": words, "attention_mask": mask,
                                                                 "labels": words}),
    "gpt2": (GPT2LMHeadModel, GPT2Config(vocab_size=64, n_embd=32, n_layer=2, n_head=4, n_positions=32,
                                         bos_token_id=1, eos_token_id=2), {"input_ids": words, "labels": words}),
    "llama": (LlamaForCausalLM, LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
                                            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=32),
              {"input_ids": words, "attention_mask": mask, "labels": words}),
    "t5": (T5ForConditionalGeneration, T5Config(vocab_size=64, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4,
                                                decoder_start_token_id=0), {"input_ids": words, "labels": words}),
    "vit": (ViTForImageClassification, ViTConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                                                 intermediate_size=48, image_size=16, patch_size=4, num_labels=3),
            {"pixel_values": images, "labels": kinds}),
}

for name, (kind, config, given) in MODELS.items():
    torch.manual_seed(1)
    model = kind(config)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        found = model(**given)
        found.loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        print(name, found.loss.item(), norm.item())
    model.eval()
    with torch.no_grad():
        before = model(**given).logits
    print(f"{name}.logits", before.square().mean().item(), *before.reshape(-1)[:4].tolist())
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        again = kind.from_pretrained(folder).eval()
        with torch.no_grad():
            print(f"{name}.again", (again(**given).logits - before).abs().max().item())
    if model.can_generate():
        options = {"max_new_tokens": 6, "pad_token_id": 0, "eos_token_id": 63}
        print(f"{name}.greedy", *model.generate(words, do_sample=False, **options).flatten().tolist())
        print(f"{name}.beams", *model.generate(words, num_beams=3, do_sample=False, **options).flatten().tolist())
        torch.manual_seed(2)
        print(f"{name}.sampled", *model.generate(words, do_sample=True, top_k=10, **options).flatten().tolist())
