//! The patterns that the guide lists ("Supported grok patterns"), each by an expression of ours.

/// A pattern: its expression, in which `%{...}` stands for others, and how often a match may have it.
#[derive(Debug)]
pub(super) struct Pattern {
    pub source: &'static str,
    pub most: usize,
}

/// The pattern of this name. Some help others only, and are no names of the guide's: a match cannot have those.
pub(super) fn pattern(name: &str) -> Option<Pattern> {
    let table = [GENERAL, NETWORK, PATHS, DATES, LOGS];
    let (_, most, source) = table.into_iter().flatten().find(|(known, ..)| *known == name)?;
    Some(Pattern { source, most: *most })
}

/// (name, most in a match, expression)
type Row = (&'static str, usize, &'static str);

const GENERAL: &[Row] = &[
    ("USERNAME", 20, r"[A-Za-z0-9._-]+"),
    ("USER", 20, r"[A-Za-z0-9._-]+"),
    ("INT", 20, r"[+-]?[0-9]+"),
    ("BASE10NUM", 20, r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"),
    ("NUMBER", 20, r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"),
    ("BASE16NUM", 20, r"[+-]?(?:0[xX])?[0-9A-Fa-f]+"),
    ("POSINT", 20, r"[1-9][0-9]*"),
    ("NONNEGINT", 20, r"[0-9]+"),
    ("WORD", 20, r"[A-Za-z0-9_]+"),
    ("NOTSPACE", 5, r"\S+"),
    ("SPACE", 5, r"\s*"),
    ("DATA", 5, r".*?"),
    ("GREEDYDATA", 5, r".*"),
    ("GREEDYDATA_MULTILINE", 1, r"(?s:.*)"),
    // See `Builder::quoted`.
    ("QUOTEDSTRING", 20, ""),
    ("UUID", 20, r"[A-Fa-f0-9]{8}-(?:[A-Fa-f0-9]{4}-){3}[A-Fa-f0-9]{12}"),
    ("URN", 20, r"urn:[0-9A-Za-z][0-9A-Za-z-]{0,31}:[0-9A-Za-z()+,.:=@;$_!*'/?#%-]+"),
    ("ARN", 5, r"arn:aws(?:-cn|-us-gov)?:[A-Za-z0-9-]+:[A-Za-z0-9-]+:[0-9]{12}:[^\s/]+(?:/[^\s/]+){0,5}"),
    ("REFERRER", 0, r#"[^"]*"#),
    ("STRUCTURED", 0, r"[^\]]*"),
];

const NETWORK: &[Row] = &[
    ("CISCOMAC", 20, r"(?:[A-Fa-f0-9]{4}\.){2}[A-Fa-f0-9]{4}"),
    ("WINDOWSMAC", 20, r"(?:[A-Fa-f0-9]{2}-){5}[A-Fa-f0-9]{2}"),
    ("COMMONMAC", 20, r"(?:[A-Fa-f0-9]{2}:){5}[A-Fa-f0-9]{2}"),
    ("MAC", 20, r"%{CISCOMAC}|%{WINDOWSMAC}|%{COMMONMAC}"),
    ("HEXTET", 0, r"[0-9A-Fa-f]{1,4}"),
    (
        "IPV6",
        5,
        r"(?:%{HEXTET}:){7}%{HEXTET}|(?:%{HEXTET}:){6}%{IPV4}|(?:%{HEXTET}:){1,6}:%{HEXTET}|(?:%{HEXTET}:){1,5}(?::%{HEXTET}){1,2}|(?:%{HEXTET}:){1,4}(?::%{HEXTET}){1,3}|(?:%{HEXTET}:){1,3}(?::%{HEXTET}){1,4}|(?:%{HEXTET}:){1,2}(?::%{HEXTET}){1,5}|%{HEXTET}:(?::%{HEXTET}){1,6}|(?:%{HEXTET}:){1,4}:%{IPV4}|::(?:[Ff]{4}(?::0{1,4})?:)?%{IPV4}|:(?::%{HEXTET}){1,7}|(?:%{HEXTET}:){1,7}:|::",
    ),
    ("OCTET", 0, r"25[0-5]|2[0-4][0-9]|1[0-9]{2}|[0-9]{1,2}"),
    ("IPV4", 20, r"(?:%{OCTET}\.){3}%{OCTET}"),
    ("IP", 5, r"%{IPV6}|%{IPV4}"),
    ("HOSTNAME", 5, r"[0-9A-Za-z][0-9A-Za-z-]{0,62}(?:\.[0-9A-Za-z][0-9A-Za-z-]{0,62})*\.?"),
    ("HOST", 5, r"%{HOSTNAME}"),
    ("IPORHOST", 5, r"%{IP}|%{HOSTNAME}"),
    ("HOSTPORT", 5, r"%{IPORHOST}:%{POSINT:PORT}"),
    ("URIHOST", 5, r"%{IPORHOST}(?::%{POSINT:port})?"),
];

const PATHS: &[Row] = &[
    ("UNIXPATH", 20, r"(?:/[A-Za-z0-9_%!$@:.,+~?=&#-]*)+"),
    ("WINPATH", 5, r"(?:[A-Za-z]+:|\\)(?:\\[^\\?*]*)+"),
    ("PATH", 5, r"%{UNIXPATH}|%{WINPATH}"),
    ("TTY", 20, r"/dev/(?:pts|tty)[A-Za-z0-9]*(?:/[0-9]+)?"),
    ("URIPROTO", 20, r"[A-Za-z]+(?:\+[A-Za-z+]+)?"),
    ("URIPATH", 20, r"(?:/[A-Za-z0-9$.+!*'(){},~:;=@#%&_-]*)+"),
    ("URIPARAM", 5, r"\?[A-Za-z0-9$.+!*'|(){},~@#%&/=:;_?\[\]<>-]*"),
    ("URIPATHPARAM", 5, r"%{URIPATH}(?:%{URIPARAM})?"),
    ("URI", 5, r"%{URIPROTO}://(?:%{USER}(?::[^@\s]*)?@)?(?:%{IPORHOST}(?::[0-9]+)?)?(?:%{URIPATHPARAM})?"),
];

const DATES: &[Row] = &[
    (
        "MONTH",
        20,
        r"Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:tember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?",
    ),
    ("MONTHNUM", 20, r"1[0-2]|0?[1-9]"),
    ("MONTHNUM2", 20, r"0[1-9]|1[0-2]"),
    ("MONTHDAY", 20, r"3[01]|[12][0-9]|0?[1-9]"),
    ("YEAR", 20, r"[0-9]{4}|[0-9]{2}"),
    ("DAY", 20, r"Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?"),
    ("HOUR", 20, r"2[0-3]|[01]?[0-9]"),
    ("MINUTE", 20, r"[0-5][0-9]"),
    ("SECOND", 20, r"(?:60|[0-5]?[0-9])(?:[:.,][0-9]+)?"),
    ("TIME", 20, r"%{HOUR}:%{MINUTE}:%{SECOND}"),
    ("DATE_US", 20, r"%{MONTHNUM}[/-]%{MONTHDAY}[/-]%{YEAR}"),
    ("DATE_EU", 20, r"%{MONTHDAY}[./-]%{MONTHNUM}[./-]%{YEAR}"),
    ("ISO8601_TIMEZONE", 20, r"Z|[+-]%{HOUR}:?%{MINUTE}"),
    ("ISO8601_SECOND", 20, r"%{SECOND}"),
    (
        "TIMESTAMP_ISO8601",
        20,
        r"%{YEAR}-%{MONTHNUM}-%{MONTHDAY}[T ]%{HOUR}:?%{MINUTE}(?::?%{SECOND})?(?:%{ISO8601_TIMEZONE})?",
    ),
    ("DATE", 20, r"%{DATE_US}|%{DATE_EU}"),
    ("DATESTAMP", 20, r"%{DATE}[- ]%{TIME}"),
    ("TZ", 20, r"[PMCE][SD]T|UTC"),
    ("DATESTAMP_RFC822", 20, r"%{DAY} %{MONTH} %{MONTHDAY} %{YEAR} %{TIME} %{TZ}"),
    ("DATESTAMP_RFC2822", 20, r"%{DAY}, %{MONTHDAY} %{MONTH} %{YEAR} %{TIME} %{ISO8601_TIMEZONE}"),
    ("DATESTAMP_OTHER", 20, r"%{DAY} %{MONTH} %{MONTHDAY} %{TIME} %{TZ} %{YEAR}"),
    ("DATESTAMP_EVENTLOG", 20, r"%{YEAR}%{MONTHNUM2}%{MONTHDAY}%{HOUR}%{MINUTE}%{SECOND}"),
];

const LOGS: &[Row] = &[
    (
        "LOGLEVEL",
        20,
        r"Alert|ALERT|Trace|TRACE|Debug|DEBUG|Notice|NOTICE|Info|INFO|Warn(?:ing)?|WARN(?:ING)?|Err(?:or)?|ERR(?:OR)?|Crit(?:ical)?|CRIT(?:ICAL)?|Fatal|FATAL|Severe|SEVERE|Emerg(?:ency)?|EMERG(?:ENCY)?",
    ),
    ("HTTPDATE", 20, r"%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME} %{INT}"),
    ("SYSLOGTIMESTAMP", 20, r"%{MONTH} +%{MONTHDAY} %{TIME}"),
    ("PROG", 20, r"[A-Za-z0-9._/%-]+"),
    ("SYSLOGPROG", 20, r"%{PROG:program}(?:\[%{POSINT:pid}\])?"),
    ("SYSLOGHOST", 5, r"%{HOST}|%{IP}"),
    ("SYSLOGFACILITY", 20, r"<%{NONNEGINT:facility}\.%{NONNEGINT:priority}>"),
];
