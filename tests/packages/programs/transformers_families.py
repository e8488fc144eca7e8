"""transformers: heads of BERT, encoders, decoders, experts, state spaces, speech and vision from small configurations:
losses, gradients, and text generated greedily, by beams and by chance."""

# ruff: noqa: B023, E731, E741
import warnings

import torch
import transformers as T

from tests.packages.printing import attempt, seeded

T.logging.set_verbosity_error()

warnings.simplefilter("ignore")


def ids(n=2, length=7, v=50):
    return torch.randint(3, v, (n, length))


@seeded
def t5():
    m = T.T5ForConditionalGeneration(
        T.T5Config(
            vocab_size=60,
            d_model=16,
            d_kv=4,
            d_ff=32,
            num_layers=2,
            num_heads=4,
            decoder_start_token_id=0,
            pad_token_id=0,
            feed_forward_proj="gated-gelu",
        )
    ).eval()
    x = ids()
    o = m(input_ids=x, labels=ids())
    o.loss.backward()
    g = m.shared.weight.grad
    b = m.generate(
        x, num_beams=3, max_new_tokens=6, num_return_sequences=2, no_repeat_ngram_size=2, length_penalty=0.8
    )
    torch.manual_seed(1)
    s = m.generate(x, do_sample=True, top_k=10, top_p=0.9, temperature=0.7, max_new_tokens=5)
    return o.loss, g, b, s


attempt("t5", t5)


@seeded
def vit():
    m = T.ViTForImageClassification(
        T.ViTConfig(
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=32,
            image_size=16,
            patch_size=4,
            num_labels=5,
        )
    ).eval()
    o = m(pixel_values=torch.randn(2, 3, 16, 16), labels=torch.tensor([1, 2]), output_hidden_states=True)
    o.loss.backward()
    return o.loss, o.logits, o.hidden_states[1], m.vit.embeddings.cls_token.grad


attempt("vit", vit)


@seeded
def whisper():
    c = T.WhisperConfig(
        vocab_size=60,
        num_mel_bins=8,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        d_model=16,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        max_source_positions=20,
        max_target_positions=16,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=3,
        begin_suppress_tokens=None,
        suppress_tokens=None,
    )
    m = T.WhisperForConditionalGeneration(c).eval()
    f = torch.randn(2, 8, 40)
    o = m(input_features=f, labels=ids(2, 5))
    o.loss.backward()
    g = T.WhisperForConditionalGeneration.generate(m, f, max_new_tokens=4)
    return o.loss, m.model.encoder.conv1.weight.grad, g


attempt("whisper", whisper)
bc = dict(
    vocab_size=60,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=32,
    max_position_embeddings=32,
)
for head, kw in [
    ("SequenceClassification", dict(labels=torch.tensor([1, 0]))),
    ("TokenClassification", dict(labels=torch.randint(0, 2, (2, 7)))),
    ("QuestionAnswering", dict(start_positions=torch.tensor([1, 2]), end_positions=torch.tensor([3, 4]))),
    ("MaskedLM", dict(labels=torch.randint(0, 60, (2, 7)))),
    ("NextSentencePrediction", dict(labels=torch.tensor([0, 1]))),
]:

    @seeded
    def bert():
        m = getattr(T, "BertFor" + head)(T.BertConfig(**bc)).eval()
        a = torch.ones(2, 7, dtype=torch.long)
        a[1, 4:] = 0
        o = m(input_ids=ids(), attention_mask=a, **kw)
        o.loss.backward()
        return o.loss, m.bert.embeddings.word_embeddings.weight.grad

    attempt("bert" + head, bert)
for name, cls, cfg in [
    (
        "distilbert",
        "DistilBertForMaskedLM",
        T.DistilBertConfig(vocab_size=60, dim=16, n_layers=2, n_heads=4, hidden_dim=32, max_position_embeddings=32),
    ),
    ("roberta", "RobertaForMaskedLM", T.RobertaConfig(**bc)),
    ("electra", "ElectraForPreTraining", T.ElectraConfig(embedding_size=16, **bc)),
    ("albert", "AlbertForMaskedLM", T.AlbertConfig(embedding_size=8, **bc)),
    (
        "deberta",
        "DebertaV2ForMaskedLM",
        T.DebertaV2Config(relative_attention=True, position_buckets=8, pos_att_type=["p2c", "c2p"], **bc),
    ),
    ("deberta-1", "DebertaForMaskedLM", T.DebertaConfig(relative_attention=True, pos_att_type=["c2p", "p2c"], **bc)),
    ("gpt_neox", "GPTNeoXForCausalLM", T.GPTNeoXConfig(**bc)),
    (
        "opt",
        "OPTForCausalLM",
        T.OPTConfig(
            vocab_size=60,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=4,
            ffn_dim=32,
            max_position_embeddings=32,
            word_embed_proj_dim=16,
        ),
    ),
    ("mistral", "MistralForCausalLM", T.MistralConfig(num_key_value_heads=2, sliding_window=4, **bc)),
    ("qwen2", "Qwen2ForCausalLM", T.Qwen2Config(num_key_value_heads=2, **bc)),
    ("gemma", "GemmaForCausalLM", T.GemmaConfig(num_key_value_heads=2, head_dim=4, **bc)),
    ("mixtral", "MixtralForCausalLM", T.MixtralConfig(num_key_value_heads=2, num_local_experts=3, **bc)),
    ("phi", "PhiForCausalLM", T.PhiConfig(**bc)),
    ("mamba", "MambaForCausalLM", T.MambaConfig(vocab_size=60, hidden_size=16, num_hidden_layers=2, state_size=4)),
    (
        "bart",
        "BartForConditionalGeneration",
        T.BartConfig(
            vocab_size=60,
            d_model=16,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=32,
            decoder_ffn_dim=32,
            max_position_embeddings=32,
        ),
    ),
    ("xlnet", "XLNetLMHeadModel", T.XLNetConfig(vocab_size=60, d_model=16, n_layer=2, n_head=4, d_inner=32)),
    ("bloom", "BloomForCausalLM", T.BloomConfig(vocab_size=60, hidden_size=16, n_layer=2, n_head=4)),
    (
        "falcon",
        "FalconForCausalLM",
        T.FalconConfig(vocab_size=60, hidden_size=16, num_hidden_layers=2, num_attention_heads=4),
    ),
]:

    @seeded
    def run():
        m = getattr(T, cls)(cfg).eval()
        x = ids(2, 7, 59)
        o = m(input_ids=x, labels=x if name != "electra" else (x % 2).float())
        o.loss.backward()
        g = sum(p.grad.abs().sum() for p in m.parameters() if p.grad is not None)
        out = [o.loss, g]
        if hasattr(m, "generate") and m.can_generate() and name not in ("xlnet",):
            out.append(m.generate(x, max_new_tokens=4, do_sample=False, pad_token_id=0))
        return out

    attempt(name, run)
