import copy

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from paperworks.lab.fit import adam, cosine, fit
from paperworks.lab.seeds import stream
from paperworks.lab.split import Examples, batches


def volumes():
    torch.manual_seed(1000)
    layers = nn.Conv3d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv3d(4, 3, 3), nn.AdaptiveAvgPool3d(1)
    examples = Examples(torch.randn(12, 2, 5, 6, 7), torch.arange(12) % 3)
    return nn.Sequential(*layers, nn.Flatten()), examples


def test_volumes_are_laid_out_and_learn_as_in_a_plain_loop():
    net, examples = volumes()
    plain = copy.deepcopy(net)
    losses = fit(net, examples, steps=5, seed=1000, batch=4)
    assert net[0].weight.is_contiguous(memory_format=torch.channels_last_3d)
    assert not net[0].weight.is_contiguous()
    optimizer, expected = adam(plain.parameters()), []
    for index in batches(12, 4, 5, stream(1000, "order")):
        optimizer.zero_grad()
        loss = cross_entropy(plain(examples.x[index]), examples.y[index])
        expected.append(loss.item())
        loss.backward()
        optimizer.step()
    torch.testing.assert_close(losses, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(net[2].weight, plain[2].weight, rtol=1e-3, atol=1e-4)


def test_images_are_laid_out_and_shared_weights_stay_shared():
    conv = nn.Conv2d(3, 3, 3, padding=1)
    net = nn.Sequential(conv, nn.ReLU(), conv, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    fit(net, Examples(torch.randn(8, 3, 6, 6), torch.arange(8) % 3), steps=2, seed=1000, batch=4)
    assert net[0].weight is net[2].weight
    assert net[0].weight.is_contiguous(memory_format=torch.channels_last)


def test_weights_of_one_channel_or_place_are_laid_out_too():
    net = nn.Sequential(nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 3, 1), nn.Flatten())
    fit(net, Examples(torch.randn(8, 4, 3, 3), torch.arange(8) % 3), steps=1, seed=1000, batch=4)
    assert [net[i].weight.stride() for i in (0, 1)] == [(9, 1, 3, 1), (4, 1, 4, 4)]


def test_cosine():
    rate = cosine(100)
    assert rate(0) == 1
    assert abs(rate(50) - 0.5) < 1e-12
    assert abs(rate(25) - (2 + 2**0.5) / 4) < 1e-12
    assert rate(100) == 0
