"""The schedule against equation 1, pruning by hand and against torch's, sizes counted."""

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from paperworks.works import gradual_magnitude_pruning as work


def test_schedule_is_equation_1():
    # initial 0, final 0.875, from step 2 on, over 10 steps: 0.875 (1 - (1 - k / 10)^3)
    by_hand = [0, 0, 0, 0.237125, 0.427, 0.574875, 0.686, 0.765625, 0.819, 0.851375, 0.868]
    got = [work.sparsity(step, 2, 12, 0.875) for step in range(11)]
    assert got == pytest.approx(by_hand)
    assert work.sparsity(50, 2, 12, 0.875) == pytest.approx(0.875)
    assert work.sparsity(2, 2, 12, 0.875, initial=0.5) == pytest.approx(0.5)


def layer():
    one = nn.Linear(2, 3)
    with torch.no_grad():
        one.weight.copy_(torch.tensor([[1.0, -6], [-2, 5], [3, -4]]))
    return one


def test_the_smallest_go_and_stay_away():
    net, share = layer(), {0: 1 / 3, 1: 1 / 3, 2: 2 / 3}
    hook = work.Pruner(net, share.__getitem__, every=2)
    hook(0)
    assert net.weight.tolist() == [[0, -6], [0, 5], [3, -4]]
    with torch.no_grad():
        net.weight.add_(100)  # what is gone comes back after one step, however large
    hook(1)
    assert net.weight.tolist() == [[0, 94], [0, 105], [103, 96]]
    hook(2)
    assert net.weight.tolist() == [[0, 0], [0, 105], [103, 0]]
    assert work.nonzeros(net) == 2 + 3  # biases are kept


def test_chooses_as_torch_does():
    torch.manual_seed(1000)
    ours, theirs = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)
    theirs.load_state_dict(ours.state_dict())
    work.Pruner(ours, lambda step: 0.7)(0)
    prune.l1_unstructured(theirs, "weight", amount=0.7)
    assert torch.equal(ours.weight, theirs.weight)


@pytest.mark.parametrize("plan", [work.gradual, work.at_once, work.drawn])
def test_a_large_network_ends_with_as_many_parameters_as_the_small_one(plan):
    torch.manual_seed(1000)
    net = work.small_convnet(32, norm=True)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(1e-3)  # a bias or shift of zero counts as stored
    hook = work.pruner(net, plan, 6720, 1000)
    for step in range(work.STEPS):
        hook(step)
    assert work.nonzeros(net) == pytest.approx(6720, abs=len(hook.kept))
    assert 0.89 < work.share_to_prune(net, 6720) < 0.92


def test_one_cut_prunes_nothing_and_then_everything():
    net = work.small_convnet(8, norm=True)
    hook = work.pruner(net, work.at_once, 1000, 1000)
    middle = work.STEPS * 4 // 9, work.STEPS // 2
    shares = [hook.schedule(step) for step in (0, *middle, work.STEPS - 1)]
    assert shares == pytest.approx([0, 0, shares[-1], shares[-1]])
    assert shares[-1] > 0.5


def test_a_dense_plan_has_no_hook():
    assert work.pruner(nn.Linear(2, 2), work.dense, 1, 1000) is None


def test_the_lstm_reads_from_left_to_right():
    torch.manual_seed(1000)
    net = work.WordLSTM(7, 4).eval()
    text = torch.tensor([[1, 2, 3, 4]])
    later = torch.tensor([[1, 2, 3, 6]])
    assert torch.equal(net(text)[:, :3], net(later)[:, :3])
    assert not torch.equal(net(text)[:, 3], net(later)[:, 3])