for name, cls, cfg, shape in [
    (
        "convnext",
        "ConvNextForImageClassification",
        T.ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2),
        (2, 3, 32, 32),
    ),
    (
        "swin",
        "SwinForImageClassification",
        T.SwinConfig(image_size=16, patch_size=2, embed_dim=8, depths=[1, 1], num_heads=[2, 2], window_size=4),
        (2, 3, 16, 16),
    ),
    (
        "resnet",
        "ResNetForImageClassification",
        T.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic"),
        (2, 3, 32, 32),
    ),
    (
        "deit",
        "DeiTForImageClassification",
        T.DeiTConfig(
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=4,
            intermediate_size=32,
            image_size=16,
            patch_size=4,
        ),
        (2, 3, 16, 16),
    ),
    (
        "beit",
        "BeitForImageClassification",
        T.BeitConfig(
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=4,
            intermediate_size=32,
            image_size=16,
            patch_size=4,
            use_relative_position_bias=True,
        ),
        (2, 3, 16, 16),
    ),
    (
        "segformer",
        "SegformerForSemanticSegmentation",
        T.SegformerConfig(
            hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 2, 2], decoder_hidden_size=8
        ),
        (2, 3, 32, 32),
    ),
    (
        "dinov2",
        "Dinov2Model",
        T.Dinov2Config(hidden_size=16, num_hidden_layers=1, num_attention_heads=4, image_size=16, patch_size=4),
        (2, 3, 20, 24),
    ),
    (
        "vitmae",
        "ViTMAEForPreTraining",
        T.ViTMAEConfig(
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=4,
            intermediate_size=32,
            image_size=16,
            patch_size=4,
            decoder_hidden_size=8,
            decoder_num_hidden_layers=1,
            decoder_num_attention_heads=2,
            decoder_intermediate_size=16,
        ),
        (2, 3, 16, 16),
    ),
]:

    @seeded
    def run():
        m = getattr(T, cls)(cfg).train() if name in ("resnet",) else getattr(T, cls)(cfg).eval()
        torch.manual_seed(2)
        o = m(pixel_values=torch.randn(*shape))
        v = o[0] if o[0].ndim else o[1]
        v.square().mean().backward()
        return v, sum(p.grad.abs().sum() for p in m.parameters() if p.grad is not None)

    attempt(name, run)


@seeded
def clip():
    m = T.CLIPModel(
        T.CLIPConfig(
            text_config=dict(
                vocab_size=60,
                hidden_size=16,
                intermediate_size=32,
                num_hidden_layers=1,
                num_attention_heads=2,
                max_position_embeddings=10,
                eos_token_id=2,
            ),
            vision_config=dict(
                hidden_size=16,
                intermediate_size=32,
                num_hidden_layers=1,
                num_attention_heads=2,
                image_size=16,
                patch_size=4,
            ),
            projection_dim=8,
        )
    ).eval()
    o = m(input_ids=ids(), pixel_values=torch.randn(2, 3, 16, 16), return_loss=True)
    o.loss.backward()
    return o.loss, o.logits_per_image


attempt("clip", clip)


@seeded
def wav():
    m = T.Wav2Vec2ForCTC(
        T.Wav2Vec2Config(
            vocab_size=20,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            conv_dim=[8, 8],
            conv_stride=[5, 2],
            conv_kernel=[10, 3],
            num_conv_pos_embeddings=4,
            num_conv_pos_embedding_groups=2,
        )
    ).eval()
    o = m(torch.randn(2, 400), labels=torch.randint(1, 20, (2, 5)))
    o.loss.backward()
    return o.loss, o.logits


attempt("wav2vec2", wav)
