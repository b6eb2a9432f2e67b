"""What a checked query may be made of: statement parts, node kinds, functions and types, as data per dialect."""

from tools.connectors.base import Dialect


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STATEMENTS = _words("Select Union Intersect Except Values Subquery")
"""Kinds of tree a whole statement may be."""

NODES = _words("""
    Select Subquery Union Intersect Except With CTE RecursiveWithSearch From Join Lateral Where Group Having Order
    Ordered Limit Offset Fetch LimitOptions Distinct Window WindowSpec WithinGroup Filter GroupingSets Rollup Cube
    Table TableAlias TableSample Values Tuple Paren Alias Column ColumnDef Star Identifier Var
    Literal Null Boolean RawString ByteString BitString HexString National Introducer
    Case If Cast DataType DataTypeParam Interval Extract Collate AtTimeZone Bracket Slice Array Kwarg
    And Or Xor Not EQ NEQ GT GTE LT LTE NullSafeEQ NullSafeNEQ Is In Between Like ILike Escape SimilarTo
    RegexpLike RegexpILike Any All Exists Overlaps
    Add Sub Mul Div IntDiv Mod Neg Pow BitwiseAnd BitwiseOr BitwiseXor BitwiseNot BitwiseLeftShift BitwiseRightShift
    DPipe Concat Sqrt Cbrt StartsWith Soundex
    ArrayContainsAll ArrayContainedBy ArrayOverlaps Adjacent Distance ExtendsLeft ExtendsRight
    JSON JSONPath JSONPathRoot JSONPathKey JSONPathSubscript JSONPathWildcard JSONPathSlice JSONPathRecursive
    JSONPathUnion JSONPathSelector JSONExtract JSONExtractScalar JSONBExtract JSONBExtractScalar
    JSONBContainsTopKey JSONBContainsAllTopKeys JSONBContainsAnyTopKeys JSONBContains JSONBDeleteAtPath JSONBPathExists
    JSONArrayContains JSONTable JSONSchema JSONColumnDef MatchAgainst ParseJSON
    Substring Trim StrPosition Overlay Chr GroupConcat Anonymous
    CurrentDate CurrentTime CurrentTimestamp Localtime Localtimestamp Time Timestamp
""")
"""Node kinds a tree may have. A plain call stays `Anonymous`, so its name is kept and checked against FUNCTIONS."""

PARTS: dict[str, frozenset[str]] = {
    "Select": _words(
        """with_ expressions distinct from_ joins laterals where group having windows order limit offset"""
    ),
    "Union": _words("with_ this expression expressions distinct by_name order limit offset"),
    "Intersect": _words("with_ this expression expressions distinct by_name order limit offset"),
    "Except": _words("with_ this expression expressions distinct by_name order limit offset"),
    "Subquery": _words("with_ this alias joins order limit offset"),
    "Table": _words("this alias db joins laterals ordinality rows_from only sample"),
    "TableSample": _words("method percent size seed expressions"),
    "CTE": _words("this alias materialized"),
    "With": _words("expressions recursive search cycle"),
    "Join": _words("this side kind on using method"),
    "Lateral": _words("this alias ordinality cross_apply"),
    "Window": _words("this partition_by order spec alias over first"),
    "Group": _words("expressions grouping_sets cube rollup all distinct"),
    "Cast": _words("this to"),
    "ColumnDef": _words("this kind"),
    "Column": _words("this table db"),
    "Star": _words(""),
    "Identifier": _words("this quoted"),
    "Values": _words("expressions alias"),
    "Array": _words("expressions bracket_notation"),
    "GroupConcat": _words("this separator on_overflow"),
    "JSONColumnDef": _words("this kind path nested_schema ordinality exists"),
    "JSONTable": _words("this schema path"),
    "DataType": _words("this expressions nested kind values"),
}
"""For these kinds, which parts may be filled; anything else in them (INTO, locks, hints, samples ...) is refused."""

_COMMON_FUNCTIONS = _words("""
    abs acos asin atan atan2 ceil ceiling cos cot degrees exp floor ln log log10 mod pi pow power radians rand random
    round sign sin sqrt tan
    ascii bit_length char_length character_length concat concat_ws format left length lower lpad ltrim md5 octet_length
    position repeat replace reverse right rpad rtrim substr substring trim upper
    regexp_replace regexp_substr regexp_instr regexp_like
    now coalesce greatest least nullif row date
    count sum avg min max stddev stddev_pop stddev_samp variance var_pop var_samp bit_and bit_or bit_xor any_value
    row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
    percentile_cont percentile_disc grouping sha1 soundex
""")

