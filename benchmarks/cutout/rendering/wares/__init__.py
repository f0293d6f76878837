"""The products, by what makes them hard to cut out; own procedural models, brands invented.

`PRODUCTS` is all of them. Runs in Blender's Python (`bpy`) only.
"""

from benchmarks.cutout.rendering.wares.black import BLACK
from benchmarks.cutout.rendering.wares.cloth import CLOTH
from benchmarks.cutout.rendering.wares.glassware import GLASSWARE
from benchmarks.cutout.rendering.wares.goods import GOODS
from benchmarks.cutout.rendering.wares.listing import Product
from benchmarks.cutout.rendering.wares.metalware import METALWARE
from benchmarks.cutout.rendering.wares.white import WHITE
from benchmarks.cutout.rendering.wares.wire import WIRE

PRODUCTS: tuple[Product, ...] = (*WIRE, *GLASSWARE, *METALWARE, *WHITE, *BLACK, *CLOTH, *GOODS)

__all__ = ["PRODUCTS", "Product"]
