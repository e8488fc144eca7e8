"""`nn.utils` against PyTorch: parameters that are computed, normalised, pruned, fused, replaced."""

from __future__ import annotations

import copy
from typing import Any

import pytest

pytest.importorskip("torch.nn.utils.prune")
from tests.peer.side_by_side import both, trained  # noqa: E402

LAYERS = {
    "Linear": (lambda T: T.nn.Linear(4, 3), (5, 4)),
    "Conv2d": (lambda T: T.nn.Conv2d(2, 3, 3), (2, 2, 5, 5)),
    "ConvTranspose1d": (lambda T: T.nn.ConvTranspose1d(2, 3, 3), (2, 2, 5)),
}
layers = pytest.mark.parametrize("layer", list(LAYERS))


def made(T: Any, layer: str) -> tuple[Any, Any]:
    make, shape = LAYERS[layer]
    return make(T), T.randn(*shape)


@layers
@pytest.mark.parametrize("dim", [0, 1, -1, None])
@pytest.mark.parametrize("old", [True, False])
def test_weight_norm(layer: str, dim: int | None, old: bool) -> None:
    def program(T: Any) -> Any:
        module, x = made(T, layer)
        normalize = T.nn.utils.weight_norm if old else T.nn.utils.parametrizations.weight_norm
        normalize(module, dim=dim)
        return trained(T, module, x)

    both(program, rtol=1e-4, atol=1e-5)


@layers
@pytest.mark.parametrize("options", [{}, {"n_power_iterations": 3}, {"dim": 1}, {"eps": 1e-3}])
@pytest.mark.parametrize("old", [True, False])
def test_spectral_norm(layer: str, options: dict[str, Any], old: bool) -> None:
    def program(T: Any) -> Any:
        module, x = made(T, layer)
        (T.nn.utils.spectral_norm if old else T.nn.utils.parametrizations.spectral_norm)(module, **options)
        return trained(T, module, x)

    both(program, rtol=1e-3, atol=1e-5)


def test_normalisations_of_other_tensors() -> None:
    both(lambda T: T.nn.utils.weight_norm(T.nn.LSTM(3, 2), "weight_hh_l0")(T.randn(4, 1, 3))[0], rtol=1e-4)
    both(lambda T: T.nn.utils.parametrizations.weight_norm(T.nn.GRU(3, 2), "weight_hh_l0")(T.randn(4, 1, 3)), rtol=1e-4)
    both(lambda T: T.nn.utils.parametrizations.spectral_norm(T.nn.Linear(3, 2), "bias").bias, rtol=1e-5)


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_old_normalisations_are_removed(kind: str) -> None:
    def program(T: Any) -> Any:
        module, x = made(T, "Linear")
        getattr(T.nn.utils, kind)(module)
        for _ in range(3):
            module(x)
        getattr(T.nn.utils, f"remove_{kind}")(module)
        return module, module(x), isinstance(module.weight, T.nn.Parameter)

    both(program, rtol=1e-4)
    both(lambda T: getattr(T.nn.utils, f"remove_{kind}")(T.nn.Linear(2, 2)))
    both(lambda T: getattr(T.nn.utils, kind)(getattr(T.nn.utils, kind)(T.nn.Linear(2, 2))))


def test_wrong_options_of_normalisations() -> None:
    both(lambda T: T.nn.utils.spectral_norm(T.nn.Linear(2, 2), n_power_iterations=0))
    both(lambda T: T.nn.utils.spectral_norm(T.nn.Linear(2, 2), "none"))
    both(lambda T: T.nn.utils.spectral_norm(T.nn.Linear(2, 2, bias=False), "bias"))
    both(lambda T: T.nn.utils.parametrizations.spectral_norm(T.nn.Linear(2, 2), n_power_iterations=0))
    both(lambda T: T.nn.utils.parametrizations.spectral_norm(T.nn.Linear(2, 2), dim=2))
    both(lambda T: T.nn.utils.parametrizations.spectral_norm(T.nn.Linear(2, 2), "none"))


def test_state_of_the_old_weight_norm_loads_into_the_new() -> None:
    def program(T: Any) -> Any:
        old, new = T.nn.utils.weight_norm(T.nn.Linear(4, 3)), T.nn.utils.parametrizations.weight_norm(T.nn.Linear(4, 3))
        return new.load_state_dict(old.state_dict()), new, new.weight - old.weight

    both(program)


