//! The functions that statements may use, by Trino's names.

/// What a function is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A function of this name, with the same arguments.
    Same(&'static str),
    /// `a || b`.
    Concat,
    /// The time of the query.
    Now,
    /// Its date.
    Today,
    /// `CASE WHEN`.
    If,
    /// `count(1) FILTER (WHERE …)`.
    CountIf,
    /// `first_value(x ORDER BY y DESC)`.
    MaxBy,
    /// `first_value(x ORDER BY y)`.
    MinBy,
    /// `%`.
    Mod,
    /// The third argument may be missing.
    Replace,
    /// Every match is replaced.
    RegexpReplace,
    /// NULLs are last.
    ArraySort,
}

/// Parts of a time, each a function of its own.
pub(super) const PARTS: [&str; 15] = [
    "year",
    "quarter",
    "month",
    "week",
    "week_of_year",
    "day",
    "day_of_month",
    "day_of_week",
    "dow",
    "day_of_year",
    "doy",
    "hour",
    "minute",
    "second",
    "millisecond",
];

/// Functions that are called the same and mean the same.
const SAME: [&str; 72] = [
    "abs",
    "approx_distinct",
    "array_agg",
    "array_distinct",
    "array_join",
    "avg",
    "bool_and",
    "bool_or",
    "cardinality",
    "ceil",
    "chr",
    "coalesce",
    "corr",
    "count",
    "covar_pop",
    "covar_samp",
    "cume_dist",
    "date",
    "date_add",
    "date_diff",
    "date_format",
    "date_trunc",
    "dense_rank",
    "element_at",
    "ends_with",
    "exp",
    "first_value",
    "flatten",
    "floor",
    "from_iso8601_timestamp",
    "from_unixtime",
    "json_array_contains",
    "json_array_get",
    "json_extract",
    "json_extract_scalar",
    "json_format",
    "json_parse",
    "lag",
    "last_value",
    "lead",
    "ln",
    "log10",
    "log2",
    "lower",
    "ltrim",
    "map_keys",
    "map_values",
    "max",
    "min",
    "nth_value",
    "ntile",
    "nullif",
    "percent_rank",
    "power",
    "rank",
    "regexp_count",
    "regexp_extract",
    "regexp_like",
    "reverse",
    "round",
    "row_number",
    "rtrim",
    "split",
    "sqrt",
    "starts_with",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "strpos",
    "sum",
    "to_unixtime",
    "upper",
];

/// Functions that are called otherwise.
const RENAMED: [(&str, &str); 17] = [
    // Any value will do, and the least is always the same one.
    ("any_value", "min"),
    ("arbitrary", "min"),
    ("approx_percentile", "approx_percentile_cont"),
    ("ceiling", "ceil"),
    ("contains", "array_has"),
    ("every", "bool_and"),
    ("json_array_length", "json_array_size"),
    ("length", "lake_length"),
    ("pow", "power"),
    ("sign", "signum"),
    ("split_part", "lake_split_part"),
    ("substr", "lake_substr"),
    ("substring", "lake_substr"),
    ("var_samp", "var_sample"),
    ("variance", "var_sample"),
    ("var_pop", "var_pop"),
    ("trim", "btrim"),
];

/// What a function is, by its name in lower case; `None` for one that is not known.
pub(super) fn meaning(name: &str) -> Option<Meaning> {
    let same = SAME.iter().chain(&PARTS).find(|same| **same == name).map(|same| Meaning::Same(same));
    let renamed = || RENAMED.iter().find(|(trino, _)| *trino == name).map(|(_, ours)| Meaning::Same(ours));
    same.or_else(renamed).or(match name {
        "concat" => Some(Meaning::Concat),
        "now" | "current_timestamp" | "localtimestamp" => Some(Meaning::Now),
        "current_date" => Some(Meaning::Today),
        "if" => Some(Meaning::If),
        "count_if" => Some(Meaning::CountIf),
        "max_by" => Some(Meaning::MaxBy),
        "min_by" => Some(Meaning::MinBy),
        "mod" => Some(Meaning::Mod),
        "replace" => Some(Meaning::Replace),
        "regexp_replace" => Some(Meaning::RegexpReplace),
        "array_sort" => Some(Meaning::ArraySort),
        _ => None,
    })
}
