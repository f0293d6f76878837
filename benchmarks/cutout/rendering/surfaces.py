"""What products and places are made of: materials by colour and kind, colours as sRGB from 0 to 1.

Runs in Blender's Python (`bpy`) only.
"""

from __future__ import annotations

import bpy

Colour = tuple[float, float, float]
Material = bpy.types.Material

WHITE, BLACK = (0.9, 0.9, 0.88), (0.07, 0.07, 0.075)
STEEL, GOLD, BRASS, COPPER = (0.78, 0.78, 0.79), (0.95, 0.77, 0.42), (0.83, 0.68, 0.4), (0.9, 0.6, 0.47)


def linear(colour: Colour) -> tuple[float, float, float, float]:
    """Give an sRGB colour as Blender wants it: linear, with alpha."""
    r, g, b = ((c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for c in colour)
    return r, g, b, 1.0


def paint(
    colour: Colour,
    *,
    rough: float = 0.5,
    metal: float = 0.0,
    clear: float = 0.0,
    coat: float = 0.0,
    ior: float = 1.45,
    under: float = 0.0,
    sheen: float = 0.0,
    bumps: tuple[float, float] | None = None,
    mottle: float = 0.0,
) -> bpy.types.Material:
    """Give a material.

    Args:
        colour: Base colour.
        rough: 0 (mirror) to 1 (chalk).
        metal: 1 for a bare metal.
        clear: Share of the light that goes through, as through glass.
        coat: Share of a clear lacquer.
        ior: Index of refraction.
        under: Share of light scattered below the surface, as in wax.
        sheen: Of cloth, seen from the side.
        bumps: Fineness and height of a fine relief: leather, knit, hammered metal.
        mottle: How far the colour varies over the surface, as a share of it.
    """
    made = bpy.data.materials.new("paint")
    made.use_nodes = True
    nodes, links = made.node_tree.nodes, made.node_tree.links
    shader = nodes["Principled BSDF"]
    for name, value in (
        ("Base Color", linear(colour)),
        ("Roughness", rough),
        ("Metallic", metal),
        ("Transmission Weight", clear),
        ("Coat Weight", coat),
        ("IOR", ior),
        ("Subsurface Weight", under),
        ("Sheen Weight", sheen),
    ):
        shader.inputs[name].default_value = value
    if under:
        shader.inputs["Subsurface Radius"].default_value = (0.1, 0.07, 0.05)
    where = nodes.new("ShaderNodeTexCoord")
    if bumps is not None:
        noise, bump = nodes.new("ShaderNodeTexNoise"), nodes.new("ShaderNodeBump")
        noise.inputs["Scale"].default_value = bumps[0]
        bump.inputs["Strength"].default_value = 1.0
        bump.inputs["Distance"].default_value = bumps[1]
        links.new(where.outputs["Object"], noise.inputs["Vector"])
        links.new(noise.outputs["Fac"], bump.inputs["Height"])
        links.new(bump.outputs["Normal"], shader.inputs["Normal"])
    if mottle:
        dark = tuple(c * (1 - mottle) for c in colour)
        _coloured_by_noise(made, linear(colour), linear(dark), scale=6.0)
    return made


def wood(colour: Colour, *, grain: float = 4.0) -> bpy.types.Material:
    """Give wood, its grain along x."""
    made = paint(colour, rough=0.45, bumps=(30, 0.003))
    dark = tuple(c * 0.7 for c in colour)
    _coloured_by_noise(made, linear(colour), linear(dark), scale=grain, stretch=(0.25, 3.0, 3.0))
    return made


def glass(colour: Colour = (1, 1, 1), *, rough: float = 0.0, ior: float = 1.45) -> bpy.types.Material:
    """Give clear or coloured glass; its shadow is as light as the glass, though no caustics are traced."""
    made = paint(colour, rough=rough, clear=1.0, ior=ior)
    nodes, links = made.node_tree.nodes, made.node_tree.links
    ray, either, through, mix = (
        nodes.new(f"ShaderNode{kind}") for kind in ("LightPath", "Math", "BsdfTransparent", "MixShader")
    )
    either.operation = "MAXIMUM"
    through.inputs["Color"].default_value = linear(colour)
    links.new(ray.outputs["Is Shadow Ray"], either.inputs[0])
    links.new(ray.outputs["Is Diffuse Ray"], either.inputs[1])
    links.new(either.outputs[0], mix.inputs[0])
    links.new(nodes["Principled BSDF"].outputs[0], mix.inputs[1])
    links.new(through.outputs[0], mix.inputs[2])
    links.new(mix.outputs[0], nodes["Material Output"].inputs[0])
    return made


def thin_glass(colour: Colour = (0.97, 0.99, 0.98)) -> bpy.types.Material:
    """Give a pane without refraction: it lets light through straight, and shines at its edges."""
    made = bpy.data.materials.new("pane")
    made.use_nodes = True
    nodes, links = made.node_tree.nodes, made.node_tree.links
    nodes.clear()
    through, shine, how, mix, end = (
        nodes.new(f"ShaderNode{kind}")
        for kind in ("BsdfTransparent", "BsdfGlossy", "Fresnel", "MixShader", "OutputMaterial")
    )
    through.inputs["Color"].default_value = linear(colour)
    shine.inputs["Roughness"].default_value = 0.03
    links.new(how.outputs[0], mix.inputs[0])
    links.new(through.outputs[0], mix.inputs[1])
    links.new(shine.outputs[0], mix.inputs[2])
    links.new(mix.outputs[0], end.inputs[0])
    return made


def _coloured_by_noise(
    material: bpy.types.Material,
    light: tuple[float, ...],
    dark: tuple[float, ...],
    *,
    scale: float,
    stretch: Colour = (1, 1, 1),
) -> None:
    nodes, links = material.node_tree.nodes, material.node_tree.links
    where, stretched = nodes.new("ShaderNodeTexCoord"), nodes.new("ShaderNodeMapping")
    noise, ramp = nodes.new("ShaderNodeTexNoise"), nodes.new("ShaderNodeValToRGB")
    stretched.inputs["Scale"].default_value = stretch
    noise.inputs["Scale"].default_value, noise.inputs["Detail"].default_value = scale, 6.0
    ramp.color_ramp.elements[0].position, ramp.color_ramp.elements[1].position = 0.35, 0.65
    ramp.color_ramp.elements[0].color, ramp.color_ramp.elements[1].color = dark, light
    links.new(where.outputs["Object"], stretched.inputs["Vector"])
    links.new(stretched.outputs["Vector"], noise.inputs["Vector"])
    links.new(noise.outputs["Fac"], ramp.inputs["Fac"])
    links.new(ramp.outputs["Color"], nodes["Principled BSDF"].inputs["Base Color"])
