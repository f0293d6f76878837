"""Makes orders of rows, one row at a time, and collects what is wrong with each."""

from __future__ import annotations

import fnmatch
import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Any

from prodgen.catalogue.cells import OddCell
from prodgen.catalogue.columns import OF_A_SHOT, PICTURES, REASON, meant_by, setting_columns
from prodgen.catalogue.fault_list import FaultList
from prodgen.catalogue.file_names import safe_name
from prodgen.catalogue.order import Order
from prodgen.catalogue.output_pattern import OutputPattern, safe_path, sku_of
from prodgen.catalogue.row_cells import RowCells, absolute
from prodgen.catalogue.row_rules import check_kind, recipe_digest, recipe_with
from prodgen.catalogue.sheet_opening import Catalogue
from prodgen.catalogue.sheet_rows import Row
from prodgen.catalogue.templates import Template, read_template
from prodgen.catalogue.wishes import Wishes
from prodgen.errors import IdleSettingError, SettingError, SheetFault, UnknownNameError, WrongValueError
from prodgen.placement import VARIANTS
from prodgen.schema.prompts import read_prompt
from prodgen.schema.seeds import SEEDS, siblings
from prodgen.shots.examples import example_seed
from prodgen.shots.stages.place import MOVING
from prodgen.text2image.wildcards import MAX_PROMPT, Wildcards

MOST_KNOWN = 4096
"""Most kinds of rows whose settings are remembered; with more they are read again."""


