"""What PyTorch's tests of the tape state of its less usual parts: saved values and their hooks, nodes and their
metadata, hooks of tensors, modes of gradients, forward mode, checkpoints, anomalies, the functional interface."""

from __future__ import annotations

import gc
import warnings
import weakref

import torch
import torch.autograd.forward_ad as fwAD
from torch.autograd import Function
from torch.autograd.graph import GradientEdge, get_gradient_edge, saved_tensors_hooks
from torch.testing._internal.common_utils import TestCase, run_tests
from torch.utils.checkpoint import checkpoint, checkpoint_sequential


class TestSaved(TestCase):
    def test_scalars_and_axes(self) -> None:
        a = torch.rand(2, 3, 4, requires_grad=True)
        self.assertEqual(a.add(a, alpha=2).grad_fn._saved_alpha, 2)
        self.assertEqual(a[:, 1].grad_fn._saved_dim, 1)
        self.assertEqual(a[:, 1].grad_fn._saved_index, 1)
        self.assertEqual(a[:, :, 0:3].grad_fn._saved_self_sym_sizes, a.shape)
        self.assertEqual(a.transpose(0, 2).grad_fn._saved_dim0, 0)
        self.assertEqual(a.sum((0, 1), keepdim=True).grad_fn._saved_dim, (0, 1))
        self.assertTrue(a.sum((0, 1), keepdim=True).grad_fn._saved_keepdim)
        self.assertIsInstance(a.sum(0).grad_fn._saved_self_sym_sizes, torch.Size)
        self.assertEqual(a.unsqueeze(1).grad_fn._saved_dim, 1)

    def test_negative_axes_are_unsigned(self) -> None:
        a = torch.rand(2, 3, requires_grad=True)
        for fn in (a.softmax(-1).grad_fn, a.cumsum(-1).grad_fn, torch.cat([a, a], -1).grad_fn):
            self.assertEqual(fn._saved_dim, 2**64 - 1)

    def test_optional_words(self) -> None:
        a = torch.rand(4, requires_grad=True)
        self.assertIsNone(a.std().grad_fn._saved_correction)
        self.assertIsNone(a.logit().grad_fn._saved_eps)
        self.assertEqual(a.logit(0.25).grad_fn._saved_eps, 0.25)
        self.assertIsNone(torch.nn.functional.interpolate(a.view(1, 1, 4), 2, mode="nearest").grad_fn._saved_scales)

    def test_rounding_mode_of_div(self) -> None:
        a = torch.rand(4, requires_grad=True)
        out = torch.div(a, 2.0, rounding_mode="trunc")
        self.assertEqual(out.grad_fn._saved_rounding_mode, "trunc")
        self.assertIsNone(torch.div(a, 2.0, rounding_mode=None).grad_fn._saved_rounding_mode)

    def test_size_lists(self) -> None:
        a = torch.rand(1, 1, 4, requires_grad=True)
        fn = torch.nn.functional.interpolate(a, size=8, mode="linear").grad_fn
        self.assertEqual(fn._saved_output_size, (8,))
        self.assertFalse(fn._saved_align_corners)
        self.assertEqual(fn._saved_self_sym_sizes, (1, 1, 4))

    def test_indices_with_gaps(self) -> None:
        a = torch.rand(2, 3, 4, requires_grad=True)
        i = torch.tensor([0, 1])
        self.assertEqual(a[:, i].grad_fn._saved_indices, (None, i))
        self.assertEqual(a[0][:, i].grad_fn._saved_indices[1], i)
        raw = a[:, i].grad_fn._raw_saved_indices
        self.assertIsInstance(raw[1], torch._C._autograd.SavedTensor)

    def test_the_whole_reduction_has_a_dim_of_none(self) -> None:
        a = torch.rand(3, requires_grad=True)
        self.assertIsNone(torch.std(a).grad_fn._saved_dim)
        self.assertEqual(torch.mean(a).grad_fn._saved_self_sym_sizes, (3,))

    def test_svd(self) -> None:
        a = torch.rand(3, 3, requires_grad=True)
        u, s, vh = torch.linalg.svd(a)
        self.assertEqual(u.grad_fn._saved_U, u)
        self.assertEqual(s.grad_fn._saved_S, s)
        self.assertEqual(u.grad_fn._saved_S.grad_fn, s.grad_fn)

    def test_same_tensor_is_given_back(self) -> None:
        a = torch.rand(3, requires_grad=True)
        b = a * 2
        self.assertIs(a.sin().grad_fn._saved_self, a)
        c = b.sin()
        self.assertEqual(c.grad_fn._saved_self.grad_fn, b.grad_fn)
        self.assertEqual(c.grad_fn._saved_self.data_ptr(), b.data_ptr())
        d = b.exp()
        self.assertEqual(d.grad_fn._saved_result.grad_fn, d.grad_fn)

    def test_raw_values_and_hooks(self) -> None:
        a = torch.ones(3, requires_grad=True)
        y = a * a
        y.grad_fn._raw_saved_self.register_hooks(lambda x: 2 * x, lambda x: x)
        y.sum().backward()
        self.assertEqual(a.grad, torch.full((3,), 3.0))

    def test_hooks_twice_are_refused(self) -> None:
        y = torch.ones(3, requires_grad=True).sin()
        y.grad_fn._raw_saved_self.register_hooks(lambda x: x, lambda x: x)
        with self.assertRaisesRegex(RuntimeError, "hooks have already been set"):
            y.grad_fn._raw_saved_self.register_hooks(lambda x: x, lambda x: x)

    def test_hooks_on_freed_values(self) -> None:
        y = torch.ones(3, requires_grad=True).sin()
        raw = y.grad_fn._raw_saved_self
        y.sum().backward()
        with self.assertRaisesRegex(RuntimeError, "after it has been freed"):
            raw.register_hooks(lambda x: x, lambda x: x)

    def test_freed_values_say_so(self) -> None:
        y = torch.ones(3, requires_grad=True).exp()
        y.sum().backward()
        with self.assertRaisesRegex(RuntimeError, "after they have already been freed"):
            y.grad_fn._saved_result  # noqa: B018
        with self.assertRaisesRegex(RuntimeError, "after they have already been freed"):
            y.grad_fn._raw_saved_result  # noqa: B018

    def test_versions_are_checked_of_words(self) -> None:
        a = torch.ones(3, requires_grad=True)
        b = a.clone()
        y = b * b
        b.add_(1)
        with self.assertRaisesRegex(RuntimeError, "modified by an inplace operation"):
            y.grad_fn._saved_self  # noqa: B018

    def test_saved_none(self) -> None:
        a, b = torch.ones(3, requires_grad=True), torch.ones(3)
        self.assertIsNone((a * b).grad_fn._saved_self)
        with self.assertRaisesRegex(RuntimeError, "value None is forbidden"):
            (a * b).grad_fn._raw_saved_self.register_hooks(lambda x: x, lambda x: x)

    def test_function_raw_saved_tensors(self) -> None:
        class Keep(Function):
            @staticmethod
            def forward(ctx, x, y):
                ctx.save_for_backward(x, y)
                return x * y

            @staticmethod
            def backward(ctx, g):
                x, y = ctx.saved_tensors
                return g * y, g * x

        a, b = torch.ones(2, requires_grad=True), torch.full((2,), 3.0, requires_grad=True)
        y = Keep.apply(a, b)
        self.assertEqual(len(y.grad_fn._raw_saved_tensors), 2)
        self.assertEqual(y.grad_fn.saved_tensors, (a, b))
        self.assertTrue(y.grad_fn._raw_saved_tensors[0].unpack() is a)
        y.grad_fn._raw_saved_tensors[0].register_hooks(lambda x: x * 5, lambda x: x)
        y.sum().backward()
        self.assertEqual(b.grad, torch.full((2,), 5.0))
        with self.assertRaisesRegex(RuntimeError, "already been freed"):
            y.grad_fn.saved_tensors  # noqa: B018
        with self.assertRaisesRegex(RuntimeError, "already been freed"):
            y.grad_fn._raw_saved_tensors  # noqa: B018

    def test_default_hooks(self) -> None:
        seen = []
        with saved_tensors_hooks(lambda x: (seen.append(1), x)[1], lambda x: x):
            a = torch.ones(3, requires_grad=True)
            (a * a).exp()
        self.assertEqual(len(seen), 3)
        with saved_tensors_hooks(lambda x: 2 * x, lambda x: x):
            z = a * a
        with saved_tensors_hooks(lambda x: x, lambda x: 3 * x):
            w = a * a
        self.assertEqual(torch.autograd.grad(z.sum(), a)[0], torch.full((3,), 4.0))
        self.assertEqual(torch.autograd.grad(w.sum(), a)[0], torch.full((3,), 6.0))

    def test_inner_hooks_win(self) -> None:
        a = torch.ones(3, requires_grad=True)
        with saved_tensors_hooks(lambda x: 2 * x, lambda x: x):
            with saved_tensors_hooks(lambda x: 5 * x, lambda x: x):
                y = a * a
            z = a * a
        self.assertEqual(torch.autograd.grad(y.sum(), a)[0], torch.full((3,), 10.0))
        self.assertEqual(torch.autograd.grad(z.sum(), a)[0], torch.full((3,), 4.0))

    def test_hooks_raising(self) -> None:
        a = torch.ones(3, requires_grad=True)

        def bad(x):
            raise RuntimeError("pack failed")

        with self.assertRaisesRegex(RuntimeError, "pack failed"), saved_tensors_hooks(bad, lambda x: x):
            a * a
        with saved_tensors_hooks(lambda x: x, bad):
            y = a * a
        with self.assertRaisesRegex(RuntimeError, "pack failed"):
            y.sum().backward()

    def test_unpack_of_another_kind(self) -> None:
        a = torch.ones(3, requires_grad=True)
        with saved_tensors_hooks(lambda x: x, lambda x: "no"):
            y = a * a
        with self.assertRaisesRegex(TypeError, "Output of saved tensor unpack_hook expected to be a Tensor"):
            y.sum().backward()
        with self.assertRaisesRegex(TypeError, "missing 1 required positional argument"):
            with saved_tensors_hooks(lambda x, y: x, lambda x: x):
                a * a

    def test_pack_may_not_write(self) -> None:
        a = torch.ones(3, requires_grad=True)
        with self.assertRaisesRegex(RuntimeError, "pack hook is modifying its input"):
            with saved_tensors_hooks(lambda x: x.mul_(2), lambda x: x), torch.no_grad():
                with torch.enable_grad():
                    b = a.clone()
                    b * b

    def test_disabling(self) -> None:
        msg = "no hooks here"
        with torch.autograd.graph.disable_saved_tensors_hooks(msg):
            with self.assertRaisesRegex(RuntimeError, msg):
                with saved_tensors_hooks(lambda x: x, lambda x: x):
                    pass
        self.assertTrue(torch._C._autograd._saved_tensors_hooks_is_enabled())
        with saved_tensors_hooks(lambda x: x, lambda x: x):
            with self.assertRaisesRegex(RuntimeError, msg):
                with torch.autograd.graph.disable_saved_tensors_hooks(msg):
                    pass

    def test_save_on_cpu(self) -> None:
        a = torch.ones(3, requires_grad=True)
        for pin in (False,):
            with torch.autograd.graph.save_on_cpu(pin):
                y = a * a
            self.assertEqual(y.grad_fn._saved_self, a)
            self.assertEqual(torch.autograd.grad(y.sum(), a)[0], 2 * a)

    def test_hooks_and_inplace(self) -> None:
        with saved_tensors_hooks(lambda x: x.clone(), lambda x: x):
            a = torch.ones(3, requires_grad=True)
            b = a.clone()
            y = b * b
            b.add_(1)
        y.sum().backward()
        self.assertEqual(a.grad, torch.full((3,), 2.0))

    def test_saved_tensor_may_not_be_made(self) -> None:
        with self.assertRaisesRegex(RuntimeError, "Trying to create a SavedTensor object from Python is forbidden"):
            torch.autograd.SavedTensor()

    def test_allow_mutation(self) -> None:
        with torch.autograd.graph.allow_mutation_on_saved_tensors():
            a = torch.rand(3, requires_grad=True)
            b = a.clone()
            y = b.sin().sin()
            z = b * b
            b.mul_(2)
            (z.sum() + y.sum()).backward()
        self.assertEqual(a.grad, 2 * a + torch.cos(torch.sin(a)) * torch.cos(a))

    def test_allow_mutation_twice(self) -> None:
        with torch.autograd.graph.allow_mutation_on_saved_tensors():
            with self.assertRaisesRegex(RuntimeError, "allow_mutation_on_saved_tensors contexts cannot be nested"):
                with torch.autograd.graph.allow_mutation_on_saved_tensors():
                    pass
            a = torch.rand(3, requires_grad=True).clone()
            y = a.sin()
            a.sin_()
        with self.assertRaisesRegex(AssertionError, "must be in the context"):
            y.sum().backward()


