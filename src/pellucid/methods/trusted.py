"""A restorer whose every result comes with maps of trust."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from pellucid.degradations.jpeg_reading import jpeg_quality_read
from pellucid.degradations.severity import severity_of_quality
from pellucid.errors import MethodError
from pellucid.images.overview import Context, Views, maps_of, views
from pellucid.images.padding import crop_to, pad_to_multiple
from pellucid.methods.base import Restoration, Restorer
from pellucid.methods.perceiver import Perceiver, load_perceiver
from pellucid.methods.restorer import fastest_dtype, set_precision
from pellucid.networks.error_scales import ErrorScales
from pellucid.trust.error_bound import ErrorBound
from pellucid.trust.posterior_weight import posterior_prior_weight
from pellucid.weights.bundled import bundled_file
from pellucid.weights.files import load_into, load_weights, sha256

KEPT = "kept"
"""The group of pictures that doing no harm leaves as they are, among what pictures are taken for."""

SEEN = ("noise", "blur", "jpeg", "rain")
"""Kinds of degradation whose presence and severity a bound may follow."""

_FOUND = ("presence", "severity")

SEVERITIES = (0.0, 1 / 3, 2 / 3, 1.0)
"""Between them what a bound owes to a severity is linear."""

READ_KNOTS = (0.0, 0.5, 0.8)
"""Severities after which what a bound owes to the quality read from the pixels changes its slope."""


class TrustedRestorer:
    """A `Restorer` that adds the maps `prior`, `effect` and `error` to what another one gives, each `(B, 1, H, W)`.

        prior    phi = 1 - (b_restored / b_degraded)^2, in [0, 1]: the share of the expected squared error that was
                 removed, by the quantiles of error that the network foretells, which stand for deviations: nine of ten
                 values are within 1.645 of a normal distribution and 1.628 of a Laplace distribution. For Gaussian
                 noise phi is the weight of the prior:
                 restored = (1 - phi) degraded + phi (what the rest of the picture makes of the pixel)
        effect   mean over colours of |restored - degraded|: how far the result is from the data
        error    the bound within which |restored - clean| is expected for `bound.level` of a picture's values; of one
                 that was taken for neither dark nor hazy it takes the light for right

    Args:
        restorer: whose results are judged.
        network: that foretells how wrong they are.
        bound: calibrated for both together.
        device: where the network runs.
        weights_sha256: hash of the file that network and bound come from.
        perceiver: who says how severe what is wrong with a picture is, where the bound was calibrated with that.

    Source:
        BIGPrior (IEEE TIP 2022) keeps prior and data apart by a map phi. Differs: the restorer has seen the data, so
        that phi is what `posterior_prior_weight` derives, and nothing is fused again.
    """

    def __init__(
        self,
        restorer: Restorer,
        network: ErrorScales,
        bound: ErrorBound,
        device: torch.device | str = "cpu",
        weights_sha256: str = "",
        perceiver: Perceiver | None = None,
    ):
        self.inner, self.bound, self.device = restorer, bound, torch.device(device)
        self.weights_sha256, self.perceiver = weights_sha256, perceiver
        set_precision(network, fastest_dtype(device))
        self.network = network.eval().to(self.device, memory_format=torch.channels_last)  # pyright: ignore
        self.size_multiple = restorer.size_multiple  # so that the result is what it would be without maps
        self.tile_grid = max(restorer.tile_grid, network.size_multiple)  # powers of two
        self.receptive_radius = restorer.receptive_radius + network.receptive_radius
        self.bytes_per_pixel = restorer.bytes_per_pixel + network.bytes_per_pixel
        self.needs_context = restorer.needs_context or perceiver is not None

    def context(self, views: Views) -> Context | None:
        """The restorer's, and behind it what is seen of the whole pictures, `(B, S, 1, 1)`, if anything is asked."""
        return self.observe(views)[0]

    def observe(self, views: Views) -> tuple[Context | None, Tensor]:
        """`context`, and the restorer's probabilities."""
        inner, cases = self.inner.observe(views)
        if self.perceiver is None:
            return inner, cases
        return (*maps_of(inner), seen_of(views, cases, self.perceiver)[..., None, None]), cases

    def _parted(self, context: Context | None) -> tuple[Context | None, list[list[float]]]:
        """The restorer's own context, and what is seen of each picture."""
        if self.perceiver is None or context is None:
            return context, []
        *inner, seen = maps_of(context)
        own = None if not inner else inner[0] if len(inner) == 1 else tuple(inner)
        return own, seen[:, :, 0, 0].tolist()

    def reach(self, context: Context | None) -> int:
        """How far a pixel of the maps sees: the network sees what the restorer has made."""
        return self.inner.reach(self._parted(context)[0]) + self.network.receptive_radius

    def taken_for(self, context: Context | None) -> str | None:
        """As the restorer's."""
        return self.inner.taken_for(self._parted(context)[0])

    def is_sure(self, context: Context | None) -> bool:
        """As the restorer's."""
        return self.inner.is_sure(self._parted(context)[0])

    @torch.inference_mode()
    def restore(self, image: Tensor, context: Context | None = None) -> Restoration:
        """The restorer's result, with the maps."""
        own, seen = self._parted(context)
        if self.perceiver is not None and not seen:
            seen = self._parted(self.context(views(image)))[1]
        restoration = self.inner.restore(image, own)
        names = [self.inner.taken_for(_row(own, row)) for row in range(len(image))]
        maps = self.maps(image, restoration.image, names, seen)
        return Restoration(restoration.image, {**restoration.maps, **maps}, restoration.perceived)

    @torch.inference_mode()
    def maps(
        self,
        degraded: Tensor,
        restored: Tensor,
        taken_for: Sequence[str | None],
        seen: Sequence[Sequence[float]] = (),
    ) -> dict[str, Tensor]:
        """The three maps of pictures and their results, of any size; see the class.

        Args:
            degraded: `(B, 3, H, W)`.
            restored: the same shape.
            taken_for: what each picture was taken for.
            seen: what is seen of each as a whole, see `seen_of`; nothing without a perceiver.
        """
        given, made = degraded.to(self.device).float(), restored.to(self.device).float().clamp(0, 1)
        scales = self._scales(given, made)
        return {
            "prior": posterior_prior_weight(scales[:, :1].square(), scales[:, 1:].square()).to(degraded.device),
            "effect": (made - given).abs().mean(dim=1, keepdim=True).to(degraded.device),
            "error": torch.cat(
                [
                    self.bound(scales[row : row + 1, :1], name, seen[row] if seen else ())
                    for row, name in enumerate(taken_for)
                ]
            ).to(degraded.device),
        }

    def _scales(self, degraded: Tensor, restored: Tensor) -> Tensor:
        """The network's, which asks for other sides than the restorer does."""
        (given, size), (made, _) = (pad_to_multiple(its, self.network.size_multiple) for its in (degraded, restored))
        return crop_to(self.network(given, made), size)

    @torch.inference_mode()
    def error_of_original(self, picture: Tensor, context: Context | None = None) -> Tensor:
        """The bound on the error of a picture that is kept as it is, `(1, 1, H, W)`.

        Args:
            picture: `(1, 3, H, W)`, or a part of it.
            context: of the whole picture; of `picture` itself when absent.
        """
        _, seen = self._parted(context)
        if self.perceiver is not None and not seen:
            seen = self._parted(self.context(views(picture)))[1]
        given = picture.to(self.device).float()
        scale = self._scales(given, given.clamp(0, 1))[:, :1]
        return self.bound(scale, KEPT, seen[0] if seen else ()).to(picture.device)


