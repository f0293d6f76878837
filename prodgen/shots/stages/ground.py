"""The product stands: its shadow falls on the floor of the scene, as far as it is not there already."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field, field_validator

from prodgen import shadows
from prodgen.color import to_linear
from prodgen.errors import IdleSettingError, SettingError
from prodgen.images import Matte, RgbImage
from prodgen.pose import View
from prodgen.shots.floor_shadow import (
    GAP,
    Cast,
    FloorShadow,
    Kind,
    cut_off,
    grown,
    is_plain,
    lift_shadow,
    view_of_floor,
)
from prodgen.shots.footing import BESIDE_DRAWN, beside_drawn, without_floor
from prodgen.shots.frame import Frame, Stage, Tools
from prodgen.shots.glassware import shadow_of
from prodgen.shots.layers import Brief, CutOut, FinalScene, Glass, Ground, Placed, Pose, Shade
from prodgen.shots.see_through import solid_product
from prodgen.shots.shadow_words import read_direction, read_hex

CAST_ONLY = ("shadow_softness", "shadow_azimuth_deg", "shadow_length")
"""Settings of a shadow that a light throws."""

ROUGHNESS = 0.3
"""How blurred a mirror image is with distance if unsaid. Chosen by eye: between polished and satin."""


SCENE_ENDS = "a scene ends at its frame, so its canvas cannot grow; leave out --canvas grow"
"""Told of a canvas that is to grow under a scene."""


class GroundStage(Stage):
    """Add the shadow that is missing: contact, sky and directional, by the same light as the picture's."""

    takes = (Brief, CutOut, Placed, FinalScene)
    gives = (FinalScene, Shade)

    stage: Literal["ground"] = "ground"

    shadow: Kind = "auto"
    """auto (what the scene does not have yet), none, contact (the darkness at its foot), cast (thrown by a
    light), float (the product hovers), keep (the photograph's own, lifted from its backdrop)."""

    shadow_opacity: float = Field(default=1.0, ge=0, le=1)
    """How dark: 0 is none, 1 as light and product make it."""

    shadow_softness: float | None = Field(default=None, ge=0, le=1)
    """0 is as sharp as the sun's, 1 as soft as a window wall's; unset: each light's own."""

    shadow_azimuth_deg: Annotated[float | None, BeforeValidator(read_direction)] = Field(
        default=None, ge=-180, le=180
    )
    """Where on the floor the shadow falls: 0 to the camera, 90 right, -90 left, 180 away; or a word such as
    "left" or "back-right"; unset: away from the picture's light. Of several lights the key light's alone."""

    shadow_length: float | None = Field(default=None, ge=0.05, le=7)
    """Length on the floor in heights of the product; unset: by the light's height."""

    shadow_gap: float | None = Field(default=None, gt=0, le=1)
    """How high a floating product hovers, in its longer sides; unset: 0.12."""

    shadow_color: str | None = None
    """Colour that white has in a full shadow, "#rrggbb"; unset: black."""

    reflection: float = Field(default=0.0, ge=0, le=1)
    """Strength of a mirror image on the floor, for glossy floors that the backend drew without one."""

    roughness: float = Field(default=ROUGHNESS, ge=0, le=1)
    """How blurred the mirror image is with distance: 0 is polished, 1 is satin."""

    ground: Ground = "auto"
    """Whether the scene is looked at for a missing floor: auto and inpaint do, none takes it for one."""

    canvas: Literal["fixed", "grow"] = "fixed"
    """Whether a plain ground grows where a shadow or a mirror image would be cut off at its edge."""

    @field_validator("shadow_color")
    @classmethod
    def _is_color(cls, value: str | None) -> str | None:
        if value is None:
            return None
        read_hex(value)
        return value

    def check(self) -> None:
        """Refuse settings that this kind of shadow does not have."""
        idle = [name for name in CAST_ONLY if getattr(self, name) is not None]
        if idle and self.shadow not in ("cast", "float"):
            raise IdleSettingError(idle, f"shadow {self.shadow} is thrown by no light of its own, cast is")
        if self.ground == "inpaint" and self.shadow == "float":
            raise IdleSettingError(["ground"], "a product that hovers has no foot on the floor")
        if self.shadow_gap is not None and self.shadow != "float":
            raise IdleSettingError(["shadow_gap"], f"with shadow {self.shadow} the product does not hover")
        if self.shadow == "none":
            of_shadow = {
                "shadow_color": self.shadow_color is not None,
                "shadow_opacity": self.shadow_opacity not in (0, 1),
                "canvas": self.canvas == "grow" and not self.reflection,
            }
            if idle := [name for name, is_asked in of_shadow.items() if is_asked]:
                raise IdleSettingError(idle, "there is no shadow; shadow contact or cast makes one")
        if self.roughness != ROUGHNESS and not self.reflection:
            raise IdleSettingError(["roughness"], "there is no mirror image; reflection makes one")

    @property
    def uses(self) -> tuple[type, ...]:
        """The pose, where anything falls on the floor."""
        return (Pose,) if self.shadow != "none" or self.reflection else ()

    @property
    def unwanted_shadow(self) -> str:
        """The drawn shadow, where the one asked for would lie beside it; it can climb no steps."""
        kind: Kind = self.shadow if self.shadow_opacity > 0 else "none"
        is_beside = kind in BESIDE_DRAWN or self.shadow_azimuth_deg is not None
        return "shadow" if kind == "none" else "floor shadow" if is_beside else ""

    def foresee(self, frame: Frame) -> None:
        """Refuse a canvas that grows under a scene, and keeping a shadow that the photograph has not."""
        if self.canvas == "grow":
            raise SettingError(SCENE_ENDS)
        if self.shadow == "keep" and self.shadow_opacity > 0:
            lift_shadow(frame[CutOut], frame[Placed].placement, view_of_floor(frame))

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with a scene that the product stands in."""
        view = view_of_floor(frame)
        is_mirrored = self.reflection > 0 and not view.lies_flat
        plain = is_plain(frame)
        if self.canvas == "grow" and not plain:
            raise SettingError(SCENE_ENDS)
        gap = GAP if self.shadow_gap is None else self.shadow_gap
        cast = Cast(self.shadow_softness, self.shadow_azimuth_deg, self.shadow_length, gap)
        asked: Kind = self.shadow if self.shadow_opacity > 0 else "none"
        asked, stays = beside_drawn(frame, asked, is_turned=cast.is_turned)
        frame, kind = without_floor(frame, asked, is_searched=self.ground != "none", lies_flat=view.lies_flat)
        shadow = FloorShadow(frame, kind, cast, view)

        def mirror_opacity(matte: Matte) -> Matte:
            return self._mirror_image(np.zeros((*matte.shape, 3), np.float32), matte, view)[1]

        beyond = shadow.beyond(mirror_opacity if is_mirrored else None)
        if self.canvas == "grow":
            frame = grown(frame, beyond.room)
        placed, scene = frame[Placed], frame[FinalScene].image
        if is_mirrored:
            scene = self._with_mirror_image(frame, scene, view)
        if kind != "none":
            fallen, color = shadow.on(placed), self.shadow_color
            if kind != "keep":
                fallen = shadow_of(frame, fallen)
            left = (1 - self.shadow_opacity * (1 - fallen)).astype(np.float32)
            frame = frame.holding(Shade(left, color or "#000000"))
            scene = shadows.apply_shadow(
                scene,
                fallen,
                opacity=self.shadow_opacity,
                color=None if color is None else to_linear(read_hex(color)),
            )
        parts = {"shadow": kind != "none", "mirror image": is_mirrored}
        cast_off = " and ".join(part for part, is_there in parts.items() if is_there)
        idle = self.reflection > 0 and view.lies_flat
        return frame.holding(FinalScene(scene)).noting(
            "reflection is without effect: what lies flat hides its own mirror image" if idle else None,
            stays,
            *shadow.notices,
            None if self.canvas == "grow" else cut_off(beyond, cast_off, plain=plain),
        )

    def _with_mirror_image(self, frame: Frame, scene: RgbImage, view: View) -> RgbImage:
        """Return the scene with the product mirrored in its floor; of glass only what is its own light.

        What is seen through glass is in its mirror image what the floor mirrors already.
        """
        matte = frame[Placed].matte
        product, hiding = solid_product(frame)
        mirrored, opacity = self._mirror_image(product * hiding[..., None], matte, view)
        share = np.broadcast_to(opacity[..., None], product.shape)
        if frame.get(Glass) is not None:
            share = share * self._mirror_image(np.dstack([hiding] * 3), matte, view)[0]
        return np.asarray(scene * (1 - share) + mirrored * opacity[..., None], np.float32)

    def _mirror_image(self, product: RgbImage, matte: Matte, view: View) -> tuple[RgbImage, Matte]:
        """Return the mirror image on the floor: as strong as asked for the usual view, more head-on."""
        usual = shadows.mirror_share(shadows.CAMERA_PITCH_DEG)
        strength = min(self.reflection * shadows.mirror_share(view.floor_deg) / usual, 1.0)
        return shadows.reflection(product, matte, strength=strength, roughness=self.roughness)