class TestNodes(TestCase):
    def test_isinstance(self) -> None:
        y = torch.ones(2, requires_grad=True).exp()
        self.assertIsInstance(y.grad_fn, torch._C._functions.__dict__.get("ExpBackward0", type(y.grad_fn)))
        self.assertIsInstance(y.grad_fn, torch.autograd.graph.Node)
        self.assertTrue(issubclass(type(y.grad_fn), torch.autograd.graph.Node))
        acc = y.grad_fn.next_functions[0][0]
        self.assertIsInstance(acc, torch.autograd.graph.Node)
        self.assertTrue(acc.variable.requires_grad)

    def test_metadata(self) -> None:
        y = torch.ones(2, requires_grad=True).exp()
        y.grad_fn.metadata["a"] = 1
        self.assertEqual(y.grad_fn.metadata, {"a": 1})
        z = y * 2
        self.assertEqual(z.grad_fn.next_functions[0][0].metadata["a"], 1)

    def test_input_metadata(self) -> None:
        a, b = torch.randn(3, requires_grad=True), torch.randn(3, requires_grad=True)
        c = a + b
        meta, = c.grad_fn._input_metadata
        self.assertEqual((meta.shape, meta.dtype, meta.device), (c.shape, c.dtype, c.device))
        meta, = c.unsqueeze(0).grad_fn.next_functions[0][0]._input_metadata
        self.assertFalse(meta.is_nested_tensor)

    def test_prehooks(self) -> None:
        a = torch.ones(2, requires_grad=True)
        y = a * 3
        seen = []
        y.grad_fn.register_prehook(lambda g: (seen.append(g), (g[0] * 2,))[1])
        handle = y.grad_fn.register_prehook(lambda g: (g[0] * 10,))
        y.sum().backward(retain_graph=True)
        self.assertEqual(a.grad, torch.full((2,), 60.0))
        handle.remove()
        a.grad = None
        y.sum().backward()
        self.assertEqual(a.grad, torch.full((2,), 6.0))

    def test_prehook_of_another_number(self) -> None:
        a = torch.ones(2, requires_grad=True)
        y = a * 3
        y.grad_fn.register_prehook(lambda g: (g[0], g[0]))
        with self.assertRaises(RuntimeError):
            y.sum().backward()
        y = a * 3
        y.grad_fn.register_prehook(lambda g: 3)
        with self.assertRaises(RuntimeError):
            y.sum().backward()

    def test_posthook_of_accumulation(self) -> None:
        a = torch.ones(2, requires_grad=True)
        acc = a.view_as(a).grad_fn.next_functions[0][0]
        seen = []
        acc.register_hook(lambda i, o: seen.append((i, o)))
        (a * 3).sum().backward()
        self.assertEqual(seen[0][0], ())
        self.assertEqual(seen[0][1][0], torch.full((2,), 3.0))

    def test_hook_changes_grad_inputs(self) -> None:
        a = torch.ones(2, requires_grad=True)
        y = a.clone()
        y.grad_fn.register_hook(lambda i, o: (i[0] * 4,))
        y.sum().backward()
        self.assertEqual(a.grad, torch.full((2,), 4.0))

    def test_sequence_numbers(self) -> None:
        a = torch.ones(2, requires_grad=True)
        y = a * 2
        z = y * 3
        self.assertGreater(z.grad_fn._sequence_nr(), y.grad_fn._sequence_nr())
        y.grad_fn._set_sequence_nr(7)
        self.assertEqual(y.grad_fn._sequence_nr(), 7)

    def test_edges(self) -> None:
        a = torch.ones(2, requires_grad=True)
        edge = get_gradient_edge(a * 2)
        self.assertEqual(edge.output_nr, 0)
        self.assertEqual(edge.node.name(), "MulBackward0")
        self.assertIsInstance(edge, GradientEdge)
        with self.assertRaisesRegex(RuntimeError, "does not require gradients"):
            get_gradient_edge(torch.ones(2))
        self.assertEqual(get_gradient_edge(a).node.name(), "torch::autograd::AccumulateGrad")
        with self.assertRaises((ValueError, RuntimeError)):
            torch.autograd.backward(get_gradient_edge(a * 2))

    def test_increment_version(self) -> None:
        a = torch.ones(2)
        torch.autograd.graph.increment_version(a)
        self.assertEqual(a._version, 1)
        torch.autograd.graph.increment_version([a, a.clone()])
        self.assertEqual(a._version, 2)
        with torch.inference_mode():
            b = torch.ones(2)
        with self.assertRaisesRegex(RuntimeError, "update to inference tensor outside InferenceMode"):
            torch.autograd.graph.increment_version(b)

    def test_names_and_printing(self) -> None:
        a = torch.ones(2, requires_grad=True)
        self.assertEqual(str(type((a * 2).grad_fn)), "<class 'MulBackward0'>")
        self.assertRegex(repr((a * 2).grad_fn), "<MulBackward0 object at 0x[0-9a-f]+>")
        self.assertEqual((a * 2).grad_fn.name(), "MulBackward0")
        class Mine(Function):
            @staticmethod
            def forward(ctx, x):
                return x * 1
            @staticmethod
            def backward(ctx, g):
                return g
        y = Mine.apply(a)
        self.assertEqual(y.grad_fn.name(), "MineBackward")
        self.assertRegex(repr(y.grad_fn), "<torch.autograd.function.MineBackward object at")
        self.assertIsInstance(y.grad_fn, Mine._backward_cls)

    def test_linear_is_two_nodes(self) -> None:
        m = torch.nn.Linear(2, 3)
        fn = m(torch.ones(1, 2, requires_grad=True)).grad_fn
        self.assertEqual([f and f.name() for f, _ in fn.next_functions],
                         ["torch::autograd::AccumulateGrad", "torch::autograd::AccumulateGrad", "TBackward0"])

    def test_graph_identity(self) -> None:
        a = torch.ones(2, requires_grad=True)
        y = a * 2
        self.assertIs(y.grad_fn, y.grad_fn)
        self.assertTrue((y * 2).grad_fn.next_functions[0][0] is y.grad_fn)

    def test_accumulation_lives_as_long_as_it_is_used(self) -> None:
        a = torch.ones(2, requires_grad=True)
        acc = a.view_as(a).grad_fn.next_functions[0][0]
        ref = weakref.ref(acc)
        del acc
        gc.collect()
        self.assertIsNone(ref())

    def test_node_call(self) -> None:
        a = torch.ones(2, requires_grad=True)
        self.assertEqual((a * 3).grad_fn(torch.ones(2))[0], torch.full((2,), 3.0))

    def test_current_node_and_task(self) -> None:
        seen = []
        a = torch.ones(2, requires_grad=True)
        y = a * 2
        a.register_hook(lambda g: seen.append((torch._C._current_graph_task_id(), torch._C._current_autograd_node())))
        y.sum().backward()
        self.assertGreaterEqual(seen[0][0], 0)
        self.assertEqual(torch._C._current_graph_task_id(), -1)
        self.assertIsNone(torch._C._current_autograd_node())

    def test_execution_order(self) -> None:
        seen = []
        a = torch.ones(2, requires_grad=True)
        y = (a * 2).exp()
        y.register_hook(lambda g: seen.extend(torch._C._current_graph_task_execution_order()))
        y.sum().backward()
        self.assertTrue(len(seen) >= 2)

    def test_will_execute(self) -> None:
        a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
        c, d = a * 2, b * 2
        seen = []
        y = c + d
        y.register_hook(lambda g: seen.extend(
            torch._C._will_engine_execute_node(t.grad_fn) for t in (c, d)))
        torch.autograd.grad(y.sum(), a)
        self.assertEqual(seen, [True, False])
        with self.assertRaisesRegex(RuntimeError, "during the backward pass"):
            torch._C._will_engine_execute_node(c.grad_fn)


