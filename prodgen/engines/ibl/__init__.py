"""Pictures by image-based lighting: panorama, camera, floor, the product's light. Knows no server."""
