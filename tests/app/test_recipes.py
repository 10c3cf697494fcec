"""Every recipe that ships is a recipe, and is told apart from one that is not."""

import re
from pathlib import Path

import pytest

import pellucid
from pellucid.app.recipe_file import read_run
from pellucid.data.config import OwnBatches
from pellucid.errors import ConfigurationError
from pellucid.evaluation.benchmark_sets import benchmark_set
from pellucid.evaluation.protocols import CARD
from pellucid.methods.catalog import METHODS
from pellucid.networks.catalog import NETWORKS
from pellucid.networks.fusion_network import FUSION_NETWORKS, build_fusion_network
from pellucid.networks.joint_encoders import ENCODERS

FOLDER = Path(pellucid.__file__).parents[2] / "recipes"
RECIPES = sorted(FOLDER.rglob("*.yaml"))

pytestmark = pytest.mark.skipif(not RECIPES, reason="recipes are in the repository, not in the installed package")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_it_loads_and_resolves_to_itself(path: Path, tmp_path: Path) -> None:
    import yaml

    run = read_run(path)
    assert run.method in METHODS
    assert isinstance(run.config, METHODS[run.method].config)
    network = getattr(run.config, "background", None) or getattr(run.config, "network", None)
    assert run.method == "quality-prompts" or network.name in {**NETWORKS, **FUSION_NETWORKS}
    (tmp_path / "resolved.yaml").write_text(yaml.safe_dump(run.as_resolved()))
    assert read_run(tmp_path / "resolved.yaml") == run


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_its_network_can_be_built_and_its_mixture_drawn(path: Path) -> None:
    from pellucid.degradations.mixing import Mixture
    from pellucid.networks.catalog import build_network

    run = read_run(path)
    if run.method == "nlcl":
        for network in (run.config.background, run.config.rain):
            assert build_network(network.name, network.arguments).size_multiple
        return
    if isinstance(run.config.data, OwnBatches):
        assert build_fusion_network(run.config.network.name, run.config.network.arguments).sees
        return
    Mixture(run.config.data.mixture, run.config.data.severity)
    if run.method == "quality-prompts":
        assert run.config.encoder.name in ENCODERS
        return
    arguments = run.config.network.arguments
    if arguments.get("semantics", {}).get("name") == "dinov2":  # not at hand where tests run; as wide as it is
        arguments = {**arguments, "semantics": {"name": "none", "widths": [768] * 4}}
    assert sum(value.numel() for value in build_network(run.config.network.name, arguments).parameters())


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_it_refuses_the_pictures_that_the_card_is_measured_on(path: Path) -> None:
    measured = {benchmark_set(name).stored_as for _, name in CARD}
    run = read_run(path)
    measured = {"Rain100L", "Rain100H"} if run.method == "nlcl" else measured  # from rainy pictures for rainy ones
    refused = getattr(run.config.data, "refuse_leaks_into", None)
    assert refused is None or measured <= set(refused)


@pytest.mark.parametrize(
    "path",
    [path for path in RECIPES if path.stem.endswith(("-sf", "-ps"))],
    ids=lambda path: path.parent.name + path.stem,
)
def test_strategies_are_compared_on_what_is_the_same_but_for_them(path: Path) -> None:
    task, _, end = path.stem.rpartition("-")
    plain, other = (read_run(path.with_stem(f"{task}-{one}")).as_resolved() for one in ("plain", end))
    assert (plain.pop("strategy")["name"], other.pop("strategy")["name"]) == ("empirical-risk", f"dil-{end}")
    assert plain == other
    patches, domains = plain["data"]["batch_size"], [*plain["data"]["mixture"], *plain["data"]["pairs"]]
    assert plain["data"]["balanced"] and patches % len(domains) == 0


@pytest.mark.parametrize("end", ["sf", "sf-gentle", "pf", "ss", "ps", "bias-free"])
def test_the_arms_of_the_study_differ_by_one_thing(end: str) -> None:
    plain, other = (read_run(FOLDER / "dil" / f"noise-{one}.yaml").as_resolved() for one in ("plain", end))
    strategies = plain.pop("strategy"), other.pop("strategy")
    if end == "bias-free":
        assert strategies[0] == strategies[1] and other["network"]["arguments"].pop("bias") is False
    else:
        assert strategies[1]["name"] == f"dil-{end.removesuffix('-gentle')}"
    assert plain == other


def test_small_batches_take_as_many_patches_in_more_steps() -> None:
    plain, small = (read_run(FOLDER / "dil" / f"noise-{one}.yaml") for one in ("plain", "plain-small"))
    assert plain.config.data.batch_size * plain.training.steps == small.config.data.batch_size * small.training.steps
    domains = len(plain.config.data.mixture)
    assert small.config.data.batch_size == plain.config.data.batch_size // domains, "as many as an inner step of dil-sf"
    same = {"batch_size": plain.config.data.batch_size}
    assert plain.config == small.config.model_copy(update={"data": small.config.data.model_copy(update=same)})


def test_the_order_of_domains_is_another_one_for_every_seed() -> None:
    recipe = FOLDER / "dil" / "noise-sf.yaml"
    assert read_run(recipe, ["--data.seed", "3"]).strategy_settings.order_seed == 3
    asked = ["--data.seed", "3", "--strategy.order_seed", "5"]
    assert read_run(recipe, asked).strategy_settings.order_seed == 5


def test_the_least_recipe_of_the_documents_is_enough(tmp_path: Path) -> None:
    text = (FOLDER.parent / "docs" / "training.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "mine.yaml").write_text(block)
    assert read_run(tmp_path / "mine.yaml").config.data.mixture == {"gaussian-noise": 1, "jpeg": 1}


def test_a_bare_no_is_a_word_here() -> None:
    """YAML takes it for false."""
    assert read_run(RECIPES[0], ["--training.precision", "no"]).training.precision == "no"


@pytest.mark.parametrize("override", ["--data.mixtrue", "--network.nmae", "--training.setps", "--nothing"])
def test_a_setting_that_is_not_known_is_refused(override: str) -> None:
    with pytest.raises(ConfigurationError, match=override.removeprefix("--").split(".")[-1]):
        read_run(RECIPES[0], [override, "3"])


@pytest.mark.parametrize("study", ["study", "study-stack"])
def test_the_arms_of_perceive_ir_differ_by_network_and_losses_alone(study: str) -> None:
    arms = [read_run(path).as_resolved() for path in sorted((FOLDER / "perceive-ir" / study).glob("*.yaml"))]
    for arm in arms:
        arm["network"].pop("arguments")
        arm.pop("objective")
    assert len(arms) >= 8 and all(arm == arms[0] for arm in arms)
