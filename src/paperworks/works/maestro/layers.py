"""Linear maps and convolutions as products whose columns are ordered by importance: section 3."""

from collections.abc import Callable, Collection, Iterator
from typing import Any, TypeGuard

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn

Columns = Bool[Tensor, " rank"]
Choose = Callable[[int, Generator], Columns]  # which of so many columns a step uses


class Factored(nn.Module):
    """`up(down(x))`: a linear map or a convolution with `rank` numbers in its middle.

    `down` is V^T and `up` is U of W = U V^T. `use` leaves columns of both out.
    """

    def __init__(self, down: nn.Linear | nn.Conv2d, up: nn.Linear | nn.Conv2d) -> None:
        super().__init__()
        self.down, self.up = down, up
        self.used: Tensor | None = None  # one and zero, for the columns

    @property
    def rank(self) -> int:
        """The number of columns."""
        return self.down.weight.shape[0]

    def use(self, columns: Columns | None) -> None:
        """From now on compute with these columns only; None: with all."""
        places = (1,) * (self.down.weight.dim() - 2)
        like = self.down.weight
        self.used = None if columns is None else columns.to(like).view(-1, *places)

    def factors(self) -> tuple[Float[Tensor, "out rank"], Float[Tensor, "rank inputs"]]:
        """U and V^T; of a convolution's kernel, inputs are channels and places."""
        return self.up.weight.flatten(1), self.down.weight.flatten(1)

    def forward(self, x: Float[Tensor, "*inputs"]) -> Float[Tensor, "*outputs"]:
        middle = self.down(x)
        return self.up(middle if self.used is None else middle * self.used)

    @torch.no_grad()
    def truncate(self, rank: int) -> None:
        """Keep the first `rank` columns, for good. Raises ValueError where there are fewer."""
        if not 0 < rank <= self.rank:
            raise ValueError(f"A rank from 1 to {self.rank} can be kept; {rank} was asked for.")
        self.used = None
        self.down.weight = nn.Parameter(self.down.weight[:rank].clone())
        self.up.weight = nn.Parameter(self.up.weight[:, :rank].clone())


def factored(net: nn.Module) -> list[Factored]:
    """Every factored layer of a network."""
    return [layer for layer in net.modules() if isinstance(layer, Factored)]


@torch.no_grad()
def decompose(layer: nn.Linear | nn.Conv2d, rank: int | None = None) -> Factored:
    """The layer as a product, by the SVD of its weight [out, inputs]; the bias is that of `up`.

    Of full rank unless `rank` is smaller. A convolution becomes one of its own size to `rank`
    channels, then one of a single place.
    """
    matrix = layer.weight.flatten(1)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    left, right = left * values.sqrt(), right * values.sqrt()[:, None]
    return build(layer, left[:, :rank], right[:rank])


@torch.no_grad()
def build(layer: nn.Linear | nn.Conv2d, left: Tensor, right: Tensor) -> Factored:
    """The product with factors [out, rank] and [rank, inputs], otherwise as `layer`."""
    bias, rank = layer.bias is not None, len(right)
    if isinstance(layer, nn.Linear):
        down = nn.Linear(layer.in_features, rank, bias=False)
        up = nn.Linear(rank, layer.out_features, bias=bias)
    else:
        places: dict[str, Any] = {"stride": layer.stride, "padding": layer.padding}
        places |= {"dilation": layer.dilation, "padding_mode": layer.padding_mode}
        places |= {"kernel_size": layer.kernel_size}
        down = nn.Conv2d(layer.in_channels, rank, bias=False, **places)
        up = nn.Conv2d(rank, layer.out_channels, 1, bias=bias)
    down.weight.copy_(right.view_as(down.weight))
    up.weight.copy_(left.view_as(up.weight))
    if up.bias is not None and layer.bias is not None:
        up.bias.copy_(layer.bias)
    return Factored(down, up)


def decompose_all(net: nn.Module, keep: Collection[str] = ()) -> nn.Module:
    """Every linear map and convolution of `net` decomposed in place, but those named in `keep`.

    Grouped convolutions stay as they are: theirs is no single matrix.
    """
    for path, layer in list(net.named_modules()):
        if _single(layer) and path not in keep:
            parent, _, name = path.rpartition(".")
            setattr(net.get_submodule(parent), name, decompose(layer))
    return net


def _single(layer: nn.Module) -> TypeGuard[nn.Linear | nn.Conv2d]:
    """Whether its weight is one matrix."""
    return isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1)


def first(rank: int, draw: Generator) -> Columns:
    """The first columns, 1 to `rank` of them with equal chance: the paper's ordered dropout."""
    return torch.arange(rank) < _count(rank, draw)


def any_columns(rank: int, draw: Generator) -> Columns:
    """As many, but any: dropout without the order."""
    return torch.randperm(rank, generator=draw) < _count(rank, draw)


def _count(rank: int, draw: Generator) -> int:
    return int(torch.randint(1, rank + 1, (), generator=draw))


def sampler(net: nn.Module, choose: Choose, draw: Generator) -> Callable[[int], None]:
    """A hook for after every step: one layer, drawn evenly, uses the columns that `choose` says.

    The other layers use all of theirs. It is called once at the start, too. Section 3.
    """
    layers = factored(net)

    def resample(step: int) -> None:
        for layer in layers:
            layer.use(None)
        layer = layers[int(torch.randint(len(layers), (), generator=draw))]
        layer.use(choose(layer.rank, draw))

    resample(-1)
    return resample


def hierarchical_lasso(net: nn.Module) -> Tensor:
    """Sum, over layers and b, of the norms of U's and V's columns from b on. Section 3.

    A column is in as many terms as there are columns before it: the last are shrunk first.
    """
    return torch.stack([tail.sum() for layer in factored(net) for tail in _tails(layer)]).sum()


def shrink(net: nn.Module, below: float) -> list[int]:
    """Cut from each layer its last columns, where their norm in U or V is `below`: ranks left.

    A layer keeps one column at least.
    """
    for layer in factored(net):
        least = torch.minimum(*_tails(layer))
        layer.truncate(max(1, int((least > below).sum())))
    return [layer.rank for layer in factored(net)]


def _tails(layer: Factored) -> Iterator[Float[Tensor, " rank"]]:
    """Norm of all columns from each on, of U and of V. The root of zero has no gradient."""
    up, down = layer.factors()
    for squares in (up.square().sum(0), down.square().sum(1)):
        yield squares.flip(0).cumsum(0).flip(0).clamp(min=1e-24).sqrt()
