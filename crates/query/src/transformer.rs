//! Transformers of CloudWatch Logs: a log line parsed to an object and changed by a list of processors.
//!
//! Sources: user guide, "Processors that you can use", "Create and manage log transformers", "Transformation metrics and
//! errors"; the examples of the first are tests here.
//!
//! Where the guide says nothing, this holds. A parser that cannot read its source fails the event, which is then untransformed
//! and has an error; every other processor passes over what it cannot do: a key that is absent, a value of another kind, a
//! date in another form. A `grok` pattern must match all of its source, and text between its patterns stands for itself.
//! `moveKeys` onto an object moves into it, else onto that name. `nonMatchValue` defaults to null. A label of WAF that comes
//! again becomes a list. What differs: regular expressions are those of the Rust crate
//! `regex`, so that no text makes them slow: what looks around and back references are refused; `dateTimeConverter` knows the
//! names of months and days in the languages of `dates::locale`, and writes zones by their abbreviations; the limit of 200
//! fields is not enforced.

mod check;
mod config;
mod dates;
mod fields;
mod grok;
mod keys;
mod ocsf;
mod parse;
mod path;
mod strings;
mod vended;

#[cfg(test)]
mod tests;

use config::Processor;
pub(crate) use dates::{format_date, parse_date};
use model::Timestamp;
use serde_json::{Map, Value};

/// An object whose keys keep their order.
pub type Fields = Map<String, Value>;

/// Why a configuration is no transformer, for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// Why an event could not be transformed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TransformError(pub String);

/// Where an event comes from, which `copyValue` can copy where it is not empty, and when it happened, whose year a date without one gets.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin<'a> {
    /// `@logGroupName`.
    pub log_group: &'a str,
    /// `@logGroupStream`.
    pub log_stream: &'a str,
    /// `@accountId`.
    pub account: &'a str,
    /// `@regionName`.
    pub region: &'a str,
    /// The event's own time.
    pub timestamp: Timestamp,
}

/// A list of processors, checked and ready.
#[derive(Debug)]
pub struct Transformer {
    steps: Vec<Step>,
}

/// A processor with what it prepares once.
#[derive(Debug)]
enum Step {
    ParseJson(config::ParseJson),
    Csv(config::Csv),
    ParseKeyValue(config::ParseKeyValue),
    Grok(config::Grok, grok::Grok),
    Vended(vended::Format),
    Ocsf(ocsf::Ocsf),
    Keys(keys::Change),
    Strings(strings::Change),
    TypeConverter(Vec<config::TypeEntry>),
    Dates(config::DateTimeConverter, dates::Converter),
}

impl Transformer {
    /// Reads and checks a list of processors, JSON in the form of the API: at most as large as the model allows. A regular
    /// expression may take milliseconds to compile.
    pub fn parse(processors: &str) -> Result<Self, ConfigError> {
        let processors: Vec<Processor> = serde_json::from_str(processors)
            .map_err(|error| ConfigError(format!("the transformer configuration cannot be read: {error}")))?;
        check::check(&processors)?;
        let steps = processors.into_iter().map(Step::new).collect::<Result<_, _>>()?;
        Ok(Self { steps })
    }

    /// The object that the line becomes. Linear in the length of the line.
    pub fn transform(&self, line: &str, origin: &Origin<'_>) -> Result<Fields, TransformError> {
        let mut fields = Fields::new();
        for step in &self.steps {
            step.apply(line, origin, &mut fields)?;
        }
        Ok(fields)
    }
}

impl Step {
    fn new(processor: Processor) -> Result<Self, ConfigError> {
        Ok(match processor {
            Processor::AddKeys(add) => Step::Keys(keys::Change::Add(add.entries)),
            Processor::CopyValue(copy) => Step::Keys(keys::Change::Copy(copy.entries)),
            Processor::Csv(csv) => Step::Csv(csv),
            Processor::DateTimeConverter(dates) => {
                let converter = dates::Converter::new(&dates)?;
                Step::Dates(dates, converter)
            }
            Processor::DeleteKeys(delete) => Step::Keys(keys::Change::Delete(delete.with_keys)),
            Processor::Grok(grok) => {
                let compiled = grok::Grok::compile(&grok.pattern)?;
                Step::Grok(grok, compiled)
            }
            Processor::ListToMap(list) => Step::Keys(keys::Change::ListToMap(list)),
            Processor::LowerCaseString(keys) => Step::Strings(strings::Change::LowerCase(keys.with_keys)),
            Processor::MoveKeys(moves) => Step::Keys(keys::Change::Move(moves.entries)),
            Processor::ParseCloudfront(_) => Step::Vended(vended::Format::Cloudfront),
            Processor::ParseJson(json) => Step::ParseJson(json),
            Processor::ParseKeyValue(pairs) => Step::ParseKeyValue(pairs),
            Processor::ParseRoute53(_) => Step::Vended(vended::Format::Route53),
            Processor::ParseToOcsf(config) => Step::Ocsf(ocsf::Ocsf::new(&config)?),
            Processor::ParsePostgres(_) => Step::Vended(vended::Format::postgres()?),
            Processor::ParseVpc(_) => Step::Vended(vended::Format::Vpc),
            Processor::ParseWaf(_) => Step::Vended(vended::Format::Waf),
            Processor::RenameKeys(rename) => Step::Keys(keys::Change::Rename(rename.entries)),
            Processor::SplitString(split) => Step::Strings(strings::Change::Split(split.entries)),
            Processor::SubstituteString(substitute) => {
                let entries =
                    substitute.entries.into_iter().map(strings::Substitution::new).collect::<Result<_, _>>()?;
                Step::Strings(strings::Change::Substitute(entries))
            }
            Processor::TrimString(keys) => Step::Strings(strings::Change::Trim(keys.with_keys)),
            Processor::TypeConverter(types) => Step::TypeConverter(types.entries),
            Processor::UpperCaseString(keys) => Step::Strings(strings::Change::UpperCase(keys.with_keys)),
        })
    }

    fn apply(&self, line: &str, origin: &Origin<'_>, fields: &mut Fields) -> Result<(), TransformError> {
        match self {
            Step::ParseJson(json) => parse::json(json, line, fields),
            Step::Csv(csv) => parse::csv(csv, line, fields),
            Step::ParseKeyValue(pairs) => parse::key_values(pairs, line, fields),
            Step::Grok(config, grok) => {
                let source = parse::source(config.source.as_deref(), line, fields)?;
                grok.parse(&source, fields)
            }
            Step::Vended(format) => format.parse(line, fields),
            Step::Ocsf(ocsf) => ocsf.parse(line, fields),
            Step::Keys(change) => {
                change.apply(origin, fields);
                Ok(())
            }
            Step::Strings(change) => change.apply(fields),
            Step::TypeConverter(entries) => {
                entries.iter().for_each(|entry| fields::convert(entry, fields));
                Ok(())
            }
            Step::Dates(config, converter) => {
                converter.apply(config, origin.timestamp, fields);
                Ok(())
            }
        }
    }
}
