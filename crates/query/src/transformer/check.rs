//! Rules for a list of processors ("Create and manage log transformers").

use super::ConfigError;
use super::config::{Csv, Processor};
use super::parse::MESSAGE;
use super::path::{DEPTH_MAX, is_path};

/// Most processors, and most parsers among them.
const PROCESSORS_MAX: usize = 20;
const PARSERS_MAX: usize = 5;

fn refused<T>(message: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError(message.into()))
}

pub(super) fn check(processors: &[Processor]) -> Result<(), ConfigError> {
    if processors.is_empty() || processors.len() > PROCESSORS_MAX {
        return refused(format!("A transformer has 1 to {PROCESSORS_MAX} processors"));
    }
    if !processors.first().is_some_and(is_parser) {
        return refused("The first processor of a transformer must be a parser");
    }
    if processors.iter().filter(|processor| is_parser(processor)).count() > PARSERS_MAX {
        return refused(format!("A transformer has at most {PARSERS_MAX} parsers"));
    }
    if let Some(late) = processors.iter().skip(1).find(|processor| is_vended(processor)) {
        return refused(format!("{} must be the first processor of a transformer", name(late)));
    }
    for once in ["grok", "addKeys", "copyValue", "parseToOCSF"] {
        if processors.iter().filter(|processor| name(processor) == once).count() > 1 {
            return refused(format!("A transformer has at most one {once} processor"));
        }
    }
    for (at, processor) in processors.iter().enumerate() {
        check_one(processor, at == 0)?;
    }
    Ok(())
}

fn check_one(processor: &Processor, is_first: bool) -> Result<(), ConfigError> {
    let name = name(processor);
    if let Some(source) = source(processor) {
        if source != MESSAGE && (is_first || is_vended(processor)) {
            return refused(format!("{name}: the source of the first processor must be {MESSAGE}"));
        }
        check_path(name, source)?;
    }
    for path in paths(processor) {
        check_path(name, path)?;
    }
    match processor {
        Processor::Csv(csv) => check_csv(csv),
        Processor::ListToMap(list) if list.flatten && list.flattened_element.is_none() => {
            refused("listToMap: flattenedElement is required when flatten is true")
        }
        _ => Ok(()),
    }
}

fn check_path(name: &str, path: &str) -> Result<(), ConfigError> {
    if is_path(path) {
        return Ok(());
    }
    refused(format!("{name}: '{path}' is not a path of at most {DEPTH_MAX} keys with dots between them"))
}

fn check_csv(csv: &Csv) -> Result<(), ConfigError> {
    let is_one = |text: &str| text.chars().count() == 1;
    if csv.delimiter.as_deref().is_some_and(|text| !is_one(text) && !matches!(text, "\\t" | "\\s")) {
        return refused("csv: the delimiter must be one character, \\t or \\s");
    }
    if csv.quote_character.as_deref().is_some_and(|text| !is_one(text)) {
        return refused("csv: the quoteCharacter must be one character");
    }
    Ok(())
}

/// The source of a parser.
fn source(processor: &Processor) -> Option<&str> {
    match processor {
        Processor::Csv(csv) => csv.source.as_deref(),
        Processor::Grok(grok) => grok.source.as_deref(),
        Processor::ParseJson(json) => json.source.as_deref(),
        Processor::ParseKeyValue(pairs) => pairs.source.as_deref(),
        Processor::ParseCloudfront(vended)
        | Processor::ParsePostgres(vended)
        | Processor::ParseRoute53(vended)
        | Processor::ParseVpc(vended)
        | Processor::ParseWaf(vended) => vended.source.as_deref(),
        Processor::ParseToOcsf(ocsf) => ocsf.source.as_deref(),
        _ => None,
    }
}

/// Every other path of a processor.
fn paths(processor: &Processor) -> Vec<&str> {
    match processor {
        Processor::AddKeys(add) => add.entries.iter().map(|entry| entry.key.as_str()).collect(),
        Processor::CopyValue(list) | Processor::MoveKeys(list) => {
            list.entries.iter().flat_map(|entry| [entry.source.as_str(), entry.target.as_str()]).collect()
        }
        Processor::Csv(csv) => csv.columns.iter().flatten().chain(&csv.destination).map(String::as_str).collect(),
        Processor::DateTimeConverter(dates) => vec![&dates.source, &dates.target],
        Processor::DeleteKeys(keys)
        | Processor::LowerCaseString(keys)
        | Processor::TrimString(keys)
        | Processor::UpperCaseString(keys) => keys.with_keys.iter().map(String::as_str).collect(),
        Processor::ListToMap(list) => {
            [Some(&list.source), list.target.as_ref()].into_iter().flatten().map(String::as_str).collect()
        }
        Processor::ParseJson(json) => json.destination.as_deref().into_iter().collect(),
        Processor::ParseKeyValue(pairs) => pairs.destination.as_deref().into_iter().collect(),
        Processor::RenameKeys(rename) => {
            rename.entries.iter().flat_map(|entry| [entry.key.as_str(), entry.rename_to.as_str()]).collect()
        }
        Processor::SplitString(split) => split.entries.iter().map(|entry| entry.source.as_str()).collect(),
        Processor::SubstituteString(list) => list.entries.iter().map(|entry| entry.source.as_str()).collect(),
        Processor::TypeConverter(types) => types.entries.iter().map(|entry| entry.key.as_str()).collect(),
        _ => Vec::new(),
    }
}

fn is_vended(processor: &Processor) -> bool {
    matches!(
        processor,
        Processor::ParseCloudfront(_)
            | Processor::ParsePostgres(_)
            | Processor::ParseRoute53(_)
            | Processor::ParseToOcsf(_)
            | Processor::ParseVpc(_)
            | Processor::ParseWaf(_)
    )
}

fn is_parser(processor: &Processor) -> bool {
    let is_configurable = matches!(
        processor,
        Processor::Csv(_) | Processor::Grok(_) | Processor::ParseJson(_) | Processor::ParseKeyValue(_)
    );
    is_configurable || is_vended(processor)
}

/// The processor's name in the API.
fn name(processor: &Processor) -> &'static str {
    match processor {
        Processor::AddKeys(_) => "addKeys",
        Processor::CopyValue(_) => "copyValue",
        Processor::Csv(_) => "csv",
        Processor::DateTimeConverter(_) => "dateTimeConverter",
        Processor::DeleteKeys(_) => "deleteKeys",
        Processor::Grok(_) => "grok",
        Processor::ListToMap(_) => "listToMap",
        Processor::LowerCaseString(_) => "lowerCaseString",
        Processor::MoveKeys(_) => "moveKeys",
        Processor::ParseCloudfront(_) => "parseCloudfront",
        Processor::ParseJson(_) => "parseJSON",
        Processor::ParseKeyValue(_) => "parseKeyValue",
        Processor::ParseRoute53(_) => "parseRoute53",
        Processor::ParseToOcsf(_) => "parseToOCSF",
        Processor::ParsePostgres(_) => "parsePostgres",
        Processor::ParseVpc(_) => "parseVPC",
        Processor::ParseWaf(_) => "parseWAF",
        Processor::RenameKeys(_) => "renameKeys",
        Processor::SplitString(_) => "splitString",
        Processor::SubstituteString(_) => "substituteString",
        Processor::TrimString(_) => "trimString",
        Processor::TypeConverter(_) => "typeConverter",
        Processor::UpperCaseString(_) => "upperCaseString",
    }
}
