"""Every check of the contract is seen to fail on a network made to break it."""

import pytest
import torch
from tests.house import contract
from torch import nn

from paperworks.model import Published
from paperworks.works.resnet import resnet18

X = torch.randn(2, 3)


def sound() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def published(**figures) -> Published:
    return Published(
        **{"parameters": None, "macs": None, "source": "t", "example": tuple} | figures
    )


class Idle(nn.Linear):
    """Carries a parameter that it never uses."""

    def __init__(self) -> None:
        super().__init__(3, 2)
        self.idle = nn.Parameter(torch.zeros(1))


class Forgetful(nn.Linear):
    """Keeps a number outside its state."""

    def __init__(self) -> None:
        super().__init__(3, 2)
        self.kept = torch.randn(2)

    def forward(self, x):
        return super().forward(x) + self.kept


class Branching(nn.Linear):
    """Asks the data which way to go."""

    def __init__(self) -> None:
        super().__init__(3, 2)

    def forward(self, x):
        return super().forward(x) if x.sum().item() > 0 else x[:, :2]


def constant() -> nn.Module:
    net = nn.Linear(3, 2)
    nn.init.zeros_(net.weight)
    nn.init.zeros_(net.bias)
    return net


def infinite() -> nn.Module:
    net = nn.Linear(3, 2)
    nn.init.constant_(net.weight, float("inf"))
    return net


def nets(build):
    """Two of one seed, one of another."""
    return [contract.built(build, seed) for seed in (1000, 1000, 1001)]


def test_a_sound_network_passes():
    contract.counts_as_printed(published(parameters=26), 26, 0)
    contract.runs_and_learns(sound(), X)
    contract.survives_a_file(*nets(sound)[1:], X)
    contract.draws_from_the_seed(*nets(sound))
    contract.compiles(sound(), X, True)
    contract.exports(sound(), X, True)


@pytest.mark.parametrize(
    "check",
    [
        lambda: contract.counts_as_printed(published(parameters=2.5e6), 2_440_000, 0),
        lambda: contract.counts_as_printed(published(macs=2.5e6), 1, 2_560_000),
        lambda: contract.counts_as_printed(published(parameters=26, differs="so"), 26, 0),
        lambda: contract.counts_as_printed(published(source=""), 26, 0),
        lambda: contract.runs_and_learns(infinite(), X),
        lambda: contract.runs_and_learns(nn.Identity(), {}),
        lambda: contract.runs_and_learns(Idle(), X),
        lambda: contract.survives_a_file(*nets(Forgetful)[1:], X),
        lambda: contract.draws_from_the_seed(*nets(constant)),
        lambda: contract.compiles(Branching(), X, True),
        lambda: contract.compiles(sound(), X, False),
        lambda: contract.exports(Branching(), X, True),
        lambda: contract.exports(sound(), X, False),
        lambda: contract.agree(lambda x: x, lambda x: x + 1e-3, X, 1e-5),
    ],
)
def test_mutant_is_caught(check):
    with pytest.raises(AssertionError):
        check()


def test_thinning_keeps_two_of_what_is_alike_and_all_that_differs():
    def twice():
        return nn.Sequential(nn.Linear(3, 3), nn.Tanh())

    stack = nn.Sequential(*(twice() for _ in range(9)), nn.ReLU(), twice(), nn.Linear(3, 2))
    net = nn.ModuleDict({"blocks": nn.ModuleList(map(nn.ReLU, [False] * 4)), "stack": stack})
    net["counted"] = nn.ModuleList(nn.ReLU() for _ in range(4))
    assert contract.thinned(net) is net
    assert [len(part) for part in net.values()] == [2, 5, 4]
    assert [type(layer) for layer in stack[2:]] == [nn.ReLU, nn.Sequential, nn.Linear]
    assert stack(X).shape == (2, 2)
    branching = nn.Sequential(*(nn.Linear(3, 3) for _ in range(5)), Branching())
    with pytest.raises(AssertionError):
        contract.exports(contract.thinned(branching), X, True)


def test_rounding_is_by_printed_digits():
    contract.counts_as_printed(published(parameters=25.6e6), 25_557_032, 0)
    contract.counts_as_printed(published(macs=3.8e9), 0, 3_849_999_999)
    with pytest.raises(AssertionError):
        contract.counts_as_printed(published(macs=3.8e9), 0, 3_860_000_000)


def image_network(**options):
    """A small network that keeps timm's manners."""
    return resnet18(width=8, **options)


def broken(change, **forced):
    """The same, spoilt."""

    def build(**options):
        net = image_network(**options | forced)
        change(net)
        return net

    return build


def wrong_width(net):
    net.num_features += 1


def deaf_head(net):
    net.reset_classifier = lambda classes: None


def wrong_strides(net):
    if hasattr(net, "feature_info"):
        net.feature_info.reduction = lambda: [1, 2, 3, 4, 5]


def other_parts(net):
    forward = net.forward
    net.forward = lambda x: 2 * forward(x) if isinstance(forward(x), torch.Tensor) else forward(x)


PHOTO = torch.randn(2, 3, 64, 64)


def test_a_sound_image_network_passes():
    contract.behaves_like_an_image_network(image_network, PHOTO)


@pytest.mark.parametrize(
    "build",
    [
        broken(wrong_width),
        broken(deaf_head),
        broken(wrong_strides),
        broken(other_parts),
        broken(lambda net: None, num_classes=9),
    ],
)
def test_image_mutant_is_caught(build):
    with pytest.raises(AssertionError):
        contract.behaves_like_an_image_network(build, PHOTO)
