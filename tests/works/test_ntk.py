import copy
import math

import pytest
import torch
from tests.deterministic import real
from torch.func import functional_call, grad

from paperworks.claim import Seed
from paperworks.works.ntk import Scaling, any_directions, drift, standard, tangent_kernel
from paperworks.works.ntk.limit import flow, limit
from paperworks.works.ntk.network import descend, empirical, last_layer, network

DOUBLE = torch.float64
DEEP = {"hidden": 2, "weight_std": 1.5, "bias_std": 0.1}
HE = {"hidden": 1, "weight_std": 2**0.5, "bias_std": 0.0}

# neural-tangents 0.6.5 (jax 0.4.23, float64): Dense and ReLU layers, NTK parametrization
ORACLE = {
    "deep": (
        DEEP,
        [[0.618237, 0.455181], [0.671814, 0.766801], [1.26111, 0.630297]],
        [[1.4084, 0.871496], [1.23798, 1.78164], [3.04145, 0.842269]],
        [0.496709, 0.480886, 0.798722, 0.934872, 0.686925, 1.85195],
        [1.45888, 0.956365, 1.86153, 2.77337, 1.00499, 5.52459],
    ),
    "he": (
        HE,
        [[0.39452, 0.259661], [0.381858, 0.498216], [0.842791, 0.255542]],
        [[0.680747, 0.393102], [0.557436, 0.868942], [1.50173, 0.230041]],
        [0.325041, 0.282365, 0.519836, 0.632777, 0.313687, 1.27687],
        [0.650083, 0.44145, 0.90992, 1.26555, 0.341773, 2.55374],
    ),
}


@pytest.mark.parametrize("name", ORACLE)
def test_limit_equals_neural_tangents(name):
    options, *expected = ORACLE[name]
    one, two = real(3, 5, seed=1, dtype=DOUBLE), real(2, 5, seed=2, dtype=DOUBLE)
    across, within = limit(one, two, **options), limit(one, one, **options)
    upper = torch.triu_indices(3, 3).unbind()
    got = across.nngp, across.ntk, within.nngp[upper], within.ntk[upper]
    for ours, theirs in zip(got, expected, strict=True):
        torch.testing.assert_close(ours, torch.tensor(theirs, dtype=DOUBLE), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (0.1, [0.0357255, 0.021987]),
        (1.0, [0.227236, 0.142796]),
        (10.0, [0.342977, 0.439236]),
        (1e9, [0.336528, 0.665421]),
    ],
)
def test_flow_equals_neural_tangents(time, expected):
    """gradient_descent_mse_ensemble with diag_reg 1e-6, means of outputs that start at zero."""
    x, y, test = (real(*s, dtype=DOUBLE) for s in ((6, 5), (6, 1), (2, 5)))
    x, y, test = (real(*z.shape, seed=k, dtype=DOUBLE) for k, z in ((5, x), (6, y), (7, test)))
    train = limit(x, x, **DEEP).ntk
    train += 1e-6 * train.diagonal().mean() * torch.eye(6)
    got = flow(train, limit(test, x, **DEEP).ntk, y[:, 0], time)
    torch.testing.assert_close(got, torch.tensor(expected, dtype=DOUBLE), rtol=1e-4, atol=1e-4)


def test_the_recursion_is_an_average_over_wide_networks():
    """E[f f] and E[f' f'] at one hidden layer, by drawing a million normal pairs."""
    x = real(2, 5, seed=3, dtype=DOUBLE)
    covariance = 1.5**2 * x @ x.T / 5 + 0.1**2
    draw = torch.Generator().manual_seed(1000)
    normal = torch.randn(1_000_000, 2, generator=draw, dtype=DOUBLE)
    pairs = normal @ torch.linalg.cholesky(covariance).T
    value = pairs.relu().prod(1).mean()
    slope = (pairs > 0).all(1).double().mean()
    nngp = 1.5**2 * value + 0.1**2
    got = limit(x, x, **DEEP | {"hidden": 1})
    assert got.nngp[0, 1].item() == pytest.approx(nngp.item(), abs=5e-3)
    expected = nngp + 1.5**2 * slope * covariance[0, 1]
    assert got.ntk[0, 1].item() == pytest.approx(expected.item(), abs=5e-3)


