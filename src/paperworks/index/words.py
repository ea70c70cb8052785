"""Words as they are compared: by stem, without case and accents, in one spelling.

The stem is Porter's second (Snowball's English). British and American spellings meet, and a
word of letters and digits is also its parts: `resnet50` is `resnet` and `50`.
"""

import re
import unicodedata
from functools import lru_cache
from threading import Lock

IDLE = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be been but by can could do does for from had has have how i if in "
        "into is it its me my no not of on one or our should so some such than that the their "
        "them then there these they this to too us via was we were what when where which while "
        "who why will with without would you your using use used",
    )
)
_LOCK = Lock()  # the stemmer serves one thread at a time
_MARKS = re.compile("[\u0300-\u036f]")
_ASCII = bytes(range(128)) + bytes(128)
_GAPS = bytes(sign for sign in range(128) if not chr(sign).isalnum())
_LOW = _ASCII.lower()
_APART = _LOW.translate(bytes.maketrans(_GAPS, b" " * len(_GAPS)))
_WORD = re.compile(r"[^\W_]+")
_PART = re.compile(r"[^\W\d_]+|\d+")
_IZE = re.compile(r"is(?=(e|ed|es|ing|er|ers|ation|ations)$)")
_OR = re.compile(r"our(?=(s|ed|ing|ful|less)?$)")
_STEMMER = []


def plain(text: str) -> str:
    """A text in one case, without accents; a plus sign is a word."""
    if not text.isascii():
        text = _MARKS.sub("", unicodedata.normalize("NFKD", text))
    return text.casefold().replace("+", " plus ")


def split(text: str) -> list[str]:
    """The words of a text."""
    if not text.isascii():
        text = plain(text)
    if not text.isascii():
        return _WORD.findall(text)
    return text.replace("+", " plus ").encode().translate(_APART).decode().split()


def parts(text: str) -> list[str]:
    """Runs of letters, and runs of digits."""
    return _PART.findall(plain(text))


def key(text: str) -> str:
    """What spellings of a name have in common: `Res Net-50` and `resnet50` are one."""
    if not text.isascii():
        text = plain(text)
    if not text.isascii():
        return "".join(_PART.findall(text))
    return text.replace("+", "plus").encode().translate(_LOW, _GAPS).decode()


@lru_cache(maxsize=200_000)
def stems(word: str) -> tuple[str, ...]:
    """What a word is found by: its stem; then those of its parts, where it has several."""
    whole = (_stem(word),)
    if word.isalpha() or word.isdigit():
        return whole
    return whole + tuple(_stem(part) for part in _PART.findall(word))


def _stem(word: str) -> str:
    if len(word) > 4 and "is" in word:
        word = _IZE.sub("iz", word)
    if len(word) > 4 and "our" in word:
        word = _OR.sub("or", word)
    if not _STEMMER:
        from Stemmer import Stemmer

        _STEMMER.append(Stemmer("english", 0))  # without a cache of its own
    with _LOCK:
        return _STEMMER[0].stemWord(word)