FUNCTIONS: dict[Dialect, frozenset[str]] = {
    "postgres": _COMMON_FUNCTIONS
    | _words("""
    acosd asind atand cosd sind tand cotd sinh cosh tanh asinh acosh atanh cbrt div erf erfc gcd lcm scale min_scale
    trim_scale trunc width_bucket random_normal
    btrim chr decode encode initcap normalize overlay parse_ident quote_ident quote_literal quote_nullable split_part
    starts_with string_to_array string_to_table strpos to_ascii to_hex to_bin to_oct translate unistr convert_from
    convert_to get_byte get_bit bit_count sha224 sha256 sha384 sha512 unaccent similarity word_similarity
    strict_word_similarity levenshtein levenshtein_less_equal metaphone dmetaphone difference
    regexp_count regexp_match regexp_matches regexp_split_to_array regexp_split_to_table
    age clock_timestamp date_add date_subtract date_bin date_part date_trunc isfinite justify_days justify_hours
    justify_interval make_date make_interval make_time make_timestamp make_timestamptz statement_timestamp
    transaction_timestamp timeofday timezone to_char to_date to_number to_timestamp
    num_nonnulls num_nulls pg_typeof pg_size_pretty gen_random_uuid uuid_generate_v4
    array_agg array_append array_cat array_dims array_length array_lower array_ndims array_position array_positions
    array_prepend array_remove array_replace array_to_string array_upper cardinality trim_array unnest array_sort
    array_reverse array_sample array_shuffle generate_series generate_subscripts
    bool_and bool_or every string_agg mode corr covar_pop covar_samp regr_avgx regr_avgy regr_count regr_intercept
    regr_r2 regr_slope regr_sxx regr_sxy regr_syy range_agg range_intersect_agg
    json_agg jsonb_agg json_object_agg jsonb_object_agg json_agg_strict jsonb_agg_strict json_arrayagg json_objectagg
    to_json to_jsonb array_to_json row_to_json json_build_array jsonb_build_array json_build_object jsonb_build_object
    json_object jsonb_object json_array_length jsonb_array_length json_each jsonb_each json_each_text jsonb_each_text
    json_extract_path jsonb_extract_path json_extract_path_text jsonb_extract_path_text json_object_keys
    jsonb_object_keys json_array_elements jsonb_array_elements json_array_elements_text jsonb_array_elements_text
    json_to_record jsonb_to_record json_to_recordset jsonb_to_recordset json_strip_nulls jsonb_strip_nulls jsonb_set
    jsonb_set_lax jsonb_insert jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array
    jsonb_path_query_first jsonb_path_exists_tz jsonb_path_query_tz jsonb_pretty json_typeof jsonb_typeof jsonb_concat
    jsonb_contains jsonb_exists jsonb_exists_any jsonb_exists_all json_query json_value json_exists json_scalar
    to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery ts_rank ts_rank_cd ts_headline
    setweight strip tsvector_to_array array_to_tsvector numnode querytree ts_delete ts_filter ts_rewrite tsquery_phrase
    lower_inc upper_inc lower_inf upper_inf isempty range_merge int4range int8range numrange tsrange tstzrange
    daterange
    host family masklen netmask network broadcast hostmask abbrev inet_same_family set_masklen
    area box center circle diagonal diameter height isclosed isopen line lseg npoints path point polygon radius width
    skeys svals akeys avals hstore_to_json hstore_to_jsonb each nlevel subpath subltree lca ltree2text text2ltree
    st_distance st_dwithin st_x st_y st_astext st_asgeojson st_area st_length st_contains st_within st_intersects
    st_makepoint st_setsrid st_transform st_geomfromtext st_point st_centroid st_buffer
    """),
    "mysql": _COMMON_FUNCTIONS
    | _words("""
    bin bit_count char conv crc32 elt field find_in_set from_base64 hex inet6_aton inet6_ntoa inet_aton inet_ntoa
    insert instr lcase locate make_set export_set mid oct ord quote soundex space strcmp substring_index to_base64 ucase
    unhex sha sha2 uuid is_uuid natural_sort_key
    log2 truncate
    adddate addtime convert_tz curdate current_date current_time current_timestamp curtime date_add date_format date_sub
    datediff day dayname dayofmonth dayofweek dayofyear extract from_days from_unixtime get_format hour last_day
    localtime localtimestamp makedate maketime microsecond minute month monthname period_add period_diff quarter
    sec_to_time second str_to_date subdate subtime sysdate time time_format time_to_sec timediff timestamp timestampadd
    timestampdiff to_days to_seconds unix_timestamp utc_date utc_time utc_timestamp week weekday weekofyear year
    yearweek add_months months_between to_char
    if ifnull isnull nvl nvl2 decode_oracle interval cast convert
    std group_concat median json_arrayagg json_objectagg
    json_array json_array_append json_array_insert json_compact json_contains json_contains_path json_depth
    json_detailed json_equals json_exists json_extract json_insert json_keys json_length json_loose json_merge_patch
    json_merge_preserve json_normalize json_object json_overlaps json_pretty json_query json_quote json_remove
    json_replace json_search json_set json_table json_type json_unquote json_valid json_value
    st_distance st_distance_sphere st_x st_y st_astext st_area st_length st_contains st_within st_intersects point
    st_geomfromtext st_asgeojson st_centroid st_buffer
    match
    """),
}
"""Functions that only compute: none sleeps, locks, writes, reads files or settings, or runs text as SQL."""

