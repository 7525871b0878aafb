//! The documented functions: their names and how many arguments they take. This list is the source of truth for tests.

macro_rules! functions {
    ($($variant:ident $name:literal $least:literal ..= $most:literal $doc:literal;)*) => {
        /// A function of metric math.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Function {
            $(#[doc = $doc] $variant,)*
        }

        /// The names of all functions, in the order of the AWS user guide's table (those of one row apart).
        pub const FUNCTION_NAMES: &[&str] = &[$($name,)*];

        impl Function {
            /// The function of this name; names are upper case.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The least and the largest number of arguments.
            pub fn arity(self) -> (usize, usize) {
                match self {
                    $(Self::$variant => ($least, $most),)*
                }
            }
        }
    };
}

functions! {
    Abs "ABS" 1..=1 "Absolute value of each point.";
    AnomalyDetectionBand "ANOMALY_DETECTION_BAND" 1..=2 "Upper and lower limit of expected values.";
    Avg "AVG" 1..=1 "Average.";
    Ceil "CEIL" 1..=1 "Smallest integer not less than each value.";
    DatapointCount "DATAPOINT_COUNT" 1..=1 "Number of points.";
    Diff "DIFF" 1..=1 "Difference of each value from the one before.";
    DiffTime "DIFF_TIME" 1..=1 "Seconds between each point and the one before.";
    Fill "FILL" 2..=2 "Fills missing points.";
    First "FIRST" 1..=1 "First series of an array.";
    Last "LAST" 1..=1 "Last series of an array.";
    Floor "FLOOR" 1..=1 "Largest integer not greater than each value.";
    If "IF" 2..=3 "Chooses by a condition.";
    InsightRuleMetric "INSIGHT_RULE_METRIC" 2..=2 "A metric of a Contributor Insights rule.";
    Log "LOG" 1..=1 "Natural logarithm of each value.";
    Log10 "LOG10" 1..=1 "Decimal logarithm of each value.";
    Max "MAX" 1..=1 "Maximum.";
    MetricCount "METRIC_COUNT" 1..=1 "Number of series in an array.";
    Metrics "METRICS" 0..=1 "The metrics of the request.";
    Min "MIN" 1..=1 "Minimum.";
    Minute "MINUTE" 1..=1 "Minute of each period, 0 to 59.";
    Hour "HOUR" 1..=1 "Hour of each period, 0 to 23.";
    Day "DAY" 1..=1 "Day of the week of each period, 1 (Monday) to 7.";
    Date "DATE" 1..=1 "Day of the month of each period, 1 to 31.";
    Month "MONTH" 1..=1 "Month of each period, 1 to 12.";
    Year "YEAR" 1..=1 "Year of each period.";
    Epoch "EPOCH" 1..=1 "Seconds since 1970 of each period.";
    Period "PERIOD" 1..=1 "Period of a metric in seconds.";
    Rate "RATE" 1..=1 "Change per second since the point before.";
    RemoveEmpty "REMOVE_EMPTY" 1..=1 "Removes series without points from an array.";
    RunningSum "RUNNING_SUM" 1..=1 "Sum of each value and all before.";
    Search "SEARCH" 2..=3 "The metrics that a search finds.";
    ServiceQuota "SERVICE_QUOTA" 1..=1 "The service quota of a usage metric.";
    Slice "SLICE" 2..=3 "Part of an array.";
    Sort "SORT" 3..=4 "Sorts an array.";
    Stddev "STDDEV" 1..=1 "Standard deviation.";
    Sum "SUM" 1..=1 "Sum.";
    TimeSeries "TIME_SERIES" 1..=1 "A series with one value throughout.";
}
