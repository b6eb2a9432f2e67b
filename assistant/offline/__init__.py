"""Answers without a model: a question is read by rule against the trained schema.

The path of a question: tokens -> mentions (tables, columns, values, numbers, periods, operators) -> clauses
(what each mention is for) -> resolve (which table owns it) -> forms (the intermediate query) -> joins -> build
(SQL) -> describe (how it was read) -> rank (which reading, how sure). `parser` composes them.
"""
