"""The first stage as a recipe: prompts learned from degraded, half restored and clean pictures."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.data.batch import Batch
from pellucid.degradations.noise import as_stored
from pellucid.errors import MethodError
from pellucid.methods.frozen_restorer import frozen_restorer
from pellucid.methods.perceive_ir.config import PromptsConfig
from pellucid.methods.perceive_ir.kinds import kinds_of, pair_kinds
from pellucid.methods.perceive_ir.prompts import QualityPrompts
from pellucid.methods.schedule import cosine_with_warm_up
from pellucid.networks.joint_encoders import PooledEncoder, build_joint_encoder
from pellucid.networks.quality_perceiver import TIERS, QualityPerceiver, expected_tier

if TYPE_CHECKING:
    from accelerate import Accelerator

AT_ONCE = 16
"""Pictures that are judged together, for the sake of memory."""

CALIBRATION_BATCHES = 8
"""Of the first steps, whose pictures the shipped encoder is calibrated by."""


class PromptsRecipe:
    """Learns the prompts; nothing else moves.

    A step sees every picture three times: as it is degraded, as a mediocre restorer leaves it, and clean.

    Args:
        config: the run's settings.
        accelerator: device, precision, processes.
        steps: of the whole run, for the schedule.

    Source:
        Perceive-IR (IEEE TIP 2026), stage 1. Differs: the mediocre pictures are made while training, by one restorer
        that was trained on other pictures, where the authors cross-fit two and store what they make.
    """

    def __init__(self, config: PromptsConfig, accelerator: "Accelerator", steps: int):
        self.config, self.accelerator, self.steps = config, accelerator, steps
        self.encoder = build_joint_encoder(config.encoder.name, config.encoder.arguments).to(accelerator.device)
        self.medium = frozen_restorer(config.medium, accelerator.device)
        self.plain_prompts = QualityPrompts(self.encoder, config.data.seed).to(accelerator.device)
        optimiser = torch.optim.AdamW(
            self.plain_prompts.parameters(),
            lr=config.optimisation.learning_rate,
            weight_decay=config.optimisation.weight_decay,
        )
        self.prompts, self.optimiser = accelerator.prepare(self.plain_prompts, optimiser)
        self.pair_kinds = pair_kinds(config.data.pairs)
        self.taken = 0
        self.seen: list[Tensor] = []  # features of the first steps, until the encoder is calibrated

    def step(self, batch: Batch) -> dict[str, float]:
        """One step; see `Strategy.step`."""
        pictures, labels = self._tiers(batch)
        if self.taken < CALIBRATION_BATCHES and isinstance(self.encoder, PooledEncoder):
            with torch.no_grad():
                features = self.encoder.features(pictures)
            # Of all processes, whose prompts are one.
            self.seen.append(self.accelerator.gather(features))  # pyright: ignore[reportArgumentType]
            self.encoder.calibrate(torch.cat(self.seen))
        elif self.seen:
            self.seen = []
        settings = self.config.optimisation
        rate = cosine_with_warm_up(
            self.taken,
            steps=self.steps,
            warm_up=settings.warm_up_steps,
            peak=settings.learning_rate,
            final=settings.final_learning_rate,
        )
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        logits = self.prompts(pictures)
        loss = F.cross_entropy(logits, labels)
        if not bool(loss.isfinite()):
            raise FloatingPointError(f"loss {loss.item()}")
        self.optimiser.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        self.optimiser.step()
        self.taken += 1
        right = (logits.argmax(dim=1) == labels).float().mean()
        return {"loss": loss.detach(), "accuracy": right, "learning_rate": rate}  # pyright: ignore[reportReturnType]

    def _tiers(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Terrible, mediocre and excellent pictures one after the other, and their numbers."""
        side = self.encoder.side
        medium = as_stored(self.medium(batch.degraded), clip=True, round_to_8_bits=True)
        made = [batch.degraded.clamp(0, 1), medium, batch.clean]
        pictures = torch.cat([_fitting(one, side) for one in made])
        return pictures, torch.arange(len(TIERS), device=pictures.device).repeat_interleave(len(batch.clean))

    def judge(self, batch: Batch) -> dict[str, float]:
        """What the authors accept prompts by, on held-out samples, in `[0, 1]`.

        Returns:
            `accuracy`, the mean over kinds of degradation of the share of pictures whose tier is told right; `worst`,
            of the worst kind; `triplets`, where all three are right; `monotone`, where scores rise from tier to tier;
            `worst_monotone`, of the worst kind; and the accuracy by kind.

        Source:
            Perceive-IR's acceptance test. Differs: one crop of each picture, where the authors average five.
        """
        perceiver = self.perceiver()
        pictures, _ = self._tiers(batch)
        with torch.inference_mode():
            told = torch.cat([perceiver.tiers(part) for part in pictures.split(AT_ONCE)])
        tiers = told.unflatten(0, (len(TIERS), -1)).cpu()
        is_right = tiers.argmax(dim=2) == torch.arange(len(TIERS))[:, None]
        scores = expected_tier(tiers)
        rises = (scores[0] < scores[1]) & (scores[1] < scores[2])
        kinds = kinds_of(batch, self.pair_kinds)
        rows = {name: [row for row, its in enumerate(kinds) if its == name] for name in sorted(set(kinds))}
        own = {name: is_right[:, its].float().mean().item() for name, its in rows.items()}
        all_three = [is_right[:, its].all(dim=0).float().mean().item() for its in rows.values()]
        return {
            "accuracy": sum(own.values()) / len(own),
            "worst": min(own.values()),
            "triplets": sum(all_three) / len(all_three),
            "monotone": rises.float().mean().item(),
            "worst_monotone": min(rises[its].float().mean().item() for its in rows.values()),
            **own,
        }

    def perceiver(self) -> QualityPerceiver:
        """As it would be used now."""
        with torch.no_grad():
            return QualityPerceiver(self.encoder, self.plain_prompts.vectors())

    def restorer(self) -> Any:
        """There is none.

        Raises:
            MethodError: always.
        """
        raise MethodError("Expected a method that restores, got prompts, which only judge: train perceive-ir by them.")

    def state_dict(self) -> dict[str, Any]:
        """All that exact resume needs."""
        return {
            "prompts": self.plain_prompts.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "calibration": _calibration(self.encoder),
            "seen": [one.cpu() for one in self.seen],
            "taken": self.taken,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.plain_prompts.load_state_dict(state["prompts"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.encoder.load_state_dict(state["calibration"], strict=False)
        self.seen = [one.to(self.accelerator.device) for one in state["seen"]]
        self.taken = state["taken"]

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What the prompts say, the prompts, and how to build their encoder."""
        encoder = {"name": self.config.encoder.name, "arguments": self.config.encoder.arguments}
        calibration = {f"encoder.{name}": value for name, value in _calibration(self.encoder).items()}
        tensors = {"vectors": self.perceiver().vectors, "tokens": self.plain_prompts.tokens.detach(), **calibration}
        return tensors, {"method": "quality-prompts", "encoder": encoder}


def _calibration(encoder: Any) -> dict[str, Tensor]:
    return {"centre": encoder.centre, "spread": encoder.spread} if isinstance(encoder, PooledEncoder) else {}


def _fitting(pictures: Tensor, side: int) -> Tensor:
    """The middle of pictures that are larger, enlarged where they are smaller."""
    height, width = pictures.shape[-2:]
    if min(height, width) < side:
        scale = side / min(height, width)
        size = (max(side, round(scale * height)), max(side, round(scale * width)))
        pictures = F.interpolate(pictures, size, mode="bicubic").clamp(0, 1)
        height, width = size
    top, left = (height - side) // 2, (width - side) // 2
    return pictures[..., top : top + side, left : left + side]
