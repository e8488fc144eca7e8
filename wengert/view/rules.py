"""Rules of differentiation in the symbols of mathematics, to stand beside the numbers that the rules of the tape gave.

The one idea to know: nothing is computed here. A number in a picture comes from running the node's own rule; the words
for it stand in two tables, of local derivatives (``x``, ``y``, ``z`` are the operands and ``out`` the result, as Python
would compute them, so that tests hold each against the number) and of what operations with matrices send back.
"""

from __future__ import annotations

import re

from .model import GraphNode

LOCAL: dict[str, tuple[str, ...]] = {
    "add": ("1", "1"),
    "sub": ("1", "-1"),
    "mul": ("y", "x"),
    "dropout": ("y",),
    "div": ("1 / y", "-x / y**2"),
    "pow": ("y * x**(y - 1)", "x**y * log(x)"),
    "neg": ("-1",),
    "reciprocal": ("-1 / x**2",),
    "square": ("2 * x",),
    "exp": ("exp(x)",),
    "expm1": ("exp(x)",),
    "log": ("1 / x",),
    "log2": ("1 / (x * log(2))",),
    "log10": ("1 / (x * log(10))",),
    "log1p": ("1 / (1 + x)",),
    "sqrt": ("1 / (2 * sqrt(x))",),
    "rsqrt": ("-1 / (2 * x * sqrt(x))",),
    "sin": ("cos(x)",),
    "cos": ("-sin(x)",),
    "tan": ("1 + tan(x)**2",),
    "asin": ("1 / sqrt(1 - x**2)",),
    "acos": ("-1 / sqrt(1 - x**2)",),
    "atan": ("1 / (1 + x**2)",),
    "sinh": ("cosh(x)",),
    "cosh": ("sinh(x)",),
    "tanh": ("1 - out**2",),
    "asinh": ("1 / sqrt(1 + x**2)",),
    "acosh": ("1 / sqrt(x**2 - 1)",),
    "atanh": ("1 / (1 - x**2)",),
    "sigmoid": ("out * (1 - out)",),
    "log_sigmoid": ("1 / (1 + exp(x))",),
    "silu": ("s(x) * (1 + x * (1 - s(x)))",),
    "relu": ("1 if x > 0 else 0",),
    "leaky_relu": ("1 if x > 0 else slope",),
    "abs": ("sign(x)",),
    "hypot": ("x / out", "y / out"),
    "maximum": ("1 if x > y else 0", "1 if y > x else 0"),
    "minimum": ("1 if x < y else 0", "1 if y < x else 0"),
    "where": ("0", "1 if x else 0", "0 if x else 1"),
}
"""Local derivatives of elementwise operations, by each operand."""

SENT: dict[str, tuple[str, ...]] = {
    "matmul": ("{ct} · {y}ᵀ", "{x}ᵀ · {ct}"),
    "linear": ("{ct} · {y}", "{ct}ᵀ · {x}", "the sum of {ct} over the rows"),
    "sum": ("{ct}, for each element of {x} that it sums",),
    "mean": ("{ct} / {n}, for each of the {n} elements of {x} that it averages",),
    "reshape": ("{ct}, in the shape of {x}",),
    "permute": ("{ct}, its axes back in the order of {x}",),
    "expand": ("the sum of {ct} over the copies of {x}",),
    "sum_to": ("{ct}, for each element of {x} that it sums",),
    "slice": ("{ct} where {x} was read, and 0 elsewhere",),
    "clone": ("{ct}",),
    "index": ("{ct}, added up where {x} was read, and 0 elsewhere",),
    "softmax": ("{out} ⊙ ({ct} − Σ {ct} ⊙ {out})",),
    "log_softmax": ("{ct} − exp({out}) · Σ {ct}",),
    "mse_loss": ("{ct} · 2 ({x} − {y}) / {n}", "−{ct} · 2 ({x} − {y}) / {n}"),
    "nll_loss": ("−{ct} / {n} at the class of each row, and 0 elsewhere",),
    "masked_fill": ("{ct}, and 0 where it was filled",),
    "max_pool": ("{ct} to the largest of each window, and 0 elsewhere",),
    "convolution": ("{ct}, spread over its windows with the weights {y}",
                    "the windows of {x}, weighed by {ct} and summed",
                    "the sum of {ct} over rows and places"),
    "cat": ("the part of {ct} that is its own",) * 64,
}
"""What operations that are not elementwise send to each operand, of ``ct``, the gradient that arrived."""

