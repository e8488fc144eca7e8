"""Members of `nn.Module` that few programs know, hooks of all modules, import paths, attention in all its forms."""

from __future__ import annotations

import itertools
from importlib import import_module
from typing import Any

import pytest

torch = pytest.importorskip("torch")
import wengert  # noqa: E402
from tests.peer.side_by_side import both  # noqa: E402


def net(T: Any) -> Any:
    return T.nn.Sequential(T.nn.Linear(3, 4), T.nn.ReLU(), T.nn.Sequential(T.nn.Linear(4, 2), T.nn.BatchNorm1d(2)))


def modules_of(T: Any) -> Any:
    return import_module(f"{T.__name__}.nn.modules.module")


def test_hooks_of_all_modules() -> None:
    def program(T: Any) -> Any:
        M, seen = modules_of(T), []

        def note(word: str) -> Any:
            return lambda module, *rest: seen.append((word, type(module).__name__, len(rest)))

        model = net(T)
        model[0].register_forward_hook(note("own"))
        handles = [
            M.register_module_forward_pre_hook(note("before")),
            M.register_module_forward_hook(note("after")),
            M.register_module_forward_hook(note("after with words"), with_kwargs=True),
            M.register_module_full_backward_pre_hook(note("back before")),
            M.register_module_full_backward_hook(note("back")),
        ]
        x = T.randn(4, 3, requires_grad=True)
        model(x).sum().backward()
        state = list(model.state_dict())
        for handle in handles:
            handle.remove()
        seen.append(state)
        model(x)
        doubled = M.register_module_forward_hook(lambda module, args, out: out * 2)
        out = model(x)
        doubled.remove()
        return seen, out, model(x)

    both(program, rtol=1e-4)


def test_hooks_on_what_modules_adopt() -> None:
    def program(T: Any) -> Any:
        M, seen = modules_of(T), []
        handles = [
            M.register_module_parameter_registration_hook(lambda m, name, p: seen.append(("parameter", name))),
            M.register_module_buffer_registration_hook(lambda m, name, b: seen.append(("buffer", name))),
            M.register_module_module_registration_hook(lambda m, name, c: seen.append(("module", name))),
        ]
        model = net(T)
        model.extra = T.nn.Parameter(T.ones(1))
        model.child = T.nn.ReLU()
        for handle in handles:
            handle.remove()
        net(T)
        changed = M.register_module_parameter_registration_hook(lambda m, name, p: T.nn.Parameter(p.data * 0 + 3))
        layer = T.nn.Linear(2, 2)
        changed.remove()
        return sorted(set(seen)), layer.weight.shape, [p.requires_grad for p in layer.parameters()]

    both(program)


def test_hooks_on_states_in_their_older_forms() -> None:
    def program(T: Any) -> Any:
        model, seen = net(T), []
        model._register_state_dict_hook(lambda m, state, prefix, meta: {**state, "more": T.ones(1)})
        model._register_load_state_dict_pre_hook(lambda state, prefix, *rest: seen.append((prefix, len(rest))))
        model[0]._register_load_state_dict_pre_hook(
            lambda m, state, prefix, *rest: seen.append((type(m).__name__, prefix)), with_module=True
        )
        state = model.state_dict()
        return list(state), repr(model.load_state_dict(state, strict=False)), seen

    both(program)


def test_members_of_modules() -> None:
    both(lambda T: len(list(net(T).modules(remove_duplicate=False))))
    both(lambda T: [(tuple(p.shape), p.requires_grad) for p in net(T).to_empty(device="cpu").parameters()])
    both(lambda T: (T.nn.Module.dump_patches, T.nn.Module.call_super_init))
    both(lambda T: T.nn.factory_kwargs({"device": "cpu", "factory_kwargs": {"dtype": "x"}}))
    both(lambda T: T.nn.factory_kwargs(None))
    both(lambda T: T.nn.factory_kwargs({"size": 1}))
    both(lambda T: T.nn.factory_kwargs({"device": 1, "factory_kwargs": {"device": 2}}))