def seen_of(views: Views, cases: Tensor, perceiver: Perceiver) -> Tensor:
    """What is seen of whole pictures and may tell how far errors are from what is foretold, `(B, S)`.

    First how probable the restorer thinks each case, `(B, D)`: who takes pictures for the same errs alike. Then, by the
    perceiver, how probable each of `SEEN` is, and the same times how severe it is, in parts, between each two of
    `SEVERITIES`: of what is twice as severe the bound need not be too wide twice. Last whether a quality of JPEG can be
    read from the pixels, and how far beyond each of `READ_KNOTS` its severity lies: the perceiver guesses it, and
    strong compressions, above all behind noise and blur, look much alike.
    """
    rows = []
    for row in range(len(views.details)):
        own = replace(views, overview=views.overview[row : row + 1], details=views.details[row : row + 1])
        kinds = perceiver.perceive_views(own).kinds
        presence, severity = (torch.tensor([getattr(kinds[name], of) for name in SEEN]) for of in _FOUND)
        parts = [presence * ((severity - least) / (most - least)).clamp(0, 1) for least, most in pairwise(SEVERITIES)]
        rows.append(torch.cat([presence, *parts, _read(own)]))
    return torch.cat([cases, torch.stack(rows)], dim=1)


def _read(seen: Views) -> Tensor:
    """What the pixels of one picture say of its last compression, `(1 + len(READ_KNOTS),)`."""
    quality = jpeg_quality_read(seen.details[0])
    if quality is None:
        return torch.zeros(1 + len(READ_KNOTS))
    severity = severity_of_quality(quality)
    return torch.tensor([1.0, *(max(0.0, severity - knot) for knot in READ_KNOTS)])


def _row(context: Context | None, row: int) -> Context | None:
    """Of one picture of a batch."""
    if context is None:
        return None
    maps = tuple(one[row : row + 1] for one in maps_of(context))
    return maps if isinstance(context, tuple) else maps[0]


def trusted(restorer: Restorer, weights_sha256: str, device: str, trust: str | Path = "default") -> TrustedRestorer:
    """`restorer` with maps of trust.

    Args:
        restorer: that of a model.
        weights_sha256: hash of that model's weights file.
        device: where the maps are computed.
        trust: weights that `scripts/calibrate_trust.py` wrote; those of the bundled model as `"default"`.

    Raises:
        WeightsError: when the weights are not there, or hold something else.
        MethodError: when they were made for another model.
    """
    path = bundled_file("trust.safetensors") if trust == "default" else Path(trust)
    tensors, description = load_weights(path)
    if description.get("method") != "trust-map" or "bound" not in description:
        raise MethodError(
            f"Expected calibrated weights of the method trust-map, got {path} with {description.get('method')}: name "
            "those that scripts/calibrate_trust.py wrote."
        )
    if description.get("restorer_sha256") != weights_sha256:
        raise MethodError(
            f"Expected a model that {path.name} was calibrated for, got another one: maps of trust hold for one model; "
            "train and calibrate them for yours (recipes/trust.yaml, scripts/calibrate_trust.py)."
        )
    network = ErrorScales(**description["network"]["arguments"])
    load_into(network, tensors, path)
    bound = ErrorBound.from_json(description["bound"])
    perceiver = load_perceiver(device=device) if any(bound.weights.values()) else None
    if perceiver is not None and description.get("perceiver_sha256") != perceiver.weights_sha256:
        raise MethodError(
            f"Expected the perceiver that {path.name} was calibrated with, got another one: calibrate it again "
            "(scripts/calibrate_trust.py)."
        )
    return TrustedRestorer(restorer, network, bound, device, sha256(path), perceiver)
