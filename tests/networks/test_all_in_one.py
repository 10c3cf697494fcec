"""Several networks and one choice for the whole picture: who restores what, in tiles as in one piece."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.errors import MethodError, WeightsError
from pellucid.images.overview import detail_boxes, spread, views
from pellucid.methods.load import load
from pellucid.methods.restorer import NetworkRestorer
from pellucid.networks.catalog import build_network
from pellucid.weights.files import save_weights

# The specialists see further than the generalist, and need larger multiples.
GENERALIST: dict[str, Any] = {"widths": [4], "blocks": [1], "bias": True}
STACK: dict[str, Any] = {
    "name": "residual-stack",
    "arguments": {"width": 4, "blocks": 2, "coarse_width": 4, "coarse_blocks": 1},
}


def guided(code_width: int) -> dict[str, Any]:
    semantics = {"name": "none", "widths": [3, 3]}
    return {
        "name": "residual-stack",
        "arguments": {"width": 4, "blocks": 2, "guidance": {"code_width": code_width, "semantics": semantics}},
    }


GUIDED = {"generalist": guided(5), "specialists": {"noise": STACK, "rain": guided(8)}}
DOMAINS = ["clean", "gaussian-noise", "sensor-noise", "rain"]
ARGUMENTS: dict[str, Any] = {
    "tone": {"width": 8},
    "generalist": {"name": "residual-unet", "arguments": GENERALIST},
    "specialists": {"noise": STACK, "rain": STACK},
    "chooser": {"domains": DOMAINS, "width": 4},
    "serves": {"gaussian-noise": "noise", "sensor-noise": "noise", "rain": "rain"},
}


def picture(height: int = 40, width: int = 48) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))


def lively(**arguments: Any) -> Any:
    torch.manual_seed(0)
    network = build_network("all-in-one", {**ARGUMENTS, **arguments})
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.12 * torch.randn_like(parameter))
    return network.eval()


def says(network: Any, logits: list[float]) -> None:
    """Let the chooser see these logits in every patch."""
    last = network.chooser.logits[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor(logits))


@pytest.mark.parametrize(
    ("logits", "who"),
    [
        ([9, 0, 0, 0], None),
        ([0, 9, 0, 0], "noise"),
        ([0, 0, 0, 9], "rain"),
        ([1.5, 1.4, 1.4, 0], "noise"),  # two kinds of noise together outweigh the likeliest single domain
        ([0, 0, 0, 0.9], None),  # rain is likeliest, and not likely
    ],
)
def test_the_choice_is_by_what_is_served_together(logits: list[float], who: str | None) -> None:
    network = lively()
    says(network, logits)
    context = network.context(views(picture()))
    assert network.taken_for(context) == (who or "nothing in particular")
    if who is None:
        assert context is None
        assert torch.equal(network(picture()), network.generalist(picture()))
        return
    assert context.shape == (1, 1, 1, 1)
    restored = network(picture(), spread(context, (40, 48)))
    assert torch.equal(restored, network.specialists[who](picture()))
    assert not torch.equal(restored, network.generalist(picture()))


def test_a_specialist_may_need_more_certainty() -> None:
    network = lively()
    says(network, [0, 0, 0, 2.0])
    assert 0.6 < torch.tensor([0, 0, 0, 2.0]).softmax(0)[3] < 0.8
    assert network.taken_for(network.context(views(picture()))) == "rain"
    network = cast("Any", build_network("all-in-one", {**ARGUMENTS, "least_probability": {"rain": 0.8}}))
    says(network, [0, 0, 0, 2.0])
    assert network.context(views(picture())) is None


@pytest.mark.parametrize(("level", "limit", "is_lifted"), [(0.15, 0.16, True), (0.15, 0.14, False)])
def test_a_picture_is_dark_by_the_mean_of_its_largest_colours(level: float, limit: float, is_lifted: bool) -> None:
    network = lively(dark_below=limit)
    says(network, [9, 0, 0, 0])
    image = level * torch.tensor([0.2, 1.0, 0.5]).view(1, 3, 1, 1).expand(-1, -1, 40, 48)  # green is the largest
    context = network.context(views(image))
    assert network.taken_for(context) == ("low light" if is_lifted else "nothing in particular")
    if is_lifted:
        assert torch.equal(context[:, 2:], network.tone.context(views(image)))


@pytest.mark.parametrize("details", [1, 2])
def test_two_details_that_see_haze_are_enough_and_one_is_not(details: int) -> None:
    network = lively(hazy_above=0.8, chooser={"domains": [*DOMAINS, "haze", "haze+jpeg"], "width": 4})
    image = 0.5 + 0.4 * picture(40, 400)
    for logits, is_hazy in (((4.0, 0.0), True), ((3.0, 3.0), True), ((2.0, 0.0), False)):  # 0.92, 0.91, 0.62 together
        said = torch.zeros(1, 4, 6)
        said[0, 4 - details :, 4:] = torch.tensor(logits)
        network.look = lambda details, said=said: said
        context = network.context(views(image))
        assert (context is not None) == (is_hazy and details == 2)
        if context is not None:
            assert network.taken_for(context) == "haze"
            at_pixels = spread(context, (40, 400))
            without = network.dark_channel(image, spread(network.dark_channel.context(views(image)), (40, 400)))
            assert torch.equal(network(image, at_pixels), network.generalist(without))


def test_a_batch_may_hold_dark_and_hazy_and_other_pictures() -> None:
    network = lively(dark_below=0.2, hazy_above=0.8, chooser={"domains": [*DOMAINS, "haze"], "width": 4})
    said = torch.zeros(3, 1, 5)
    said[:2, 0, 4] = 9.0  # the dark one looks hazy, too: it is not looked at for haze
    images = torch.cat([0.1 * picture(), 0.5 + 0.4 * picture(), picture()])
    for rows in ([0, 1, 2], [2, 0], [1]):
        network.look = lambda details, rows=rows: said[rows]
        context = spread(network.context(views(images[rows])), (40, 48))
        assert [network.taken_for(one) for one in context.split(1)] == [
            ["low light", "haze", "nothing in particular"][row] for row in rows
        ]
        together = network(images[rows], context)
        for place, row in enumerate(rows):
            network.look = lambda details, row=row: said[row : row + 1]
            alone = network.context(views(images[row : row + 1]))
            alone = None if alone is None else spread(alone, (40, 48))
            torch.testing.assert_close(together[place], network(images[row : row + 1], alone)[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("degradations", "taken_for"),
    [
        (["rain"], "rain"),  # and not lifted: it is not said to be dark
        (["rain", "noise"], "nothing in particular"),  # the generalist, for both
        (["low-light"], "low light, then noise"),  # who restores is seen
        (["haze"], "haze, then noise"),
        (["haze", "rain"], "haze, then rain"),
        (["low-light", "rain", "noise", "noise"], "low light"),
    ],
)
def test_what_is_told_needs_not_be_seen(degradations: list[str], taken_for: str) -> None:
    network, image = lively_and_guided(dark_below=1.0), 0.4 + 0.4 * picture()
    says(network, [0, 9, 0, 0])
    shown = views(image)
    assert network.taken_for(network.context(shown)) == "low light, then noise"
    context = network.context(shown, network.told(degradations))
    assert network.taken_for(context) == taken_for
    given = spread(context, (40, 48)) if isinstance(context, tuple) else (spread(context, (40, 48)),)
    undone = image if "," not in taken_for and taken_for != "low light" else network.undo(image, given[0][:, 1:])
    if taken_for.startswith("haze"):
        dark_channel = network.dark_channel
        assert torch.equal(undone, dark_channel(image, spread(dark_channel.context(shown), (40, 48))))
    elif taken_for.startswith("low light"):
        assert torch.equal(undone, network.tone(image, spread(network.tone.context(shown), (40, 48))))
    part = network.specialists["rain" if "rain" in taken_for else "noise"]
    part = network.generalist if "noise" in degradations else part
    guide = (part.context(views(undone.clamp(0, 1))),) if part.needs_context else ()
    torch.testing.assert_close(network(image, *given), part(undone, *guide), atol=1e-5, rtol=0)


def test_what_cannot_be_undone_cannot_be_told() -> None:
    identity = {"clean": {"name": "identity", "arguments": {}}}
    network = lively(
        specialists={**ARGUMENTS["specialists"], **identity}, serves={**ARGUMENTS["serves"], "clean": "clean"}
    )
    assert network.degradations == ("low-light", "haze", "noise", "rain")
    for names, words in (
        (["snow"], "got snow"),
        ([], "got none"),
        (["clean"], "got clean"),
        (["haze", "low-light"], "got both"),
    ):
        with pytest.raises(MethodError, match=words):
            network.told(names)
    linear = replace(views(picture()), is_as_shown=False)
    with pytest.raises(MethodError, match="light-linear"):
        network.context(linear, network.told(["haze"]))
    assert network.taken_for(network.context(linear, network.told(["rain"]))) == "rain"


def test_a_picture_that_needs_nothing_is_left_as_it_is() -> None:
    arguments = {
        **ARGUMENTS,
        "specialists": {"noise": STACK, "rain": STACK, "clean": {"name": "identity", "arguments": {}}},
        "serves": {**ARGUMENTS["serves"], "clean": "clean"},
    }
    network = cast("Any", build_network("all-in-one", arguments))
    says(network, [9, 0, 0, 0])
    context = network.context(views(picture()))
    assert network.taken_for(context) == "clean"
    assert torch.equal(NetworkRestorer(network).restore(picture(), spread(context, (40, 48))).image, picture())


def test_what_cases_are_thought_probable_comes_with_the_context() -> None:
    network = lively(dark_below=0.4)
    pictures = torch.cat([picture(160, 300), 0.2 * picture(160, 300)])
    context, cases = network.observe(views(pictures))
    assert torch.equal(context, network.context(views(pictures)))
    details = torch.stack([pictures[..., box.top : box.bottom, box.left : box.right] for box in detail_boxes(160, 300)])
    expected = torch.stack([network.chooser(detail) for detail in details]).mean(dim=0).softmax(dim=1)
    assert torch.allclose(cases, expected, atol=1e-6)
    seen, told = NetworkRestorer(network).observe(views(pictures))
    assert isinstance(seen, Tensor)
    assert torch.allclose(seen, context)
    assert torch.allclose(told, expected, atol=1e-6)
    alone = NetworkRestorer(build_network("residual-stack", STACK["arguments"]))
    assert alone.observe(views(pictures))[0] is None
    assert alone.observe(views(pictures))[1].shape == (2, 0)


def test_parts_that_do_not_belong_together_are_refused() -> None:
    for serves in ({**ARGUMENTS["serves"], "haze": "rain"}, {"rain": "rain"}, {**ARGUMENTS["serves"], "rain": "snow"}):
        with pytest.raises(MethodError, match="Expected every specialist to serve domains"):
            build_network("all-in-one", {**ARGUMENTS, "serves": serves})


def test_without_specialists_the_generalist_restores_all() -> None:
    network = build_network("all-in-one", {**ARGUMENTS, "specialists": {}, "serves": {}})
    network = cast("Any", network)
    assert network.context(views(picture())) is None
    assert network(picture()).shape == picture().shape


def test_each_picture_of_a_batch_has_its_own() -> None:
    network = lively()
    images = torch.cat([picture(), 0.5 * picture(), 0.2 * picture()])
    context = torch.tensor([2.0, 0.0, 1.0]).view(3, 1, 1, 1)
    restored = network(images, spread(context, (40, 48)))
    parts = [network.specialists["rain"], network.generalist, network.specialists["noise"]]
    for row, part in enumerate(parts):
        assert torch.allclose(restored[row : row + 1], part(images[row : row + 1]), atol=1e-6)


def lifting(network: Any) -> None:
    """Curves of a constant alone, 0.3 brighter."""
    network.dark_below = 1.0
    with torch.no_grad():
        network.tone.coefficients.weight.zero_()
        network.tone.coefficients.bias.zero_()
        network.tone.coefficients.bias[:3] = 0.3


@pytest.mark.parametrize(("logits", "who"), [([9, 0, 0, 0], "generalist"), ([0, 9, 0, 0], "noise")])
def test_a_changed_tone_is_looked_at_again(logits: list[float], who: str) -> None:
    network, image = lively(), 0.5 * picture()
    lifting(network)
    seen: list[Tensor] = []
    look = network.look
    network.look = lambda details: seen.append(details) or look(details)
    says(network, logits)
    coarse = network.context(views(image))
    assert network.taken_for(coarse) == "low light" + (", then noise" if who == "noise" else "")
    assert torch.equal(seen[0], views(image).details)
    assert torch.allclose(seen[1], views(image + 0.3).details, atol=1e-6), "with its new tone, at its place"
    context = spread(coarse, (40, 48))
    toned = network.undo(image, context[:, 1:])
    assert torch.allclose(toned, image + 0.3, atol=1e-6)
    part = network.generalist if who == "generalist" else network.specialists[who]
    assert torch.equal(network(image, context), part(toned))


def test_tiles_overlap_by_what_is_needed_for_the_picture() -> None:
    network = lively()
    parts = [network.generalist, network.specialists["noise"], network.specialists["rain"]]
    for number, part in enumerate(parts):
        assert network.reach(torch.tensor(float(number)).view(1, 1, 1, 1)) == part.receptive_radius
    assert parts[0].receptive_radius != parts[1].receptive_radius
    assert network.reach(None) == parts[0].receptive_radius
    assert network.reach(torch.tensor([0.0, 1.0]).view(2, 1, 1, 1)) == network.receptive_radius


def lively_and_guided(**arguments: Any) -> Any:
    """Its generalist and who takes rain are guided."""
    network = lively(**GUIDED, **arguments)
    with torch.no_grad():
        for part in (network.generalist, network.specialists["rain"]):
            for modulation in part.guidance.modulations:
                modulation.second.weight.copy_(torch.randn_like(modulation.second.weight))
            part.guidance.semantics = Colours()
    return network


class Colours(nn.Module):
    """The mean colour of an overview, twice."""

    widths = (3, 3)

    def forward(self, overview: Tensor) -> list[Tensor]:
        return [overview.float().mean(dim=(2, 3))] * 2


@pytest.mark.parametrize("is_dark", [False, True])
def test_who_is_guided_gets_what_guides_it(is_dark: bool) -> None:
    network = lively_and_guided(dark_below=1.0 if is_dark else 0.0)
    assert network.needs_context
    first, second = picture(), 0.5 * picture(20, 48).repeat(1, 1, 2, 1)
    for logits, part in (([9, 0, 0, 0], network.generalist), ([0, 0, 0, 9], network.specialists["rain"])):
        says(network, logits)
        for image in (first, second):
            given = spread(network.context(views(image)), (40, 48))
            undone = image if not is_dark else network.undo(image, given[0][:, 1:]).clamp(0, 1)
            own = part.context(views(undone))
            torch.testing.assert_close(given[1][:, : own.shape[1], :1, :1], own)
            assert own.shape[1] == 6 + (5 if part is network.generalist else 8)
            expected = part(network.undo(image, given[0][:, 1:]) if is_dark else image, own)
            torch.testing.assert_close(network(image, *given), expected)
            other = part.context(views(second if image is first else first))
            assert not torch.allclose(network(image, given[0], other), expected, atol=1e-4), "it must matter"


def test_guided_and_other_parts_share_a_batch() -> None:
    network = lively_and_guided()
    said = torch.tensor([[9.0, 0, 0, 0], [0, 9, 0, 0], [0, 0, 0, 9]])[:, None]
    images = torch.cat([picture(), 0.5 * picture(), picture().flip(2)])
    network.look = lambda details: said
    together = network(images, *spread(network.context(views(images)), (40, 48)))
    for row in range(3):
        network.look = lambda details, row=row: said[row : row + 1]
        image = images[row : row + 1]
        context = network.context(views(image))
        assert isinstance(context, tuple) == (row != 1)
        given = spread(context, (40, 48)) if isinstance(context, tuple) else (spread(context, (40, 48)),)
        torch.testing.assert_close(together[row], network(image, *given)[0], atol=1e-5, rtol=0)


def test_of_linear_light_nothing_is_concluded_but_what_guides_the_generalist() -> None:
    network = lively_and_guided(dark_below=1.0)
    says(network, [0, 0, 0, 9])
    shown = views(picture())
    context = network.context(replace(shown, is_as_shown=False))
    assert network.taken_for(context) == "nothing in particular" and not network.is_sure(context)
    torch.testing.assert_close(context[1], network.generalist.context(shown))
    assert network.taken_for(network.context(shown)) == "low light, then rain"
    assert lively(dark_below=1.0).context(replace(shown, is_as_shown=False)) is None


def test_what_guides_a_part_keeps_its_precision() -> None:
    network = lively_and_guided()
    says(network, [9, 0, 0, 0])
    exact = network.generalist.context(views(picture())).detach()
    restorer = NetworkRestorer(network)
    assert network.generalist.head.weight.dtype == torch.bfloat16
    assert network.generalist.guidance.code.last.weight.dtype == torch.float32
    context = restorer.context(views(picture()))
    assert isinstance(context, tuple) and restorer.needs_context
    torch.testing.assert_close(context[1], exact, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "light", [{}, {"dark_below": 1.0}, {"hazy_above": 0.0, "chooser": {"domains": [*DOMAINS, "haze"], "width": 4}}]
)
@pytest.mark.parametrize("is_guided", [False, True])
def test_tiled_equals_whole(tmp_path: Path, light: dict[str, Any], is_guided: bool) -> None:
    network = lively_and_guided(**light) if is_guided else lively(**light)
    says(network, [0, 0, 0, 9] + [0] * (len(network.chooser.domains) - 4))
    arguments = {**ARGUMENTS, **light}
    if is_guided:
        arguments |= GUIDED
    description = {"method": "supervised", "network": {"name": "all-in-one", "arguments": arguments}}
    save_weights(tmp_path / "weights.safetensors", network.state_dict(), description, torch.float32)
    model = load(tmp_path / "weights.safetensors", "cpu")
    assert isinstance(model.restorer, NetworkRestorer)
    model.restorer.network.float()  # bf16 kernels differ in the last bit by shape
    image = 0.2 + 0.1 * picture(118, 203)
    whole = model.restore(image, tile=208).image
    assert torch.allclose(model.restore(image, tile=96).image, whole, atol=1e-5)
    plain = network.generalist(F.pad(image, (0, 1, 0, 2), mode="reflect")).clamp(0, 1)[..., :118, :203]
    assert (whole - plain).abs().max() > 0.01


def test_what_decides_keeps_its_precision_when_the_network_is_bf16() -> None:
    network = lively(dark_below=1.0)
    exact = network.context(views(picture())).detach()
    restorer = NetworkRestorer(network)
    assert network.generalist.head.weight.dtype == torch.bfloat16
    context = restorer.context(views(picture()))
    assert context is not None
    torch.testing.assert_close(context, exact, atol=1e-6, rtol=0)  # bf16 would be off by 1e-4


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (100, 128), (129, 511), (512, 2000), (3000, 4001)])
def test_details_lie_in_the_picture_from_edge_to_edge(size: tuple[int, int]) -> None:
    boxes = detail_boxes(*size)
    assert min(box.top for box in boxes) == min(box.left for box in boxes) == 0
    # The last ones end where the picture does, but for what the grid of JPEG's blocks takes away.
    assert max(box.bottom for box in boxes) > size[0] - 16 and max(box.right for box in boxes) > size[1] - 16
    assert all(box.top % 16 == box.left % 16 == 0 for box in boxes)
    assert all(box.bottom <= size[0] and box.right <= size[1] for box in boxes)
    assert len({(box.height, box.width) for box in boxes}) == 1 and len(set(boxes)) == len(boxes) <= 16


@pytest.mark.parametrize(("settings", "is_sure"), [({}, False), ({"dark_below": 1.0}, True)])
def test_only_a_dark_or_hazy_picture_is_beyond_doubt(settings: dict[str, Any], is_sure: bool) -> None:
    network = lively(**settings)
    assert not network.is_sure(None)
    assert network.is_sure(network.context(views(torch.rand(1, 3, 160, 160)))) == is_sure


def test_training_may_start_from_one_part_of_a_joined_file(tmp_path: Path) -> None:
    from accelerate import Accelerator

    from pellucid.methods.supervised.config import SupervisedConfig
    from pellucid.methods.supervised.empirical_risk import EmpiricalRisk
    from pellucid.methods.supervised.recipe import supervised_recipe

    joined = lively()
    origin = {"recipe": {"data": {"mixture": {"rain": 1.0}}}, "step": 7}
    told = {"method": "supervised", "parts": {"specialists.rain": origin}}
    save_weights(tmp_path / "joined.safetensors", joined.state_dict(), told, torch.float32)
    start = {"start_from": str(tmp_path / "joined.safetensors"), "start_from_part": "specialists.rain"}
    data = {"sources": [{"path": "."}], "mixture": {"clean": 1}}
    config = SupervisedConfig.model_validate({"network": {**STACK, **start}, "data": data})
    recipe = supervised_recipe(config, EmpiricalRisk, Accelerator(cpu=True), steps=1)
    for name, value in joined.specialists["rain"].state_dict().items():
        assert torch.equal(recipe.plain_network.state_dict()[name], value)
    began = recipe.weights()[1]["started_from"]
    assert (began["file"], began["part"], began["trained"]) == ("joined.safetensors", "specialists.rain", [origin])
    wrong = config.model_copy(update={"network": config.network.model_copy(update={"start_from_part": "local"})})
    with pytest.raises(WeightsError, match=r"chooser, generalist, specialists, tone\), got 'local'"):
        supervised_recipe(wrong, EmpiricalRisk, Accelerator(cpu=True), steps=1)


def test_training_may_put_a_part_of_a_part_into_a_part(tmp_path: Path) -> None:
    from accelerate import Accelerator

    from pellucid.methods.supervised.config import SupervisedConfig
    from pellucid.methods.supervised.empirical_risk import EmpiricalRisk
    from pellucid.methods.supervised.recipe import supervised_recipe

    joined = lively()
    origin = {"recipe": {"data": {"mixture": {"rain": 1.0}}}, "step": 7}
    told = {"method": "supervised", "parts": {"chooser": origin}}
    save_weights(tmp_path / "joined.safetensors", joined.state_dict(), told, torch.float32)
    start = {"start_from": str(tmp_path / "joined.safetensors"), "start_from_part": "chooser.features"}
    network = {"name": "degradation-perceiver", "arguments": {"width": 4}, **start, "start_into": "features"}
    data = {"sources": [{"path": "."}], "mixture": {"clean": 1}}
    settings = {"network": network, "data": data, "optimisation": {"loss": "perception"}}
    config = SupervisedConfig.model_validate(settings)
    recipe = supervised_recipe(config, EmpiricalRisk, Accelerator(cpu=True), steps=1)
    for name, value in joined.chooser.features.state_dict().items():
        assert torch.equal(recipe.plain_network.state_dict()[f"features.{name}"], value)
    assert recipe.weights()[1]["started_from"]["trained"] == [origin]
