//! Stub.
use crate::{Options, Result, Store};
use model::Clock;
use std::sync::Arc;
impl Store {
    /// Stub.
    pub async fn open_reader(options: Options, clock: Arc<dyn Clock>) -> Result<Store> {
        Self::open(options, clock).await
    }
    /// Stub.
    pub async fn catch_up(&self, _: u64) -> Result<()> {
        Ok(())
    }
    /// Stub.
    pub async fn look(&self) -> Result<()> {
        Ok(())
    }
    /// Stub.
    pub fn acknowledged(&self) -> Option<u64> {
        None
    }
}
