"""Joint encoders: CLIP through our hooks against the library that has it, and what the shipped one promises."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pellucid.errors import MethodError, WeightsError
from pellucid.networks.joint_encoders import PROMPT_TOKENS, Clip, PooledEncoder, build_joint_encoder


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CLIP of random weights, whose tokenizer knows few words."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("clip")
    merges, vocabulary = [], [f"{letter}{end}" for end in ("", "</w>") for letter in "abcdefghijklmnopqrstuvwxyz"]
    for word in ("good", "bad"):
        parts = [*word[:-1], f"{word[-1]}</w>"]
        while len(parts) > 1:
            merges.append(f"{parts[0]} {parts[1]}")
            parts = ["".join(parts[:2]), *parts[2:]]
            vocabulary.append(parts[0])
    vocabulary += ["<|startoftext|>", "<|endoftext|>"]
    words = {word: number for number, word in enumerate(dict.fromkeys(vocabulary))}
    (folder / "vocab.json").write_text(json.dumps(words))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]))
    transformers.CLIPTokenizer.from_pretrained(folder).save_pretrained(folder)
    torch.manual_seed(0)
    shared = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 16, "intermediate_size": 20}
    ends = {"bos_token_id": words["<|startoftext|>"], "eos_token_id": words["<|endoftext|>"]}
    config = transformers.CLIPConfig(
        text_config={**shared, **ends, "vocab_size": len(words), "max_position_embeddings": 77},
        vision_config={**shared, "image_size": 32, "patch_size": 16},
        projection_dim=12,
    )
    transformers.CLIPModel(config).eval().save_pretrained(folder)
    return folder


def test_prompts_that_are_words_are_what_clip_says_of_the_words(clip: Path) -> None:
    """The text tower, given the embeddings of sixteen words, against CLIP given the words."""
    import transformers

    encoder = Clip(str(clip))
    words = (["good", "bad", "x", "bad"] * 4)[:PROMPT_TOKENS]
    model: Any = transformers.CLIPModel.from_pretrained(clip).eval()
    tokenizer: Any = transformers.CLIPTokenizer.from_pretrained(clip)
    padded = tokenizer(" ".join(words), padding="max_length", max_length=77, return_tensors="pt")
    with torch.no_grad():
        theirs = model.text_projection(model.text_model(**padded).pooler_output)
        ours = encoder.texts(torch.stack([encoder.word(word) for word in words])[None])
    torch.testing.assert_close(ours, theirs / theirs.norm(dim=-1, keepdim=True), atol=1e-5, rtol=1e-4)


def test_pictures_are_what_clip_says_of_them(clip: Path) -> None:
    import transformers

    encoder = Clip(str(clip))
    image = torch.rand(2, 3, 32, 32)
    model: Any = transformers.CLIPModel.from_pretrained(clip).eval()
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(1, 3, 1, 1)
    deviation = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(1, 3, 1, 1)
    with torch.no_grad():
        seen = model.vision_model(pixel_values=(image - mean) / deviation).pooler_output
        theirs = model.visual_projection(seen)
    torch.testing.assert_close(encoder.pictures(image), theirs / theirs.norm(dim=-1, keepdim=True))
    assert encoder.logit_scale == pytest.approx(model.logit_scale.exp().item())
    assert (encoder.token_width, encoder.side) == (16, 32)


def test_words_of_several_tokens_and_folders_without_clip_are_told(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(MethodError, match="one token of CLIP, got 'goodbad' of"):
        Clip(str(clip)).word("goodbad")
    with pytest.raises(WeightsError, match="a CLIP model at"):
        Clip(str(tmp_path / "nothing"))
    with pytest.raises(MethodError, match="joint encoder out of mobilenet-v2, degradation-features, clip, got 'blip'"):
        build_joint_encoder("blip", {})


@pytest.mark.parametrize("name", ["clip", "mobilenet-v2"])
def test_only_the_learned_tokens_and_the_picture_have_gradients(name: str, clip: Path) -> None:
    encoder = Clip(str(clip)) if name == "clip" else PooledEncoder(token_width=16)
    tokens = torch.randn(2, PROMPT_TOKENS, encoder.token_width).requires_grad_()
    image = torch.rand(2, 3, encoder.side, encoder.side).requires_grad_()
    (encoder.pictures(image) @ encoder.texts(tokens).T).square().sum().backward()
    assert tokens.grad is not None and bool((tokens.grad.abs().sum(dim=(0, 2)) > 0).all())  # of every token
    assert image.grad is not None and image.grad.any()
    assert all(parameter.grad is None for parameter in encoder.parameters())


def test_clip_s_pictures_have_second_derivatives(clip: Path) -> None:
    """As DIL's second-order strategies take them."""
    encoder = Clip(str(clip))
    image = torch.rand(1, 3, 32, 32).requires_grad_()
    (slope,) = torch.autograd.grad(encoder.pictures(image).sum(), image, create_graph=True)
    slope.square().sum().backward()
    assert image.grad is not None and image.grad.isfinite().all()


def test_a_text_changes_with_its_last_token_alone() -> None:
    encoder = PooledEncoder(token_width=16)
    tokens = torch.randn(1, PROMPT_TOKENS, 16)
    other = tokens.clone()
    other[:, -1] += 1
    one, changed = encoder.texts(tokens), encoder.texts(other)
    assert not torch.allclose(one, changed)
    assert torch.allclose(one.norm(dim=1), torch.ones(1))


def test_the_shipped_encoder_is_the_same_every_time_and_leaves_the_seed_alone() -> None:
    torch.manual_seed(5)
    before = torch.rand(1)
    torch.manual_seed(5)
    one, other, third = PooledEncoder(16), PooledEncoder(16), PooledEncoder(16, seed=1)
    assert torch.equal(torch.rand(1), before)
    tokens = torch.randn(1, PROMPT_TOKENS, 16)
    assert torch.equal(one.texts(tokens), other.texts(tokens))
    assert not torch.equal(one.texts(tokens), third.texts(tokens))
    assert torch.equal(one.word("excellent"), other.word("excellent"))
    assert not torch.equal(one.word("excellent"), one.word("terrible"))


def test_calibrated_features_have_no_common_direction() -> None:
    encoder = PooledEncoder(token_width=16)
    pictures = torch.stack([texture(seed) for seed in range(12)])
    raw = encoder.pictures(pictures)
    encoder.calibrate(encoder.features(pictures))
    calibrated = encoder.pictures(pictures)
    assert (raw @ raw.T).mean() > 0.5
    assert (calibrated @ calibrated.T).mean() < 0.2
    assert torch.allclose(calibrated.norm(dim=1), torch.ones(12))


def texture(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 7 + 9 * seed, 7 + 9 * seed, generator=generator)
    return torch.nn.functional.interpolate(coarse, (224, 224), mode="bilinear")[0]
