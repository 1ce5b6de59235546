"""Images read from files, kept for the next edit: a stored file never changes, since its path is its content's hash."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from typing import Any

import engine

BUDGET = 1_000_000_000


class ImageCache:
    """Reads images as engine.read_image does, and keeps those used last, up to ``budget`` bytes. Safe on threads."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, engine.Image] = OrderedDict()

    def read(self, data: Any, **options: Any) -> engine.Image:
        """The image of a stored file with these settings; arguments and errors are those of engine.read_image."""
        key = json.dumps([data, options], sort_keys=True, default=str)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        image = engine.read_image(data, **options)
        with self._lock:
            self._kept[key] = image
            while len(self._kept) > 1 and sum(map(size_of, self._kept.values())) > self._budget:
                self._kept.popitem(last=False)
        return image


def size_of(image: engine.Image) -> int:
    """Bytes of an image's arrays."""
    psf = 0 if image.psf is None else image.psf.nbytes
    return image.data.nbytes + image.weight.nbytes + image.mask.nbytes + psf


IMAGES = ImageCache()
