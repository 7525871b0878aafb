//! `Codec`: plans as bytes. Ballista's own steps as it writes them, our scans and counted aggregates as `query` writes them.

use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::common::{Result, exec_err};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::AggregateUDF;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use query::sql::{TravelExec, count_packed, counted_aggregate};
use std::sync::Arc;
use store::SegmentReader;

/// The first byte of what Ballista wrote.
const BALLISTAS: u8 = 0;
/// That of a scan.
const SCAN: u8 = 1;
/// All that is written of an aggregate that counts what it makes.
const COUNTED: u8 = 2;

/// Writes and reads plans.
#[derive(Debug, Default)]
pub struct Codec {
    ballista: BallistaPhysicalExtensionCodec,
    /// Where scans arrive; elsewhere they stay on their way.
    reader: Option<Arc<SegmentReader>>,
}

impl Codec {
    /// That of an executor.
    pub fn of_executor(reader: Arc<SegmentReader>) -> Self {
        Self { reader: Some(reader), ..Self::default() }
    }
}

impl PhysicalExtensionCodec for Codec {
    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match buf.split_first() {
            Some((&BALLISTAS, step)) => {
                // Below such a step, which begins every task, stands all that is done to its scans.
                let counting = |input: &Arc<dyn ExecutionPlan>| match self.reader {
                    Some(_) => count_packed(Arc::clone(input)),
                    None => Ok(Arc::clone(input)),
                };
                let inputs = inputs.iter().map(counting).collect::<Result<Vec<_>>>()?;
                self.ballista.try_decode(step, &inputs, context, converter)
            }
            Some((&SCAN, said)) => {
                let scan = TravelExec::from_bytes(said, inputs)?;
                match &self.reader {
                    Some(reader) => scan.arrive(reader),
                    None => Ok(Arc::new(scan)),
                }
            }
            _ => exec_err!("a step of a plan is of another version"),
        }
    }

    fn try_encode(
        &self,
        step: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        if let Some(scan) = step.downcast_ref::<TravelExec>() {
            buf.push(SCAN);
            buf.extend(scan.to_bytes()?);
            return Ok(());
        }
        buf.push(BALLISTAS);
        let mut written = Vec::new();
        self.ballista.try_encode(step, &mut written, converter)?;
        buf.extend(written);
        Ok(())
    }

    /// One with a budget of its own: that of a registry would be one for all queries that an executor ever ran.
    fn try_decode_udaf(&self, name: &str, buf: &[u8]) -> Result<Arc<AggregateUDF>> {
        match (buf, counted_aggregate(name)) {
            ([COUNTED], Some(aggregate)) => Ok(Arc::new(aggregate)),
            _ => exec_err!("there is no aggregate {name}"),
        }
    }

    fn try_encode_udaf(&self, aggregate: &AggregateUDF, buf: &mut Vec<u8>) -> Result<()> {
        if counted_aggregate(aggregate.name()).is_some() {
            buf.push(COUNTED);
        }
        Ok(())
    }
}