_RAISED = str.maketrans("0123456789−-.", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻·")
_WORD = re.compile(r"\b(x|y|z|out)\b")


def local_rule(node: GraphNode, place: int, symbols: list[str], result: str) -> str:
    """The local derivative of a node by its operand at ``place`` in symbols: ``2v``; nothing where there is no rule in
    few symbols. ``symbols`` are those of the operands by place, numbers as such."""
    rules = LOCAL.get(node.operation, ())
    if place >= len(rules) or place >= len(symbols):
        return ""
    rule = rules[place]
    if node.operation == "pow" and place == 0:
        exponent = symbols[1]
        if _is_number(exponent):
            return _power_rule(exponent, symbols[0])
    names = dict(zip("xyz", symbols, strict=False)) | {"out": result}
    words = _WORD.findall(rule)
    if any(names.get(word, "…") == "…" for word in words):
        return ""
    text = rule.replace("s(", "σ(") if node.operation == "silu" else rule
    return mathematics(_WORD.sub(lambda word: names[word[0]], text.replace("**", "^")))


def sent_rule(node: GraphNode, place: int, symbols: list[str], result: str, ct: str, count: int | None = None) -> str:
    """What a node that is not elementwise sends to its operand at ``place``, in symbols: ``Xᵀ · dL/du``; or nothing.
    ``count`` is the number of elements of which it makes one, where that is known."""
    rules = SENT.get(node.operation, ())
    if place >= len(rules) or node.operation == "nll_loss" and len(symbols) > 2:  # (with weights of the classes)
        return ""
    names = dict(zip("xyz", [*symbols, "…", "…", "…"][:3], strict=True))
    rule = rules[place]
    if "reduction=" in node.parameters and "reduction='mean'" not in node.parameters:
        rule = rule.replace(" / {n}", "")
    text = rule.format(**names, out=result, ct=ct, n=count or "n")
    return "" if "…" in text else text


def mathematics(text: str) -> str:
    """A formula of Python in the signs of mathematics: ``x * w`` as ``x · w``, ``v ** 2`` as ``v²``."""
    text = text.replace(" ** ", "^").replace("**", "^").replace(" * ", " · ").replace(" @ ", " · ")
    text = re.sub(r"\^([−-]?[0-9]+(?:\.[0-9]+)?)", lambda power: power[1].translate(_RAISED), text)
    text = re.sub(r"sqrt\(([^()]*)\)", lambda root: f"√({root[1]})" if " " in root[1] else f"√{root[1]}", text)
    text = re.sub(r"\b([0-9]) · ([^\W\d])", r"\1\2", text)
    return re.sub(r"(^|[ (])-", r"\1−", text)


def _power_rule(exponent: str, base: str) -> str:
    """``2v`` for the power 2, ``3v²``, ``0.5 · v⁻⁰·⁵``."""
    power = float(exponent.replace("−", "-"))
    if power == 0:
        return "0"
    if power == 1:
        return "1"
    less = f"{power - 1:.4g}"
    raised = base if less == "1" else f"{base}{less.translate(_RAISED)}"
    return f"{exponent}{raised}" if exponent.isdigit() and base[:1].isalpha() else f"{exponent} · {raised}"


def _is_number(text: str) -> bool:
    try:
        float(text.replace("−", "-"))
    except ValueError:
        return False
    return True
