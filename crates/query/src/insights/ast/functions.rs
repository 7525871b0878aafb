//! Functions of one row, and of many.

/// Functions of one row, by AWS's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "AWS's guide defines each under its name")]
pub enum Function {
    Abs,
    Ceil,
    Floor,
    Greatest,
    Least,
    Log,
    Sqrt,
    Round,
    IsPresent,
    Coalesce,
    IsEmpty,
    IsBlank,
    Concat,
    Ltrim,
    Rtrim,
    Trim,
    Strlen,
    ToUpper,
    ToLower,
    Substr,
    Replace,
    StrContains,
    Bin,
    DateFloor,
    DateCeil,
    FromMillis,
    ToMillis,
    Now,
    IsValidIp,
    IsValidIpV4,
    IsValidIpV6,
    IsIpInSubnet,
    IsIpv4InSubnet,
    IsIpv6InSubnet,
    JsonParse,
    JsonStringify,
    Unmask,
    /// `CAST(x AS DOUBLE)` of SQL and PPL.
    ToNumber,
    /// `CAST(x AS STRING)` of SQL and PPL.
    ToText,
    Haversine,
    RegexReplace,
    UrlEncode,
    UrlDecode,
    Base64Encode,
    Base64Decode,
    Split,
    Md5,
    Sha1,
    Sha256,
    Sha512,
    Crc32,
    HexToAscii,
    HexToDec,
    DecToHex,
    Ipv4ToNumber,
    IsPublicIp,
    IsReservedIp,
    FormatDate,
    ParseDate,
    MessageSize,
    QueryStart,
    QueryEnd,
    QueryRange,
    JsonArraySize,
    JsonArrayContains,
    /// The members of two lists, each once.
    ArrayUnion,
    /// The members that two lists have in common, each once.
    ArrayIntersect,
    /// The members of the first of two lists that the second has not, each once.
    ArrayExcept,
    ArraysOverlap,
    /// The members of a list, each once.
    ArrayDistinct,
    /// A text with some characters replaced by others, or left out.
    Translate,
    /// What stands before so many delimiters; behind so many from the end where the number is negative.
    SubstringIndex,
    Sin,
    Cos,
    Tan,
    Cot,
    Asin,
    Acos,
    Atan,
    Atan2,
    Exp,
    Sign,
    /// The place of a text in another, from 1; 0 where it is not there.
    Locate,
    Reverse,
    Repeat,
    /// Filled on the left, or right, to a length.
    Lpad,
    Rpad,
    /// With capitals at the beginnings of words.
    InitCap,
    JsonObject,
    JsonArray,
    JsonKeys,
    JsonValid,
    /// A part of a date by its name: `DatePart("year", t)`.
    DatePart,
    /// `DateAdd(t, count, period)`.
    DateAdd,
    /// Whole periods between two dates: `DateDiff(period, a, b)`.
    DateDiff,
    /// The first match of a regular expression, or one of its groups.
    RegexExtract,
}

/// Functions of many rows, by AWS's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "AWS's guide defines each under its name")]
pub enum Aggregate {
    Avg,
    Count,
    CountDistinct,
    Max,
    Min,
    Percentile,
    Stddev,
    Sum,
    Earliest,
    Latest,
    SortsFirst,
    SortsLast,
    /// `values(x)`: distinct values as a list.
    Values,
    Variance,
    /// The same, and `Stddev`, of a sample.
    SampleVariance,
    SampleStddev,
    /// `rate(x, period)`: the last value less the first, by the seconds of the period.
    Rate,
}