def test_lazy_layers_in_another_precision() -> None:
    def program(T: Any) -> Any:
        model = T.nn.Sequential(T.nn.LazyLinear(3), T.nn.LazyBatchNorm1d()).double()
        out = model(T.randn(4, 2, dtype=T.float64))
        return out, model

    both(program, warned=False)


PATHS = [
    "conv._ConvNd", "conv._ConvTransposeNd", "batchnorm._BatchNorm", "batchnorm._NormBase",
    "instancenorm._InstanceNorm", "loss._Loss", "loss._WeightedLoss", "dropout._DropoutNd", "pooling._MaxPoolNd",
    "pooling._AvgPoolNd", "pooling._AdaptiveAvgPoolNd", "padding._ConstantPadNd", "rnn.RNNBase",
    "linear.NonDynamicallyQuantizableLinear",
]
EXAMPLES: list[Any] = [
    lambda T: T.nn.Conv2d(1, 1, 1), lambda T: T.nn.ConvTranspose1d(1, 1, 1), lambda T: T.nn.BatchNorm1d(1),
    lambda T: T.nn.InstanceNorm2d(1), lambda T: T.nn.MSELoss(), lambda T: T.nn.NLLLoss(), lambda T: T.nn.Dropout2d(),
    lambda T: T.nn.MaxPool2d(1), lambda T: T.nn.AvgPool1d(1), lambda T: T.nn.AdaptiveAvgPool2d(1),
    lambda T: T.nn.ZeroPad2d(1), lambda T: T.nn.LSTM(1, 1), lambda T: T.nn.MultiheadAttention(2, 1).out_proj,
    lambda T: T.nn.Linear(1, 1), lambda T: T.nn.LazyBatchNorm1d(), lambda T: T.nn.SyncBatchNorm(1),
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.filterwarnings("ignore")
def test_bases_of_families(path: str) -> None:
    module, name = path.split(".")
    kinds = [getattr(import_module(f"{lib.__name__}.nn.modules.{module}"), name) for lib in (wengert, torch)]
    sides = zip((wengert, torch), kinds, strict=True)
    answers = [[isinstance(make(lib), kind) for make in EXAMPLES] for lib, kind in sides]
    assert answers[0] == answers[1]


def test_every_path_has_the_layers_of_pytorchs() -> None:
    import pkgutil

    for found in pkgutil.iter_modules(torch.nn.modules.__path__):
        theirs = import_module(f"torch.nn.modules.{found.name}")
        names = [name for name in getattr(theirs, "__all__", ()) if hasattr(wengert.nn, name)]
        for name in names:
            assert getattr(import_module(f"wengert.nn.modules.{found.name}"), name) is getattr(wengert.nn, name)


def test_helpers_of_nn_modules_utils() -> None:
    def program(T: Any) -> Any:
        U = import_module(f"{T.__name__}.nn.modules.utils")
        state = T.nn.DataParallel(net(T)).state_dict()
        U.consume_prefix_in_state_dict_if_present(state, "module.")
        return U._pair(3), U._triple((1, 2, 3)), U._reverse_repeat_tuple((1, 2), 2), list(state), list(state._metadata)

    both(program)


# --- attention --------------------------------------------------------------------------------------------------------

MASKS: dict[str, Any] = {
    "none": lambda T: {},
    "bool": lambda T: {"attn_mask": T.tensor([[False, True, False], [False, False, True]])},
    "float": lambda T: {"attn_mask": T.tensor([[0.0, 1.0, -2.0], [0.5, float("-inf"), 0.0]])},
    "heads": lambda T: {"attn_mask": T.arange(4 * 2 * 3).reshape(4, 2, 3) / 10},
    "padding": lambda T: {"key_padding_mask": T.tensor([[False, False, True], [False, True, True]])},
    "both": lambda T: {
        "key_padding_mask": T.tensor([[False, False, True], [False, True, True]]),
        "attn_mask": T.tensor([[False, True, False], [False, False, True]]),
    },
    "causal": lambda T: {"attn_mask": T.ones(2, 3).triu(1).bool(), "is_causal": True},
}


@pytest.mark.parametrize("mask", list(MASKS))
@pytest.mark.parametrize("weights, average", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("extra", [{}, {"add_bias_kv": True}, {"add_zero_attn": True}, {"kdim": 5, "vdim": 6}])
def test_every_form_of_attention(
    mask: str, weights: bool, average: bool, training: bool, extra: dict[str, Any]
) -> None:
    def program(T: Any) -> Any:
        results = []
        for batch_first in (True, False):
            layer = T.nn.MultiheadAttention(4, 2, batch_first=batch_first, **extra).train(training)
            shapes = [(2, 2, 4), (2, 3, extra.get("kdim", 4)), (2, 3, extra.get("vdim", 4))]
            if not batch_first:
                shapes = [(b, a, c) for a, b, c in shapes]
            q, k, v = (T.randn(*shape, requires_grad=True) for shape in shapes)
            out, seen = layer(q, k, v, need_weights=weights, average_attn_weights=average, **MASKS[mask](T))
            out.sum().backward()
            results.append([out, seen, q.grad, k.grad, v.grad, [p.grad for p in layer.parameters()]])
        return results

    both(program, rtol=1e-3, atol=1e-5, warned=False)


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("norm_first, batch_first, bias", list(itertools.product([True, False], repeat=3)))
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_fast_paths_of_encoders_give_the_same_numbers(
    grad: bool, norm_first: bool, batch_first: bool, bias: bool, activation: str
) -> None:
    def program(T: Any) -> Any:
        layer = T.nn.TransformerEncoderLayer(
            8, 2, 16, activation=activation, norm_first=norm_first, batch_first=batch_first, bias=bias
        )
        stack = T.nn.TransformerEncoder(layer, 2, norm=T.nn.LayerNorm(8)).eval()
        x = T.randn(*((3, 5, 8) if batch_first else (5, 3, 8)))
        padding = T.arange(5)[None] >= T.tensor([5, 3, 4])[:, None]
        with T.set_grad_enabled(grad):
            plain = stack(x)
            masked = stack(x, mask=T.nn.Transformer.generate_square_subsequent_mask(5))
            causal = stack(x, mask=T.nn.Transformer.generate_square_subsequent_mask(5), is_causal=True)
            padded = stack(x, src_key_padding_mask=padding)
        kept = ~padding if batch_first else ~padding.t()
        # What stands at padded places is not defined: PyTorch's fast path leaves zeros there.
        return plain, masked, causal, padded * kept.unsqueeze(-1)

    both(program, rtol=1e-3, atol=1e-5, warned=False)


def test_choosing_how_attention_is_computed() -> None:
    def program(T: Any) -> Any:
        A = import_module(f"{T.__name__}.nn.attention")
        q = T.randn(1, 2, 3, 4)
        with A.sdpa_kernel([A.SDPBackend.MATH]):
            first = T.nn.functional.scaled_dot_product_attention(q, q, q)
        with A.sdpa_kernel(A.SDPBackend.MATH):
            second = T.nn.functional.scaled_dot_product_attention(q, q, q, is_causal=True)
        return first, second, int(A.SDPBackend.FLASH_ATTENTION)

    both(program, rtol=1e-4, atol=1e-6)

    def wrong(T: Any) -> None:
        A = import_module(f"{T.__name__}.nn.attention")
        with A.sdpa_kernel("math"):
            pass

    both(wrong)


def test_tables_of_hooks_say_how_each_wants_to_be_called() -> None:
    def program(T: Any) -> Any:
        layer = T.nn.Linear(2, 2)
        handles = [layer.register_forward_hook(lambda *_: None, **{word: True})
                   for word in ("with_kwargs", "always_call", "prepend")]
        handles.append(layer.register_forward_pre_hook(lambda *_: None, with_kwargs=True))
        tables = ("_forward_hooks", "_forward_hooks_with_kwargs", "_forward_hooks_always_called",
                  "_forward_pre_hooks_with_kwargs")
        counts = [len(getattr(layer, table)) for table in tables]
        handles[1].remove()
        del layer._load_state_dict_post_hooks
        return counts, [len(getattr(layer, table)) for table in tables]

    both(program)


LEGACY: dict[str, Any] = {
    "a list": (lambda a, b: [a * 1, b * 1], False), "a list given": (lambda given: (given[0] * 1, given[1] * 1), True),
    "two nodes": (lambda a, b: (a * 1, b * 1), False), "nodes in a row": (lambda a, b: (a * b) * 2, False),
    "one node": (lambda a, b: a * b, False), "a number": (lambda a, b: a * 2, False),
}


@pytest.mark.parametrize("name", LEGACY)
def test_hooks_that_are_not_full_warn_of_what_they_miss(name: str) -> None:
    forward, nested = LEGACY[name]

    def program(T: Any) -> Any:
        module = type("Module", (T.nn.Module,), {"forward": lambda self, *args: forward(*args)})()
        module.register_backward_hook(lambda *_: None)
        a, b = (T.ones(2, requires_grad=True) * 3 for _ in range(2))
        module(*([[a, b]] if nested else [a, b]))

    both(program)


@pytest.mark.parametrize("wrong", [lambda grads: grads[:-1], lambda grads: (*grads, grads[0])])
def test_hooks_of_nodes_return_as_many_gradients(wrong: Any) -> None:
    for T in (torch, wengert):
        x = T.ones(2, requires_grad=True).sigmoid()
        x.grad_fn.register_hook(lambda ours, theirs: wrong(ours))
        with pytest.raises(RuntimeError, match=rf"got {len(wrong((1,)))}, but expected 1"):
            x.sum().backward()


def bag(T: Any, w: Any, numbers: Any, offsets: list[int], **options: Any) -> Any:
    return T.nn.functional.embedding_bag(numbers, w, T.tensor(offsets), **options)


BAGS: dict[str, Any] = {
    "the last offset": lambda T, w: [bag(T, w, T.arange(4), offsets, include_last_offset=True)
                                     for offsets in ([0, 3, 3], [0, 3, 4], [0, 4], [0, 2, 1])],
    "past the end": lambda T, w: bag(T, w, T.arange(4), [0, 5], include_last_offset=True),
    "a padding that is no row": lambda T, w: bag(T, w, T.arange(4), [0], padding_idx=4),
    "a number that is no row": lambda T, w: bag(T, w, T.tensor([9]), [0]),
}


@pytest.mark.parametrize("name", BAGS)
def test_bags_of_embeddings(name: str) -> None:
    """In float64, as PyTorch's kernels for float32 differ among themselves."""
    both(lambda T: BAGS[name](T, T.arange(8.0, dtype=T.float64).reshape(4, 2)))


@pytest.mark.parametrize(("rows", "width"), [(0, 0), (10, 0), (10, 2)])
def test_sparse_gradients_of_embeddings(rows: int, width: int) -> None:
    def program(T: Any) -> Any:
        layer = T.nn.Embedding(rows, width, sparse=True)
        layer(T.zeros(3 if rows else 0, dtype=T.int64)).sum().backward()
        grad = layer.weight.grad
        return grad.shape, grad.is_sparse, (grad._indices(), grad._indices().stride()) if width else None

    both(program)


def test_pooling_refuses_channels_that_are_not_there() -> None:
    for rank in (1, 2, 3):
        for name in ("AdaptiveMaxPool", "AdaptiveAvgPool", "MaxPool", "AvgPool"):
            for lead in ((1, 0), (0, 2), (2,)):
                both(lambda T, n=f"{name}{rank}d", s=(*lead, *(6,) * rank): getattr(T.nn, n)(3)(T.ones(s)))
    both(lambda T: T.nn.functional.max_pool2d(T.ones(1, 1, 4, 4).bool(), 2))
