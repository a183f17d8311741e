import pytest
import torch
from training_fixtures import tiny_config

from trainer.finetuning.people import known_people, with_people
from trainer.models.rednet import RedNet


def net(**network):
    return RedNet(tiny_config(**network).network)


def test_known_people_keep_their_rows_and_new_ones_get_some():
    model = net(n_identities=2)
    grown = with_people(model, ["Ada", "Bo"], ["Ada", "Bo", "Cy"], 0)
    assert grown.config.n_identities == 3
    for name in ("weight", "bias"):
        old, new = (getattr(m.identity.linear, name) for m in (model, grown))
        assert torch.equal(old, new[:2])
    assert grown.identity.linear.weight[2].abs().sum() > 0
    assert model.config.n_identities == 2


def test_what_f_cls_is_standardised_by_is_kept():
    model = net(n_identities=2, identity_standardised=True)
    model.identity.standardise.running_mean += 3
    grown = with_people(model, ["ada", "bo"], ["ada", "bo", "cy"], seed=1)
    assert torch.equal(
        grown.identity.standardise.running_mean, model.identity.standardise.running_mean
    )


def test_a_network_without_people_gets_its_first():
    grown = with_people(net(), [], ["Ada", "Bo"], 0)
    assert grown.identity.linear.weight.shape[0] == 2


def test_people_in_another_order_are_refused():
    with pytest.raises(ValueError, match="keep their places"):
        with_people(net(n_identities=2), ["Ada", "Bo"], ["Bo", "Ada"], 0)


def test_outputs_without_a_name_are_counted():
    assert known_people(net(n_identities=3), {"people": ["Ada"]}) == ["Ada", "output 1", "output 2"]
    assert known_people(net(), {}) == []
