"""Answers without a model: a question is read by rule against the trained schema.

The path of a question: tokens -> mentions (tables, columns, values, numbers, periods, operators) -> clauses
(what each mention is for) -> resolve (which table owns it) -> meaning (what is shown and counted), conditions and
rankings (which rows, in which order) -> assemble (forms, the intermediate queries) -> joins -> build (SQL) ->
describe (how it was read) -> rank (which reading, how sure). `parser` composes them.
"""