class TestTensorHooks(TestCase):
    def test_order_of_hooks_and_retained(self) -> None:
        a = torch.ones(2, requires_grad=True)
        y = a * 2
        y.register_hook(lambda g: g * 2)
        y.retain_grad()
        y.register_hook(lambda g: g * 3)
        (y * 1).sum().backward()
        self.assertEqual(y.grad, torch.full((2,), 6.0))
        self.assertEqual(a.grad, torch.full((2,), 12.0))

    def test_post_accumulate(self) -> None:
        a = torch.ones(2, requires_grad=True)
        seen = []
        handle = a.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.clone()))
        (a * 2).sum().backward()
        (a * 2).sum().backward()
        handle.remove()
        (a * 2).sum().backward()
        self.assertEqual(seen, [torch.full((2,), 2.0), torch.full((2,), 4.0)])
        with self.assertRaisesRegex(RuntimeError, "post accumulate grad hooks cannot be registered on non-leaf"):
            (a * 2).register_post_accumulate_grad_hook(print)

    def test_post_accumulate_returning_something(self) -> None:
        a = torch.ones(2, requires_grad=True)
        a.register_post_accumulate_grad_hook(lambda t: t)
        with self.assertRaisesRegex(RuntimeError, "hooks should return None"):
            (a * 2).sum().backward()

    def test_hook_with_no_name(self) -> None:
        class Hook:
            def __call__(self, g):
                return g.clone()
        x = torch.ones(2, requires_grad=True).clone()
        x.register_hook(Hook())
        x.sum().backward()

    def test_hook_after_inplace(self) -> None:
        a = torch.ones(2, requires_grad=True)
        b = a.clone()
        seen = []
        b.register_hook(lambda g: seen.append("before"))
        b.mul_(2)
        b.register_hook(lambda g: seen.append("after"))
        b.sum().backward()
        self.assertEqual(seen, ["after", "before"])

    def test_retains_grad_after_inplace(self) -> None:
        a = torch.ones(2, requires_grad=True)
        b = a.clone()
        b.retain_grad()
        b.mul_(3)
        b.sum().backward()
        self.assertTrue(b.retains_grad)
        self.assertEqual(b.grad, torch.ones(2))

    def test_hook_of_another_shape(self) -> None:
        a = torch.ones(2, requires_grad=True)
        b = a * 2
        b.register_hook(lambda g: g.sum())
        with self.assertRaisesRegex(RuntimeError, "hook .* has changed the size of value"):
            b.sum().backward()

    def test_hook_of_another_type(self) -> None:
        a = torch.ones(2, requires_grad=True)
        b = a * 2
        b.register_hook(lambda g: g.double())
        with self.assertRaisesRegex(RuntimeError, "has changed the type of value"):
            b.sum().backward()

    def test_hook_result_no_tensor(self) -> None:
        b = torch.ones(2, requires_grad=True) * 2
        b.register_hook(lambda g: 3)
        with self.assertRaises(TypeError):
            b.sum().backward()

    def test_hook_on_no_grad_tensor(self) -> None:
        with self.assertRaisesRegex(RuntimeError, "cannot register a hook on a tensor that doesn't require gradient"):
            torch.ones(2).register_hook(lambda g: g)

    def test_hooks_removed_during(self) -> None:
        a = torch.ones(2, requires_grad=True)
        b = a * 2
        handles = []
        handles.append(b.register_hook(lambda g: handles[0].remove()))
        b.sum().backward(retain_graph=True)
        b.sum().backward()
        self.assertEqual(a.grad, torch.full((2,), 4.0))

    def test_multi_grad(self) -> None:
        a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
        seen = []
        torch.autograd.graph.register_multi_grad_hook((a, b), lambda gs: seen.append(len(gs)))
        (a * b).sum().backward()
        self.assertEqual(seen, [2])
        with self.assertRaisesRegex(ValueError, "mode"):
            torch.autograd.graph.register_multi_grad_hook((a, b), print, mode="most")

    def test_callbacks(self) -> None:
        seen = []
        a = torch.ones(2, requires_grad=True)
        a.register_hook(lambda g: torch.autograd.Variable._execution_engine.queue_callback(lambda: seen.append(1)))
        (a * 2).sum().backward()
        self.assertEqual(seen, [1])
        with self.assertRaisesRegex(RuntimeError, "during backward pass"):
            torch.autograd.Variable._execution_engine.queue_callback(print)

    def test_grad_may_not_be_of_another_shape(self) -> None:
        a = torch.ones(2, requires_grad=True)
        with self.assertRaisesRegex(RuntimeError, "shape"):
            a.grad = torch.ones(3)
        with self.assertRaisesRegex(RuntimeError, "dtype|type"):
            a.grad = torch.ones(2).double()
        with self.assertRaisesRegex(TypeError, "Tensor or None"):
            a.grad = 3
        with self.assertRaisesRegex(RuntimeError, "can't assign Variable as its own grad"):
            a.grad = a

    def test_warning_of_grad_of_no_leaf(self) -> None:
        b = torch.ones(2, requires_grad=True) * 2
        with warnings.catch_warnings(record=True) as w:
            warnings.simplefilter("always")
            self.assertIsNone(b.grad)
        self.assertEqual(len(w), 1)
        self.assertIn("non-leaf", str(w[0].message))


class TestForward(TestCase):
    def test_levels(self) -> None:
        with self.assertRaisesRegex(
                RuntimeError, "exit a forward AD level that was never entered|not been entered|never"):
            fwAD.exit_dual_level()
        with fwAD.dual_level():
            with self.assertRaisesRegex(RuntimeError, "Nested forward mode AD is not supported"):
                fwAD.enter_dual_level()

    def test_outside(self) -> None:
        with self.assertRaisesRegex(RuntimeError, "outside of a dual level|Trying to create a dual Tensor"):
            fwAD.make_dual(torch.ones(2), torch.ones(2))

    def test_tangent_is_gone_after(self) -> None:
        a, t = torch.ones(2), torch.ones(2)
        with fwAD.dual_level():
            d = fwAD.make_dual(a, t)
            self.assertIs(fwAD.unpack_dual(d).tangent, t)
        self.assertIsNone(fwAD.unpack_dual(d)[1])

    def test_metadata_mismatch(self) -> None:
        with fwAD.dual_level():
            with self.assertRaisesRegex(RuntimeError, "same size|shape"):
                fwAD.make_dual(torch.ones(2), torch.ones(3))
            with self.assertRaisesRegex(RuntimeError, "same dtype|dtype"):
                fwAD.make_dual(torch.ones(2), torch.ones(2).double())
            with self.assertRaisesRegex(ValueError, "Expected primal to be floating point or complex"):
                fwAD.make_dual(torch.ones(2, dtype=torch.int64), torch.ones(2))
            with self.assertRaisesRegex(ValueError, "Expected tangent to be floating point or complex"):
                fwAD.make_dual(torch.ones(2), torch.ones(2, dtype=torch.int64))

    def test_make_dual_twice(self) -> None:
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.ones(2), torch.ones(2))
            with self.assertRaisesRegex(RuntimeError, "already has a forward gradient|has a tangent|nested"):
                fwAD.make_dual(d, torch.ones(2))

    def test_named_result(self) -> None:
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.ones(2), torch.full((2,), 3.0))
            out = fwAD.unpack_dual(d)
            self.assertEqual(out.primal, torch.ones(2))
            self.assertEqual(out.tangent, torch.full((2,), 3.0))
            self.assertRegex(repr(out), "UnpackedDualTensor\\(primal=")

    def test_printing(self) -> None:
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.ones(2), torch.ones(2))
            self.assertIn("tangent=", repr(d))

    def test_inplace_on_dual(self) -> None:
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.ones(2), torch.full((2,), 3.0))
            d.mul_(2)
            p, t = fwAD.unpack_dual(d)
            self.assertEqual((p, t), (torch.full((2,), 2.0), torch.full((2,), 6.0)))

    def test_inplace_of_plain_by_dual(self) -> None:
        with fwAD.dual_level():
            base = torch.ones(4)
            d = fwAD.make_dual(torch.ones(4), torch.full((4,), 3.0))
            base.mul_(d)
            self.assertEqual(fwAD.unpack_dual(base)[1], torch.full((4,), 3.0))

    def test_write_into_view_of_plain(self) -> None:
        with fwAD.dual_level():
            base = torch.zeros(4)
            d = fwAD.make_dual(torch.ones(2), torch.full((2,), 3.0))
            view = base[:2]
            view.copy_(d)
            self.assertEqual(fwAD.unpack_dual(base)[1], torch.tensor([3.0, 3.0, 0, 0]))
            self.assertEqual(fwAD.unpack_dual(view)[1], torch.full((2,), 3.0))

    def test_view_then_write_to_base(self) -> None:
        with fwAD.dual_level():
            base = fwAD.make_dual(torch.ones(4), torch.full((4,), 3.0))
            view = base[:2]
            base.mul_(2)
            self.assertEqual(fwAD.unpack_dual(view)[1], torch.full((2,), 6.0))
            self.assertEqual(view, torch.full((2,), 2.0))

    def test_view_of_before_the_level(self) -> None:
        base = torch.zeros(4)
        view = base.view(2, 2)
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.ones(2, 2), torch.full((2, 2), 3.0))
            view.copy_(d)
            self.assertEqual(fwAD.unpack_dual(view)[1], torch.full((2, 2), 3.0))
            self.assertEqual(fwAD.unpack_dual(base)[1], torch.full((4,), 3.0))

    def test_tangent_of_view_shares_memory(self) -> None:
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.ones(4), torch.arange(4.0))
            v = d[1:3]
            self.assertEqual(fwAD.unpack_dual(v)[1], torch.tensor([1.0, 2.0]))
            self.assertTrue(fwAD.unpack_dual(v)[1]._is_view())

    def test_in_place_changes_given_tangent(self) -> None:
        with fwAD.dual_level():
            t = torch.full((2,), 3.0)
            d = fwAD.make_dual(torch.ones(2), t)
            d.mul_(2)
            self.assertEqual(t, torch.full((2,), 6.0))

    def test_detach(self) -> None:
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.ones(2), torch.ones(2))
            self.assertIsNone(fwAD.unpack_dual(d.detach())[1])
            e = d.clone()
            e.detach_()
            self.assertIsNone(fwAD.unpack_dual(e)[1])

    def test_no_fwd_grad(self) -> None:
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.ones(2), torch.ones(2))
            with fwAD._set_fwd_grad_enabled(False):
                y = d * 2
            self.assertIsNone(fwAD.unpack_dual(y)[1])

    def test_backward_of_forward(self) -> None:
        a = torch.full((2,), 2.0, requires_grad=True)
        with fwAD.dual_level():
            d = fwAD.make_dual(a, torch.ones(2))
            t = fwAD.unpack_dual(d * d * d)[1]
            g, = torch.autograd.grad(t.sum(), a)
            self.assertEqual(g, torch.full((2,), 12.0))

    def test_grad_of_tangent(self) -> None:
        t = torch.ones(2, requires_grad=True)
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.full((2,), 2.0), t)
            self.assertTrue(fwAD.unpack_dual(d)[1].requires_grad)
            out = fwAD.unpack_dual(d * 3)[1]
            out.sum().backward()
        self.assertEqual(t.grad, torch.full((2,), 3.0))

    def test_zero_dim_and_size(self) -> None:
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.tensor(1.0), torch.tensor(2.0))
            y = d * torch.ones(3)
            self.assertEqual(fwAD.unpack_dual(y)[1], torch.full((3,), 2.0))

    def test_jvp_of_function(self) -> None:
        class Sq(Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_forward(x)
                return x * x
            @staticmethod
            def jvp(ctx, t):
                x, = ctx.saved_tensors
                return 2 * x * t
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.full((2,), 3.0), torch.ones(2))
            self.assertEqual(fwAD.unpack_dual(Sq.apply(d))[1], torch.full((2,), 6.0))

    def test_jvp_with_a_view(self) -> None:
        class V(Function):
            @staticmethod
            def forward(ctx, x):
                return x.view_as(x)
            @staticmethod
            def jvp(ctx, t):
                return t.view_as(t)
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.ones(2), torch.ones(2))
            self.assertEqual(fwAD.unpack_dual(V.apply(d))[1], torch.ones(2))

    def test_jvp_wrong_number(self) -> None:
        class W(Function):
            @staticmethod
            def forward(ctx, x):
                return x.clone(), x.clone()
            @staticmethod
            def jvp(ctx, t):
                return t
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.ones(2), torch.ones(2))
            with self.assertRaisesRegex(RuntimeError, "returned an incorrect number of forward gradients|number"):
                W.apply(d)

    def test_out_is_refused(self) -> None:
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.ones(2), torch.ones(2))
            with self.assertRaises(RuntimeError):
                torch.add(d, d, out=torch.ones(2))

    def test_set_data(self) -> None:
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.ones(2), torch.ones(2))
            self.assertIsNone(fwAD.unpack_dual(d.data)[1])

    def test_conj_views(self) -> None:
        with fwAD.dual_level():
            t = torch.tensor([1 + 2j])
            d = fwAD.make_dual(torch.tensor([3 + 4j]), t)
            self.assertEqual(fwAD.unpack_dual(d.conj())[1], t.conj())
            self.assertEqual(fwAD.unpack_dual(torch.view_as_real(d))[1], torch.view_as_real(t))

    def test_copy_and_deepcopy(self) -> None:
        import copy
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.ones(2), torch.full((2,), 4.0))
            self.assertEqual(fwAD.unpack_dual(copy.deepcopy(d))[1], torch.full((2,), 4.0))

    def test_tensor_of_subclass_hollow(self) -> None:
        with fwAD.dual_level():
            p = torch.nn.Parameter(torch.ones(2))
            d = fwAD.make_dual(p, torch.ones(2))
            self.assertTrue(d.requires_grad)

    def test_functional_jvp_matches(self) -> None:
        def f(x):
            return (x ** 2).sum()
        a, v = torch.arange(3.0), torch.ones(3)
        self.assertEqual(torch.autograd.functional.jvp(f, a, v)[1], torch.func.jvp(f, (a,), (v,))[1])


