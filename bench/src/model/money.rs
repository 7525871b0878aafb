//! What a month costs: list prices of AWS, and an alternative of one's own machines.

use super::capacity::Nodes;
use super::demand::Demand;
use super::inputs::Inputs;

/// Hours and seconds of a month.
const MONTH_HOURS: f64 = 730.0;
pub const MONTH: f64 = MONTH_HOURS * 3_600.0;

/// A bill by what is paid for, USD a month.
#[derive(Debug, Clone, PartialEq)]
pub struct Bill(pub Vec<(&'static str, f64)>);

impl Bill {
    /// All of it.
    pub fn total(&self) -> f64 {
        self.0.iter().map(|(_, usd)| usd).sum()
    }
}

/// On AWS. `demand` is that of one writer in the mean, when the bucket is as full as it gets.
pub fn aws(inputs: &Inputs, nodes: Nodes, demand: &Demand) -> Bill {
    let writers = f64::from(nodes.writers);
    let requests = |rate: f64, usd: f64| writers * rate * MONTH / 1_000.0 * usd;
    Bill(vec![
        ("nodes", writers * (1.0 + inputs.readers) * nodes.cores * inputs.usd_vcpu_hour * MONTH_HOURS),
        ("their disks", writers * (1.0 + inputs.readers) * inputs.ebs_gb * inputs.usd_ebs_gb),
        ("bytes in the bucket", writers * demand.stored / 1e9 * inputs.usd_s3_gb),
        ("PUT", requests(demand.requests.puts(), inputs.usd_put)),
        ("GET", requests(demand.requests.gets(), inputs.usd_get)),
        ("database", inputs.database * inputs.usd_database_hour * MONTH_HOURS),
    ])
}

/// On machines of one's own: cores by the month, and disks by what they hold. Work of people is not counted, in neither.
pub fn own(inputs: &Inputs, nodes: Nodes, demand: &Demand) -> Bill {
    let writers = f64::from(nodes.writers);
    // The database and the object store need cores too.
    let cores = writers * (1.0 + inputs.readers) * nodes.cores + 4.0;
    Bill(vec![
        ("cores", cores * inputs.own_core_month),
        ("disks", writers * demand.stored / 1e12 * inputs.own_tb_month),
    ])
}
