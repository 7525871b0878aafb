//! The names of dynamic values.

/// A dynamic value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// The default label.
    Label,
    /// A property of the metric.
    Property(String),
    /// Average of the values.
    Average,
    /// Number of points.
    DatapointCount,
    /// Sum of the values.
    Sum,
    /// Value of a point.
    Value(Point),
    /// Value of the second point minus that of the first.
    Range(Point, Point),
    /// Time of a point.
    Time(Point),
    /// Time between a point and now.
    TimeRelative(Point),
    /// Time between two points.
    TimeRange(Point, Point),
}

/// A point of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The oldest.
    First,
    /// The newest.
    Last,
    /// That of the smallest value.
    Min,
    /// That of the largest value.
    Max,
}

/// The names, but for `PROP`.
pub const NAMES: [(&str, Token); 20] = [
    ("AVG", Token::Average),
    ("DATAPOINT_COUNT", Token::DatapointCount),
    ("FIRST", Token::Value(Point::First)),
    ("FIRST_LAST_RANGE", Token::Range(Point::First, Point::Last)),
    ("FIRST_LAST_TIME_RANGE", Token::TimeRange(Point::First, Point::Last)),
    ("FIRST_TIME", Token::Time(Point::First)),
    ("FIRST_TIME_RELATIVE", Token::TimeRelative(Point::First)),
    ("LABEL", Token::Label),
    ("LAST", Token::Value(Point::Last)),
    ("LAST_TIME", Token::Time(Point::Last)),
    ("LAST_TIME_RELATIVE", Token::TimeRelative(Point::Last)),
    ("MAX", Token::Value(Point::Max)),
    ("MAX_TIME", Token::Time(Point::Max)),
    ("MAX_TIME_RELATIVE", Token::TimeRelative(Point::Max)),
    ("MIN", Token::Value(Point::Min)),
    ("MIN_MAX_RANGE", Token::Range(Point::Min, Point::Max)),
    ("MIN_MAX_TIME_RANGE", Token::TimeRange(Point::Min, Point::Max)),
    ("MIN_TIME", Token::Time(Point::Min)),
    ("MIN_TIME_RELATIVE", Token::TimeRelative(Point::Min)),
    ("SUM", Token::Sum),
];

/// The names of properties, besides `Dim.` and the name of a dimension.
const PROPERTIES: [&str; 7] = ["AccountId", "AccountLabel", "MetricName", "Namespace", "Period", "Region", "Stat"];

impl Token {
    /// By what stands between `${` and `}`; `None` for what is no name.
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.trim();
        if let Some((_, token)) = NAMES.iter().find(|(known, _)| *known == name) {
            return Some(token.clone());
        }
        let quoted = name.strip_prefix("PROP(")?.strip_suffix(')')?.trim();
        let property = ['\'', '"'].iter().find_map(|quote| quoted.strip_prefix(*quote)?.strip_suffix(*quote))?;
        let is_known =
            PROPERTIES.contains(&property) || property.strip_prefix("Dim.").is_some_and(|dim| !dim.is_empty());
        is_known.then(|| Self::Property(property.to_owned()))
    }
}
