//! Lines of AWS services whose fields are words in a fixed order.

/// VPC flow logs, the default format (VPC guide, "Flow log records", version 2).
const FLOW: [&str; 14] = [
    "version",
    "accountId",
    "interfaceId",
    "srcAddr",
    "dstAddr",
    "srcPort",
    "dstPort",
    "protocol",
    "packets",
    "bytes",
    "startTime",
    "endTime",
    "action",
    "logStatus",
];

/// Public DNS query logs (Route 53 guide, "Values that appear in DNS query logs").
const DNS_QUERY: [&str; 10] = [
    "version",
    "queryTimestamp",
    "hostZoneId",
    "queryName",
    "queryType",
    "responseCode",
    "protocol",
    "edgeLocation",
    "resolverIp",
    "ednsClientSubnet",
];

/// Names in use beside those of the guide.
const ALIASES: [(&str, &str); 3] = [("start", "startTime"), ("end", "endTime"), ("hostedZoneId", "hostZoneId")];

/// A line of one of these formats.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    line: &'a str,
    names: &'static [&'static str],
}

/// The line by its columns, if it is of one of the formats: known by its first word, its number of words and one or two of them.
pub fn of(line: &str) -> Option<Columns<'_>> {
    let line = line.trim_ascii();
    let names: &[&str] = match line.as_bytes() {
        [b'1', b'.', b'0', b' ', ..] if is_dns_query(line) => &DNS_QUERY,
        [b'2', b' ', ..] if is_flow(line) => &FLOW,
        _ => return None,
    };
    Some(Columns { line, names })
}

fn is_flow(line: &str) -> bool {
    let mut words = line.split(' ');
    let interface = words.nth(2);
    interface.is_some_and(|word| word.starts_with("eni-") || word == "-")
        && words.nth(10).is_some_and(|word| ["OK", "NODATA", "SKIPDATA"].contains(&word))
        && words.next().is_none()
}

fn is_dns_query(line: &str) -> bool {
    let mut words = line.split(' ').skip(1);
    words.next().is_some_and(|time| time.ends_with('Z'))
        && words.next().is_some_and(|zone| zone.starts_with('Z'))
        && words.count() == DNS_QUERY.len() - 3
}

impl<'a> Columns<'a> {
    /// The word of this name.
    pub fn field(self, name: &str) -> Option<&'a str> {
        let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, documented)| documented);
        let place = self.names.iter().position(|known| *known == name)?;
        self.line.split(' ').nth(place)
    }

    /// All words with their names.
    pub fn fields(self) -> impl Iterator<Item = (&'static str, &'a str)> {
        self.names.iter().copied().zip(self.line.split(' '))
    }
}