class RowPlanner:
    """Makes orders of rows; faults and what else is to be told gather beside them."""

    def __init__(self, catalogue: Catalogue, wishes: Wishes, *, looks: bool) -> None:
        self.catalogue, self.wishes, self.looks = catalogue, wishes, looks
        self.faults = FaultList()
        self.rows = 0
        self.cells = RowCells(catalogue, wishes, self.faults, looks=looks)
        self.pattern = OutputPattern(wishes.name, wishes.ending)
        self.wildcards = Wildcards(wishes.wildcards)
        self.setting_keys = [key for key in catalogue.keys if key in setting_columns()]
        self.deciding = [key for key in catalogue.keys if key in {*self.setting_keys, *_DECIDING}]
        self.spots = VARIANTS[: wishes.variants] if wishes.variants else ("",)
        self._known: dict[tuple[str, ...], dict[str, Any]] = {}
        self._empty: Counter[str] = Counter()
        self._ignored: Counter[str] = Counter()
        self._used: set[str] = set()
        self._digests: dict[str, str] = {}
        self._check_columns()

    def _check_columns(self) -> None:
        keys = self.catalogue.keys
        if "photo" not in keys:
            there = ", ".join(repr(name.strip()) for name in self.catalogue.columns if name.strip())
            what = f"there is no column 'photo'; there are: {there}"
            self.faults.add(SheetFault(0, "", what, "name the column of photographs 'photo'"))
        for key in PICTURES:
            wished = getattr(self.wishes, key, None)
            if self.looks and wished and "://" not in wished and not os.path.isfile(wished):  # noqa: PTH113
                self.faults.add(SheetFault(0, "", f"{key}: {wished!r} does not exist, or is no file"))
        available = {*keys, "sku", "scene"}
        texts = {"prompt": self.wishes.prompt, "negative_prompt": self.wishes.negative_prompt or ""}
        for where, text in (*texts.items(), *self.wishes.scenes):
            names = read_template(text).names
            self._used.update(names)
            self._check_names(0, where, names, available)
        self._used.update(self.pattern.names)
        self._check_names(0, "name", self.pattern.names, available)

    def _check_names(self, row: int, where: str, names: tuple[str, ...], available: set[str]) -> bool:
        unknown = [name for name in names if name not in available]
        for name in unknown:
            error = UnknownNameError("column", name, sorted(available), "(in a template)")
            self.faults.add(SheetFault(row, where, str(error)))
        return not unknown

    def notices(self) -> Iterator[str]:
        """Give a sentence for each thing that the user may not have meant."""
        keys = self.catalogue.keys
        known = {*OF_A_SHOT, *setting_columns(), *self._used, REASON, ""}
        wanted = {*OF_A_SHOT, *recipe_with(self.wishes.recipe, ()).settings} - {*keys}
        for key in keys:
            if key not in known and (meant := meant_by(key, wanted)):
                yield f"column {self.catalogue.spelling(key)!r} is not used; is {meant!r} meant?"
        for key, times in self._ignored.items():
            yield f"{self.catalogue.spelling(key)!r} of {times:,} rows is not used, since scenes are given"
        for key, times in self._empty.items():
            yield f"{self.catalogue.spelling(key)!r} is empty in {times:,} prompts that name it"

    def orders(self) -> Iterator[Order]:
        """Give the orders of all chosen rows without a fault."""
        if self.faults.total:
            return
        for row in self._chosen():
            self.rows += 1
            before = self.faults.total
            self.cells.check_text(row)
            found = list(self._orders_of(row)) if self.faults.total == before else []
            if self.faults.total == before:
                yield from found

    def _chosen(self) -> Iterator[Row]:
        return islice(filter(self._is_chosen, self.catalogue), self.wishes.limit)

    def _is_chosen(self, row: Row) -> bool:
        only, photos = self.wishes.only, self.wishes.photos
        if row.fault is not None:
            return photos is None
        if only is not None and not fnmatch.fnmatchcase(sku_of(row.cells), only):
            return False
        if photos is None:
            return True
        try:
            return self.cells.places.place_of(row.cells.get("photo", "").strip()) in photos
        except SettingError:
            return False  # what may not be read is not among those that were asked for

    def _orders_of(self, row: Row) -> Iterator[Order]:
        if row.fault is not None:
            self.faults.add(row.fault)
            return
        self.cells.text(row, "sku")
        photo, sku = self.cells.picture(row, "photo"), sku_of(row.cells)
        if not row.cells.get("photo", "").strip():
            self.cells.fault(row, "photo", "is empty", "name the photograph, or remove the row")
        before = self.faults.total
        asked = self._decided(row)
        is_whole = self.faults.total == before
        first = self.cells.seed(row)
        if first is None and "like" in asked:
            first = example_seed(asked["like"])
        own_scene = self.cells.text(row, "scene")
        for (scene, prompt, key), spot in product(self._prompts(row), self.spots):
            scenes = [name for name in (own_scene, scene) if name]
            names = [*scenes, spot] if spot else scenes
            if spot == self.spots[0]:  # a scene's faults are those of each place in it
                template = self._template(row, key, prompt)
                if is_whole:
                    self._check_kind(row, asked, prompt)
            if template is None or (photo == ""):
                continue
            path = safe_path(sku)
            start = _seed_of("/".join([path, *map(safe_name, scenes)])) if first is None else first
            slot = "/".join([path, *map(safe_name, names)])
            cells = {**row.cells, "sku": sku, "scene": " ".join(scenes)}
            told: set[str] = set()
            for number, seed in enumerate(siblings(start, self.wishes.count), start=1):
                words = self._words(row, key, template, cells, seed)
                if words is None:
                    break
                yield Order(
                    slot=slot if number == 1 else f"{slot}/{number}",
                    sku=sku,
                    row=row.number,
                    photo=photo,
                    prompt=words,
                    seed=seed,
                    output=self._output(row, cells, path, "-".join(names), seed, number, photo),
                    asked_for=self._with_negative(row, _at(spot, asked), cells, seed),
                    scene="/".join(names),
                    is_repeat=words in told,
                )
                told.add(words)

    def _prompts(self, row: Row) -> list[tuple[str, str, str]]:
        """Return name, template and column of each scene that the product is to be shown in."""
        own = self.cells.text(row, "prompt")
        if self.wishes.scenes:
            self._ignored.update(["prompt"] if own and "prompt" not in self._used else [])
            return [(name, text, "") for name, text in self.wishes.scenes]
        return [("", own or self.wishes.prompt, "prompt" if own else "")]

    def _template(self, row: Row, key: str, text: str) -> Template | None:
        try:
            template = read_template(text)
        except SettingError as error:
            self.cells.fault(row, key, str(error))
            return None
        for name in template.names:
            if name in row.cells:
                if not self.cells.text(row, name):
                    self._empty[name] += 1
            elif name not in ("sku", "scene"):
                available = {*row.cells, "sku", "scene"}
                self._check_names(row.number, self.catalogue.spelling(key), template.names, available)
                return None
        return template

    def _words(
        self, row: Row, key: str, template: Template, cells: Mapping[str, str], seed: int
    ) -> str | None:
        """Return a filled template; `key` is the column that it stands in, "" if it is asked of every row."""
        try:
            words = template.fill(cells, wildcards=self.wildcards, seed=seed)
            if "<" in words:
                read_prompt(words, loras=())
        except SettingError as error:  # what a cell holds is only words, so it is the template's fault
            if key:
                self.cells.fault(row, key, str(error))
            else:
                self.faults.add(SheetFault(0, "", str(error)))
            return None
        if len(words) > MAX_PROMPT:
            self.cells.fault(
                row, key, f"the prompt has {len(words):,} characters", f"{MAX_PROMPT:,} are possible"
            )
            return None
        return words

    def _with_negative(
        self, row: Row, asked: dict[str, Any], cells: Mapping[str, str], seed: int
    ) -> dict[str, Any]:
        text = asked.get("negative_prompt")
        if text is None or not (template := self._template(row, "negative_prompt", text)):
            return asked
        key = "negative_prompt" if self.cells.text(row, "negative_prompt") else ""
        words = self._words(row, key, template, cells, seed)
        return {**asked, "negative_prompt": words}

    def _output(
        self, row: Row, cells: Mapping[str, str], path: str, scene: str, seed: int, number: int, photo: str
    ) -> str:
        try:
            return self.pattern.name_of(cells, sku=path, scene=scene, seed=seed, number=number, photo=photo)
        except SettingError as error:
            self.cells.fault(row, "", str(error))
            return ""

    def _decided(self, row: Row) -> dict[str, Any]:
        """Return what `_asked_for` does; most rows decide what one before them did."""
        cells = tuple([row.cells.get(key, "") for key in self.deciding])
        found = self._known.get(cells)
        if found is None or OddCell in map(type, cells):
            before = self.faults.total
            found = self._asked_for(row)
            if self.faults.total == before:
                if len(self._known) >= MOST_KNOWN:
                    self._known.clear()
                self._known[cells] = found
        return found

    def _asked_for(self, row: Row) -> dict[str, Any]:
        """Return what a row decides beside photograph, prompt and seed, by the names of `new_shot`."""
        wishes = self.wishes
        recipe = self.cells.text(row, "recipe")
        if recipe.lower().endswith(".toml"):
            recipe = self.cells.picture(row, "recipe")
        elif not recipe:
            recipe = absolute(wishes.recipe) if wishes.recipe.endswith(".toml") else wishes.recipe
        given = {key: text for key in self.setting_keys if (text := self.cells.text(row, key))}
        if self.wishes.variants and "place" in given:
            self.cells.fault(
                row, "place", "variants choose the places themselves", "empty it, or ask for no variants"
            )
        # A row's own word goes before what is asked of all, also where the two exclude each other.
        stays = given.get("place") == "original"
        settings = {k: v for k, v in wishes.settings.items() if not (stays and k in MOVING)} | given
        loras = self.cells.text(row, "loras").replace(";", ",")
        if recipe not in self._digests:
            self._digests[recipe] = recipe_digest(recipe)
        found = {
            "recipe": recipe,
            "recipe_sha256": self._digests[recipe],
            "settings": settings,
            "negative_prompt": self.cells.text(row, "negative_prompt") or wishes.negative_prompt,
            "pose": self.cells.text(row, "pose") or wishes.pose,
            "light": self.cells.text(row, "light") or wishes.light,
            "loras": [lora.strip() for lora in loras.split(",") if lora.strip()] or list(wishes.loras),
            "light_map": self.cells.picture_of_all(row, "light_map", wishes.light_map),
            "light_from": self.cells.picture_of_all(row, "light_from", wishes.light_from),
            "like": self.cells.picture_of_all(row, "like", wishes.like),
            "background": self.cells.picture_of_all(row, "background", wishes.background),
            "reference": self.cells.picture_of_all(row, "reference", wishes.reference),
            "matte": self.cells.picture(row, "matte"),
            "box": self.cells.checked(row, "box") or wishes.box,
            "points": self.cells.checked(row, "points") or wishes.points,
        }
        return {name: value for name, value in found.items() if value}

    def _check_kind(self, row: Row, asked: Mapping[str, Any], prompt: str) -> None:
        """Add a fault if no shot can be what a row asks; one of the sheet if the row asks nothing itself."""
        error = check_kind(
            asked,
            count=self.wishes.count,
            has_variants=self.wishes.variants is not None,
            has_prompt=bool(prompt.strip()),
        )
        if error is None:
            return
        column = self._blamed(row, error)
        is_own = any(row.cells.get(key, "").strip() for key in ("prompt", *self.deciding))
        remedy = "correct it, or rename the column if it is no setting" if column in self.setting_keys else ""
        number = row.number if is_own else 0
        self.faults.add(
            SheetFault(number, self.catalogue.spelling(column) if column else "", str(error), remedy)
        )

    def _blamed(self, row: Row, error: SettingError) -> str:
        """Return the key of the column that an error is about, if the row has a cell there."""
        names: tuple[str, ...] = ()
        if isinstance(error, WrongValueError | UnknownNameError):
            names = (error.setting, *([error.kind] if isinstance(error, UnknownNameError) else []))
        elif isinstance(error, IdleSettingError):
            names = error.settings
        return next((name for name in names if row.cells.get(name, "").strip()), "")


_DECIDING = frozenset(OF_A_SHOT) - {"photo", "sku", "scene", "prompt", "seed"}
"""Columns that decide what is asked, beside the settings of a recipe."""


def _seed_of(slot: str) -> int:
    """Return the seed of a slot, which is the same in each run and on each machine."""
    return int.from_bytes(hashlib.sha256(slot.encode("utf-8", "surrogatepass")).digest()) % SEEDS


def _at(spot: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Return what is asked with the place of a variant in it, if there is one."""
    return {**asked, "settings": {**asked.get("settings", {}), "place": spot}} if spot else asked
