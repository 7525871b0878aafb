//! `parseToOCSF`: records of AWS's services as events of the Open Cybersecurity Schema Framework, versions 1.1 and 1.5.
//!
//! Sources: user guide, "parseToOCSF"; the mappings that AWS publishes with the schema (repository `ocsf/examples`,
//! `mappings/markdown/AWS/v1.1.0` and `v1.5.0`, with samples, which are tests here), for the activities of CloudTrail also its
//! `mappings/bloblang`; the schema at <https://schema.ocsf.io>.
//!
//! What a mapping does not name goes to `unmapped`, by its path with dots (`[]` for the members of a list, whose values are joined
//! by commas), as text; nulls and what is empty are left out. A record whose paths are many times longer than itself is none. The classes are API Activity, Authentication and Account Change for
//! CloudTrail, Network Activity, DNS Activity, API Activity and HTTP Activity for the others.
//!
//! Ours, where the mappings leave it open or contradict their samples: times are written in UTC with milliseconds; each file of
//! this folder says what else.

mod activities;
mod cloudtrail;
mod eks_audit;
mod event;
mod raw;
mod resolver;
mod vpc_flow;
mod waf;

#[cfg(test)]
mod tests;

use super::config::{Ocsf as Config, OcsfSource, OcsfVersion};
use super::{ConfigError, Fields, TransformError};
use event::Event;
use raw::Raw;

/// The newest mapping of version 1.5, and the only one here.
const MAPPING_VERSIONS: [&str; 2] = ["1.5.0", "1.5"];

/// What records are read as, and what is made of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ocsf {
    source: OcsfSource,
    version: OcsfVersion,
}

impl Ocsf {
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        if let Some(mapping) = &config.mapping_version {
            if config.ocsf_version == OcsfVersion::V1_1 {
                return Err(ConfigError(
                    "parseToOCSF: mappingVersion is not supported when ocsfVersion is V1.1".into(),
                ));
            }
            if !MAPPING_VERSIONS.contains(&mapping.strip_prefix('v').unwrap_or(mapping)) {
                return Err(ConfigError(format!("parseToOCSF: the mappingVersion {mapping} is not supported")));
            }
        }
        Ok(Self { source: config.event_source, version: config.ocsf_version })
    }

    /// The event that a record is. Linear in the length of the record.
    pub fn parse(&self, record: &str, fields: &mut Fields) -> Result<(), TransformError> {
        let map: fn(Raw, OcsfVersion) -> Option<Event> = match self.source {
            OcsfSource::CloudTrail => cloudtrail::event,
            OcsfSource::EksAudit => eks_audit::event,
            OcsfSource::Route53Resolver => resolver::event,
            OcsfSource::VpcFlow => vpc_flow::event,
            OcsfSource::AwsWaf => waf::event,
        };
        let raw = match self.source {
            OcsfSource::VpcFlow => vpc_flow::read(record),
            _ => Raw::read(record),
        };
        let event = raw.and_then(|raw| map(raw, self.version));
        let event = event.ok_or_else(|| TransformError(format!("not a record of {}", self.source.name())))?;
        let made = event.finish(record.len());
        fields.extend(
            made.ok_or_else(|| TransformError("the unmapped fields take far more bytes than the record".into()))?,
        );
        Ok(())
    }
}

impl OcsfSource {
    fn name(self) -> &'static str {
        match self {
            OcsfSource::CloudTrail => "CloudTrail",
            OcsfSource::Route53Resolver => "Route53Resolver",
            OcsfSource::VpcFlow => "VPCFlow",
            OcsfSource::EksAudit => "EKSAudit",
            OcsfSource::AwsWaf => "AWSWAF",
        }
    }
}
