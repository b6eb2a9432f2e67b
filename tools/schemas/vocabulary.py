"""The word lists of tools.vocabulary, under the name that retrieval's readers look for."""

from tools.vocabulary import expand, lemma, name_terms, related, split_name, terms, vocabulary, words

__all__ = ["expand", "lemma", "name_terms", "related", "split_name", "terms", "vocabulary", "words"]
