"""Perceive-IR's objective: the pixel loss, and what codes and features add to it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid.data.batch import Batch
from pellucid.methods.perceive_ir.config import ObjectiveSettings
from pellucid.methods.perceive_ir.contrast import code_contrast
from pellucid.methods.perceive_ir.difficulty import difficulty_ratio, proxy_weights, reference_psnr
from pellucid.methods.perceive_ir.kinds import kinds_of
from pellucid.methods.perceive_ir.prompts import quality_loss
from pellucid.networks.quality_perceiver import QualityPerceiver
from pellucid.objectives.pixel import PixelObjective

Features = Callable[[Tensor], Sequence[Tensor]]
"""`(B, 3, H, W)` to features of four layers."""


@dataclass(frozen=True)
class Proxy:
    """Another restorer, frozen.

    Attributes:
        restore: `(B, 3, H, W)` to the same.
        kinds: of degradation that it counts for; all when empty.
    """

    restore: Callable[[Tensor], Tensor]
    kinds: frozenset[str] = frozenset()


class PerceiveObjective:
    """`L_rec + l1 L_cl + l2 L_clip + l3 L_dpl`; a term that weighs nothing costs nothing.

    Args:
        pixel: the pixel loss.
        settings: weights of the other terms.
        features: of pictures, for the difficulty-adaptive loss; not needed where it weighs nothing.
        proxies: its hard negatives.
        perceiver: judges for the quality loss; not needed where that weighs nothing.
        pair_kinds: name of a set of pairs to the kind of degradation that it shows.

    Source:
        Perceive-IR (IEEE TIP 2026). Differs: a code and its positive are those of two halves of the same degraded
        patch, where the release cuts a second patch from the same degraded picture.
    """

    def __init__(
        self,
        pixel: PixelObjective,
        settings: ObjectiveSettings,
        features: Features | None = None,
        proxies: Sequence[Proxy] = (),
        perceiver: QualityPerceiver | None = None,
        pair_kinds: Mapping[str, str] | None = None,
    ):
        self.pixel, self.settings, self.features, self.proxies = pixel, settings, features, tuple(proxies)
        self.perceiver, self.pair_kinds = perceiver, pair_kinds

    def __call__(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """The loss; every 50 steps also its parts: `loss/<domain>`, `contrast`, `quality`, `difficulty`."""
        kinds = kinds_of(batch, self.pair_kinds)
        if self.settings.contrast:
            restored, codes = network(batch.degraded, code_of=torch.cat(_halves(batch)))
        else:
            restored, codes = network(batch.degraded), None
        loss, terms = self.pixel.of(restored, batch)
        parts: dict[str, Tensor] = {}
        if codes is not None:
            labels = kinds if self.settings.contrast_between == "kinds" else batch.domains
            anchors, positives = codes.chunk(2)
            parts["contrast"] = code_contrast(anchors, positives, labels, self.settings.contrast_temperature)
            loss = loss + self.settings.contrast * parts["contrast"]
        if self.settings.quality:
            assert self.perceiver is not None
            with torch.autocast(restored.device.type, enabled=False):
                parts["quality"] = quality_loss(self.perceiver, restored.float(), self.settings.quality_scale)
            loss = loss + self.settings.quality * parts["quality"]
        if self.settings.difficulty:
            parts["difficulty"] = self._difficulty(restored, batch, kinds)
            loss = loss + self.settings.difficulty * parts["difficulty"]
        if batch.step % 50 == 0:  # as the pixel loss: reading from a GPU waits for it
            terms |= {name: part.item() for name, part in parts.items()}
        return loss, terms

    def _difficulty(self, restored: Tensor, batch: Batch, kinds: Sequence[str]) -> Tensor:
        assert self.features is not None
        with torch.no_grad():
            clean, degraded = self.features(batch.clean), self.features(batch.degraded)
            made = [proxy.restore(batch.degraded) for proxy in self.proxies]
            weights, features = None, [self.features(one) for one in made]
            if made:
                quality = torch.stack([psnr(one, batch.clean) for one in made])
                per_kind = self.settings.difficulty_reference == "kind"
                reference = reference_psnr(psnr(restored.detach(), batch.clean), kinds, per_kind=per_kind)
                counts = [[not proxy.kinds or kind in proxy.kinds for kind in kinds] for proxy in self.proxies]
                weights = proxy_weights(quality, reference, torch.tensor(counts, device=quality.device))
        return difficulty_ratio(self.features(restored), clean, degraded, features, weights).mean()


def psnr(restored: Tensor, clean: Tensor) -> Tensor:
    """Per sample, in dB, `(B,)`; of pictures in `[0, 1]`, clamped."""
    squared = (restored.float().clamp(0, 1) - clean).square().mean(dim=(1, 2, 3))
    return -10 * squared.clamp_min(1e-10).log10()


def _halves(batch: Batch) -> tuple[Tensor, Tensor]:
    """Left and right, or above and below, in turns."""
    first, second = batch.degraded.chunk(2, dim=2 + batch.step % 2)
    return first, second[..., : first.shape[-2], : first.shape[-1]]
