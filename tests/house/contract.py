"""What every declared network must do, as functions that raise AssertionError.

`test_every_work.py` asks them of every model of every work, `test_contract.py` of networks
that break one each.
"""

import math
import warnings
from collections.abc import Callable
from itertools import groupby, islice
from typing import Any

import torch
from jaxtyping import config
from safetensors.torch import load, save
from torch import Tensor, nn

from paperworks.model import Published, agrees

Build = Callable[[], nn.Module]
STACKS = {"blocks", "layers", "encoder", "decoder"}  # lists that a network walks from end to end


def inputs(example: Any) -> tuple[Any, ...]:
    return example if isinstance(example, tuple) else (example,)


def tensors(output: Any) -> list[Tensor]:
    """Every tensor of a nested output, in order."""
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, dict):
        output = list(output.values())
    return [t for part in output for t in tensors(part)] if isinstance(output, list | tuple) else []


def built(build: Build, seed: int = 1000) -> nn.Module:
    torch.manual_seed(seed)
    return build()


def counts_as_printed(published: Published, parameters: int, macs: int) -> None:
    """The counts round to the printed figures; where they do not, `differs` says why."""
    same = agrees(published.parameters, parameters) and agrees(published.macs, macs)
    said = f"counted {parameters:,} and {macs:,}; printed {published.parameters}, {published.macs}"
    assert published.source, "a figure without its source"
    if published.differs is None:
        assert same, said
    else:
        assert not same, f"`differs` is out of date: {said}"


def runs_and_learns(net: nn.Module, example: Any, passes: int = 24) -> None:
    """Tensors come out, all finite; every parameter that wants a gradient gets a finite one.

    In training mode: a fresh batch norm knows no statistics to evaluate with. Not all gradients
    are zero. A network that skips parts at random has several passes to reach them all.
    """
    torch.manual_seed(0)
    net.train()
    trained = {name: p for name, p in net.named_parameters() if p.requires_grad}
    for _ in range(passes):
        outputs = tensors(net(*inputs(example)))
        assert outputs, "no tensor comes out"
        assert all(t.isfinite().all() for t in outputs)
        floating = [t for t in outputs if t.is_floating_point()]
        torch.stack([(t * torch.randn_like(t)).sum() for t in floating]).sum().backward()
        without = [name for name, p in trained.items() if p.grad is None]
        if not without:
            break
    assert not without, f"no gradient: {without[:5]}"
    gradients = [p.grad for p in trained.values() if p.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert any(gradient.any() for gradient in gradients)


def survives_a_file(one: nn.Module, other: nn.Module, example: Any) -> None:
    """Weights saved as safetensors and loaded into another network give the same output."""
    other.load_state_dict(load(save({k: v.contiguous() for k, v in one.state_dict().items()})))
    agree(one.eval(), other.eval(), example, 0)


def draws_from_the_seed(one: nn.Module, same: nn.Module, other: nn.Module) -> None:
    """The same seed gives the same weights, another seed gives others."""
    one, same, other = (net.state_dict() for net in (one, same, other))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


def thinned(net: nn.Module) -> nn.Module:
    """`net` with neighbours that look the same cut to two: a graph of more shows nothing new."""
    for name, stack in list(net.named_modules()):
        walked = isinstance(stack, nn.ModuleList) and name.rpartition(".")[2] in STACKS
        if walked or isinstance(stack, nn.Sequential):
            kept = [layer for _, alike in groupby(stack, repr) for layer in islice(alike, 2)]
            if len(kept) < len(stack):
                del stack[:]
                stack.extend(kept)
    return net


def agree(one: Callable[..., Any], other: Callable[..., Any], example: Any, error: float) -> None:
    with torch.no_grad():
        first, second = (tensors(net(*inputs(example))) for net in (one, other))
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        torch.testing.assert_close(a, b, rtol=error, atol=error)


def compiles(net: nn.Module, example: Any, expected: bool) -> None:
    """torch.compile in one graph agrees with eager, or fails where the model says that it does."""
    torch._dynamo.reset()
    _as_declared(
        lambda: torch.compile(net, backend="eager", fullgraph=True), net, example, expected
    )


def exports(net: nn.Module, example: Any, expected: bool) -> None:
    """torch.export agrees with eager, or fails where the model says that it does."""
    _as_declared(lambda: torch.export.export(net, inputs(example)).module(), net, example, expected)


def _as_declared(make: Callable[[], Any], net: nn.Module, example: Any, expected: bool) -> None:
    net, other, failure = net.eval(), net, None
    config.update("jaxtyping_disable", True)  # the tests' checks of shapes cannot be traced
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # torch's own, about its own internals
            try:
                other = make()
                other(*inputs(example))
            except Exception as raised:
                failure = raised
        assert failure is None or not expected, f"declared to work: {failure}"
        assert failure is not None or expected, "declared to fail, and works: take the flag away"
        if failure is None:
            agree(net, other, example, 1e-5)
    finally:
        config.update("jaxtyping_disable", False)


def behaves_like_an_image_network(build: Callable[..., Any], example: Tensor) -> None:
    """timm's manners: head, stem and features can be chosen, and the parts make the whole."""
    few = built(lambda: build(num_classes=7, in_chans=1)).eval()
    grey = example[:, :1]
    with torch.no_grad():
        assert few(grey).shape[-1] == 7
        agree(few, lambda x: few.forward_head(few.forward_features(x)), grey, 0)
        pooled = few.forward_head(few.forward_features(grey), pre_logits=True)
        assert pooled.shape == (len(grey), few.num_features)
        assert few.get_classifier().out_features == 7
        few.reset_classifier(0)
        assert few(grey).shape == (len(grey), few.num_features)
        few.reset_classifier(3)
        assert few(grey).shape[-1] == 3
        small = built(lambda: build(small_input=True, num_classes=2)).eval()
        assert small(example[..., :32, :32]).shape[-1] == 2
        maps = built(lambda: build(features_only=True)).eval()
        found = maps(example)
        assert [m.shape[1] for m in found] == maps.feature_info.channels()
        side = example.shape[-1]
        # without padding maps are a little smaller: the power of two that is nearest
        strides = [2 ** round(math.log2(side / m.shape[-1])) for m in found]
        assert strides == maps.feature_info.reduction()
