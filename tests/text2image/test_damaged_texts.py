"""Damaged recipes, configurations and wildcards: each is read, or refused in one sentence, soon."""

from __future__ import annotations

import random
import time

import pytest

from prodgen.errors import ProdgenError
from prodgen.replaying import read_recorded
from prodgen.shots import Recipe, builtin_recipes
from prodgen.text2image.picture_job import read_config
from prodgen.text2image.wildcards import Wildcards

COUNT = 150
SLOW_S = 3.0

CONFIG = """prompt = "a {red|blue} mug, __place__"
negative_prompt = "text, watermark"
size = "64x64"
loras = ["more_details:0.5"]
wildcards = "cards"
controlnet = ["openpose:pose.png:1.0"]
count = 2
seed = 1
steps = 4
[override_settings]
sd_vae = "Automatic"
"""

RECIPE = """name = "mine"
tries = 2
profile = "catalogue"

[delivery]
quality = 90

[[stages]]
stage = "segment"
segmenter = "classical"

[[stages]]
stage = "place"
fill = 0.6

[[stages]]
stage = "sweep"

[[stages]]
stage = "upscale"
"""

CARDS = "on a beach\n3::in {a|b}\n# a remark\n{2::__deeper__|a wood}\n"

INFOTEXT = """a mug <lora:more_details:0.5>
Negative prompt: text
Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 5, Size: 512x512, Version: v1.9.4
"""

ODD_VALUES = (
    *(
        "nan",
        "inf",
        "-inf",
        "-1",
        "0",
        "1e400",
        "9" * 400,
        "0x10",
        "true",
        "[]",
        "{}",
        "[[1]]",
        '["a", 1]',
        "{a = 1}",
    ),
    *('""', '"\\u0000"', "1979-05-27", "07:32:00", f'"{"a" * 20_000}"', '"{"', '"../../x"'),
)

ODD_PIECES = (
    *(
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b'"' * 30,
        b"[" * 3000,
        b"a." * 2000 + b"a = 1\n",
        b"[[stages]]\n",
    ),
    *(b"{" * 2000, b"{a|" * 800, b"__place__" * 500, b"{999999999999::a|b}", b"{nan::a|b}", b"{0::a|0::b}"),
    *(b"__../../etc/passwd__", b"<lora:" * 500, b"Steps: " * 1000, b"\n" * 3000),
)


def damaged(text, count=COUNT, seed=1):
    """Yield versions of a text with odd values, lines moved, bytes changed, cut off or put in between."""
    chance = random.Random(f"{seed} {text}")
    for number in range(count):
        lines, data = text.split("\n"), bytearray(text.encode())
        place = chance.randrange(len(data))
        match number % 6:
            case 0:
                at = chance.choice([k for k, line in enumerate(lines) if "=" in line] or [0])
                lines[at] = f"{lines[at].partition('=')[0]}= {chance.choice(ODD_VALUES)}"
                yield "\n".join(lines).encode()
            case 1:
                lines.insert(chance.randrange(len(lines)), chance.choice(lines))
                yield "\n".join(lines).encode()
            case 2:
                chance.shuffle(lines)
                yield "\n".join(lines).encode()
            case 3:
                for _ in range(chance.choice((1, 3, 20))):
                    data[chance.randrange(len(data))] = chance.randrange(256)
                yield bytes(data)
            case 4:
                yield bytes(data[:place])
            case _:
                yield bytes(data[:place]) + chance.choice(ODD_PIECES) + bytes(data[place:])


def _config(path):
    read_config(path)


def _wildcards(path):
    cards = Wildcards(path.parent)
    for seed in range(3):
        cards.fill("__text__ table, {__text__|a}", seed=seed)


READERS = {
    "recipe": (RECIPE, "text.toml", Recipe.load),
    "config": (CONFIG, "text.toml", _config),
    "wildcards": (CARDS, "text.txt", _wildcards),
    "infotext": (INFOTEXT, "text.txt", read_recorded),
}


@pytest.mark.parametrize("kind", READERS)
def test_a_damaged_text_is_read_or_refused_in_one_sentence(kind, tmp_path):
    text, name, read = READERS[kind]
    (tmp_path / "deeper.txt").write_text("by the sea\n")
    (tmp_path / "place.txt").write_text("__text__\n")
    for data in damaged(text):
        (tmp_path / name).write_bytes(data)
        started, said = time.process_time(), ""
        try:
            read(tmp_path / name)
        except ProdgenError as error:
            said = str(error)
        assert "\n" not in said
        assert len(said) < 1500
        assert time.process_time() - started < SLOW_S


def test_the_sound_texts_are_read(tmp_path):
    (tmp_path / "text.toml").write_text(RECIPE)
    assert Recipe.load(tmp_path / "text.toml").name == "mine"
    assert builtin_recipes()
    (tmp_path / "text.txt").write_text(INFOTEXT)
    assert read_recorded(tmp_path / "text.txt").job.prompt
