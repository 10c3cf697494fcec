"""NLCL as a recipe: four networks that learn against and with one another, from pictures that are no pairs."""

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pellucid.data.batch import Batch
from pellucid.data.degraded_batches import generator_of
from pellucid.degradations.mixing import Mixture, apply_chains
from pellucid.degradations.noise import as_stored
from pellucid.errors import ConfigurationError, MethodError
from pellucid.methods.averaging import AveragedWeights
from pellucid.methods.network_recipe import started_network
from pellucid.methods.nlcl.config import NLCLConfig
from pellucid.methods.nlcl.encoders import DiscriminatorEncoder, Encoder, GeneratorEncoder, VGGEncoder
from pellucid.methods.nlcl.judge import Judge, warn_of_nothing
from pellucid.methods.nlcl.objective import (
    ContrastiveLosses,
    adversarial_loss,
    consistency_loss,
    discriminator_loss,
    found_rain,
    rained_on,
    restored_loss,
    shown_rain,
    sparsity_loss,
)
from pellucid.methods.nlcl.restorer import DerainingRestorer
from pellucid.methods.nlcl.stopping import StopRule
from pellucid.methods.restorer import restore_patches
from pellucid.networks.catalog import build_network
from pellucid.networks.patch_discriminator import PatchDiscriminator
from pellucid.networks.projection_heads import ProjectionHeads
from pellucid.networks.vgg16 import VGG16

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch.optim import Adam

PLACES_SEED = 2
"""Added to the seed of the data, so that places and crops are drawn apart."""


