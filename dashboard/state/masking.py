"""The mask that a person draws, as methods: each change makes a new FITS file of the project, so undo goes back to one.

The file holds the shapes too (engine.images.drawn), so they survive a reload, and a run's description names the very
mask that it was fitted with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import param

import engine
from dashboard.state.session import Refusal, Session
from dashboard.store import file_reference, with_file
from dashboard.store.references import DRAWN_MASK, referenced
from engine.images.drawn import DrawnMask, begin_mask, drawn_mask_file, with_shapes
from engine.images.regions import Shape, inverted, parse_regions, regions_text

INVERTED = " inverted"
NO_IMAGE = "There is no image to mask yet. Drop a FITS file first."


class Masking(param.Parameterized):
    """The drawn part of the mask of the image that is worked on."""

    shapes = param.ClassSelector(class_=tuple, default=(), doc="The shapes drawn, in order.")

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self.session = session
        self.state = session.state
        self._one_at_a_time = asyncio.Lock()
        self._read: Any = None

    # --- what a person does

    async def draw(self, kind: str, numbers: Sequence[Any], ignored: bool) -> bool:
        """Add a shape: its pixels are ignored from now on, or used again. True when it was taken."""

        def change(drawn: DrawnMask) -> Sequence[Shape]:
            return (*drawn.shapes, Shape(kind, tuple(float(number) for number in numbers), ignored))

        return await self._change(change)

    async def invert(self) -> bool:
        """Ignore what the shapes leave in use, and the other way round; what an uploaded mask ignores stays ignored."""
        return await self._change(lambda drawn: inverted(drawn.shapes, drawn.shape))

    async def clear(self) -> bool:
        """Take all shapes away; an uploaded mask stays."""
        return await self._change(lambda drawn: ())

    async def replace(self, text: str) -> list[str] | None:
        """Take the shapes of a DS9 region file in place of those there are: what was left out, None when refused."""
        notices: list[str] = []

        def change(drawn: DrawnMask) -> Sequence[Shape]:
            shapes, left_out = parse_regions(text, self._wcs())
            notices.extend(left_out)
            return shapes

        return notices if await self._change(change) else None

    async def carry_over(self, shapes: Sequence[Shape]) -> None:
        """Put these shapes over the mask in use, if it came without: a mask was uploaded over a drawn one."""
        await self.read()
        if shapes and not self.shapes and _entry(self.state.description).get("mask"):
            await self._change(lambda _: shapes)

    # --- what there is

    @property
    def text(self) -> str:
        """The shapes as a DS9 region file."""
        return regions_text(self.shapes)

    async def read(self) -> None:
        """Bring ``shapes`` up to date with the description."""
        reference = _entry(self.state.description).get("mask")
        if reference != self._read:
            self._read = reference
            drawn = await asyncio.to_thread(self._begin_or_none)
            if self._read == reference:
                self.shapes = drawn.shapes if drawn is not None else ()

    # --- inside

    async def _change(self, change: Callable[[DrawnMask], Sequence[Shape]]) -> bool:
        """Change the shapes, on a thread; a change that is refused says why and leaves everything as it was."""
        if self.state.opened.image is None:
            self.state.refused = NO_IMAGE
            return False
        async with self._one_at_a_time:
            try:
                drawn, entry = await asyncio.to_thread(self._made, change)
            except (*Refusal, TypeError, ValueError) as error:
                known = isinstance(error, Refusal)
                self.state.refused = str(error) if known else "This shape cannot be read. Draw it again."
                return False
            taken = await self.session.change(lambda description: _with_mask(description, entry))
            if taken:
                self._read, self.shapes = entry.get("mask"), drawn.shapes
            elif entry.get("made"):
                await asyncio.to_thread(self.session.store.delete_file, entry["made"])
            return taken

    def _made(self, change: Callable[[DrawnMask], Sequence[Shape]]) -> tuple[DrawnMask, dict[str, Any]]:
        """The mask after a change, and what the image entry says of it; ``made`` is the id of its new file."""
        before = self._begin()
        drawn = with_shapes(before, change(before))
        store, project = self.session.store, self.session.project_id
        if not drawn.shapes:
            reference = drawn.source.removesuffix(INVERTED)
            known = referenced(reference)
            if drawn.under is None:
                return drawn, {}
            if known is not None and known[0] in {file.id for file in store.files(project)}:
                turned = {"invert_mask": True} if drawn.source.endswith(INVERTED) else {}
                return drawn, {"mask": reference, **turned}
        file = self.session.services.add_file(project, "mask", DRAWN_MASK, drawn_mask_file(drawn))
        return drawn, {"mask": file_reference(file, 0), "made": file.id}

    def _begin(self) -> DrawnMask:
        entry, resolved = self._files()
        invert = bool(entry.get("invert_mask"))
        source = f"{entry.get('mask', '')}{INVERTED if invert else ''}"
        return begin_mask(resolved["data"], resolved.get("mask"), source=source, invert=invert)

    def _files(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The image entry as stored, and with paths in place of its references."""
        entry = _entry(self.state.description)
        session = self.session
        resolved = session.store.resolved_description(session.project_id, {"images": [entry]})
        return entry, resolved["images"][0]

    def _begin_or_none(self) -> DrawnMask | None:
        try:
            return self._begin() if _entry(self.state.description).get("mask") else None
        except Refusal:  # opening the description says what is wrong
            return None

    def _wcs(self) -> Any:
        """Sky coordinates of the full image: those of a window count from its corner."""
        _, resolved = self._files()
        return engine.read_image(resolved["data"], variance=1.0).wcs


def _entry(description: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of the image that is worked on, empty where there is none."""
    return dict((description.get("images") or [{}])[0])


def _with_mask(description: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    changed = with_file(description, "mask", entry.get("mask"))
    changed["images"][0].pop("invert_mask", None)
    if entry.get("invert_mask"):
        changed["images"][0]["invert_mask"] = True
    return changed