class TestModes(TestCase):
    def test_nested_and_decorated(self) -> None:
        @torch.no_grad()
        def f():
            with torch.enable_grad():
                a = torch.is_grad_enabled()
            return a, torch.is_grad_enabled()
        self.assertEqual(f(), (True, False))
        @torch.set_grad_enabled(False)
        def g():
            return torch.is_grad_enabled()
        self.assertFalse(g())
        self.assertTrue(torch.is_grad_enabled())

    def test_no_grad_class_is_warned_of(self) -> None:
        with warnings.catch_warnings(record=True) as w:
            warnings.simplefilter("always")
            @torch.no_grad()
            class Foo:
                pass
        self.assertEqual(w[0].category, FutureWarning)
        self.assertIn("Decorating classes is deprecated", str(w[0].message))

    def test_set_grad_as_function(self) -> None:
        torch.set_grad_enabled(False)
        self.assertFalse(torch.is_grad_enabled())
        torch.set_grad_enabled(True)

    def test_inference(self) -> None:
        with torch.inference_mode():
            x = torch.ones(2)
            self.assertTrue(x.is_inference())
            self.assertTrue(torch.is_inference_mode_enabled())
            self.assertTrue(torch.is_inference(x))
            with self.assertRaisesRegex(RuntimeError, "Inference tensors do not track version counter"):
                x._version  # noqa: B018
        with self.assertRaisesRegex(RuntimeError, "Inplace update to inference tensor outside InferenceMode"):
            x.add_(1)
        w = torch.ones(2, requires_grad=True)
        with self.assertRaisesRegex(RuntimeError, "Inference tensors cannot be saved for backward"):
            w * x
        with self.assertRaisesRegex(
                RuntimeError, "Setting requires_grad=True on inference tensor outside InferenceMode"):
            x.requires_grad_(True)

    def test_multithreading_switch(self) -> None:
        with torch.autograd.set_multithreading_enabled(False):
            self.assertFalse(torch._C._is_multithreading_enabled())
        self.assertTrue(torch._C._is_multithreading_enabled())

    def test_view_replay(self) -> None:
        with torch.autograd._force_original_view_tracking(True):
            self.assertTrue(torch._C._is_view_replay_enabled())

    def test_restoration_after_error(self) -> None:
        with self.assertRaises(KeyError):
            with torch.no_grad():
                raise KeyError
        self.assertTrue(torch.is_grad_enabled())


