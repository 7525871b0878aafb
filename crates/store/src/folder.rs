//! `SyncedFolder`: a local folder as an object store whose `put` is atomic and durable.
//!
//! `object_store`'s own `LocalFileSystem` never syncs, so after a power loss an object may be there with other bytes
//! or not at all. Here an object is staged under another name, synced, then named, and the names synced.

use crate::disk::{Disk, create_folder};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// A local folder. Reads go straight to `LocalFileSystem`, all that changes something to the disk.
#[derive(Debug, Clone)]
pub(crate) struct SyncedFolder {
    inner: Arc<LocalFileSystem>,
    disk: Arc<dyn Disk>,
}

impl SyncedFolder {
    /// The folder at `path`, which exists.
    pub(crate) fn new(path: &std::path::Path, disk: Arc<dyn Disk>) -> Result<Self> {
        Ok(Self { inner: Arc::new(LocalFileSystem::new_with_prefix(path)?), disk })
    }

    async fn remove(&self, location: &Path) -> Result<()> {
        let (path, disk) = (self.inner.path_to_filesystem(location)?, Arc::clone(&self.disk));
        let removed = tokio::task::spawn_blocking(move || match disk.remove(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(Error::NotFound { path: path.display().to_string(), source: Box::new(error) })
            }
            removed => removed.map_err(refused),
        });
        removed.await.map_err(|error| Error::JoinError { source: error })?
    }
}

impl std::fmt::Display for SyncedFolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "synced {}", self.inner)
    }
}

fn refused(source: std::io::Error) -> Error {
    Error::Generic { store: "SyncedFolder", source: Box::new(source) }
}

fn not_offered(operation: &str) -> Error {
    Error::NotImplemented { operation: operation.into(), implementer: "SyncedFolder".into() }
}

/// Writes and names one object; all of it is durable when this returns.
fn put_synced(disk: &dyn Disk, path: PathBuf, payload: PutPayload, mode: PutMode) -> Result<PutResult> {
    let folder = path.parent().ok_or_else(|| not_offered("put without a folder"))?;
    create_folder(folder).map_err(refused)?;
    // `#` and digits: the suffix that LocalFileSystem hides from lists. There is one writer, so one name is enough.
    let mut staged = path.clone().into_os_string();
    staged.push("#0");
    let staged = PathBuf::from(staged);
    let write = || -> std::io::Result<()> {
        let parts: Vec<&[u8]> = payload.iter().map(|part| part.as_ref()).collect();
        disk.stage(&staged, &parts)?;
        match mode {
            PutMode::Create => {
                disk.link(&staged, &path)?;
                disk.remove(&staged)?;
            }
            _ => disk.rename(&staged, &path)?,
        }
        disk.sync_folder(folder)
    };
    match write() {
        Ok(()) => Ok(PutResult { e_tag: None, version: None }),
        Err(error) => {
            // Best effort: a staged file that stays is hidden and overwritten by the next try.
            let _ = disk.remove(&staged);
            Err(match error.kind() {
                std::io::ErrorKind::AlreadyExists => {
                    Error::AlreadyExists { path: path.display().to_string(), source: Box::new(error) }
                }
                _ => refused(error),
            })
        }
    }
}

/// Fills each buffer with its range, as far as the file goes.
fn read_ranges(path: &std::path::Path, parts: Vec<(Range<u64>, Vec<u8>)>) -> Result<Vec<Vec<u8>>> {
    let mut file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::NotFound { path: path.display().to_string(), source: Box::new(error) },
        _ => refused(error),
    })?;
    let mut read = |(range, mut buffer): (Range<u64>, Vec<u8>)| {
        file.seek(SeekFrom::Start(range.start))?;
        (&mut file).take(range.end - range.start).read_to_end(&mut buffer)?;
        Ok(buffer)
    };
    parts.into_iter().map(&mut read).collect::<std::io::Result<_>>().map_err(refused)
}

#[async_trait]
impl ObjectStore for SyncedFolder {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        if matches!(options.mode, PutMode::Update(_)) || !options.attributes.is_empty() {
            return Err(not_offered("put with mode Update or attributes"));
        }
        let path = self.inner.path_to_filesystem(location)?;
        let disk = Arc::clone(&self.disk);
        let put = tokio::task::spawn_blocking(move || put_synced(disk.as_ref(), path, payload, options.mode));
        put.await.map_err(|error| Error::JoinError { source: error })?
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(not_offered("put_multipart"))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        // As `LocalFileSystem` does it, except that the buffers are made here, where they will be freed: memory that goes from
        // thread to thread is not used again soon, and fresh memory costs more than the read.
        let path = self.inner.path_to_filesystem(location)?;
        let part = |range: &Range<u64>| (range.clone(), Vec::with_capacity((range.end - range.start) as usize));
        let parts: Vec<(Range<u64>, Vec<u8>)> = ranges.iter().map(part).collect();
        // Threads of searches have no runtime, and may wait for the disk.
        let parts = match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                let read = runtime.spawn_blocking(move || read_ranges(&path, parts));
                read.await.map_err(|error| Error::JoinError { source: error })??
            }
            Err(_) => read_ranges(&path, parts)?,
        };
        Ok(parts.into_iter().map(Bytes::from).collect())
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        // A deletion that a power loss undoes leaves an orphan, which the next open removes.
        let folder = self.clone();
        let remove = move |location: Result<Path>| {
            let folder = folder.clone();
            async move {
                let location = location?;
                folder.remove(&location).await.map(|()| location)
            }
        };
        locations.then(remove).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(not_offered("copy"))
    }
}