class NLCLRecipe:
    """Learns what is picture and what is rain.

    Each step first moves the discriminator, then all else by the sum of the five losses.

    Args:
        config: the run's settings.
        accelerator: device and precision; one process.
        steps: of the whole run, for the schedule.

    Raises:
        ConfigurationError: when several processes train, or a level is not a part of the background network.
        MethodError: when a network does not give the rain or the background.

    Source:
        NLCL (CVPR 2022), as released: an Adam for each network; the heads with the networks. Differs by preset, see
        `NLCLConfig`; a location head for each level from the start, where the release makes them in the first step.
    """

    def __init__(self, config: NLCLConfig, accelerator: "Accelerator", steps: int):
        if accelerator.num_processes > 1:
            raise ConfigurationError(
                f"Expected one process for nlcl, whose networks train in turn, got {accelerator.num_processes}: start "
                "it without accelerate launch."
            )
        self.config, self.accelerator, self.steps = config, accelerator, steps
        settings, device = config.objective, accelerator.device
        background, self.origin = started_network(config.background)
        rain, self.rain_origin = started_network(config.rain)
        self.background, self.rain = background.to(device), rain.to(device)
        _check_roles(self.background, self.rain)
        finder = self.rain if settings.transfer_found_by == "rain" else self.background
        self.finder = copy.deepcopy(finder).eval().requires_grad_(False) if settings.transfer else None
        self.replayed = Mixture(settings.replayed, (0.0, 1.0))
        self.discriminator = PatchDiscriminator(config.discriminator_width).to(device)
        self.location_own = self._own_encoder(settings.location_encoder)
        self.layer_own = self._own_encoder(settings.layer_encoder)
        self.location_encoder = self._encoder(settings.location_encoder, self.location_own)
        self.layer_encoder = self._encoder(settings.layer_encoder, self.layer_own)
        location_widths, layer_widths = (_widths(its, device) for its in (self.location_encoder, self.layer_encoder))
        self.location_heads = ProjectionHeads(location_widths, config.head_width).to(device)
        self.image_heads, self.rain_heads = (ProjectionHeads(layer_widths, config.head_width).to(device) for _ in "BR")
        self.contrast = ContrastiveLosses(
            config.sampling, settings, self.location_heads, self.image_heads, self.rain_heads
        )
        self.optimisers = self._optimisers()
        decay = config.optimisation.average_decay
        self.averages = {name: AveragedWeights(self.networks[name], decay) for name in ("background", "rain")}
        self.rule = StopRule(config.stopping.patience)
        self.kept = self.averages["background"].weights()
        self.judges = Judge(self.rule, self.discriminator if settings.adversarial else None)
        self.taken = 0

    @property
    def over(self) -> str | None:
        """Why it is over, by the rule; `None` while it is not."""
        return self.rule.over

    @property
    def networks(self) -> dict[str, nn.Module]:
        """All that have weights, by name."""
        found: dict[str, nn.Module | None] = {
            "background": self.background,
            "rain": self.rain,
            "discriminator": self.discriminator,
            "location heads": self.location_heads,
            "image heads": self.image_heads,
            "rain heads": self.rain_heads,
            "location encoder": self.location_own,
            "layer encoder": self.layer_own,
        }
        return {name: network for name, network in found.items() if network is not None}

    def _own_encoder(self, name: str) -> PatchDiscriminator | None:
        if name != "separate":
            return None
        return PatchDiscriminator(self.config.discriminator_width).to(self.accelerator.device)

    def _encoder(self, name: str, own: PatchDiscriminator | None) -> Encoder:
        settings = self.config.objective
        if name == "generator":
            return GeneratorEncoder(self.background, settings.location_levels)
        if name == "vgg":
            return VGGEncoder(VGG16().to(self.accelerator.device))
        return DiscriminatorEncoder(own or self.discriminator, last_level=settings.last_level)

    def _optimisers(self) -> dict[str, "Adam"]:
        """By what each moves; in the released preset two move what is another's, or nothing."""
        settings, found = self.config.optimisation, {}
        moved = {name: name for name in self.networks}
        if settings.released_faults:  # the image heads' optimiser holds the rain heads, the location heads' never steps
            moved["image heads"] = "rain heads"
            del moved["location heads"]
        for name, target in moved.items():
            rate = settings.background_rate if name == "background" else None
            parameters = self.networks[target].parameters()
            found[name] = torch.optim.Adam(parameters, lr=rate or settings.learning_rate, betas=settings.betas)
        return found

    def step(self, batch: Batch) -> dict[str, float]:
        """One step of all networks; see `Recipe.step`. The discriminator may have moved when a loss is not finite."""
        settings = self.config.optimisation
        share = linear_after(self.taken, steps=self.steps, constant_share=settings.constant_share)
        for name, optimiser in self.optimisers.items():
            own = settings.background_rate if name == "background" else None
            for group in optimiser.param_groups:
                group["lr"] = (own or settings.learning_rate) * share
        places = generator_of(self.config.data.seed + PLACES_SEED, batch.step, self.accelerator.process_index)
        with self.accelerator.autocast():
            made, before = self._made(batch.degraded)
        told = self._move_discriminator(made.detach(), batch.clean)
        with self.accelerator.autocast():
            terms = self._terms(batch, made, before, places)
        weights = self._weights()
        loss = torch.stack([weights[name] * value for name, value in terms.items()]).sum()
        _check_finite(loss)
        others = [optimiser for name, optimiser in self.optimisers.items() if name != "discriminator"]
        self._update(loss, others)
        for name, average in self.averages.items():
            average.update(self.networks[name])
        self.taken += 1
        values = {name: value.detach() for name, value in terms.items()}
        rate = settings.learning_rate * share
        return {"loss": loss.detach(), "discriminator": told, **values, "learning_rate": rate}  # pyright: ignore

    def _made(self, pictures: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The background, and the features on the way to it where the location loss asks for them."""
        if not isinstance(self.location_encoder, GeneratorEncoder):
            return self.background(pictures), []
        with self.location_encoder.tapped() as found:
            made = self.background(pictures)
        return made, found

    def _move_discriminator(self, made: Tensor, clean: Tensor) -> Tensor:
        if self.config.objective.adversarial == 0:
            return made.new_zeros(())
        self.discriminator.requires_grad_(True)
        with self.accelerator.autocast():
            loss = discriminator_loss(self.discriminator(made), self.discriminator(clean))
        _check_finite(loss)
        self._update(loss, [self.optimisers["discriminator"]])
        return loss.detach()

    def _update(self, loss: Tensor, optimisers: list["Adam"]) -> None:
        for network in self.networks.values():
            network.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        for optimiser in optimisers:
            optimiser.step()

    def _weights(self) -> dict[str, float]:
        its = self.config.objective
        return {
            "adversarial": its.adversarial,
            "location": its.location / 2,
            "identity": its.location / 2,
            "layer": its.layer,
            "consistency": its.consistency,
            "sparsity": its.sparsity,
            "transfer": its.transfer,
            "replay": its.replay,
        }

    def _terms(self, batch: Batch, made: Tensor, before: list[Tensor], places: torch.Generator) -> dict[str, Tensor]:
        """The losses that weigh anything, by name."""
        settings, observed = self.config.objective, batch.degraded
        self.discriminator.requires_grad_(False)
        terms: dict[str, Tensor] = {}
        if settings.adversarial:
            terms["adversarial"] = adversarial_loss(self.discriminator(made))
        if settings.location:
            again, kept = self._made(batch.clean)
            features = self.location_encoder.features
            old, new = before or features(observed), features(made)
            terms["location"] = self.contrast.location(observed, old, new, places)
            old, new = kept or features(batch.clean), features(again)
            terms["identity"] = self.contrast.location(batch.clean, old, new, places)
        rain_on_its_own = settings.sparsity and settings.sparsity_on == "rain"
        if settings.layer or settings.consistency or rain_on_its_own:
            rain = self.rain(observed)
            if settings.layer:
                terms["layer"] = self.contrast.layer(made, rain, self.layer_encoder, places)
            if settings.consistency:
                background = made if settings.consistency_moves == "both" else made.detach()
                terms["consistency"] = consistency_loss(observed, background, rain)
            if rain_on_its_own:
                terms["sparsity"] = sparsity_loss(rain)
        if settings.sparsity and settings.sparsity_on == "difference":
            terms["sparsity"] = sparsity_loss(observed - made)
        if settings.transfer:
            assert self.finder is not None
            rain = found_rain(self.finder, observed, places, is_told=settings.transfer_found_by == "told")
            least, most = settings.transfer_strength
            drawn = torch.rand(len(observed), 1, 1, 1, generator=places).to(observed.device)
            laid = rained_on(batch.clean, rain, least + (most - least) * drawn)
            terms["transfer"] = restored_loss(self.background(laid), batch.clean)
        if settings.replay:
            degraded = self._replayed(batch.clean, places)
            terms["replay"] = restored_loss(self.background(degraded), batch.clean)
        return terms

    def _replayed(self, clean: Tensor, draws: torch.Generator) -> Tensor:
        """Clean pictures degraded by what the network is not to forget, as files hold them."""
        chains = [self.replayed.draw(draws) for _ in range(len(clean))]
        seed = int(torch.randint(1 << 62, (), generator=draws))
        pixels = torch.Generator(clean.device).manual_seed(seed)
        return as_stored(apply_chains(clean, chains, pixels), clip=True, round_to_8_bits=True)

    def judge(self, batch: Batch) -> dict[str, float]:
        """What can be said of held-out pictures without knowing how they should look; see `Judge.judged`.

        With patience it is what the rule looks at, too, and the best networks are kept; at its first look also at
        those that training began with, whose `score` and `removed` are then told as `score at first` and so on.
        """
        at_first: dict[str, float] = {}
        if self.rule.patience and self.rule.best is None:
            before = self._restorer_of({**self._now(), "background": self.kept})
            found, _ = self.judges.look(0, before, batch)
            at_first = {f"{name} at first": found[name] for name in ("score", "removed")}
            if self.finder is not None:
                is_told = self.config.objective.transfer_found_by == "told"
                draws = torch.Generator().manual_seed(0)
                warn_of_nothing(found_rain(self.finder, batch.degraded, draws, is_told=is_told).abs().mean().item())
        found, is_best = self.judges.look(self.taken, self.restorer(), batch)
        if is_best:
            self.kept = self.averages["background"].weights()
        return found | at_first

    def pictures(self, batch: Batch) -> list[Tensor]:
        """What to look at: the rainy picture, its background, its rain; `(B, 3, H, W)` each."""
        restorer = self.restorer()
        made = restore_patches(restorer, batch.degraded)
        rain = torch.cat([restorer.restore(part).maps["rain"] for part in batch.degraded.split(1)])
        return [batch.degraded, made, shown_rain(rain)]

    def restorer(self) -> DerainingRestorer:
        """With the weights of now, averaged; training may go on."""
        return self._restorer_of(self._now())

    def _now(self) -> dict[str, dict[str, Tensor]]:
        return {name: average.weights() for name, average in self.averages.items()}

    def _restorer_of(self, weights: dict[str, dict[str, Tensor]]) -> DerainingRestorer:
        networks = []
        for name, settings in (("background", self.config.background), ("rain", self.config.rain)):
            network = build_network(settings.name, settings.arguments)
            network.load_state_dict(weights[name])
            networks.append(network)
        return DerainingRestorer(*networks, device=self.accelerator.device)

    def state_dict(self) -> dict[str, Any]:
        """All that exact resume needs."""
        return {
            "networks": {name: network.state_dict() for name, network in self.networks.items()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "averages": {name: average.state_dict() for name, average in self.averages.items()},
            "kept": self.kept,
            "finder": None if self.finder is None else self.finder.state_dict(),
            "rule": self.rule.state_dict(),
            "taken": self.taken,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        for part, its in (
            ("networks", self.networks),
            ("optimisers", self.optimisers),
            ("averages", self.averages),
        ):
            for name, one in its.items():
                one.load_state_dict(state[part][name])
        if self.finder is not None:  # what it began with may be another file by now
            self.finder.load_state_dict(state["finder"])
        self.rule.load_state_dict(state["rule"])
        self.kept = state["kept"]
        self.taken = state["taken"]

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Both networks' averaged weights, how to build them, and what was trained before, where training went on.

        With patience the background's are the best that were seen, and `best_step` tells when; the rain's are always
        those of now, since an early rain network knows nothing of any background.
        """
        weights = self._now() | ({"background": self.kept} if self.rule.patience else {})
        tensors = {f"{part}.{name}": value for part, its in weights.items() for name, value in its.items()}
        parts = {"background": self.config.background, "rain": self.config.rain}
        told = {name: {"name": its.name, "arguments": its.arguments} for name, its in parts.items()}
        origins = {"started_from": self.origin, "rain_started_from": self.rain_origin}
        before = {name: its for name, its in origins.items() if its is not None}
        best = {"best_step": self.rule.best_step} if self.rule.patience else {}
        return tensors, {"method": "nlcl", **told, **best, **before}


def linear_after(step: int, *, steps: int, constant_share: float) -> float:
    """The share of the full rate at `step`: 1, and after a share of the run linearly down to 0 behind its last step.

    Example:
        >>> [linear_after(step, steps=4, constant_share=0.5) for step in range(4)]
        [1.0, 1.0, 1.0, 0.5]
    """
    behind = steps * (1 - constant_share)
    return 1.0 if behind == 0 else min(1.0, (steps - step) / behind)


def _widths(encoder: Encoder, device: torch.device) -> list[int]:
    """Channels of an encoder's levels."""
    with torch.no_grad():
        return [its.shape[1] for its in encoder.features(torch.zeros(1, 3, 64, 64, device=device))]


def _check_roles(background: nn.Module, rain: nn.Module) -> None:
    """That the one network gives pictures and the other rain.

    Raises:
        MethodError: when it does not.
    """
    if getattr(background, "gives_rain", False) or not getattr(rain, "gives_rain", False):
        raise MethodError(
            "Expected a network of backgrounds and one of rain (deraining-generator with gives: rain), got others: "
            "correct background or rain."
        )


def _check_finite(loss: Tensor) -> None:
    if not bool(loss.isfinite()):
        raise FloatingPointError(f"loss {loss.item()}")
