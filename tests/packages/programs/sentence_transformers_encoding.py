"""sentence-transformers: a small BERT made here with pooling, trained by two losses, and the embeddings of sentences"""

import tempfile
from pathlib import Path

import torch
from sentence_transformers import InputExample, SentenceTransformer, losses, util
from sentence_transformers.models import Normalize, Pooling, Transformer
from torch.utils.data import DataLoader
from transformers import BertConfig, BertModel, BertTokenizerFast

words = "[PAD] [UNK] [CLS] [SEP] [MASK] a the cat dog sits runs on mat grass red green".split()
folder = Path(tempfile.mkdtemp())
(folder / "vocab.txt").write_text("\n".join(words))
tokenizer = BertTokenizerFast(str(folder / "vocab.txt"))
config = BertConfig(vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                    intermediate_size=32, max_position_embeddings=32, hidden_dropout_prob=0.0,
                    attention_probs_dropout_prob=0.0)
torch.manual_seed(0)
BertModel(config).save_pretrained(folder / "bert")
tokenizer.save_pretrained(folder / "bert")
inside = Transformer(str(folder / "bert"), max_seq_length=16)
model = SentenceTransformer(modules=[inside, Pooling(16), Normalize()], device="cpu")
sentences = ["the cat sits on the mat", "a dog runs on green grass", "a red dog"]
vectors = model.encode(sentences, convert_to_tensor=True)
print("shape", *vectors.shape)
print("alike", *util.cos_sim(vectors, vectors).flatten().tolist())
examples = [InputExample(texts=sentences[:2], label=0.2), InputExample(texts=sentences[1:], label=0.9)]
for loss in (losses.CosineSimilarityLoss(model), losses.MultipleNegativesRankingLoss(model)):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    found = []
    for _ in range(3):
        for batch in DataLoader(examples, batch_size=2, collate_fn=model.smart_batching_collate):
            features, labels = batch
            value = loss(features, labels)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            found.append(value.item())
    print(type(loss).__name__, *found)
print("after", *model.encode(sentences)[:, :3].flatten().tolist())
model.save(str(folder / "saved"))
again = SentenceTransformer(str(folder / "saved"), device="cpu")
print("again", *again.encode(sentences)[:, :3].flatten().tolist())
