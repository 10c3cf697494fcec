import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from pellucid.data.cache import PixelCache
from pellucid.errors import ConfigurationError


def counting(counts, key, size=10):
    def decode():
        counts[key] = counts.get(key, 0) + 1
        return torch.full((size,), ord(key), dtype=torch.uint8)

    return decode


def test_the_least_recently_used_leaves_first():
    cache, counts = PixelCache(20), {}
    for key in "abacab":  # b leaves for c, c for b: a was used in between
        assert cache.get(key, counting(counts, key))[0] == ord(key)
        assert cache.held_bytes <= 20
    assert counts == {"a": 1, "b": 2, "c": 1}


def test_a_picture_beyond_the_budget_is_handed_out_and_pushes_nothing_out():
    cache, counts = PixelCache(20), {}
    cache.get("a", counting(counts, "a"))
    for _ in range(2):
        assert len(cache.get("b", counting(counts, "b", 21))) == 21
    cache.get("a", counting(counts, "a"))
    assert counts == {"a": 1, "b": 2}
    assert cache.held_bytes == 10


def test_threads_that_want_the_same_picture_share_one_decoding():
    cache, counts = PixelCache(100), {}
    gate = threading.Barrier(8)

    def decode():
        time.sleep(0.05)
        return counting(counts, "a")()

    def ask(_):
        gate.wait()
        return cache.get("a", decode)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))
    assert counts == {"a": 1}
    assert all(pixels is found[0] for pixels in found)


def test_many_threads_keep_the_books_right():
    cache, counts = PixelCache(55), {}
    keys = [chr(97 + number % 13) for number in range(2000)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda key: int(cache.get(key, counting(counts, key))[0]), keys))
    assert found == [ord(key) for key in keys]
    assert cache.held_bytes == 50


def test_a_failure_is_raised_and_not_kept():
    cache, counts = PixelCache(20), {}

    def fail():
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        cache.get("a", fail)
    assert cache.get("a", counting(counts, "a"))[0] == ord("a")


def test_a_negative_budget_is_refused():
    with pytest.raises(ConfigurationError, match="-1"):
        PixelCache(-1)
