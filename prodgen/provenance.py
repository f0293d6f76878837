"""The story that a picture's file carries: A1111's infotext, our facts as JSON, and the IPTC source type.

Makes and reads text only. Callers decide what the story says; `codecs` stores it in the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import unescape
from typing import Any
from xml.sax.saxutils import escape

from prodgen.errors import ImageError

_CODES = "http://cv.iptc.org/newscodes/digitalsourcetype/"

COMPOSITE_WITH_TRAINED_MEDIA = f"{_CODES}compositeWithTrainedAlgorithmicMedia"
"""IPTC source type of a real product in a scene that a trained model drew."""

TRAINED_MEDIA = f"{_CODES}trainedAlgorithmicMedia"
"""IPTC source type of a picture that a trained model drew from words, with no photograph in it."""

COMPOSITE_SYNTHETIC = f"{_CODES}compositeSynthetic"
"""IPTC source type of a real product in a scene computed without a trained model (embedded backend)."""

ALGORITHMICALLY_ENHANCED = f"{_CODES}algorithmicallyEnhanced"
"""IPTC source type of a photograph that was cut out and put on an even ground (packshot)."""

KEY = "prodgen"
"""Name of the PNG text chunk that holds our story."""

XMP_KEY = "XML:com.adobe.xmp"

MAX_NESTING = 50
"""Most levels of lists and objects within a story. Guard: ours have seven, and Python's own functions on
nested values fail at a thousand."""


def text_chunks(story: Mapping[str, Any], *, infotext: str, source_type: str) -> dict[str, str]:
    """Return what is to be stored with a picture, by chunk name.

    Args:
        story: JSON-able facts: recipe, seed, backend, versions, measured identity.
        infotext: A1111's line for the picture, or "".
        source_type: An IPTC digital source type's address.

    Returns:
        "parameters" (what A1111 and its kin read), "prodgen" (JSON) and the XMP packet.
    """
    as_json = json.dumps(story, ensure_ascii=False, separators=(",", ":"))
    chunks = {"parameters": infotext} if infotext else {}
    return {**chunks, KEY: as_json, XMP_KEY: xmp_packet(source_type, as_json)}


def xmp_packet(source_type: str, story: str) -> str:
    """Return an XMP packet with the IPTC digital source type, the tool, and our story.

    The story is stored in XMP as well because JPEG and WebP have no text chunks.
    Source: IPTC Photo Metadata Standard 2023.1, property "Digital Source Type" (Iptc4xmpExt).
    """
    ours = f"<prodgen:Story>{escape(story)}</prodgen:Story>" if story else ""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:prodgen="urn:prodgen:story#">'
        f"<Iptc4xmpExt:DigitalSourceType>{escape(source_type)}</Iptc4xmpExt:DigitalSourceType>"
        "<xmp:CreatorTool>prodgen</xmp:CreatorTool>"
        f"{ours}"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
        '<?xpacket end="w"?>'
    )


def read_story(chunks: Mapping[str, str]) -> dict[str, Any]:
    """Return our story from a picture's text chunks.

    Raises:
        ImageError: If there is none, or it cannot be read.
    """
    text = _story_text(chunks)
    if not text:
        raise ImageError("this picture carries no prodgen story; it was made or saved by another program")
    try:
        story = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ImageError("the prodgen story in this picture is damaged") from error
    if not isinstance(story, dict) or _is_deeper(story, MAX_NESTING):
        raise ImageError("the prodgen story in this picture is damaged")
    return story


def has_story(chunks: Mapping[str, str]) -> bool:
    """Whether there is a story of ours among a picture's text chunks, be it readable or not."""
    return bool(_story_text(chunks))


def _story_text(chunks: Mapping[str, str]) -> str:
    return chunks.get(KEY) or _story_in_xmp(chunks.get(XMP_KEY, ""))


def _is_deeper(value: object, most: int) -> bool:
    """Whether lists and objects are nested within one another by more than `most`."""
    level = [value]
    for _ in range(most):
        level = [
            part
            for item in level
            if isinstance(item, dict | list)
            for part in (item.values() if isinstance(item, dict) else item)
        ]
    return any(isinstance(item, dict | list) for item in level)


def read_source_type(chunks: Mapping[str, str]) -> str | None:
    """Return the last word of the IPTC digital source type, or None."""
    xmp = chunks.get(XMP_KEY, "")
    _, found, rest = xmp.partition(_CODES)
    return rest.split("<", 1)[0].split('"', 1)[0] if found else None


def _story_in_xmp(xmp: str) -> str:
    return xmp_property(xmp, "prodgen:Story")


def xmp_property(xmp: str, name: str) -> str:
    """Return the text of a property of an XMP packet; "" if it has none.

    Args:
        xmp: The packet.
        name: The property with its usual prefix, such as "exif:UserComment"; it may stand as an element, in
            a list of languages, or as an attribute.
    """
    _, found, rest = xmp.partition(f"<{name}")
    if found and rest[:1] in (">", " ", "\n", "\t", "\r"):
        inner = rest.partition(">")[2].partition(f"</{name}>")[0]
        return unescape(re.sub(r"<[^<>]*>", "", inner)).strip()
    _, found, rest = xmp.partition(f'{name}="')
    return unescape(rest.partition('"')[0]) if found else ""
