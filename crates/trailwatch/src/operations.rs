//! The table of operations of both planes, and `docs/operations.md`, which is made from it.

use std::collections::HashMap;
use trail::Trail;
use watch::Watch;
use wire::{Access, Audit, Operation, Service};

/// A row of the table: which plane runs it.
pub enum Row {
    /// Governance.
    Trail(Operation<Trail>),
    /// Operations.
    Watch(Operation<Watch>),
}

/// All implemented operations, by service and name.
pub struct Table(HashMap<(Service, &'static str), Row>);

impl Table {
    /// The rows of both planes. A name that stands twice is a mistake of ours, found by the first test that starts a server.
    pub fn new() -> Self {
        let mut rows = HashMap::new();
        let trail = trail::operations().into_iter().map(|o| ((o.service, o.name), Row::Trail(o)));
        let watch = watch::operations().into_iter().map(|o| ((o.service, o.name), Row::Watch(o)));
        for (key, row) in trail.chain(watch) {
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
            Row::Trail(operation) => operation.access,
            Row::Watch(operation) => operation.access,
        }
    }

    /// How the call is audited.
    pub fn audit(&self) -> Audit {
        match self {
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
