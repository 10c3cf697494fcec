"""The precision that a network runs in: what the device is fast at."""

import pytest
import torch

from pellucid.methods.restorer import NetworkRestorer, fastest_dtype
from pellucid.networks.catalog import build_network


def restorer(dtype: torch.dtype | None = None) -> NetworkRestorer:
    torch.manual_seed(0)
    network = build_network("residual-stack", {"width": 8, "blocks": 1})
    return NetworkRestorer(network, dtype=dtype, bytes_per_pixel=100.0)


@pytest.mark.parametrize(("machine", "x86", "elsewhere", "expected"), [
    ("x86_64", True, False, torch.bfloat16),
    ("AMD64", False, True, torch.float32),  # which oneDNN would imitate
    ("aarch64", False, True, torch.bfloat16),
    ("arm64", True, False, torch.float32),
])  # fmt: skip
def test_bf16_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, machine: str, x86: bool, elsewhere: bool, expected: torch.dtype
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: x86, raising=False)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: elsewhere)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    assert fastest_dtype("cpu") == expected
    assert restorer().dtype == expected
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert fastest_dtype("cpu") == torch.float32


@pytest.mark.parametrize("supported", [True, False])
def test_old_graphics_cards_take_float32(monkeypatch: pytest.MonkeyPatch, supported: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: supported)
    assert fastest_dtype("cuda:1") == (torch.bfloat16 if supported else torch.float32)


def test_float32_is_planned_with_twice_the_memory_and_gives_nearly_the_same() -> None:
    exact, fast = restorer(torch.float32), restorer(torch.bfloat16)
    assert (exact.bytes_per_pixel, fast.bytes_per_pixel) == (200, 100)
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    one, other = exact.restore(image).image, fast.restore(image).image
    assert not torch.equal(one, other) and torch.allclose(one, other, atol=0.5 / 255)