@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 5), (2, 4, 3)])
@pytest.mark.parametrize("kind", ["matrix_exp", "cayley", "householder", None])
@pytest.mark.parametrize("trivialized", [True, False])
def test_orthogonal(shape: tuple[int, ...], kind: str | None, trivialized: bool) -> None:
    class Weighted:
        def __new__(cls, T: Any) -> Any:
            class Module(T.nn.Module):
                def __init__(self) -> None:
                    super().__init__()
                    self.weight = T.nn.Parameter(T.randn(*shape, dtype=T.float64))

                def forward(self, x: Any) -> Any:
                    return (self.weight * x).sum(-1)

            return Module()

    def program(T: Any) -> Any:
        module = T.nn.utils.parametrizations.orthogonal(Weighted(T), "weight", kind, use_trivialization=trivialized)
        x = T.randn(*shape, dtype=T.float64)
        first = module.weight
        seen = trained(T, module, x, steps=2)
        if trivialized or kind == "householder":
            module.weight = T.linalg.qr(T.randn(*shape, dtype=T.float64))[0] if shape[-2] >= shape[-1] else first
        return first, seen, module.weight

    # What is drawn beyond a matrix that is not square is the same; where the map needs no such, all is.
    both(program, rtol=1e-6, atol=1e-8)


def test_wrong_options_of_orthogonal() -> None:
    both(lambda T: T.nn.utils.parametrizations.orthogonal(T.nn.Linear(2, 2), orthogonal_map="none"))
    both(lambda T: T.nn.utils.parametrizations.orthogonal(T.nn.Linear(2, 2), "bias"))
    both(lambda T: T.nn.utils.parametrizations.orthogonal(T.nn.Linear(2, 2), "none"))


def symmetric(T: Any) -> Any:
    class Symmetric(T.nn.Module):
        def forward(self, x: Any) -> Any:
            return x.triu() + x.triu(1).transpose(-1, -2)

        def right_inverse(self, x: Any) -> Any:
            return x.triu()

    return Symmetric()


def doubled(T: Any) -> Any:
    class Doubled(T.nn.Module):
        def forward(self, x: Any) -> Any:
            return 2 * x

    return Doubled()


def test_parametrizations_one_after_another() -> None:
    def program(T: Any) -> Any:
        P = T.nn.utils.parametrize
        module = T.nn.Linear(3, 3)
        before = P.is_parametrized(module)
        P.register_parametrization(module, "weight", symmetric(T))
        P.register_parametrization(module, "weight", doubled(T))
        P.register_parametrization(module, "bias", doubled(T))
        facts = [before, P.is_parametrized(module), P.is_parametrized(module, "weight"), type(module).__name__]
        facts += [P.type_before_parametrizations(module) is T.nn.Linear, isinstance(module, T.nn.Linear)]
        seen = trained(T, module, T.randn(4, 3))
        with P.cached():
            facts += [module.weight is module.weight]
        again = copy.deepcopy(module)
        seen.append([again.weight, again.bias, repr(again), dict(again.state_dict())])
        P.remove_parametrizations(module, "bias", leave_parametrized=False)
        P.remove_parametrizations(module, "weight")
        return facts, seen, module, isinstance(module.weight, T.nn.Parameter), type(module) is T.nn.Linear

    both(program, rtol=1e-4)


def test_assigning_a_parametrised_tensor() -> None:
    def program(T: Any) -> Any:
        P = T.nn.utils.parametrize
        module = P.register_parametrization(T.nn.Linear(3, 3), "weight", symmetric(T))
        module.weight = T.ones(3, 3)
        return module.weight, module

    both(program)

    def without_inverse(T: Any) -> None:
        module = T.nn.utils.parametrize.register_parametrization(T.nn.Linear(3, 3), "weight", doubled(T))
        module.weight = T.ones(3, 3)

    both(without_inverse)


def test_wrong_parametrizations() -> None:
    def shape(T: Any) -> Any:
        return T.nn.utils.parametrize.register_parametrization(T.nn.Linear(3, 3), "weight", T.nn.Flatten(0))

    both(shape)
    both(lambda T: T.nn.utils.parametrize.register_parametrization(T.nn.Linear(3, 3), "none", doubled(T)))
    both(lambda T: T.nn.utils.parametrize.remove_parametrizations(T.nn.Linear(3, 3), "weight"))

    def pickled(T: Any) -> Any:
        import pickle

        return pickle.dumps(T.nn.utils.parametrize.register_parametrization(T.nn.Linear(3, 3), "weight", doubled(T)))

    both(pickled)

    def added(T: Any) -> Any:
        P = T.nn.utils.parametrize
        module = P.register_parametrization(T.nn.Linear(3, 3), "weight", doubled(T))
        return P.register_parametrization(module, "weight", T.nn.Flatten(0))

    both(added)


