"""Pictures decoded once and kept as uint8, as many as a memory budget holds."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future

from torch import Tensor

from pellucid.data.sources import Source, read_pixels
from pellucid.errors import ConfigurationError


class PixelCache:
    """Decoded pictures by key; the least recently used leave when the budget is full. Safe for threads.

    Two threads that ask for the same picture at once wait for one decoding. A picture larger than the whole budget is
    handed out and not kept. The tensors are shared: read them, never write into them.

    Args:
        budget_bytes: how much pixel memory may be kept; 0 keeps nothing.
    """

    def __init__(self, budget_bytes: int):
        if budget_bytes < 0:
            raise ConfigurationError(f"Expected a cache budget of at least 0 bytes, got {budget_bytes}: raise it.")
        self.budget_bytes = budget_bytes
        self.held_bytes = 0
        self._kept: OrderedDict[str, Tensor] = OrderedDict()  # least recently used first
        self._underway: dict[str, Future[Tensor]] = {}
        self._lock = threading.Lock()

    def pixels(self, source: Source, name: str) -> Tensor:
        """One picture of a source, uint8, `(3, H, W)`, decoded now or kept from before."""
        return self.get(source.locate(name), lambda: read_pixels(source, name))

    def get(self, key: str, decode: Callable[[], Tensor]) -> Tensor:
        """The tensor kept under `key`, or else what `decode` returns, which is then kept.

        An error of `decode` reaches every thread that waits for this key, and is not kept.
        """
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            is_first = key not in self._underway
            future = self._underway.setdefault(key, Future())
        if not is_first:
            return future.result()
        try:
            pixels = decode()
        except BaseException as error:
            with self._lock:
                del self._underway[key]
            future.set_exception(error)
            raise
        with self._lock:
            del self._underway[key]
            self._keep(key, pixels)
        future.set_result(pixels)
        return pixels

    def drop(self, key: str) -> None:
        """Keep `key` no longer, if it is kept."""
        with self._lock:
            dropped = self._kept.pop(key, None)
            self.held_bytes -= 0 if dropped is None else dropped.nbytes

    def _keep(self, key: str, pixels: Tensor) -> None:
        if pixels.nbytes > self.budget_bytes:
            return
        self._kept[key] = pixels
        self.held_bytes += pixels.nbytes
        while self.held_bytes > self.budget_bytes:
            _, dropped = self._kept.popitem(last=False)
            self.held_bytes -= dropped.nbytes
