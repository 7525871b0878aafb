//! The processors as the API writes them (`Processor` of the Logs model). Lengths are checked by the model.

use serde::Deserialize;

/// One processor; an object with exactly one member.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Processor {
    AddKeys(Entries<AddEntry>),
    CopyValue(Entries<MoveEntry>),
    Csv(Csv),
    DateTimeConverter(DateTimeConverter),
    DeleteKeys(WithKeys),
    Grok(Grok),
    ListToMap(ListToMap),
    LowerCaseString(WithKeys),
    MoveKeys(Entries<MoveEntry>),
    ParseCloudfront(Vended),
    #[serde(rename = "parseJSON")]
    ParseJson(ParseJson),
    ParseKeyValue(ParseKeyValue),
    ParseRoute53(Vended),
    #[serde(rename = "parseToOCSF")]
    ParseToOcsf(Ocsf),
    ParsePostgres(Vended),
    #[serde(rename = "parseVPC")]
    ParseVpc(Vended),
    #[serde(rename = "parseWAF")]
    ParseWaf(Vended),
    RenameKeys(Entries<RenameEntry>),
    SplitString(Entries<SplitEntry>),
    SubstituteString(Entries<SubstituteEntry>),
    TrimString(WithKeys),
    TypeConverter(Entries<TypeEntry>),
    UpperCaseString(WithKeys),
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Entries<T> {
    pub entries: Vec<T>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WithKeys {
    pub with_keys: Vec<String>,
}

/// A parser of one of AWS's own logs.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Vended {
    pub source: Option<String>,
}

/// Of `parseToOCSF`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ocsf {
    pub source: Option<String>,
    pub event_source: OcsfSource,
    pub ocsf_version: OcsfVersion,
    pub mapping_version: Option<String>,
}

/// Whose records they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum OcsfSource {
    CloudTrail,
    Route53Resolver,
    #[serde(rename = "VPCFlow")]
    VpcFlow,
    #[serde(rename = "EKSAudit")]
    EksAudit,
    #[serde(rename = "AWSWAF")]
    AwsWaf,
}

/// Of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum OcsfVersion {
    #[serde(rename = "V1.1")]
    V1_1,
    #[serde(rename = "V1.5")]
    V1_5,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AddEntry {
    pub key: String,
    pub value: String,
    #[serde(default)]
    pub overwrite_if_exists: bool,
}

/// Of `moveKeys` and `copyValue`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MoveEntry {
    pub source: String,
    pub target: String,
    #[serde(default)]
    pub overwrite_if_exists: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RenameEntry {
    pub key: String,
    pub rename_to: String,
    #[serde(default)]
    pub overwrite_if_exists: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct SplitEntry {
    pub source: String,
    pub delimiter: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct SubstituteEntry {
    pub source: String,
    pub from: String,
    pub to: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct TypeEntry {
    pub key: String,
    #[serde(rename = "type")]
    pub to: Type,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Type {
    Boolean,
    Integer,
    Double,
    String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Csv {
    pub quote_character: Option<String>,
    pub delimiter: Option<String>,
    pub columns: Option<Vec<String>>,
    pub source: Option<String>,
    pub destination: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DateTimeConverter {
    pub source: String,
    pub target: String,
    pub target_format: Option<String>,
    pub match_patterns: Vec<String>,
    pub source_timezone: Option<String>,
    pub target_timezone: Option<String>,
    pub locale: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Grok {
    pub source: Option<String>,
    #[serde(rename = "match")]
    pub pattern: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListToMap {
    pub source: String,
    pub key: String,
    pub value_key: Option<String>,
    pub target: Option<String>,
    #[serde(default)]
    pub flatten: bool,
    pub flattened_element: Option<Element>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Element {
    First,
    Last,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct ParseJson {
    pub source: Option<String>,
    pub destination: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ParseKeyValue {
    pub source: Option<String>,
    pub destination: Option<String>,
    pub field_delimiter: Option<String>,
    pub key_value_delimiter: Option<String>,
    pub key_prefix: Option<String>,
    pub non_match_value: Option<String>,
    #[serde(default)]
    pub overwrite_if_exists: bool,
}
