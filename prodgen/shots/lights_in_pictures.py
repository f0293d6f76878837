"""The light that a shot takes from pictures: a light map of the user's, or a reference picture."""

from __future__ import annotations

from prodgen.light import Light, estimate_light, words
from prodgen.light.light_maps import lights_of_map
from prodgen.shots.layers import Given
from prodgen.shots.shot import Shot


def lights_of(given: Given) -> tuple[Light, ...]:
    """Return the lights that are found in the pictures given for them, the key light first."""
    if given.light_from is not None:
        return (estimate_light(given.light_from),)
    return () if given.light_map is None else lights_of_map(given.light_map)


def told(asked: tuple[Light, ...], given: Given) -> str | None:
    """Return a sentence with the key light that was found in a picture; None where none was looked for."""
    if asked or (given.light_from is None and given.light_map is None):
        return None
    which = "light map" if given.light_from is None else "reference picture"
    found = lights_of(given)
    if not found:
        return f"the {which} is even: no direction of light was found in it"
    key = found[0]
    colour = f"{key.temperature_k:.0f} K" if key.color is None else key.color
    more = "" if len(found) == 1 else f", and {len(found) - 1} weaker"
    return (
        f"light of the {which}: azimuth {key.azimuth_deg:.0f}, elevation {key.elevation_deg:.0f}, {colour},"
        f" strength {key.strength:.0%}{more}"
    )


def passed_over(shot: Shot) -> str | None:
    """Return a sentence with the recipe's light where a picture of the scene gives it; None elsewhere."""
    scene = {"reference picture": shot.reference, "background": shot.background}
    which = next((name for name, picture in scene.items() if picture is not None), None)
    is_asked = bool(shot.lights) or shot.light_from is not None or shot.light_map is not None
    if which is None or is_asked or not shot.recipe.light:
        return None
    own = " and ".join(map(words, shot.recipe.light))
    kept = ", though its words are sent as they are" if shot.recipe.prompt else ""
    return f"the light is the {which}'s and not the recipe's, {own}{kept}; --light asks for one"
