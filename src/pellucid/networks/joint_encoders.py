"""Pictures and words in one space: frozen encoders through which prompts can be learned.

An encoder has four hooks: the embedding of a word, a text tower that takes embeddings, a picture tower, and the scale
of its logits. CLIP is one; the other ships with the package, and its words mean nothing until prompts are learned.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.errors import MethodError, WeightsError
from pellucid.images.overview import DETAIL_SIDE
from pellucid.networks.degradation_classifier import summary
from pellucid.networks.degradation_perceiver import DegradationPerceiver, frozen_perceiver
from pellucid.networks.semantics import PooledMobileNet

PROMPT_TOKENS = 16
"""Of every prompt, between its beginning and its end."""

CLIP_MEAN, CLIP_DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Of the pictures that CLIP was trained on, by colour."""


class JointEncoder(Protocol):
    """What prompts are learned through. Nothing of it is ever trained.

    Attributes:
        token_width: numbers of a token's embedding.
        side: of the pictures that it takes, pixels.
        takes_smaller: whether smaller ones may be taken as they are: what is told of pixels is not told of enlarged
            ones.
        logit_scale: what cosines are multiplied by.
    """

    token_width: int
    side: int
    takes_smaller: bool
    logit_scale: float

    def word(self, word: str) -> Tensor:
        """The embedding of a word that is one token, `(token_width,)`."""
        ...

    def texts(self, prompts: Tensor) -> Tensor:
        """Prompts of `PROMPT_TOKENS` tokens, `(N, PROMPT_TOKENS, token_width)`, to unit vectors, `(N, D)`."""
        ...

    def pictures(self, pictures: Tensor) -> Tensor:
        """`(B, 3, side, side)` in `[0, 1]` to unit vectors, `(B, D)`, float32; gradients flow to the pictures."""
        ...


class Clip(nn.Module):
    """CLIP, from a folder or the Hugging Face hub.

    Args:
        source: folder, or name of a repository on the hub, with a `CLIPModel` and its tokenizer:
            openai/clip-vit-base-patch32, which Perceive-IR takes.

    Raises:
        WeightsError: when nothing can be loaded from there.

    Source:
        Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021.
    """

    takes_smaller = False

    def __init__(self, source: str):
        super().__init__()
        try:
            from transformers import CLIPModel, CLIPTokenizer

            # Fused attention has no second derivative, which DIL's second-order strategies take.
            model: Any = CLIPModel.from_pretrained(source, attn_implementation="eager")
            self.tokenizer: Any = CLIPTokenizer.from_pretrained(source)
        except ImportError as error:
            raise MethodError(
                "Expected the package transformers, which loads CLIP, got none: pip install 'pellucid[perceive]'."
            ) from error
        except (OSError, ValueError) as error:
            raise WeightsError(f"Expected a CLIP model at {source}, got none ({error}): give its folder.") from error
        self.model: tuple[Any] = (model.float().eval().requires_grad_(False),)  # in a tuple: in no weights file of ours
        self.token_width = int(model.config.text_config.hidden_size)
        self.side = int(model.config.vision_config.image_size)
        self.logit_scale = float(model.logit_scale.exp())
        self.register_buffer("mean", torch.tensor(CLIP_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(CLIP_DEVIATION).view(1, 3, 1, 1), persistent=False)

    def word(self, word: str) -> Tensor:
        """See `JointEncoder`.

        Raises:
            MethodError: when the word is not one token.
        """
        _, *tokens, _ = self.tokenizer(word).input_ids
        if len(tokens) != 1:
            raise MethodError(f"Expected a word that is one token of CLIP, got {word!r} of {len(tokens)}.")
        return self._words(self._on(torch.device("cpu"))).weight[tokens[0]].detach().clone()

    def texts(self, prompts: Tensor) -> Tensor:
        """See `JointEncoder`. Padding is left out: what comes after a causal tower's end changes nothing."""
        model = self._on(prompts.device)
        ids = torch.tensor([self.tokenizer(" ".join(["X"] * PROMPT_TOKENS)).input_ids], device=prompts.device)
        if ids.shape[1] != PROMPT_TOKENS + 2:
            raise MethodError(f"Expected {PROMPT_TOKENS + 2} tokens of {PROMPT_TOKENS} X, got {ids.shape[1]}.")

        def with_prompts(_: nn.Module, __: Any, embedded: Tensor) -> Tensor:
            return torch.cat([embedded[:, :1], prompts, embedded[:, -1:]], dim=1)

        hook = self._words(model).register_forward_hook(with_prompts)
        try:
            made = model.text_model(input_ids=ids.expand(len(prompts), -1)).pooler_output
        finally:
            hook.remove()
        return F.normalize(model.text_projection(made), dim=-1)

    def pictures(self, pictures: Tensor) -> Tensor:
        """See `JointEncoder`."""
        model = self._on(pictures.device)
        with torch.autocast(pictures.device.type, enabled=False):
            seen = (pictures.float() - self.get_buffer("mean")) / self.get_buffer("deviation")
            made = model.visual_projection(model.vision_model(pixel_values=seen).pooler_output)
        return F.normalize(made, dim=-1)

    def _on(self, device: torch.device) -> Any:
        return self.model[0].to(device)

    @staticmethod
    def _words(model: Any) -> Any:
        return model.text_model.embeddings.token_embedding


class Trunk(Protocol):
    """Features of a picture, pooled to vectors.

    Attributes:
        widths: numbers of each vector.
    """

    widths: tuple[int, ...]

    def pooled(self, picture: Tensor) -> list[Tensor]:
        """`(B, 3, h, w)` in `[0, 1]` to vectors `(B, widths[n])`, float32; gradients flow to the picture."""
        ...


class PooledEncoder(nn.Module):
    """An encoder that ships: pooled features, and a text tower of random weights.

    It is not CLIP. Its words have random embeddings, and a prompt is no more than sixteen learned vectors that end in a
    direction among picture features; learning them is learning what tells the pictures apart, by the same code.

    Args:
        token_width: numbers of a token's embedding.
        layers: of the text tower.
        seed: of its weights, which never change.
        trunk: gives the features; pooled MobileNetV2 when absent.
        side: of the pictures that it takes, pixels.
        takes_smaller: see `JointEncoder`.
    """

    logit_scale = 100.0
    centre: Tensor
    spread: Tensor

    def __init__(
        self,
        token_width: int = 512,
        layers: int = 2,
        seed: int = 0,
        trunk: Trunk | None = None,
        side: int = 224,
        takes_smaller: bool = False,
    ):
        super().__init__()
        self.token_width, self.seed, self.side, self.takes_smaller = token_width, seed, side, takes_smaller
        self.trunk = PooledMobileNet() if trunk is None else trunk
        width = sum(self.trunk.widths)
        # Of the features of training pictures, see `calibrate`: else what all have in common is nearly all there is.
        self.register_buffer("centre", torch.zeros(width))
        self.register_buffer("spread", torch.ones(width))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            layer = nn.TransformerEncoderLayer(token_width, 8, 4 * token_width, dropout=0.0, batch_first=True)
            self.tower = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False).eval()
            self.ends = nn.Parameter(torch.randn(2, token_width))
            self.places = nn.Parameter(torch.randn(PROMPT_TOKENS + 2, token_width) / token_width**0.5)
            self.projection = nn.Linear(token_width, width, bias=False)
        self.requires_grad_(False)

    def word(self, word: str) -> Tensor:
        """See `JointEncoder`; drawn from the word's letters."""
        generator = torch.Generator().manual_seed(int.from_bytes(word.encode()[:7], "big") + self.seed)
        return torch.randn(self.token_width, generator=generator)

    def texts(self, prompts: Tensor) -> Tensor:
        """See `JointEncoder`."""
        start, end = (one.expand(len(prompts), 1, -1) for one in self.ends.unbind(0))
        sequence = torch.cat([start, prompts, end], dim=1) + self.places
        mask = nn.Transformer.generate_square_subsequent_mask(sequence.shape[1], device=prompts.device)
        return F.normalize(self.projection(self.tower(sequence, mask=mask, is_causal=True)[:, -1]), dim=-1)

    def pictures(self, pictures: Tensor) -> Tensor:
        """See `JointEncoder`."""
        return F.normalize((self.features(pictures) - self.centre) / self.spread, dim=-1)

    @torch.no_grad()
    def calibrate(self, features: Tensor) -> None:
        """Take mean and spread of the features of many pictures, `(N, D)`, for those of all."""
        self.centre.copy_(features.mean(dim=0))
        self.spread.copy_(features.std(dim=0).clamp_min(1e-3))

    def features(self, pictures: Tensor) -> Tensor:
        """`(B, 3, side, side)` to pooled features, `(B, D)`, as they are without calibration."""
        return torch.cat(self.trunk.pooled(pictures), dim=1)


