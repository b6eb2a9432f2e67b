"""The question turned into its answer: `how many orders did we ship` gives `We shipped 12 orders`."""

import re
from datetime import date, timedelta
from decimal import Decimal

from assistant.offline.figures import amount, in_words
from assistant.offline.plurals import irregular, past, singular

WHEN = frozenset({"yesterday", "today", "so"})
"""Words that end a sentence as well: what ends in `from` has left its noun elsewhere."""

TURNED = {"we": "We", "i": "You", "you": "I", "they": "They", "people": "People"}
HOW_MANY = re.compile(
    r"^(?:and |so |then |but )?(?:tell me |show me |do you know )?how (?:many|much) (.+)$", re.IGNORECASE
)


def how_many(question: str, number: Decimal) -> str | None:
    """Turn a question of how many into its answer; None when it asks for something else or cannot be turned."""
    asked = HOW_MANY.match(question)
    if asked is None or "(" in asked.group(1):
        return None
    auxiliary = irregular().auxiliary
    words = asked.group(1).split()
    lowered = [word.lower() for word in words]
    for at in range(len(words)):
        pair = " ".join(lowered[at : at + 2])
        verb = pair if pair in auxiliary else lowered[at] if lowered[at] in auxiliary else None
        if verb is None or at == 0:
            continue
        noun, tail = " ".join(words[:at]), words[at + len(verb.split()) :]
        return _turn(noun, verb, tail, number)
    # The verb after a noun without an auxiliary is not known, so it cannot be made to agree with one.
    return "Exactly one." if number == 1 else f"{capital(quantity(number, asked.group(1)))}."


def quantity(number: Decimal, noun: str) -> str:
    """`1 order`, `no orders`, `1,284 orders`."""
    if noun.startswith("of "):
        return f"{amount(number) if number else 'none'} {noun}"
    if number == 1:
        first, *rest = re.split(r"(?=\s(?:of|with|that|who|which|in|from|without|for)\b)", noun, maxsplit=1)
        words = first.split()
        one = " ".join([*words[:-1], singular(words[-1])]) if words else first
        return f"1 {one}{''.join(rest)}"
    return f"{amount(number) if number else 'no'} {noun}"


def capital(text: str) -> str:
    """The text as a sentence begins."""
    return text[:1].upper() + text[1:]


def turned(text: str) -> str:
    """The asker's `my` is the answer's `your`."""
    return re.sub(r"\bmy\b", "your", text, flags=re.IGNORECASE)


def dated(text: str, today: date) -> str:
    """Write out relative periods: `last month` becomes `in October 2026`, `this year` becomes `in 2026 so far`."""

    def of(found: re.Match[str]) -> str:
        which, unit = found.group(1).lower(), found.group(2).lower()
        back = 0 if which == "this" else 1
        end = "" if back else " so far"
        if unit == "year":
            return f"in {today.year - back}{end}"
        if unit == "quarter":
            at = today.year * 4 + (today.month - 1) // 3 - back
            return f"in Q{at % 4 + 1} {at // 4}{end}"
        at = today.year * 12 + today.month - 1 - back
        return f"in {date(at // 12, at % 12 + 1, 1):%B %Y}{end}"

    text = re.sub(
        r"\b(?:in |during |over )?(?:the )?(last|this|previous) (month|quarter|year)\b", of, text, flags=re.IGNORECASE
    )
    text = re.sub(r"\byesterday\b", f"on {in_words(today - timedelta(1))}", text, flags=re.IGNORECASE)
    return re.sub(r"(?<!as of )\btoday\b", f"on {in_words(today)}", text, flags=re.IGNORECASE)


def _turn(noun: str, verb: str, tail: list[str], number: Decimal) -> str | None:
    counted = quantity(number, noun)
    if verb.endswith("there") or verb == "exist":
        return _spaced(
            f"There {_agreeing('are' if verb == 'exist' else verb.split(maxsplit=1)[0], number)} {counted}", tail
        )
    if verb in {"did", "do", "does"}:
        return _acting(counted, verb, tail)
    return _spaced(f"{capital(counted)} {_agreeing(verb, number)}", tail)


def _acting(counted: str, verb: str, tail: list[str]) -> str | None:
    """`did` + `we ship in May` gives `We shipped ... in May.`; None when the verb cannot be told from its subject."""
    if len(tail) < 2:
        return None
    ends = irregular().ends
    if tail[0].lower() in TURNED:
        subject, at = TURNED[tail[0].lower()], 1
    else:
        at = next((place for place in range(1, len(tail)) if tail[place].lower() in ends), len(tail)) - 1
        subject = capital(turned(" ".join(tail[:at])))
    if at < 1 or tail[at].lower() in ends or tail[-1].lower() in ends - WHEN:
        return None
    action = tail[at].lower()
    if verb == "did":
        action = past(action)
    elif verb == "does" and subject not in {"You", "I"}:
        action = (
            "has" if action == "have" else f"{action}es" if action.endswith(("s", "sh", "ch", "x")) else f"{action}s"
        )
    return _spaced(f"{subject} {action} {counted}", tail[at + 1 :])


def _agreeing(verb: str, number: Decimal) -> str:
    one = {"are": "is", "were": "was", "have": "has"}
    many = {"is": "are", "was": "were", "has": "have"}
    return one.get(verb, verb) if number == 1 else many.get(verb, verb)


def _spaced(start: str, tail: list[str]) -> str:
    return f"{' '.join([start, *tail])}."
