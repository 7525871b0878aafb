//! `reading`: a place to take a body of another protocol apart in, so that many bodies together do not take all memory.

use model::limits::READING_KIB_MAX;
use tokio::sync::{Semaphore, SemaphorePermit};
use wire::ApiError;
use wire::error::common;

/// A place for a body of `bytes`, held until what was read of it is converted.
///
/// # Errors
/// More than `bytes_max` bytes.
pub(crate) async fn reading(bytes: usize, bytes_max: usize) -> Result<Option<SemaphorePermit<'static>>, ApiError> {
    static READING: Semaphore = Semaphore::const_new(READING_KIB_MAX as usize);
    if bytes > bytes_max {
        let message = format!("The body is larger than {bytes_max} bytes. Send smaller batches.");
        return Err(ApiError::new(&common::REQUEST_TOO_LARGE, message));
    }
    let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(READING_KIB_MAX).min(READING_KIB_MAX);
    // The semaphore is never closed.
    Ok(READING.acquire_many(kib).await.ok())
}