def test_transferring_parametrizations() -> None:
    def program(T: Any) -> Any:
        P = T.nn.utils.parametrize
        first = P.register_parametrization(T.nn.Linear(3, 3), "weight", symmetric(T))
        second = P.transfer_parametrizations_and_params(first, T.nn.Linear(3, 3))
        return second, second.weight

    both(program)


PRUNED = [
    ("l1_unstructured", {"amount": 0.4}),
    ("l1_unstructured", {"amount": 3}),
    ("random_unstructured", {"amount": 0.5}),
    ("random_structured", {"amount": 1, "dim": 1}),
    ("ln_structured", {"amount": 0.4, "n": 2, "dim": 0}),
    ("ln_structured", {"amount": 2, "n": 1, "dim": -1}),
    ("ln_structured", {"amount": 1, "n": float("inf"), "dim": 1}),
    ("identity", {}),
]


@layers
@pytest.mark.parametrize("name, options", PRUNED)
def test_pruning(layer: str, name: str, options: dict[str, Any]) -> None:
    def program(T: Any) -> Any:
        prune = T.nn.utils.prune
        module, x = made(T, layer)
        getattr(prune, name)(module, "weight", **options)
        seen = trained(T, module, x)
        pruned = prune.is_pruned(module)
        module.train()
        prune.l1_unstructured(module, "weight", 2)
        prune.l1_unstructured(module, "bias", 1)
        second = trained(T, module, x)
        prune.remove(module, "weight")
        return seen, pruned, second, module, prune.is_pruned(module), isinstance(module.weight, T.nn.Parameter)

    both(program, rtol=1e-4, atol=1e-6)


def test_pruning_by_masks_scores_and_all_at_once() -> None:
    def program(T: Any) -> Any:
        prune = T.nn.utils.prune
        net = T.nn.Sequential(T.nn.Linear(4, 3), T.nn.ReLU(), T.nn.Linear(3, 2))
        prune.custom_from_mask(net[0], "bias", T.tensor([1, 0, 1]))
        prune.l1_unstructured(net[0], "weight", 5, importance_scores=T.rand(3, 4))
        prune.global_unstructured(
            [(net[0], "weight"), (net[2], "weight")], pruning_method=prune.L1Unstructured, amount=0.3
        )
        return net, net(T.randn(2, 4))

    both(program, rtol=1e-5)
    both(lambda T: T.nn.utils.prune.L1Unstructured(2).prune(T.randn(3, 3)))
    both(lambda T: T.nn.utils.prune.RandomStructured(1, 0).prune(T.randn(3, 3)))


@pytest.mark.parametrize(
    "name, options",
    [
        ("l1_unstructured", {"amount": 1.5}),
        ("l1_unstructured", {"amount": -1}),
        ("l1_unstructured", {"amount": 100}),
        ("l1_unstructured", {"amount": "many"}),
        ("ln_structured", {"amount": 1, "n": 2, "dim": 5}),
    ],
)
def test_wrong_options_of_pruning(name: str, options: dict[str, Any]) -> None:
    both(lambda T: getattr(T.nn.utils.prune, name)(T.nn.Linear(3, 2), "weight", **options))

    def unharmed(T: Any) -> Any:
        module = T.nn.Linear(3, 2)
        try:
            getattr(T.nn.utils.prune, name)(module, "weight", **options)
        except Exception:  # noqa: BLE001
            return sorted(module.state_dict()), module.weight, module(T.ones(1, 3))
        return None

    both(unharmed)
    both(lambda T: T.nn.utils.prune.remove(T.nn.Linear(3, 2), "weight"))
    both(lambda T: T.nn.utils.prune.ln_structured(T.nn.Linear(3, 2), "bias", 1, 2, 0))


@pytest.mark.parametrize("affine, bias", [(True, True), (False, False), (True, False)])
def test_fusing_with_batch_normalisation(affine: bool, bias: bool) -> None:
    def program(T: Any) -> Any:
        pairs = [
            (T.nn.Conv2d(2, 3, 3, bias=bias), T.nn.BatchNorm2d(3, affine=affine), (2, 2, 5, 5), False),
            (T.nn.ConvTranspose2d(2, 3, 3, bias=bias), T.nn.BatchNorm2d(3, affine=affine), (2, 2, 5, 5), True),
        ]
        results = []
        for conv, bn, shape, transposed in pairs:
            for _ in range(3):
                bn(conv(T.randn(*shape)))
            fused = T.nn.utils.fuse_conv_bn_eval(conv.eval(), bn.eval(), transposed)
            x = T.randn(*shape)
            results += [fused, fused(x), bn(conv(x))]
        linear, bn = T.nn.Linear(4, 3, bias=bias), T.nn.BatchNorm1d(3)
        bn(linear(T.randn(6, 4)))
        fused = T.nn.utils.fuse_linear_bn_eval(linear.eval(), bn.eval())
        return [*results, fused, fused(T.ones(2, 4))]

    both(program, rtol=1e-4, atol=1e-5)
    both(lambda T: T.nn.utils.fuse_conv_bn_eval(T.nn.Conv1d(2, 3, 1), T.nn.BatchNorm1d(3)))
    both(lambda T: T.nn.utils.fuse_linear_bn_eval(T.nn.Linear(2, 3).eval(), T.nn.BatchNorm1d(2).eval()))


