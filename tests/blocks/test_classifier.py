import pytest
import torch
from torch import nn

from paperworks.blocks.classifier import Classifier


class Tiny(Classifier):
    head_name = "fc"

    def __init__(self, num_classes, features_only=False):
        super().__init__()
        self.features_only = features_only
        self.one, self.two = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3)
        self.end(5, num_classes)

    def feature_maps(self, x):
        one = self.one(x)
        return [one, self.two(one)]


@pytest.fixture
def x():
    return torch.randn(2, 3, 9, 8, generator=torch.Generator().manual_seed(1000))


def test_scores_are_the_head_of_the_means_of_the_last_maps(x):
    net = Tiny(7)
    means = net.two(net.one(x)).mean((2, 3))
    torch.testing.assert_close(net(x), means @ net.fc.weight.T + net.fc.bias)
    torch.testing.assert_close(net.forward_head(net.forward_features(x), pre_logits=True), means)
    assert {key.split(".")[0] for key in net.state_dict()} == {"one", "two", "fc"}


def test_the_head_can_be_replaced_and_left_out(x):
    net = Tiny(7)
    net.reset_classifier(2)
    assert net.get_classifier() is net.fc
    assert net(x).shape == (2, 2)
    net.reset_classifier(0)
    torch.testing.assert_close(net(x), net.two(net.one(x)).mean((2, 3)))


def test_features_only(x):
    assert [maps.shape[1] for maps in Tiny(0, features_only=True)(x)] == [4, 5]


def test_a_network_says_what_its_maps_are(x):
    with pytest.raises(NotImplementedError):
        Classifier().feature_maps(x)
