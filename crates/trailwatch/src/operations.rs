//! The table of operations of identities and both planes, and `docs/operations.md`, which is made from it.

use std::collections::HashMap;
use trail::Trail;
use watch::Watch;
use wire::{Access, Audit, Operation, Service};

/// A row of the table: who runs it.
pub enum Row {
    /// Identities.
    Access(Operation<access::Access>),
    /// Governance.
    Trail(Operation<Trail>),
    /// Operations.
    Watch(Operation<Watch>),
}

/// All implemented operations, by service and name.
pub struct Table(HashMap<(Service, &'static str), Row>);

impl Table {
    /// All rows. A name that stands twice is a mistake of ours, found by the first test that starts a server.
    pub fn new() -> Self {
        let mut rows = HashMap::new();
        let access = access::operations().into_iter().map(|o| ((o.service, o.name), Row::Access(o)));
        let trail = trail::operations().into_iter().map(|o| ((o.service, o.name), Row::Trail(o)));
        let watch = watch::operations().into_iter().map(|o| ((o.service, o.name), Row::Watch(o)));
        for (key, row) in access.chain(trail).chain(watch) {
            assert!(rows.insert(key, row).is_none(), "{key:?} stands twice in the table of operations");
        }
        Self(rows)
    }

    /// The row of an operation, if it is implemented.
    pub fn get(&self, service: Service, name: &'static str) -> Option<&Row> {
        self.0.get(&(service, name))
    }
}

impl Row {
    /// IAM access level.
    pub fn access(&self) -> Access {
        match self {
            Row::Access(operation) => operation.access,
            Row::Trail(operation) => operation.access,
            Row::Watch(operation) => operation.access,
        }
    }

    /// How the call is audited.
    pub fn audit(&self) -> Audit {
        match self {
            Row::Access(operation) => operation.audit,
            Row::Trail(operation) => operation.audit,
            Row::Watch(operation) => operation.audit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;
    use std::path::Path;

    /// `docs/operations.md` says what the table says. `make docs` rewrites it.
    #[test]
    fn operations_document() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md");
        let rendered = render(&Table::new());
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &rendered).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == rendered, "docs/operations.md is not what the table of operations says: run `make docs`");
    }

    fn render(table: &Table) -> String {
        let mut text = String::from(
            "# Operations\n\nMade from the table of operations by `make docs`; a test compares them. A modelled operation that is \
             missing answers\n`UnknownOperationException` (query: `InvalidAction`) with its name.\n",
        );
        for service in Service::ALL {
            let modelled: Vec<_> = wire::modelled().iter().filter(|m| m.service == service).collect();
            let implemented: Vec<_> =
                modelled.iter().filter_map(|m| table.get(service, m.name).map(|row| (m.name, row))).collect();
            let missing: Vec<_> =
                modelled.iter().filter(|m| table.get(service, m.name).is_none()).map(|m| m.name).collect();
            let name = service.cli_name();
            writeln!(text, "\n## {name}: {} of {}\n", implemented.len(), modelled.len()).unwrap();
            writeln!(text, "| operation | access | audited as |\n| --- | --- | --- |").unwrap();
            for (operation, row) in implemented {
                let audit = match row.audit() {
                    Audit::Management => "management event".to_owned(),
                    Audit::Data(resource_type) => format!("data event, {resource_type}"),
                };
                writeln!(text, "| {operation} | {:?} | {audit} |", row.access()).unwrap();
            }
            if !missing.is_empty() {
                writeln!(text, "\nMissing: {}.", missing.join(", ")).unwrap();
            }
        }
        text
    }

    /// Walks all operations for each ready-made policy. The two planes are apart: nobody but an administrator has both, and identities
    /// are for administrators alone.
    #[test]
    fn ready_made_policies_keep_the_planes_apart() {
        use access::policy::{Policies, Policy, Principal, PrincipalKind, Purpose, Request, decide};
        let context = std::collections::BTreeMap::<String, Vec<String>>::new();
        let arn = "arn:aws:iam::123456789012:user/u";
        let principal = Principal { kind: PrincipalKind::User, account: "123456789012", arn, role_arn: None };
        let watch = |service| matches!(service, Service::CloudWatch | Service::Logs | Service::Sns);
        let collects = [
            "PutMetricData",
            "CreateLogGroup",
            "CreateLogStream",
            "DescribeLogGroups",
            "DescribeLogStreams",
            "GetLogEvents",
            "PutLogEvents",
            "PutRetentionPolicy",
        ];
        let Table(rows) = Table::new();
        let mut wrong = Vec::new();
        for ready in access::ready_made::ALL {
            let policy = [std::sync::Arc::new(Policy::parse("p", ready.document, Purpose::Identity).unwrap())];
            let policies = Policies { identity: &policy, ..Policies::default() };
            for ((service, name), row) in &rows {
                let reads = row.access().is_read_only();
                let expected = match ready.name {
                    "AdministratorAccess" => true,
                    "TrailwatchAgent" => watch(*service) && collects.contains(name),
                    "TrailwatchAuditor" => match service {
                        Service::CloudTrail => reads || *name == "CancelQuery",
                        // Change events are audit events.
                        Service::Iam | Service::ApplicationSignals => reads,
                        _ => false,
                    },
                    "TrailwatchOperator" => watch(*service),
                    "TrailwatchReadOnly" => watch(*service) && reads,
                    other => panic!("say what {other} is for"),
                };
                let action = format!("{}:{name}", service.iam_prefix());
                let request = Request { principal, action: &action, resource: "*", context: &context };
                if decide(&request, &policies).is_allowed() != expected {
                    wrong.push(format!("{}: {action} should be {expected}", ready.name));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn every_row_is_an_operation_of_a_model() {
        let Table(rows) = Table::new();
        for (service, name) in rows.keys() {
            assert!(
                wire::modelled().iter().any(|m| m.service == *service && m.name == *name),
                "{service:?} has no operation {name}"
            );
        }
    }
}
