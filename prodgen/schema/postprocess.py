"""Work on a finished picture: enlarging it and restoring faces. Draws nothing new."""

from __future__ import annotations

from pydantic import Field

from prodgen.schema.request import MatteField, Name, Request, RgbField, Share


class Upscale(Request):
    """Enlarge a picture with one of the server's upscalers."""

    image: RgbField
    """The picture, sRGB, [0, 1]."""

    upscaler_1: Name
    """A name from the server's list. There is no default: A1111's is "None", which enlarges nothing."""

    upscaling_resize: float | None = Field(default=None, gt=0, le=16)
    """Factor of the enlargement, in place of a size."""

    upscaling_resize_w: int | None = Field(default=None, ge=1, le=32768)
    """Width of the result in pixels, together with `upscaling_resize_h`."""

    upscaling_resize_h: int | None = Field(default=None, ge=1, le=32768)
    """Height of the result in pixels, together with `upscaling_resize_w`."""

    upscaling_crop: bool | None = None
    """With a size: cut what sticks out instead of leaving the result larger."""

    upscaler_2: Name | None = None
    """A second upscaler, mixed in by `extras_upscaler_2_visibility`."""

    extras_upscaler_2_visibility: Share | None = None
    """Share of the second upscaler's result."""

    gfpgan_visibility: Share | None = None
    """Share of GFPGAN's restored faces."""

    codeformer_visibility: Share | None = None
    """Share of CodeFormer's restored faces."""

    codeformer_weight: Share | None = None
    """0 = strongest effect of CodeFormer."""

    upscale_first: bool | None = None
    """Enlarge before faces are restored."""

    matte: MatteField | None = None
    """Sent as the picture's alpha, which upscaling keeps; the result is the colours only."""

    def check(self) -> None:
        """Refuse what would not run, or be ignored."""
        super().check()
        sized = self.upscaling_resize_w is not None and self.upscaling_resize_h is not None
        if (self.upscaling_resize_w is None) != (self.upscaling_resize_h is None):
            raise ValueError("upscaling_resize_w and upscaling_resize_h are of use only together")
        if sized == (self.upscaling_resize is not None):
            raise ValueError(
                "give a factor (upscaling_resize) or a size (upscaling_resize_w and _h), one of the two"
            )
        if (self.upscaler_2 is None) != (self.extras_upscaler_2_visibility is None):
            raise ValueError("upscaler_2 and extras_upscaler_2_visibility are of use only together")
        if self.matte is not None and self.matte.shape != self.image.shape[:2]:
            raise ValueError("matte and image must have the same size")
