"""Pictures by image-based lighting: panorama, camera, floor, the product's light. What embedded:// draws.

Where a number here has no source it is a renderer's taste and its docstring says "chosen by eye": on a sheet
of twelve pictures (six places, empty and with a product). None of them decides what becomes of a product: its
colours and outline are measured against the photograph, whatever drew the scene.
"""
