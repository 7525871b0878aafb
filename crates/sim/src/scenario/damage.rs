//! Damage at rest: every flipped bit is found by a checksum when it is read.

use crate::expected;
use crate::world::World;
use model::{Classify, ErrorKind};
use std::collections::BTreeMap;
use std::path::PathBuf;
use store::{Error, Store};

/// A store with segments of all kinds and a journal with frames; then one bit flips, and everything is read.
pub(super) async fn bit_flip(world: &mut World) {
    let store = world.open().await;
    for _ in 0..2 + world.machine.below(3) {
        append(world, &store).await;
        store.flush().await.expect("nothing is wrong yet");
    }
    store.close().await.expect("nothing is wrong yet");
    drop(store);
    let store = world.open().await;
    let mut last = expected::Records::new();
    for _ in 0..3 {
        last = append(world, &store).await;
    }
    drop(store);
    let (flipped, at) = flip_somewhere(world).await;
    let name = flipped.file_name().expect("files have names").to_string_lossy().into_owned();
    let outcome = match world.try_open().await {
        Err(error) => assert_names(world, &error, &name),
        Ok(store) => match expected::try_scan(&store, &world.case).await {
            Err(error) => assert_names(world, &error, &name),
            Ok(seen) if name.ends_with(".journal") => {
                // Damage to the very last group of frames cannot be told from a torn tail, which is cut off.
                world.expected.lost(&last);
                world.expected.verify_seen(&seen, &world.case);
                "looks like a torn tail"
            }
            Ok(seen) => {
                world.expected.verify_seen(&seen, &world.case);
                // The magic bytes that a Parquet file begins with tell us nothing.
                assert!(at < 4 && name.ends_with(".parquet"), "{}: byte {at} of {name} is not checked", world.case);
                "never read"
            }
        },
    };
    world.machine.note(format!("{}: {outcome}", kind_of(&flipped.to_string_lossy())));
}

/// Appends all kinds of records; answers their texts.
async fn append(world: &mut World, store: &Store) -> expected::Records {
    let batch = world.batch_of(None);
    let texts = expected::texts(&batch);
    world.append_batch(store, batch, true).await.expect("nothing is wrong yet");
    texts
}

/// An error that names the damaged file.
pub(super) fn assert_names(world: &World, error: &Error, name: &str) -> &'static str {
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}: {error}", world.case);
    assert!(error.to_string().contains(name), "{}: {name} is damaged, not what this says: {error}", world.case);
    "found"
}

/// `journal`, `manifest`, or the kind of records and of object, as in `events index`.
fn kind_of(path: &str) -> String {
    let kind = ["journal", "manifest", "logs", "metrics", "events"]
        .into_iter()
        .find(|kind| path.contains(&format!("{kind}/")));
    let kind = kind.unwrap_or("other");
    match path.rsplit_once('.') {
        Some((_, end)) if path.contains("segments/") => format!("{kind} {end}"),
        _ => kind.to_owned(),
    }
}

/// Flips one bit of one file or object; all kinds of them are equally likely. Answers its path and the offset.
async fn flip_somewhere(world: &World) -> (PathBuf, usize) {
    let mut kinds: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut files = world.disk.paths();
    // What was a journal, and says nothing any more.
    files.retain(|path| !path.ends_with("spare"));
    let objects = match &world.objects {
        Some(objects) => objects.paths().await,
        None => Vec::new(),
    };
    for path in files.iter().cloned().chain(objects.iter().map(|path| PathBuf::from(path.as_ref()))) {
        kinds.entry(kind_of(&path.to_string_lossy())).or_default().push(path);
    }
    let below = |len: usize| world.machine.below(len as u64) as usize;
    let chosen = kinds.values().nth(below(kinds.len())).expect("the store has files");
    let path = chosen[below(chosen.len())].clone();
    let bit = below(8) as u8;
    let at = match files.contains(&path) {
        true => {
            let at = below(std::fs::metadata(&path).expect("the file is there").len() as usize);
            world.disk.flip(&path, at, bit);
            at
        }
        false => {
            let objects = world.objects.as_ref().expect("it has objects");
            let object = object_store::path::Path::from(path.to_string_lossy().as_ref());
            let at = below(objects.len(&object).await);
            objects.flip(&object, at, bit).await;
            at
        }
    };
    (path, at)
}