def test_a_point_with_itself_by_hand():
    """Without biases and with w^2 = 2 a layer keeps variances: NTK = (hidden + 1) |x|^2 2 / n."""
    x = torch.tensor([[3.0, 4.0]], dtype=DOUBLE)
    for hidden in (1, 2, 5):
        got = limit(x, x, hidden=hidden, bias_std=0.0)
        assert got.nngp.item() == pytest.approx(25)
        assert got.ntk.item() == pytest.approx(25 * (hidden + 1))


def test_empirical_kernel_is_the_speed_of_an_output_along_a_gradient():
    """T(x, y) is df(x) along the gradient at y, here by differences."""
    torch.manual_seed(1000)
    net, x = network(3, 7).double(), real(2, 3, seed=4, dtype=DOUBLE)
    weights = {name: p.detach() for name, p in net.named_parameters()}
    outputs = [lambda w, one=one: functional_call(net, w, (one[None],))[0, 0] for one in x]
    direction = grad(outputs[1])(weights)
    ends = [{k: w + step * direction[k] for k, w in weights.items()} for step in (1e-6, -1e-6)]
    speed = (outputs[0](ends[0]) - outputs[0](ends[1])) / 2e-6
    kernel = empirical(net, x, x)
    torch.testing.assert_close(kernel[0, 1], speed, rtol=1e-6, atol=1e-6)
    with torch.no_grad():
        torch.testing.assert_close(empirical(net, x, x[1:]), kernel[:, 1:])


def test_last_layer_is_the_readouts_part():
    torch.manual_seed(1000)
    net, x = network(3, 7, bias_std=0.0).double(), real(4, 3, seed=4, dtype=DOUBLE)
    for layer in net[:-1]:
        layer.requires_grad_(False)
    features = net[:-1](x)
    torch.testing.assert_close(last_layer(net, x, x), features @ features.T)
    torch.testing.assert_close(net(x)[:, 0], math.sqrt(2 / 7) * features @ net[-1].weight[0])


def test_flow_is_what_many_short_steps_do_to_a_linear_model():
    features = real(5, 3, seed=8, dtype=DOUBLE)
    test, y = real(4, 3, seed=9, dtype=DOUBLE), real(5, seed=10, dtype=DOUBLE)
    net = network(3, 3, hidden=0, weight_std=3**0.5, bias_std=0.0).double()
    with torch.no_grad():
        start, gap = net(test)[:, 0], y - net(features)[:, 0]
    kernel = features @ features.T + 1e-9 * torch.eye(5)
    told = start + flow(kernel, test @ features.T, gap, 2.0)
    descend(net, features, y, 1e-3, 2000)
    torch.testing.assert_close(net(test)[:, 0], told, rtol=1e-3, atol=1e-3)


def test_descent_is_torchs():
    torch.manual_seed(1000)
    net, x, y = network(3, 7, shrink=2.0).double(), real(4, 3, dtype=DOUBLE), real(4, dtype=DOUBLE)
    other = copy.deepcopy(net)
    torchs, before = torch.optim.SGD(other.parameters(), lr=0.1), []
    for _ in range(3):
        torchs.zero_grad()
        out = other(x)[:, 0]
        before.append(out.detach())
        ((out - y).square().mean() / 2).backward()
        torchs.step()
    torch.testing.assert_close(descend(net, x, y, 0.1, 3), torch.stack(before))
    for ours, theirs in zip(net.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_modes_are_orthogonal_and_only_the_kernels_own_make_it_diagonal():
    x = standard(real(6, 2, 4, dtype=DOUBLE))
    kernel = limit(x, x).ntk
    for modes, diagonal in ((tangent_kernel, True), (any_directions, False)):
        values, vectors = modes(x, torch.Generator().manual_seed(1000))
        torch.testing.assert_close(vectors.T @ vectors, torch.eye(6, dtype=DOUBLE))
        turned = vectors.T @ kernel @ vectors
        assert torch.allclose(turned, values.diag(), atol=1e-9) is diagonal


def test_standard_images_lie_on_a_sphere():
    x = standard(real(3, 1, 8, 8))
    torch.testing.assert_close(x.mean(1), torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(x.square().mean(1), torch.ones(3))


def test_the_null_moves_its_features_at_any_width():
    """Output divided by the width, not its root, and a rate that makes up for it."""
    narrow, wide = (drift(Scaling(n, shrink=n**0.5), Seed(1000)) for n in (64, 256))
    assert abs(narrow - wide) < 0.3
    assert wide > drift(Scaling(256), Seed(1000)) + 0.5
