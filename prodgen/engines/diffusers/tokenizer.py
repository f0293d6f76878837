"""CLIP's tokenizer: words in, numbers from 0 to 49,407 out. Made of the packaged merges, without any network.

One vocabulary serves every family; they differ only in what a short prompt is filled up with
(`Family.pad_ids`). `CREDIT.txt` beside this file says where the merges come from.
"""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

from tokenizers import Regex, normalizers, pre_tokenizers
from tokenizers import Tokenizer as BytePairs
from tokenizers.models import BPE

BEGIN = 49406
"""Token before the words of a prompt."""

END = 49407
"""Token behind the words of a prompt."""

COMMA = 267
"""Token of a comma."""

MERGES_FILE = Path(__file__).parent / "clip-merges.txt.gz"

_WORD_END = "</w>"
_PIECES = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
"""CLIP's own rule for the pieces that words are cut into first."""


class Tokenizer:
    """Cuts text into CLIP's tokens."""

    def __init__(self) -> None:
        self._pairs = _byte_pairs()

    def ids(self, text: str) -> list[int]:
        """Return the tokens of `text`, without `BEGIN` and `END`."""
        return list(self._pairs.encode(text, add_special_tokens=False).ids)

    def vocabulary(self) -> dict[str, int]:
        """Return all 49,408 tokens with their numbers; a word's last piece ends with "</w>"."""
        return dict(self._pairs.get_vocab())


@cache
def _byte_pairs() -> BytePairs:
    merges = [_pair(line) for line in gzip.decompress(MERGES_FILE.read_bytes()).decode().splitlines()]
    symbols = _byte_symbols()
    words = [
        *symbols,
        *(symbol + _WORD_END for symbol in symbols),
        *(first + second for first, second in merges),
        "<|startoftext|>",
        "<|endoftext|>",
    ]
    pairs = BytePairs(
        BPE(
            vocab={word: number for number, word in enumerate(words)},
            merges=merges,
            end_of_word_suffix=_WORD_END,
            unk_token="<|endoftext|>",  # noqa: S106 - a token of text
        )
    )
    pairs.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    pairs.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    pairs.add_special_tokens(["<|startoftext|>", "<|endoftext|>"])
    return pairs


def _pair(line: str) -> tuple[str, str]:
    first, second = line.split()
    return first, second


def _byte_symbols() -> list[str]:
    """Return the character that stands for each byte: itself where it can be seen, others from U+0100 on."""
    seen = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(256) if byte not in seen]
    return [chr(byte) for byte in seen] + [chr(0x100 + place) for place in range(len(hidden))]