TABLE_FUNCTIONS: dict[Dialect, frozenset[str]] = {
    "postgres": _words("""
    generate_series generate_subscripts unnest string_to_table regexp_matches regexp_split_to_table
    json_each jsonb_each json_each_text jsonb_each_text json_object_keys jsonb_object_keys json_array_elements
    jsonb_array_elements json_array_elements_text jsonb_array_elements_text json_to_record jsonb_to_record
    json_to_recordset jsonb_to_recordset jsonb_path_query jsonb_path_query_tz skeys svals each
    """),
    "mysql": _words(""),
}
"""Functions that may stand where a table stands."""

FUNCTION_COLUMNS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("json_each", "jsonb_each", "json_each_text", "jsonb_each_text", "each"), ("key", "value")),
    **dict.fromkeys(
        (
            "json_array_elements",
            "jsonb_array_elements",
            "json_array_elements_text",
            "jsonb_array_elements_text",
        ),
        ("value",),
    ),
}
"""The columns of table functions whose column is not called as the function or its alias is."""

SYNTAX: dict[Dialect, frozenset[str]] = {
    "postgres": _words("""cast extract overlay position substring trim string_agg timestamp time interval
                          current_time current_timestamp localtime localtimestamp"""),
    "mysql": _words("""cast convert char extract position substring substr trim json_table match group_concat mod if
                       timestamp time interval current_date current_time current_timestamp localtime localtimestamp"""),
}
"""Functions with a grammar of their own inside the parentheses: sqlglot reads these, all others stay plain calls."""

CALL_WORDS = _words("""
    in values and or not as over filter group any all some exists on using sets rollup cube by select from join where
    then when else union intersect except distinct like ilike between having lateral materialized array row limit offset
    columns against grouping interval regexp rlike to div mod xor is case escape of member similar recursive with window
    rows when partition order set nested path symmetric overlaps tablesample bernoulli system repeatable binary return
    concat decimal numeric varchar char bit varbinary timestamp timestamptz time timetz datetime float double int
    bigint smallint tinyint nchar character varying only unsigned signed sqrt cbrt locate strpos end null
""")
"""Words that stand before a parenthesis in regenerated SQL without naming a function from the lists."""

TYPES = _words("""
    BIGINT BINARY BIT BLOB BOOLEAN CHAR DATE DATE32 DATERANGE DATETIME DATETIME2 DECIMAL DOUBLE FLOAT HSTORE INET
    INT INT4RANGE INT8RANGE INTERVAL JSON JSONB LONGTEXT MEDIUMINT MEDIUMTEXT MONEY NAME NCHAR NUMRANGE NVARCHAR
    SMALLINT TEXT TIME TIMESTAMP TIMESTAMPTZ TIMETZ TINYINT TINYTEXT TSRANGE TSTZRANGE UBIGINT UINT UDECIMAL UUID
    VARBINARY VARCHAR YEAR ARRAY POINT UDOUBLE CHARACTER_SET
""")
"""Types one may cast to, by sqlglot's names."""

NAMED_TYPES: dict[Dialect, frozenset[str]] = {
    "postgres": _words("""tsvector tsquery citext jsonpath cidr macaddr ltree lquery int4multirange nummultirange
                          datemultirange tsmultirange tstzmultirange box circle line lseg path polygon"""),
    "mysql": _words(""),
}
"""Types one may cast to that sqlglot does not know by kind."""

UNITS = _words("""
    microsecond second minute hour day week month quarter year second_microsecond minute_microsecond minute_second
    hour_microsecond hour_second hour_minute day_microsecond day_second day_minute day_hour year_month
    microseconds milliseconds seconds minutes hours days weeks months years quarters decades centuries
    decade century millennium epoch dow isodow doy isoyear julian timezone timezone_hour timezone_minute
    frac_second sql_tsi_second sql_tsi_minute sql_tsi_hour sql_tsi_day sql_tsi_week sql_tsi_month sql_tsi_quarter
    sql_tsi_year
""")
"""Units of time, where a bare word stands for one."""

UNIT_FUNCTIONS = _words("timestampadd timestampdiff get_format")
"""Functions whose first argument is a bare word and no column."""

BARE_CALLS: dict[Dialect, frozenset[str]] = {
    "postgres": _words("""user current_user session_user system_user current_role current_catalog current_schema
                          current_database"""),
    "mysql": _words("current_user current_role session_user system_user"),
}
"""Unquoted words that the server runs as a call though they look like a column: refused."""

BARE_CLOCKS: dict[Dialect, frozenset[str]] = {
    "postgres": _words(""),
    "mysql": _words("utc_date utc_time utc_timestamp"),
}
"""Unquoted words that look like a column and only tell the time: allowed."""

SYSTEM_SCHEMAS: dict[Dialect, frozenset[str]] = {
    "postgres": _words("pg_catalog information_schema pg_toast"),
    "mysql": _words("mysql information_schema performance_schema sys ndbinfo"),
}
"""Schemas that hold the server's own facts: accounts, sessions, settings, statements of others."""

PADDING_FUNCTIONS = {"repeat": 1, "lpad": 1, "rpad": 1, "space": 0}
"""Functions that can make a huge text of nothing, and where their length stands."""
