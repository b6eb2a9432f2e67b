"""Numbers with their nouns, as sentences have them."""


def counted(number: int, one: str, several: str = "") -> str:
    """Say how many: `1 table`, `1,200 tables`, `2 queries`; `several` where the noun takes more than an s."""
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"
