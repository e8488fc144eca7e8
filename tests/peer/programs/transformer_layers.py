"""nn.Transformer's layers in use: an encoder for classification with masks, an encoder-decoder, nn.MultiheadAttention."""

import torch
import torch.nn as nn

torch.manual_seed(8)
layer = nn.TransformerEncoderLayer(d_model=16, nhead=4, dim_feedforward=24, dropout=0.1, activation="gelu", batch_first=True)
encoder = nn.TransformerEncoder(layer, num_layers=2, norm=nn.LayerNorm(16), enable_nested_tensor=False)
print(layer)
embedding, head = nn.Embedding(20, 16, padding_idx=0), nn.Linear(16, 3)
tokens = torch.randint(1, 20, (5, 7))
tokens[0, 4:] = 0
tokens[3, 6:] = 0
labels = torch.tensor([0, 1, 2, 1, 0])
padding = tokens == 0
params = [*encoder.parameters(), *embedding.parameters(), *head.parameters()]
optimizer = torch.optim.NAdam(params, lr=5e-3)
for step in range(4):
    hidden = encoder(embedding(tokens) * 16**0.5, src_key_padding_mask=padding)
    pooled = hidden.masked_fill(padding.unsqueeze(-1), 0).sum(1) / (~padding).sum(1, keepdim=True)
    loss = nn.functional.cross_entropy(head(pooled), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(step, loss.item())
encoder.eval()
print(encoder(embedding(tokens[:1]))[0, 0, :5])

model = nn.Transformer(d_model=16, nhead=2, num_encoder_layers=1, num_decoder_layers=2, dim_feedforward=20, dropout=0.0, batch_first=True, norm_first=True)
src, tgt = torch.randn(3, 5, 16), torch.randn(3, 4, 16)
mask = nn.Transformer.generate_square_subsequent_mask(4)
print(mask)
sgd = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for step in range(4):
    out = model(src, tgt, tgt_mask=mask, tgt_is_causal=True)
    loss = (out - src[:, :4]).pow(2).mean()
    sgd.zero_grad()
    loss.backward()
    sgd.step()
    print(step, f"{loss.item():.6f}", sum(p.grad.abs().sum().item() for p in model.parameters()))
mha = nn.MultiheadAttention(16, 4, batch_first=True, kdim=6, vdim=5)
query, key, value = torch.randn(2, 3, 16), torch.randn(2, 4, 6), torch.randn(2, 4, 5)
out, weights = mha(query, key, value, average_attn_weights=False)
print(out.shape, weights.shape, weights.sum(-1), out[0, 0, :4])
print(mha(query, key, value, need_weights=False)[1], sorted(mha.state_dict()))
