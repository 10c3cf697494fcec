"""The first stage: prompts in a frozen joint encoder that tell terrible, mediocre and excellent pictures apart."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.errors import MethodError
from pellucid.networks.joint_encoders import (
    PROMPT_TOKENS,
    JointEncoder,
    build_joint_encoder,
    degradation_features_encoder,
)
from pellucid.networks.quality_perceiver import TIERS, QualityPerceiver
from pellucid.weights.bundled import bundled_file
from pellucid.weights.files import load_weights

DEFAULT = "default"
"""Name of the perceiver that ships."""


class QualityPrompts(nn.Module):
    """Sixteen learnable tokens per tier; all else is frozen.

    Args:
        encoder: pictures and words in one space.
        seed: of the tokens.

    Source:
        Perceive-IR (IEEE TIP 2026) as released, after CLIP-LIT (ICCV 2023) with its two tiers: tokens from
        `N(0, 0.02)`, the last of them the embedding of the tier's word.
    """

    def __init__(self, encoder: JointEncoder, seed: int = 0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        tokens = 0.02 * torch.randn(len(TIERS), PROMPT_TOKENS, encoder.token_width, generator=generator)
        tokens[:, -1] = torch.stack([encoder.word(tier) for tier in TIERS])
        self.tokens = nn.Parameter(tokens)
        self.encoder = (encoder,)  # in a tuple: no part of what is trained or saved

    def vectors(self) -> Tensor:
        """What the prompts say, unit vectors `(3, D)`."""
        return self.encoder[0].texts(self.tokens)

    def forward(self, pictures: Tensor) -> Tensor:
        """`(B, 3, side, side)` in `[0, 1]` to the logits of the tiers, `(B, 3)`."""
        encoder = self.encoder[0]
        with torch.autocast(pictures.device.type, enabled=False):  # both towers are float32, as released
            with torch.no_grad():
                seen = encoder.pictures(pictures)
            return encoder.logit_scale * seen @ self.vectors().T


def quality_loss(perceiver: QualityPerceiver, restored: Tensor, scale: float = 1.0) -> Tensor:
    """How far restored pictures are from looking excellent: the mean of one less the probability of that tier.

    Args:
        perceiver: judges; it gets no gradient.
        restored: `(B, 3, h, w)`.
        scale: of the cosines. As released it is 1, which makes the probabilities nearly alike; the encoder's own, 100
            for CLIP, is what the prompts were learned with.

    Source:
        Perceive-IR's `L_clip`; CLIP-LIT's counterpart has the encoder's scale.
    """
    return 1 - (scale * perceiver.cosines(restored)).softmax(dim=1)[:, -1].mean()


def judge_of(name: str) -> QualityPerceiver:
    """Who judges for the quality loss.

    Args:
        name: `default`, the perceiver that ships; or a weights file of the first stage.

    Raises:
        MethodError: when the file holds something else, or its encoder is not known.
        WeightsError: when the file, or its encoder, is not there.
    """
    if name != DEFAULT:
        return perceiver_from_weights(*load_weights(name))
    tensors, _ = load_weights(bundled_file("perceiver.safetensors"))
    encoder = degradation_features_encoder()
    encoder.load_state_dict({"centre": tensors["feature_centre"], "spread": tensors["feature_spread"]}, strict=False)
    return QualityPerceiver(encoder, tensors["tier_vectors"]).eval().requires_grad_(False)


def perceiver_from_weights(tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> QualityPerceiver:
    """The perceiver that a weights file of the first stage holds.

    Raises:
        MethodError: when it holds something else, or its encoder is not known.
        WeightsError: when its encoder is not there.
    """
    if "encoder" not in description:
        raise MethodError(
            f"Expected weights of the method quality-prompts, got those of {description.get('method')}: name others as "
            "objective.perceiver."
        )
    told = description["encoder"]
    encoder = build_joint_encoder(told["name"], told["arguments"])
    own = {name.removeprefix("encoder."): value for name, value in tensors.items() if name.startswith("encoder.")}
    encoder.load_state_dict(own, strict=False)
    return QualityPerceiver(encoder, tensors["vectors"]).eval().requires_grad_(False)