class TestAnomaly(TestCase):
    def test_nan(self) -> None:
        x = torch.zeros(1, requires_grad=True)
        with warnings.catch_warnings(record=True) as w:
            warnings.simplefilter("always")
            with torch.autograd.detect_anomaly():
                y = (x.sqrt() * 0).sum()
                with self.assertRaisesRegex(
                        RuntimeError, "Function 'SqrtBackward0' returned nan values in its 0th output."):
                    y.backward()
        self.assertIn("Anomaly Detection has been enabled", str(w[0].message))
        self.assertTrue(any("Traceback of forward call that caused the error" in str(e.message) for e in w))

    def test_switches(self) -> None:
        with torch.autograd.set_detect_anomaly(True, check_nan=False):
            self.assertTrue(torch.is_anomaly_enabled())
            self.assertFalse(torch.is_anomaly_check_nan_enabled())
            x = torch.zeros(1, requires_grad=True)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                (x.sqrt() * 0).sum().backward()
        self.assertFalse(torch.is_anomaly_enabled())

    def test_metadata_of_nodes(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with torch.autograd.detect_anomaly():
                y = torch.ones(2, requires_grad=True) * 2
                self.assertIn("traceback_", y.grad_fn.metadata)
                y.exp()
        self.assertTrue(any("test_metadata_of_nodes" in line for line in y.grad_fn.metadata["traceback_"]))

    def test_parent(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with torch.autograd.detect_anomaly():
                x = torch.ones(2, requires_grad=True)
                y = (x ** 3).sum()
                g, = torch.autograd.grad(y, x, create_graph=True)
        self.assertIn("parent_", g.grad_fn.metadata)
        self.assertIn("Pow", type(g.grad_fn.metadata["parent_"]).__name__)


class TestFunctional(TestCase):
    def test_strict(self) -> None:
        F = torch.autograd.functional
        a = torch.rand(2)
        with self.assertRaisesRegex(RuntimeError, "Output 0 of the user-provided function does not require gradients"):
            F.jacobian(lambda x: x.detach(), a, strict=True)
        with self.assertRaisesRegex(
                RuntimeError, "independent of input 0|Output 0 of the user-provided function is independent"):
            F.vjp(lambda x, y: y.sum(), (a, a), strict=True)
        with self.assertRaisesRegex(RuntimeError, "jacobian of the user-provided function is independent of input 0"):
            F.hessian(lambda x: x.sum(), a, strict=True)

    def test_types(self) -> None:
        F = torch.autograd.functional
        a = torch.rand(2)
        with self.assertRaisesRegex(
                TypeError, "inputs given to jacobian must be either a Tensor or a tuple of Tensors"):
            F.jacobian(lambda x: x, (a, 1))
        with self.assertRaisesRegex(TypeError, "outputs of the user-provided function given to jacobian must be"):
            F.jacobian(lambda x: 3, a)
        with self.assertRaisesRegex(RuntimeError, "single-element Tensor|should contain a single element"):
            F.hessian(lambda x: x * 2, a)
        with self.assertRaisesRegex(RuntimeError, "vector v can only be None if"):
            F.vjp(lambda x: x * 2, a)
        with self.assertRaisesRegex(RuntimeError, "v has invalid size|incorrect size|Expected"):
            F.vjp(lambda x: x * 2, a, torch.rand(3))
        with self.assertRaisesRegex(
                RuntimeError, "v should have the same|number of elements|same length|Entry 0 of v|v is a tuple"):
            F.jvp(lambda x: x * 2, a, (a, a))

    def test_vectorize(self) -> None:
        F = torch.autograd.functional
        a = torch.rand(3)
        def f(x):
            return x.exp() * x.sum()
        self.assertEqual(F.jacobian(f, a, vectorize=True), F.jacobian(f, a))
        self.assertEqual(F.jacobian(f, a, vectorize=True, strategy="forward-mode"), F.jacobian(f, a))
        with self.assertRaisesRegex(NotImplementedError, "forward-mode.*vectorize|vectorize=True"):
            F.jacobian(f, a, strategy="forward-mode")
        with self.assertRaisesRegex(RuntimeError, "not supported together|strict"):
            F.jacobian(f, a, vectorize=True, strict=True)
        def g(x):
            return (x.exp() * x.sum()).sum()
        self.assertEqual(F.hessian(g, a, vectorize=True, outer_jacobian_strategy="forward-mode"), F.hessian(g, a))

    def test_create_graph(self) -> None:
        F = torch.autograd.functional
        a = torch.rand(3, requires_grad=True)
        j = F.jacobian(lambda x: x.exp(), a, create_graph=True)
        self.assertTrue(j.requires_grad)
        self.assertFalse(F.jacobian(lambda x: x.exp(), a).requires_grad)

    def test_nested_outputs(self) -> None:
        F = torch.autograd.functional
        a, b = torch.rand(2), torch.rand(3)
        out = F.jacobian(lambda x, y: (x * 2, y.sum()), (a, b))
        self.assertEqual([[tuple(p.shape) for p in row] for row in out], [[(2, 2), (2, 3)], [(2,), (3,)]])
        self.assertEqual(F.hvp(lambda x: (x ** 3).sum(), a, a)[1], 6 * a * a)
        self.assertEqual(F.vhp(lambda x: (x ** 3).sum(), a, a)[1], 6 * a * a)


class TestCheckpoint(TestCase):
    def test_modes_agree(self) -> None:
        for reentrant in (True, False):
            a = torch.rand(3, requires_grad=True)
            y = checkpoint(lambda x: x.exp().sin(), a, use_reentrant=reentrant)
            self.assertEqual(torch.autograd.grad(y.sum(), a)[0] if not reentrant else (y.sum().backward(), a.grad)[1],
                             a.exp().cos() * a.exp())

    def test_reentrant_refuses_grad(self) -> None:
        a = torch.rand(3, requires_grad=True)
        y = checkpoint(lambda x: x.exp(), a, use_reentrant=True)
        with self.assertRaisesRegex(RuntimeError, "when use_reentrant=True|not compatible with .grad"):
            torch.autograd.grad(y.sum(), a)

    def test_no_inputs_that_need_gradients(self) -> None:
        with warnings.catch_warnings(record=True) as w:
            warnings.simplefilter("always")
            checkpoint(lambda x: x.exp(), torch.rand(3), use_reentrant=True)
        self.assertTrue(any("None of the inputs have requires_grad=True" in str(e.message) for e in w))

    def test_unsaid(self) -> None:
        with warnings.catch_warnings(record=True) as w:
            warnings.simplefilter("always")
            checkpoint(lambda x: x.exp(), torch.rand(3, requires_grad=True))
        self.assertTrue(any("use_reentrant parameter should be passed explicitly" in str(e.message) for e in w))

    def test_keyword(self) -> None:
        with self.assertRaisesRegex(ValueError, "Unexpected keyword arguments"):
            checkpoint(lambda x, y=1: x, torch.rand(3, requires_grad=True), use_reentrant=True, y=3)
        checkpoint(lambda x, y=1: x * y, torch.rand(3, requires_grad=True), use_reentrant=False, y=3)

    def test_determinism(self) -> None:
        state = [0]
        def f(x):
            state[0] += 1
            return x.sin().cos() if state[0] == 1 else x.exp()
        a = torch.rand(3, requires_grad=True)
        y = checkpoint(f, a, use_reentrant=False)
        with self.assertRaisesRegex(torch.utils.checkpoint.CheckpointError, "A different number of tensors was saved"):
            y.sum().backward()

    def test_determinism_of_shapes(self) -> None:
        state = [0]
        def f(x):
            state[0] += 1
            return (x[:2] if state[0] == 1 else x).sin().sum()
        a = torch.rand(3, requires_grad=True)
        y = checkpoint(f, a, use_reentrant=False)
        with self.assertRaisesRegex(torch.utils.checkpoint.CheckpointError, "different metadata|A different number"):
            y.sum().backward()

    def test_debug(self) -> None:
        state = [0]
        def f(x):
            state[0] += 1
            return x.sin().cos() if state[0] == 1 else x.exp().exp().exp()
        a = torch.rand(3, requires_grad=True)
        with self.assertRaises((RuntimeError, torch.utils.checkpoint.CheckpointError)):
            checkpoint(f, a, use_reentrant=False, debug=True).sum().backward()

    def test_nested(self) -> None:
        def g(x):
            return checkpoint(lambda y: y.sin(), x.exp(), use_reentrant=False)
        a = torch.rand(3, requires_grad=True)
        y = checkpoint(g, a, use_reentrant=False)
        y.sum().backward()
        self.assertEqual(a.grad, a.exp().cos() * a.exp())

    def test_twice_backward(self) -> None:
        a = torch.rand(3, requires_grad=True)
        y = checkpoint(lambda x: x.sin(), a, use_reentrant=False)
        y.sum().backward(retain_graph=True)
        y.sum().backward()
        with self.assertRaisesRegex(RuntimeError, "backward through the graph a second time|unpack"):
            y.sum().backward()

    def test_context(self) -> None:
        seen = []
        import contextlib
        @contextlib.contextmanager
        def note(word):
            seen.append(word)
            yield
        a = torch.rand(3, requires_grad=True)
        y = checkpoint(lambda x: x.sin(), a, use_reentrant=False, context_fn=lambda: (note("f"), note("r")))
        y.sum().backward()
        self.assertEqual(seen, ["f", "r"])

    def test_sequential(self) -> None:
        m = torch.nn.Sequential(*[torch.nn.Linear(2, 2) for _ in range(3)])
        a = torch.rand(1, 2, requires_grad=True)
        self.assertEqual(checkpoint_sequential(m, 2, a, use_reentrant=False), m(a))

    def test_dropout(self) -> None:
        d = torch.nn.Dropout(0.5)
        a = torch.ones(100, requires_grad=True)
        y = checkpoint(d, a, use_reentrant=False)
        y.sum().backward()
        self.assertEqual(a.grad, y.detach())

    def test_selective(self) -> None:
        import functools

        from torch.utils.checkpoint import CheckpointPolicy, create_selective_checkpoint_contexts
        def policy(ctx, op, *args, **kwargs):
            return CheckpointPolicy.MUST_SAVE if op is torch.ops.aten.mm.default else CheckpointPolicy.PREFER_RECOMPUTE
        a = torch.rand(3, 3, requires_grad=True)
        y = checkpoint(lambda x: (x @ x).sin(), a, use_reentrant=False,
                       context_fn=functools.partial(create_selective_checkpoint_contexts, policy))
        y.sum().backward()
        b = a.detach().requires_grad_()
        (b @ b).sin().sum().backward()
        self.assertEqual(a.grad, b.grad)


class TestFunctions(TestCase):
    def test_mark_dirty_and_views(self) -> None:
        class Twice(Function):
            @staticmethod
            def forward(ctx, x):
                ctx.mark_dirty(x)
                return x.mul_(2)
            @staticmethod
            def backward(ctx, g):
                return g * 2
        a = torch.ones(2, requires_grad=True)
        b = a.clone()
        c = Twice.apply(b)
        self.assertIs(b, c)
        c.sum().backward()
        self.assertEqual(a.grad, torch.full((2,), 2.0))
        with self.assertRaisesRegex(RuntimeError, "leaf Variable that requires grad"):
            Twice.apply(a)

    def test_once_differentiable(self) -> None:
        class Once(Function):
            @staticmethod
            def forward(ctx, x):
                return x * 2
            @staticmethod
            @torch.autograd.function.once_differentiable
            def backward(ctx, g):
                return g * 2
        a = torch.ones(2, requires_grad=True)
        g, = torch.autograd.grad(Once.apply(a).sum(), a, create_graph=True)
        with self.assertRaisesRegex(RuntimeError, "once_differentiable"):
            (g + a * 0).sum().backward() if not g.requires_grad else g.sum().backward()

    def test_wrong_gradients(self) -> None:
        class Wrong(Function):
            @staticmethod
            def forward(ctx, x, y):
                return x * y
            @staticmethod
            def backward(ctx, g):
                return g
        a = torch.ones(2, requires_grad=True)
        with self.assertRaisesRegex(RuntimeError, "returned an incorrect number of gradients \\(expected 2, got 1\\)"):
            Wrong.apply(a, a).sum().backward()

    def test_materialize(self) -> None:
        seen = []
        class Two(Function):
            @staticmethod
            def forward(ctx, x):
                ctx.set_materialize_grads(False)
                return x.clone(), x.clone()
            @staticmethod
            def backward(ctx, g, h):
                seen.append(h)
                return g
        a = torch.ones(2, requires_grad=True)
        Two.apply(a)[0].sum().backward()
        self.assertIsNone(seen[0])

    def test_non_differentiable(self) -> None:
        class Nd(Function):
            @staticmethod
            def forward(ctx, x):
                i = x > 0
                y = x.clone()
                ctx.mark_non_differentiable(i, y)
                return x * 2, i, y
            @staticmethod
            def backward(ctx, g, gi, gy):
                return g * 2
        a = torch.ones(2, requires_grad=True)
        x, i, y = Nd.apply(a)
        self.assertFalse(i.requires_grad or y.requires_grad)
        self.assertTrue(x.requires_grad)

    def test_setup_context(self) -> None:
        class S(Function):
            @staticmethod
            def forward(x):
                return x * 2
            @staticmethod
            def setup_context(ctx, inputs, output):
                ctx.save_for_backward(*inputs)
            @staticmethod
            def backward(ctx, g):
                return g * 2
        a = torch.ones(2, requires_grad=True)
        y = S.apply(a)
        self.assertIs(y.grad_fn.saved_tensors[0], a)
        self.assertEqual(y.grad_fn.needs_input_grad, (True,))

    def test_instances_are_refused(self) -> None:
        class S(Function):
            @staticmethod
            def forward(ctx, x):
                return x
        with self.assertRaisesRegex(RuntimeError, "Legacy autograd function|should not be instantiated"):
            S()(torch.ones(2))
        with self.assertRaisesRegex(NotImplementedError, "You must implement either the backward or vjp method"):
            S.apply(torch.ones(2, requires_grad=True)).sum().backward()

    def test_attributes_on_context(self) -> None:
        class S(Function):
            @staticmethod
            def forward(ctx, x):
                ctx.scale = 3
                return x * 3
            @staticmethod
            def backward(ctx, g):
                return g * ctx.scale
        y = S.apply(torch.ones(2, requires_grad=True))
        self.assertEqual(y.grad_fn.scale, 3)
        y.grad_fn.scale = 5
        self.assertEqual(y.grad_fn(torch.ones(2)), torch.full((2,), 5.0))


class TestDispatch(TestCase):
    def test_unique2(self) -> None:
        a = torch.tensor([1, 2, 2, 3])
        self.assertEqual(torch._unique2(a, return_counts=True)[2], torch.tensor([1, 2, 1]))
        self.assertEqual(torch._unique(a)[0], torch.tensor([1, 2, 3]))

    def test_vf(self) -> None:
        self.assertTrue(hasattr(torch._VF, "lstm"))
        self.assertEqual(torch._VF.unique_consecutive(torch.tensor([1, 1, 2]))[0], torch.tensor([1, 2]))

    def test_wrapper_subclass(self) -> None:
        class W(torch.Tensor):
            @staticmethod
            def __new__(cls, x):
                r = torch.Tensor._make_wrapper_subclass(cls, x.size(), dtype=x.dtype, requires_grad=x.requires_grad)
                r.inner = x
                return r
            @classmethod
            def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
                def un(t):
                    return t.inner if isinstance(t, W) else t
                out = func(*map(un, args), **(kwargs or {}))
                return W(out) if isinstance(out, torch.Tensor) else out
        w = W(torch.ones(2))
        y = w * 2
        self.assertIsInstance(y, W)
        self.assertEqual(y.inner, torch.full((2,), 2.0))

    def test_dispatch_mode(self) -> None:
        from torch.utils._python_dispatch import TorchDispatchMode
        seen = []
        class M(TorchDispatchMode):
            def __torch_dispatch__(self, func, types, args=(), kwargs=None):
                seen.append(str(func))
                return func(*args, **(kwargs or {}))
        with M():
            (torch.ones(2) * 2).sum()
        self.assertEqual(seen[-2:], ["aten.mul.Tensor", "aten.sum.default"])

    def test_profiler(self) -> None:
        with torch.autograd.profiler.profile() as p:
            (torch.ones(2, requires_grad=True) * 2).sum().backward()
        names = [e.name for e in p.function_events]
        self.assertIn("aten::mul", names)
        self.assertTrue(any("MulBackward0" in n for n in names))
        self.assertIn("Self CPU", p.key_averages().table())

    def test_record_function(self) -> None:
        with torch.autograd.profiler.profile() as p:
            with torch.autograd.profiler.record_function("mine", "arg"):
                torch.ones(2) * 2
        self.assertTrue(any(e.name == "mine" for e in p.function_events))

    def test_emit(self) -> None:
        with self.assertRaises(RuntimeError):
            with torch.autograd.profiler.emit_nvtx():
                pass

    def test_profiler_is_not_nested(self) -> None:
        with torch.autograd.profiler.profile():
            with self.assertRaises(RuntimeError):
                with torch.autograd.profiler.profile():
                    pass

    def test_events_aggregate(self) -> None:
        with torch.autograd.profiler.profile(record_shapes=True) as p:
            for _ in range(3):
                torch.ones(2, 3) + 1
        event = next(e for e in p.key_averages() if e.key == "aten::add")
        self.assertEqual(event.count, 3)
        self.assertTrue(p.self_cpu_time_total >= 0)
        self.assertTrue(any(e.input_shapes == [[2, 3], []] for e in p.function_events if e.name == "aten::add"))


class TestInPlace(TestCase):
    def test_leaf(self) -> None:
        a = torch.ones(2, requires_grad=True)
        with self.assertRaisesRegex(
                RuntimeError, "a leaf Variable that requires grad is being used in an in-place operation"):
            a.add_(1)
        with self.assertRaisesRegex(
                RuntimeError, "a view of a leaf Variable that requires grad is being used in an in-place"):
            a[0].add_(1)

    def test_view_of_several(self) -> None:
        a = torch.ones(4, requires_grad=True).clone()
        x, y = a.chunk(2)
        with self.assertRaisesRegex(RuntimeError, "This view is the output of a function that returns multiple views"):
            x.add_(1)

    def test_no_grad_view(self) -> None:
        a = torch.ones(4, requires_grad=True).clone()
        with torch.no_grad():
            v = a[:2]
        with self.assertRaisesRegex(
                RuntimeError, "was created in no_grad mode and is being modified inplace with grad mode enabled"):
            v.mul_(2)
        b = torch.ones(4, requires_grad=True).clone()
        with torch.no_grad():
            w = b[:2]
        self.assertTrue(w.requires_grad)

    def test_detached_views_detach(self) -> None:
        a = torch.ones(4, requires_grad=True).clone()
        with self.assertRaisesRegex(RuntimeError, "Can't detach views in-place"):
            a[:2].detach_()

    def test_requires_grad_of_ints(self) -> None:
        with self.assertRaisesRegex(
                RuntimeError,
                "only Tensors of floating point.* dtype can require gradients|floating point and complex dtype"):
            torch.ones(2, dtype=torch.int64).requires_grad_()
        with self.assertRaisesRegex(RuntimeError, "you can only change requires_grad flags of leaf variables"):
            (torch.ones(2, requires_grad=True) * 2).requires_grad = False

    def test_rebase_of_view_history(self) -> None:
        a = torch.ones(4, requires_grad=True)
        b = a.clone()
        v = b[:2]
        b.mul_(3)
        self.assertIn(v.grad_fn.name(), ("AsStridedBackward0", "SliceBackward0"))
        v.sum().backward()
        self.assertEqual(a.grad, torch.tensor([3.0, 3, 0, 0]))

    def test_copy_slices(self) -> None:
        b = torch.zeros(4)
        a = torch.ones(2, requires_grad=True)
        b[:2] = a
        self.assertEqual(b.grad_fn.name(), "torch::autograd::CopySlices")
        self.assertTrue(b.requires_grad)

    def test_version_message(self) -> None:
        a = torch.ones(2, requires_grad=True)
        b = a.exp()
        b.add_(1)
        with self.assertRaisesRegex(
                RuntimeError,
                "is at version 1; expected version 0 instead"):
            b.sum().backward()

    def test_attributes_may_not_be_deleted(self) -> None:
        x = torch.ones(2, requires_grad=True)
        for name in ("data", "grad_fn", "requires_grad", "is_leaf", "shape", "dtype", "_version",
                     "output_nr", "_base"):
            with self.assertRaises((RuntimeError, AttributeError, TypeError)):
                delattr(x, name)
        x.grad = torch.ones(2)
        del x.grad
        self.assertIsNone(x.grad)
        x._backward_hooks = {}
        del x._backward_hooks

    def test_base(self) -> None:
        a = torch.ones(4)
        self.assertIs(a[:2]._base, a)
        self.assertIs(a[:2][:1]._base, a)
        self.assertIsNone(a._base)
        self.assertEqual(torch.ones(2, requires_grad=True).unbind()[1].output_nr, 1)

    def test_unsafe_view_functions(self) -> None:
        a = torch.ones(4, requires_grad=True).clone()
        x, y = a.unsafe_chunk(2)
        self.assertFalse(x._is_view())
        self.assertEqual(x.grad_fn.name(), "UnsafeSplitBackward0")

    def test_backward_errors(self) -> None:
        with self.assertRaisesRegex(RuntimeError, "does not require grad and does not have a grad_fn"):
            torch.ones(1).backward()
        with self.assertRaisesRegex(RuntimeError, "grad can be implicitly created only for scalar outputs"):
            torch.ones(2, requires_grad=True).mul(2).backward()
        with self.assertRaisesRegex(RuntimeError, "Mismatch in shape: grad_output\\[0\\] has a shape of"):
            torch.ones(2, requires_grad=True).mul(2).backward(torch.ones(3))
        with self.assertRaisesRegex(RuntimeError, "`inputs` argument to `backward\\(\\)` cannot be empty"):
            torch.ones(1, requires_grad=True).mul(2).backward(inputs=[])
        with self.assertRaisesRegex(RuntimeError, "One of the differentiated Tensors appears to not have been used"):
            torch.autograd.grad(torch.ones(1, requires_grad=True).mul(2), torch.ones(1, requires_grad=True))
        with self.assertRaisesRegex(ValueError, "grad requires non-empty inputs|non-empty"):
            torch.autograd.grad(torch.ones(1, requires_grad=True).mul(2), [])

    def test_batched_grad(self) -> None:
        a = torch.ones(2, requires_grad=True)
        g, = torch.autograd.grad(a * 3, a, torch.eye(2), is_grads_batched=True)
        self.assertEqual(g, 3 * torch.eye(2))

    def test_materialize_grads(self) -> None:
        a, b = torch.ones(2, requires_grad=True), torch.ones(3, requires_grad=True)
        g, h = torch.autograd.grad((a * 2).sum(), (a, b), materialize_grads=True)
        self.assertEqual(h, torch.zeros(3))
        with self.assertRaisesRegex(ValueError, "materialize_grads"):
            torch.autograd.grad((a * 2).sum(), (a, b), allow_unused=False, materialize_grads=True)

    def test_reentrant(self) -> None:
        class Re(Function):
            @staticmethod
            def forward(ctx, x):
                with torch.enable_grad():
                    ctx.x = x.detach().requires_grad_()
                    ctx.y = (ctx.x * ctx.x).sum()
                return ctx.y.detach()
            @staticmethod
            def backward(ctx, g):
                with torch.enable_grad():
                    ctx.y.backward()
                return ctx.x.grad * g
        a = torch.ones(3, requires_grad=True)
        Re.apply(a).backward()
        self.assertEqual(a.grad, torch.full((3,), 2.0))

    def test_unpack_size_and_ctor(self) -> None:
        a = torch.ones(2, requires_grad=True)
        with self.assertWarnsRegex(UserWarning, "To copy construct from a tensor"):
            torch.tensor(a)
        with self.assertRaisesRegex(RuntimeError, "Can't call numpy\\(\\) on Tensor that requires grad"):
            a.numpy()
        with self.assertRaisesRegex(RuntimeError, "Only Tensors created explicitly by the user"):
            import copy
            copy.deepcopy(a * 2)

    def test_create_graph_warns(self) -> None:
        a = torch.ones(2, requires_grad=True)
        with warnings.catch_warnings(record=True) as w:
            warnings.simplefilter("always")
            (a * a).sum().backward(create_graph=True)
        self.assertIn("Using backward() with create_graph=True", str(w[0].message))

    def test_grad_edge_duplicates(self) -> None:
        a = torch.ones(2, requires_grad=True)
        y = a * 2
        g = torch.autograd.grad(y.sum(), [a, a, y])
        self.assertEqual(g[0], g[1])
        self.assertEqual(g[2], torch.ones(2))

    def test_setstate_and_pickle(self) -> None:
        import io
        import pickle
        a = torch.ones(2, requires_grad=True)
        b = pickle.loads(pickle.dumps(a))
        self.assertTrue(b.requires_grad)
        f = io.BytesIO()
        torch.save(a * 2, f)
        f.seek(0)
        self.assertTrue(torch.load(f).requires_grad)

    def test_gradcheck_words(self) -> None:
        from torch.autograd import gradcheck
        class Bad(Function):
            @staticmethod
            def forward(ctx, x):
                return x * 2
            @staticmethod
            def backward(ctx, g):
                return g * 3
        a = torch.ones(2, dtype=torch.double, requires_grad=True)
        with self.assertRaisesRegex(RuntimeError, "Jacobian mismatch for output 0 with respect to input 0"):
            gradcheck(Bad.apply, a)
        self.assertFalse(gradcheck(Bad.apply, a, raise_exception=False))
        with self.assertRaisesRegex(ValueError, "gradcheck expects at least one input tensor to require gradient"):
            gradcheck(lambda x: x, torch.ones(2))


class TestMoreForward(TestCase):
    def test_views_of_views(self) -> None:
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.ones(2, 3), torch.arange(6.0).view(2, 3))
            self.assertEqual(fwAD.unpack_dual(d.t()[1])[1], torch.tensor([1.0, 4.0]))
            self.assertEqual(fwAD.unpack_dual(d.view(-1)[2:4])[1], torch.tensor([2.0, 3.0]))
            self.assertEqual(fwAD.unpack_dual(d.unbind(1)[0])[1], torch.tensor([0.0, 3.0]))

    def test_write_into_a_view_of_a_dual(self) -> None:
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.ones(4), torch.full((4,), 3.0)).clone()
            d[:2].mul_(2)
            self.assertEqual(fwAD.unpack_dual(d)[1], torch.tensor([6.0, 6, 3, 3]))
            d[2:] = torch.zeros(2)
            self.assertEqual(fwAD.unpack_dual(d)[1], torch.tensor([6.0, 6, 0, 0]))
            d.zero_()
            tangent = fwAD.unpack_dual(d)[1]
            self.assertTrue(tangent is None or not tangent.any())

    def test_fill_by_a_dual(self) -> None:
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.tensor(2.0), torch.tensor(5.0))
            x = torch.zeros(3)
            x.fill_(d)
            self.assertEqual(fwAD.unpack_dual(x)[1], torch.full((3,), 5.0))
            y = torch.zeros(3)
            y[1] = d
            self.assertEqual(fwAD.unpack_dual(y)[1], torch.tensor([0, 5.0, 0]))

    def test_expanded_tangents(self) -> None:
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.ones(3), torch.ones(1).expand(3))
            self.assertEqual(fwAD.unpack_dual(d * 2)[1], torch.full((3,), 2.0))

    def test_other_strides(self) -> None:
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.ones(2, 3).t(), torch.arange(6.0).view(3, 2))
            self.assertEqual(fwAD.unpack_dual(d)[1], torch.arange(6.0).view(3, 2))
            self.assertEqual(fwAD.unpack_dual(d.contiguous().view(6))[1], torch.arange(6.0))

    def test_under_no_grad(self) -> None:
        with fwAD.dual_level(), torch.no_grad():
            d = fwAD.make_dual(torch.ones(2), torch.full((2,), 3.0))
            self.assertEqual(fwAD.unpack_dual(d * 2)[1], torch.full((2,), 6.0))

    def test_with_backward(self) -> None:
        a = torch.full((2,), 3.0, requires_grad=True)
        with fwAD.dual_level():
            d = fwAD.make_dual(a, torch.ones(2))
            y = (d ** 3).sum()
            g, = torch.autograd.grad(y, a, create_graph=True)
            self.assertEqual(fwAD.unpack_dual(g)[1], 6 * a)

    def test_integers_stand_still(self) -> None:
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.ones(2), torch.ones(2))
            self.assertIsNone(fwAD.unpack_dual(d.long())[1])
            self.assertIsNone(fwAD.unpack_dual(d.argmax())[1])
            self.assertIsNone(fwAD.unpack_dual(d > 0)[1])

    def test_dtype_moves_along(self) -> None:
        with fwAD.dual_level():
            d = fwAD.make_dual(torch.ones(2), torch.full((2,), 3.0))
            self.assertEqual(fwAD.unpack_dual(d.double())[1].dtype, torch.double)

    def test_nested_functional(self) -> None:
        def f(x):
            return x.sin().sum()
        a, v = torch.rand(3), torch.rand(3)
        hvp = torch.func.jvp(torch.func.grad(f), (a,), (v,))[1]
        self.assertEqual(hvp, -a.sin() * v)
        twice = torch.func.jvp(lambda x: torch.func.jvp(f, (x,), (v,))[1], (a,), (v,))[1]
        self.assertEqual(twice, (-a.sin() * v * v).sum())

    def test_parameters_in_modules(self) -> None:
        m = torch.nn.Linear(2, 1, bias=False)
        with fwAD.dual_level():
            w = m.weight
            del m.weight
            m.weight = fwAD.make_dual(w.detach(), torch.ones(1, 2))
            self.assertEqual(fwAD.unpack_dual(m(torch.ones(1, 2)))[1], torch.full((1, 1), 2.0))

    def test_level_argument(self) -> None:
        with fwAD.dual_level() as level:
            self.assertEqual(level, 0)
            d = fwAD.make_dual(torch.ones(1), torch.ones(1), level=level)
            self.assertIsNotNone(fwAD.unpack_dual(d, level=level)[1])
        fwAD.enter_dual_level()
        fwAD.exit_dual_level()

    def test_function_jvp_inplace(self) -> None:
        class Twice(Function):
            @staticmethod
            def forward(ctx, x):
                ctx.mark_dirty(x)
                return x.mul_(2)

            @staticmethod
            def jvp(ctx, t):
                return t.mul_(2)

        with fwAD.dual_level():
            d = fwAD.make_dual(torch.ones(2), torch.full((2,), 3.0))
            y = Twice.apply(d)
            self.assertIs(y, d)
            self.assertEqual(fwAD.unpack_dual(y)[1], torch.full((2,), 6.0))

    def test_function_jvp_wrong_shape(self) -> None:
        class W(Function):
            @staticmethod
            def forward(ctx, x):
                return x.clone()

            @staticmethod
            def jvp(ctx, t):
                return torch.ones(5)

        with fwAD.dual_level():
            with self.assertRaises(RuntimeError):
                W.apply(fwAD.make_dual(torch.ones(2), torch.ones(2)))

    def test_function_without_jvp(self) -> None:
        class N(Function):
            @staticmethod
            def forward(ctx, x):
                return x.clone()

            @staticmethod
            def backward(ctx, g):
                return g

        with fwAD.dual_level():
            with self.assertRaisesRegex(RuntimeError, "jvp"):
                N.apply(fwAD.make_dual(torch.ones(2), torch.ones(2)))


