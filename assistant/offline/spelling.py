"""Mends words that are none: a slip of the keyboard in a word of the grammar or of the schema's names."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from rapidfuzz.distance import DamerauLevenshtein

from assistant.offline.grammar import grammar
from assistant.offline.lexicon import Lexicon
from assistant.offline.tokens import Token, plain, stem
from tools.schemas.vocabulary import expand, lemma, related, split_name
from tools.vocabulary import is_word

SHORTEST = 4
"""Letters of a word that may be mended."""


def mended(tokens: Sequence[Token], lexicon: Lexicon) -> tuple[Token, ...]:
    """The tokens, slips of the keyboard put right; a word that a name, a value or English knows stays as it is."""
    return tuple(part for token in tokens for part in _parted(_mended(token, lexicon), lexicon))


def _parted(token: Token, lexicon: Lexicon) -> tuple[Token, ...]:
    """`unsold` is not sold, where the data know what is sold and nothing is called unsold."""
    rest = token.lower.removeprefix("un")
    done = token.kind == "word" and rest != token.lower and lemma(rest) != rest
    if not done or lemma(token.lower) in lexicon.by_word or plain(token.lower) in lexicon.by_value:
        return (token,)
    if lemma(rest) not in lexicon.by_word and stem(rest) not in lexicon.by_stem:
        return (token,)
    return (replace(token, text="not", lower="not"), replace(token, text=rest, lower=rest))


def _mended(token: Token, lexicon: Lexicon) -> Token:
    word = token.lower
    if token.kind != "word" or not word.isalpha() or len(word) < SHORTEST or _known(word, lexicon):
        return token
    near = _nearest(word)
    return replace(token, text=near, lower=near) if near else token


def _known(word: str, lexicon: Lexicon) -> bool:
    return (
        (word,) in grammar().phrases
        or word in _words()
        or is_word(word)
        or lemma(word) in lexicon.by_word
        or stem(word) in lexicon.by_stem
        or word in lexicon.by_squeezed
        or any(word in value.split() for value in lexicon.by_value if word in value)
        or plain(word) in grammar().values
        or bool(expand(word) or related(word))
        or split_name(word) != (word,)
    )


@lru_cache(maxsize=1)
def _words() -> frozenset[str]:
    """Every word of the grammar."""
    phrases = {word for phrase in grammar().phrases for word in phrase if word.isalpha() and len(word) >= SHORTEST}
    return frozenset({*phrases, *(word for word in grammar().fill if len(word) >= SHORTEST)})


@lru_cache(maxsize=2_000)
def _nearest(word: str) -> str:
    """The word of the grammar one slip away; none when there are two."""
    near = [
        other
        for other in _words()
        if abs(len(other) - len(word)) <= 1
        and other[:1] == word[:1]
        and DamerauLevenshtein.distance(other, word, score_cutoff=1) <= 1
    ]
    bases = {lemma(other) for other in near}
    return min(near, key=lambda other: (len(other) != len(word), other)) if len(bases) == 1 else ""