def tied(T: Any) -> Any:
    class Tied(T.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = T.nn.Linear(2, 2)
            self.second = T.nn.Linear(2, 2)
            self.second.weight = self.first.weight
            self.norm = T.nn.BatchNorm1d(2)

        def forward(self, x: Any, scale: float = 1.0) -> Any:
            return self.norm(self.second(self.first(x))) * scale

    return Tied()


@pytest.mark.parametrize("tie", [True, False])
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("names", [["first.weight"], ["first.weight", "norm.running_mean"], "all", ["other"]])
def test_functional_call(tie: bool, strict: bool, names: Any) -> None:
    def program(T: Any) -> Any:
        model = tied(T)
        every = {**dict(model.named_parameters(remove_duplicate=False)), **dict(model.named_buffers())}
        chosen = list(every) if names == "all" else names
        given = {name: (every[name] if name in every else T.ones(1)).detach().clone() for name in chosen}
        if names == "all":
            given["second.weight"] = given["first.weight"]
        given = {name: x.requires_grad_() if x.is_floating_point() and "running" not in name else x
                 for name, x in given.items()}
        out = T.nn.utils.stateless.functional_call(
            model, given, (T.randn(4, 2),), {"scale": 2.0}, tie_weights=tie, strict=strict
        )
        (out * out).sum().backward()
        return out, [x.grad for x in given.values()], given, [p.grad for p in model.parameters()], model

    if names == ["other"] and not strict:
        return  # PyTorch sets an attribute that nobody reads; wengert says that there is no such name
    both(program, rtol=1e-4, atol=1e-5, warned=False)


def test_functional_call_of_tied_names_with_different_tensors() -> None:
    def program(T: Any) -> Any:
        given = {"first.weight": T.zeros(2, 2), "second.weight": T.ones(2, 2)}
        return T.nn.utils.stateless.functional_call(tied(T), given, T.ones(3, 2))

    both(program, warned=False)
    both(lambda T: T.nn.utils.stateless.functional_call(T.nn.DataParallel(tied(T)), {}, T.ones(3, 2)), warned=False)


def test_functional_call_of_several_dictionaries_and_stacked_models() -> None:
    def program(T: Any) -> Any:
        model = tied(T)
        parameters, buffers = dict(model.named_parameters()), dict(model.named_buffers())
        out = T.func.functional_call(model, (parameters, buffers), (T.ones(3, 2),), {"scale": 3.0})
        stacked = T.func.stack_module_state([tied(T), tied(T)])
        return out, stacked[0], stacked[1]

    both(program, rtol=1e-5)
    both(lambda T: T.func.functional_call(T.nn.Linear(2, 2), [{"bias": T.ones(2)}, {"bias": T.ones(2)}], T.ones(2)))
    both(lambda T: T.func.stack_module_state([]))
    both(lambda T: T.func.stack_module_state([T.nn.Linear(2, 2), T.nn.ReLU()]))
    both(lambda T: T.func.stack_module_state([T.nn.Linear(2, 2), T.nn.Linear(2, 2).eval()]))


def test_clipping_and_vectors() -> None:
    def program(T: Any) -> Any:
        model = T.nn.Linear(3, 2)
        model(T.randn(4, 3)).sum().backward()
        grads = [p.grad for p in model.parameters()]
        total = T.nn.utils.get_total_norm(grads)
        old = T.nn.utils.clip_grad_norm(model.parameters(), 0.5)
        T.nn.utils.clip_grads_with_norm_(model.parameters(), 0.2, total)
        vector = T.nn.utils.convert_parameters.parameters_to_vector(model.parameters())
        return total, old, grads, vector, T.nn.utils.clip_grad.clip_grad_norm_([], 1.0)

    both(program)


def test_skip_init_uses_up_no_random_numbers() -> None:
    def program(T: Any) -> Any:
        module = T.nn.utils.skip_init(T.nn.Linear, 3, 2)
        return repr(module), [tuple(p.shape) for p in module.parameters()], T.rand(2)

    both(program)
    both(lambda T: T.nn.utils.skip_init(T.nn.ReLU))
    both(lambda T: T.nn.utils.skip_init(int))