class DegradationFeatures(nn.Module):
    """What a degradation perceiver sees in a patch before it says anything: mean and peak of its features.

    Args:
        network: that perceives.
    """

    def __init__(self, network: DegradationPerceiver):
        super().__init__()
        self.features = network.features
        self.widths = (network.summary_width,)

    def pooled(self, picture: Tensor) -> list[Tensor]:
        """See `Trunk`."""
        with torch.autocast(picture.device.type, enabled=False):
            return [summary(self.features, picture).float()]


def degradation_features_encoder(
    source: str | None = None, token_width: int = 512, layers: int = 2, seed: int = 0
) -> PooledEncoder:
    """The encoder of what ships as the perceiver: features that were trained to tell degradations apart.

    Args:
        source: weights of a `degradation-perceiver`; those of the bundled perceiver when absent.
        token_width: see `PooledEncoder`.
        layers: see `PooledEncoder`.
        seed: see `PooledEncoder`.

    Raises:
        WeightsError: when the weights are not there, or are those of something else.
    """
    network = frozen_perceiver(source)
    return PooledEncoder(token_width, layers, seed, DegradationFeatures(network), DETAIL_SIDE, takes_smaller=True)


ENCODERS: dict[str, Callable[..., Any]] = {
    "mobilenet-v2": PooledEncoder,
    "degradation-features": degradation_features_encoder,
    "clip": Clip,
}
"""Joint encoders by the name that a recipe has."""


def build_joint_encoder(name: str, arguments: Mapping[str, Any]) -> Any:
    """The joint encoder called `name`.

    Raises:
        MethodError: when the name is not known, or an argument is not.
        WeightsError: when its weights are not there.
    """
    if name not in ENCODERS:
        raise MethodError(f"Expected a joint encoder out of {', '.join(ENCODERS)}, got {name!r}: choose one of them.")
    try:
        return ENCODERS[name](**arguments)
    except TypeError as error:
        raise MethodError(f"Expected arguments that encoder {name} knows, got {dict(arguments)}: {error}.") from error
