//! The log of a store: grows, goes on, is read, and refuses to sign what it must not.

use super::*;
use model::{Batch, Clock, Event, Timestamp};
use proof::evidence::Trusted;
use proof::merkle::{inclusion_proof, leaf_hash, verify_inclusion};
use proof::tile::Tiles;
use std::path::Path;
use store::Options;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_800_000_000_000)
    }
}

async fn store(dir: &Path) -> Store {
    let options = Options { dir: dir.join("store"), salt: 1, ..Options::default() };
    Store::open(options, Arc::new(Still)).await.unwrap()
}

fn log(dir: &Path, store: &Store) -> Proofs {
    let key = key::read_or_make(dir).unwrap();
    Proofs { key, place: Arc::new(Place::Folder(dir.join(FOLDER))), store: store.clone(), log: Mutex::default() }
}

async fn append(store: &Store, numbers: std::ops::Range<u64>) {
    let event = |n: u64| Event {
        event_id: n.to_string(),
        time: Still.now(),
        record: format!("record {n}"),
        ..Event::default()
    };
    store.append(Batch { events: numbers.map(event).collect(), ..Batch::default() }).await.unwrap();
}

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(below) = folders.pop() {
        for entry in below.read_dir().unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned()),
            }
        }
    }
    found.sort();
    found
}

async fn prove(proofs: &Proofs, index: u64) {
    let (signed, proof) = proofs
        .read(index + 1, move |signed, read| {
            Ok((signed.clone(), inclusion_proof(index, signed.tree.size, &mut Tiles::new(signed.tree.size, read))?))
        })
        .await
        .unwrap();
    let leaf = leaf_hash(format!("record {index}").as_bytes());
    assert_eq!(verify_inclusion(&leaf, index, signed.tree.size, &proof, &signed.tree.root), Ok(()));
}

/// What `trailwatch verify` says of the folder is wrong.
fn wrong(dir: &Path) -> Vec<String> {
    struct Below<'a>(&'a Path);
    impl proof::folder::Files for Below<'_> {
        fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Unproven> {
            Ok(std::fs::read(self.0.join(path)).ok())
        }
    }
    let folder = dir.join(FOLDER);
    proof::folder::verify(&Below(&folder), &files(&folder), &Trusted::default(), None).wrong
}

#[tokio::test]
async fn the_log_follows_the_store_and_goes_on_after_a_stop() {
    let dir = tempfile::tempdir().unwrap();
    let kept = store(dir.path()).await;
    let proofs = log(dir.path(), &kept);
    append(&kept, 0..300).await;
    proofs.advance().await.unwrap();
    assert_eq!(files(&dir.path().join(FOLDER)), ["tile/0/000", "vkey"]);
    proofs.publish().await.unwrap();
    let all = ["checkpoint", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "vkey"];
    assert_eq!(files(&dir.path().join(FOLDER)), all);
    assert_eq!(wrong(dir.path()), Vec::<String>::new());
    prove(&proofs, 299).await;
    let early = std::fs::read(dir.path().join(FOLDER).join(CHECKPOINT)).unwrap();
    append(&kept, 300..320).await;
    // Nothing is signed for what the last checkpoint covers.
    prove(&proofs, 12).await;
    assert_eq!(files(&dir.path().join(FOLDER)), all);
    prove(&proofs, 319).await;
    assert!(files(&dir.path().join(FOLDER)).contains(&"tile/0/001.p/64".to_owned()));
    // Whoever copied the checkpoint a moment ago still finds its tiles.
    let checkpoint = dir.path().join(FOLDER).join(CHECKPOINT);
    let latest = std::fs::read(&checkpoint).unwrap();
    std::fs::write(&checkpoint, &early).unwrap();
    assert_eq!(wrong(dir.path()), Vec::<String>::new());
    std::fs::write(&checkpoint, latest).unwrap();
    kept.close().await.unwrap();

    // A new process: the leaves that the log does not have come from the store, and a lost last tile does no harm.
    std::fs::remove_file(dir.path().join(FOLDER).join("tile/0/001.p/64")).unwrap();
    let kept = store(dir.path()).await;
    let proofs = log(dir.path(), &kept);
    append(&kept, 320..600).await;
    assert_eq!(proofs.publish().await.unwrap().tree.root, kept.event_tree().root);
    prove(&proofs, 599).await;
    let is_outdated = |file: &String| file.starts_with("tile/0/001.p/");
    assert!(!files(&dir.path().join(FOLDER)).iter().any(is_outdated), "they go with the full one");
    prove(&proofs, 310).await;
    assert_eq!(wrong(dir.path()), Vec::<String>::new());
    kept.close().await.unwrap();
}

#[tokio::test]
async fn what_would_fork_the_log_is_not_signed() {
    let dir = tempfile::tempdir().unwrap();
    let kept = store(dir.path()).await;
    append(&kept, 0..20).await;
    let signed = log(dir.path(), &kept).publish().await.unwrap();
    kept.close().await.unwrap();
    std::fs::remove_dir_all(dir.path().join("store")).unwrap();

    // Set back, and then grown in another way.
    let kept = store(dir.path()).await;
    append(&kept, 0..10).await;
    let proofs = log(dir.path(), &kept);
    assert!(proofs.publish().await.unwrap_err().to_string().contains("it was set back"));
    append(&kept, 500..530).await;
    assert!(proofs.publish().await.unwrap_err().to_string().contains("another tree"));
    let note = std::fs::read_to_string(dir.path().join(FOLDER).join(CHECKPOINT)).unwrap();
    assert_eq!(note, signed.note);
    kept.close().await.unwrap();
}