class TestMoreGraph(TestCase):
    def test_edges_as_inputs_and_outputs(self) -> None:
        a, b = torch.ones(2, requires_grad=True), torch.full((2,), 3.0, requires_grad=True)
        c = a * b
        edge = get_gradient_edge(c)
        g, = torch.autograd.grad((c * 2).sum(), edge)
        self.assertEqual(g, torch.full((2,), 2.0))
        c = a * b
        g, = torch.autograd.grad(get_gradient_edge(c), a, grad_outputs=torch.ones(2))
        self.assertEqual(g, b)
        c = a * b
        torch.autograd.backward(get_gradient_edge(c), torch.ones(2), inputs=[get_gradient_edge(a)])
        self.assertEqual(a.grad, b)
        self.assertIsNone(b.grad)

    def test_node_is_abstract(self) -> None:
        with self.assertRaises(TypeError):
            torch.autograd.graph.Node()

    def test_topology(self) -> None:
        a = torch.ones(2, requires_grad=True)
        y = (a * 2 + a).sum()
        names, todo = [], [y.grad_fn]
        while todo:
            node = todo.pop()
            names.append(node.name())
            todo.extend(n for n, _ in node.next_functions if n)
        self.assertEqual(sorted(names), sorted(["SumBackward0", "AddBackward0", "MulBackward0",
                                                "torch::autograd::AccumulateGrad", "torch::autograd::AccumulateGrad"]))

    def test_accumulation_is_one(self) -> None:
        a = torch.ones(2, requires_grad=True)
        y = a * a
        (m, _), (n, _) = y.grad_fn.next_functions
        self.assertIs(m, n)
        self.assertIs(m.variable, a)

    def test_output_numbers(self) -> None:
        a = torch.ones(4, requires_grad=True)
        x, y = a.split(2)
        self.assertEqual((x.output_nr, y.output_nr), (0, 1))
        self.assertIs(x.grad_fn, y.grad_fn)
        self.assertEqual((x + y).grad_fn.next_functions[1][1], 1)

    def test_multi_any(self) -> None:
        a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
        seen = []
        handle = torch.autograd.graph.register_multi_grad_hook((a, b), lambda g: seen.append(g), mode="any")
        (a * b).sum().backward()
        self.assertEqual(len(seen), 1)
        handle.remove()
        (a * b).sum().backward()
        self.assertEqual(len(seen), 1)

    def test_version_preserved(self) -> None:
        a = torch.ones(2)
        with torch.autograd._unsafe_preserve_version_counter(a):
            a.add_(1)
        self.assertEqual(a._version, 0)

    def test_hooks_of_leaves_see_each_pass(self) -> None:
        a = torch.ones(2, requires_grad=True)
        seen = []
        a.register_hook(lambda g: seen.append(g.sum().item()))
        (a * 2 + a * 3).sum().backward()
        self.assertEqual(seen, [10.0])

    def test_hooks_change_leaf_gradients(self) -> None:
        a = torch.ones(2, requires_grad=True)
        a.register_hook(lambda g: g * 10)
        (a * 2).sum().backward()
        self.assertEqual(a.grad, torch.full((2,), 20.0))
        g, = torch.autograd.grad((a * 2).sum(), a)
        self.assertEqual(g, torch.full((2,), 20.0))

    def test_captured_and_prehooks(self) -> None:
        a = torch.ones(2, requires_grad=True)
        b = a * 2
        b.grad_fn.register_prehook(lambda g: (g[0] * 5,))
        c = b * 1
        gb, ga = torch.autograd.grad(c.sum(), (b, a))
        self.assertEqual((gb, ga), (torch.ones(2), torch.full((2,), 10.0)))

    def test_captured_and_tensor_hooks(self) -> None:
        a = torch.ones(2, requires_grad=True)
        b = a * 2
        b.register_hook(lambda g: g * 5)
        gb, ga = torch.autograd.grad((b * 1).sum(), (b, a))
        self.assertEqual((gb, ga), (torch.full((2,), 5.0), torch.full((2,), 10.0)))

    def test_inputs_of_backward(self) -> None:
        a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
        c = a * b
        (c * 2).sum().backward(inputs=[a])
        self.assertIsNotNone(a.grad)
        self.assertIsNone(b.grad)
        d = a * 2
        d.sum().backward(inputs=[d])
        self.assertEqual(d.grad, torch.ones(2))
        with self.assertRaisesRegex(RuntimeError, "not.*require|requires_grad|does not require"):
            (a * 2).sum().backward(inputs=[torch.ones(2)])

    def test_retain_graph_error(self) -> None:
        a = torch.ones(2, requires_grad=True)
        y = (a * a).sum()
        y.backward()
        with self.assertRaisesRegex(RuntimeError, "Specify retain_graph=True"):
            y.backward()

    def test_long_chain(self) -> None:
        a = torch.ones(1, requires_grad=True)
        y = a
        for _ in range(20000):
            y = y + 1
        y.backward()
        self.assertEqual(a.grad, torch.ones(1))
        del y

    def test_free_deep_graph_of_functions(self) -> None:
        class Id(Function):
            @staticmethod
            def forward(ctx, x):
                return x.clone()

            @staticmethod
            def backward(ctx, g):
                return g

        y = torch.ones(1, requires_grad=True)
        for _ in range(10000):
            y = Id.apply(y)
        del y

    def test_threads(self) -> None:
        import threading
        a = torch.ones(2, requires_grad=True)
        seen = []

        def run():
            seen.append(torch.is_grad_enabled())
            (a * 2).sum().backward()

        with torch.no_grad():
            t = threading.Thread(target=run)
            t.start()
            t.join()
        self.assertEqual(seen, [True])
        self.assertEqual(a.grad, torch.full((2,), 2.0))

    def test_accumulate_in_place_or_not(self) -> None:
        a = torch.ones(2, requires_grad=True)
        a.sum().backward()
        g = a.grad
        a.sum().backward()
        self.assertIs(a.grad, g)
        self.assertEqual(g, torch.full((2,), 2.0))
        a.sum().backward(create_graph=True)
        self.assertIsNot(a.grad, g)

    def test_grad_of_none_outputs(self) -> None:
        class N(Function):
            @staticmethod
            def forward(ctx, x, y):
                return x + y

            @staticmethod
            def backward(ctx, g):
                return g, None

        a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
        N.apply(a, b).sum().backward()
        self.assertIsNone(b.grad)

    def test_grad_dtype(self) -> None:
        a = torch.ones(2, requires_grad=True)
        (a.double() * 2).sum().backward()
        self.assertEqual(a.grad.dtype, torch.float)
        h = torch.ones(2, dtype=torch.half, requires_grad=True)
        (h.float() * 2).sum().backward()
        self.assertEqual(h.grad.dtype, torch.half)

    def test_complex_backward(self) -> None:
        z = torch.ones(2, dtype=torch.cfloat, requires_grad=True)
        with self.assertRaisesRegex(RuntimeError, "grad can be implicitly created only for real scalar outputs"):
            z.sum().backward()

    def test_set_requires_grad_on_view_of_leaf(self) -> None:
        a = torch.ones(4)
        v = a[:2]
        v.requires_grad_()
        self.assertTrue(v.is_leaf)
        self.assertFalse(a.requires_grad)
        a2 = torch.ones(4)
        a2[:2] = torch.ones(2, requires_grad=True)
        self.assertTrue(a2.requires_grad)

    def test_data_and_detach(self) -> None:
        a = torch.ones(2, requires_grad=True)
        d = a.detach()
        self.assertFalse(d.requires_grad)
        self.assertFalse(d._is_view())
        d.add_(1)
        self.assertEqual(a._version, 1)
        a.data.add_(1)
        self.assertEqual(a._version, 1)

    def test_detach_message(self) -> None:
        a = torch.ones(2, requires_grad=True)
        y = a.sigmoid()
        y.detach().zero_()
        with self.assertRaisesRegex(RuntimeError, "modified by an inplace"):
            y.sum().backward()

    def test_requires_grad_factory(self) -> None:
        x = torch.ones(2, requires_grad=True)
        for f in (torch.ones_like, torch.rand_like, torch.empty_like):
            self.assertFalse(f(x).requires_grad)
            self.assertTrue(f(x, requires_grad=True).requires_grad)

    def test_backward_with_list(self) -> None:
        a, b = torch.ones(2, requires_grad=True), torch.ones(3, requires_grad=True)
        torch.autograd.backward([a.sum(), (b * 2).sum()])
        torch.autograd.backward([a * 2, b], [torch.ones(2), torch.ones(3)])
        self.assertEqual(b.grad, torch.full((3,), 3.0))
        with self.assertRaisesRegex(RuntimeError, "got 2 tensors and 1 gradients"):
            torch.autograd.backward([a * 2, b * 2], [torch.ones(2)])

    def test_grad_errors(self) -> None:
        a = torch.ones(2, requires_grad=True)
        with self.assertRaisesRegex(RuntimeError, "element 0 of tensors does not require grad"):
            torch.autograd.grad(torch.ones(1), a)
        with self.assertRaisesRegex(RuntimeError, "does not require grad|require"):
            torch.autograd.grad((a * 2).sum(), torch.ones(1))

    def test_saved_views_keep_alive(self) -> None:
        a = torch.ones(2, requires_grad=True)
        b = a * 2
        ref = weakref.ref(b)
        c = b.sin()
        del b
        gc.collect()
        self.assertIsNone(ref())
        c.sum().backward()

    def test_cycle_is_collected(self) -> None:
        class Obj:
            pass
        def make():
            t = torch.ones(2, requires_grad=True).exp()
            o = Obj()
            t.grad_fn.metadata["o"] = (o, t)
            return weakref.ref(o)
        ref = make()
        gc.collect()
        self.assertIsNone(ref())

    def test_is_leaf_and_retains(self) -> None:
        a = torch.ones(2, requires_grad=True)
        self.assertFalse(a.retains_grad)
        b = a * 2
        b.retain_grad()
        self.assertTrue(b.retains_grad)
        with self.assertRaisesRegex(RuntimeError, "can't retain_grad on Tensor that has requires_grad=False"):
            torch.ones(2).retain_grad()

    def test_to_and_copy_names(self) -> None:
        a = torch.ones(2, requires_grad=True)
        self.assertEqual(a.to(torch.double).grad_fn.name(), "ToCopyBackward0")
        b = torch.zeros(2)
        b.copy_(a)
        self.assertEqual(b.grad_fn.name(), "torch::autograd::CopyBackwards")

    def test_hook_order_of_prehooks_posthooks(self) -> None:
        a = torch.ones(2, requires_grad=True)
        order = []
        y = a * 2
        y.register_hook(lambda g: order.append("tensor"))
        y.grad_fn.register_prehook(lambda g: order.append("pre"))
        y.grad_fn.register_hook(lambda i, o: order.append("post"))
        a.register_hook(lambda g: order.append("leaf"))
        a.register_post_accumulate_grad_hook(lambda t: order.append("accumulated"))
        y.sum().backward()
        self.assertEqual(order, ["tensor", "pre", "post", "leaf", "accumulated"])

    def test_profiler_of_nested_functions(self) -> None:
        from torch.autograd.profiler import profile, record_function
        with profile() as p:
            with record_function("outer"):
                with record_function("inner"):
                    torch.ones(2) + 1
        events = {e.name: e for e in p.function_events}
        self.assertEqual(events["inner"].cpu_parent.name, "outer")
        self.assertIn("aten::add", [c.name for c in events["inner"].cpu_children])

    def test_profiler_seq_and_export(self) -> None:
        import json
        import tempfile
        with torch.autograd.profiler.profile() as p:
            torch.ones(2) + 1
        with tempfile.NamedTemporaryFile("w+") as f:
            p.export_chrome_trace(f.name)
            json.load(open(f.name))
        self.assertTrue(all(hasattr(e, "time_range") for e in p.function_events))
        self.assertIn("aten::add", p.key_averages().table(sort_by="self_cpu_time_total", row_limit=5))
        self.assertIn("aten::add", str(p))

    def test_profiler_disabled(self) -> None:
        with torch.autograd.profiler.profile(enabled=False) as p:
            torch.ones(2) + 1
        self.assertIsNone(p.function_events)

    def test_functional_messages(self) -> None:
        F = torch.autograd.functional
        a = torch.rand(2)
        for call in (lambda: F.vjp(lambda x: "s", a), lambda: F.jvp(lambda x: "s", a),
                     lambda: F.hessian(lambda x: "s", a),
                     lambda: F.vhp(lambda x: "s", a), lambda: F.hvp(lambda x: "s", a)):
            with self.assertRaisesRegex(TypeError, "outputs of the user-provided function given to"):
                call()
        for call in (lambda: F.vhp(lambda x: x, a, a), lambda: F.hvp(lambda x: x, a, a)):
            with self.assertRaisesRegex(RuntimeError, "should contain a single element|single"):
                call()
        with self.assertRaisesRegex(RuntimeError, "v has invalid size: should be"):
            F.hvp(lambda x: x.sum(), a, torch.rand(3))
        with self.assertRaisesRegex(RuntimeError, "v is a tuple of invalid length: should be 1 but got 2"):
            F.vjp(lambda x: x.sum(), a, (a, a))

    def test_functional_strict_zero(self) -> None:
        F = torch.autograd.functional
        a = torch.rand(2)
        self.assertEqual(F.jacobian(lambda x: torch.ones(2), a), torch.zeros(2, 2))
        self.assertEqual(F.vjp(lambda x: torch.ones(2), a, a)[1], torch.zeros(2))
        self.assertEqual(F.jvp(lambda x: torch.ones(2), a, a)[1], torch.zeros(2))
        self.assertEqual(F.hvp(lambda x: x.sum(), a, a)[1], torch.zeros(2))
        with self.assertRaisesRegex(RuntimeError, "Output 0 of the user-provided function does not require gradients"):
            F.jvp(lambda x: torch.ones(2), a, a, strict=True)
        with self.assertRaisesRegex(
                RuntimeError, "jacobian of the user-provided function with respect to input 0 is|independent"):
            F.hvp(lambda x: x.sum(), a, a, strict=True)

    def test_inference_views(self) -> None:
        with torch.inference_mode():
            x = torch.ones(4)
            v = x[:2]
            self.assertTrue(v.is_inference() and v._is_view())
            v.add_(1)
        y = torch.ones(2, requires_grad=True)
        with torch.inference_mode():
            z = y.view(2)
            self.assertFalse(z.is_inference())
        with self.assertRaisesRegex(RuntimeError, "view was created in inference mode|created in inference mode"):
            z.add_(1)

    def test_inference_decorator(self) -> None:
        @torch.inference_mode()
        def f(x):
            return x * 2
        self.assertTrue(f(torch.ones(1)).is_inference())

        @torch.inference_mode
        def g(x):
            return x * 2
        self.assertTrue(g(torch.ones(1)).is_inference())

    def test_generators(self) -> None:
        @torch.no_grad()
        def gen():
            yield torch.is_grad_enabled()
            yield torch.is_grad_enabled()
        out = []
        for v in gen():
            out.append((v, torch.is_grad_enabled()))
        self.assertEqual(out, [(False, True)] * 2)

    def test_function_saves_output_of_inner(self) -> None:
        class S(Function):
            @staticmethod
            def forward(ctx, x):
                y = x.exp()
                ctx.save_for_backward(y)
                return y

            @staticmethod
            def backward(ctx, g):
                y, = ctx.saved_tensors
                return g * y
        a = torch.rand(3, dtype=torch.double, requires_grad=True)
        self.assertTrue(torch.autograd.gradcheck(S.apply, a))
        self.assertTrue(torch.autograd.gradgradcheck(S.apply, a))

    def test_saving_an_intermediate(self) -> None:
        class S(Function):
            @staticmethod
            def forward(ctx, x):
                i = x * 2
                ctx.save_for_backward(i)
                return i * x

            @staticmethod
            def backward(ctx, g):
                i, = ctx.saved_tensors
                return g * 2 * i
        a = torch.ones(2, requires_grad=True)
        S.apply(a).sum().backward()
        self.assertEqual(a.grad, torch.full((2,), 4.0))

    def test_function_returning_input(self) -> None:
        class R(Function):
            @staticmethod
            def forward(ctx, x):
                return x

            @staticmethod
            def backward(ctx, g):
                return g * 3
        a = torch.ones(2, requires_grad=True)
        y = R.apply(a)
        self.assertIsNot(y, a)
        self.assertEqual(y.grad_fn.name(), "RBackward")
        y.sum().backward()
        self.assertEqual(a.grad, torch.full((2,), 3.0))

    def test_needs_input_grad(self) -> None:
        seen = []

        class R(Function):
            @staticmethod
            def forward(ctx, x, y, s):
                seen.append(ctx.needs_input_grad)
                return x * y

            @staticmethod
            def backward(ctx, g):
                seen.append(ctx.needs_input_grad)
                return g, None, None
        R.apply(torch.ones(1, requires_grad=True), torch.ones(1), "s").sum().backward()
        self.assertEqual(seen, [(True, False, False)] * 2)

    def test_save_no_tensor(self) -> None:
        class R(Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(3)
                return x.clone()

            @staticmethod
            def backward(ctx, g):
                return g
        with self.assertRaisesRegex(
                TypeError, "save_for_backward can only save variables, but argument 0 is of type int"):
            R.apply(torch.ones(1, requires_grad=True))

    def test_backward_returning_no_tensor(self) -> None:
        class R(Function):
            @staticmethod
            def forward(ctx, x):
                return x.clone()

            @staticmethod
            def backward(ctx, g):
                return "s"
        with self.assertRaisesRegex(TypeError, "expected Variable or None \\(got str\\)"):
            R.apply(torch.ones(1, requires_grad=True)).sum().backward()

    def test_wrong_shape_of_gradient(self) -> None:
        class R(Function):
            @staticmethod
            def forward(ctx, x):
                return x.clone()

            @staticmethod
            def backward(ctx, g):
                return torch.ones(5)
        with self.assertRaisesRegex(
                RuntimeError,
                "returned an invalid gradient at index 0 - got \\[5\\] but expected shape compatible with \\[2\\]"):
            R.apply(torch.ones(2, requires_grad=True)).sum().backward()


if __name__ == "__main__":
    run_tests()
