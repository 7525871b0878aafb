//! The log of a store: grows, goes on, is read, and refuses to sign what it must not.

use super::*;
use model::{Batch, Clock, Event, Timestamp};
use proof::evidence::Trusted;
use proof::merkle::{inclusion_proof, leaf_hash, verify_inclusion};
use proof::tile::Tiles;
use std::path::Path;
use store::{EventTree, Options};

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_800_000_000_000)
    }
}

pub(crate) async fn store(dir: &Path) -> Store {
    let options = Options { dir: dir.join("store"), salt: 1, ..Options::default() };
    Store::open(options, Arc::new(Still)).await.unwrap()
}

pub(crate) fn log(dir: &Path, store: &Store) -> Proofs {
    let key = key::read_or_make(dir).unwrap();
    let place = Arc::new(Place::folder(dir).unwrap());
    Proofs { key, place, store: store.clone(), witnesses: Vec::new(), log: Mutex::default() }
}

pub(super) async fn append(store: &Store, numbers: std::ops::Range<u64>) {
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

/// The tree that the checkpoint of a data directory signs with its key.
pub(crate) fn signed(dir: &Path) -> Tree {
    let note = std::fs::read_to_string(dir.join(FOLDER).join(CHECKPOINT)).unwrap();
    verify_checkpoint(&note, key::read(dir).unwrap().unwrap().public(), &[]).unwrap().tree
}

/// What `trailwatch verify` says of the folder is wrong.
pub(crate) fn wrong(dir: &Path) -> Vec<String> {
    struct Below<'a>(&'a Path);
    impl proof::folder::Files for Below<'_> {
        fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Unproven> {
            Ok(std::fs::read(self.0.join(path)).ok())
        }
    }
    let folder = dir.join(FOLDER);
    wrong_in(&Below(&folder), &files(&folder))
}

/// The same of any files.
pub(super) fn wrong_in(folder: &dyn proof::folder::Files, files: &[String]) -> Vec<String> {
    proof::folder::verify(folder, files, &Trusted::default(), None).wrong
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

/// A witness on a port of its own, in a thread of its own, which knows a tree of 100 events at first.
struct WitnessServer {
    key: VerifierKey,
    url: String,
    /// The sizes that it was told it knows, and how many requests it had.
    told: Arc<std::sync::Mutex<Vec<u64>>>,
}

fn witness_server(mut known: Tree) -> WitnessServer {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use ring::signature::{Ed25519KeyPair, KeyPair};
    use sha2::{Digest, Sha256};
    use std::io::{BufRead, BufReader, Read, Write};
    let pair = Ed25519KeyPair::from_seed_unchecked(&[5; 32]).unwrap();
    let public = [&[4], pair.public_key().as_ref()].concat();
    let id = proof::note::hex(&Sha256::digest([b"witness.example\n", &public[..]].concat())[..4]);
    let key = VerifierKey::parse(&format!("witness.example+{id}+{}", STANDARD.encode(&public))).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/w/", listener.local_addr().unwrap());
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (own, sizes) = (key.clone(), Arc::clone(&told));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut line, mut length) = (String::new(), 0);
            stream.read_line(&mut line).unwrap();
            assert!(line.starts_with("POST /w/add-checkpoint "), "{line}");
            while line.trim_end() != "" {
                line.clear();
                stream.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let body = String::from_utf8(body).unwrap();
            let (proof, note) = body.split_once("\n\n").unwrap();
            let mut lines = proof.lines();
            let old: u64 = lines.next().unwrap().strip_prefix("old ").unwrap().parse().unwrap();
            sizes.lock().unwrap().push(old);
            let proof: Vec<Hash> = lines.map(|hash| STANDARD.decode(hash).unwrap().try_into().unwrap()).collect();
            let mut text = note.lines().skip(1);
            let size = text.next().unwrap().parse().unwrap();
            let root = STANDARD.decode(text.next().unwrap()).unwrap().try_into().unwrap();
            let (status, answer) = if old != known.size {
                (409, format!("{}\n", known.size))
            } else if proof::merkle::verify_consistency(&known, &Tree { size, root }, &proof).is_err() {
                (422, String::new())
            } else {
                known = Tree { size, root };
                let signed = &note[..=note.find("\n\n").unwrap()];
                let message = format!("cosignature/v1\ntime 1700000000\n{signed}");
                let time = 1_700_000_000_u64.to_be_bytes();
                let signature = [&own.id()[..], &time, pair.sign(message.as_bytes()).as_ref()].concat();
                (200, format!("— witness.example {}\n", STANDARD.encode(signature)))
            };
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
            stream.get_mut().write_all(format!("{head}{answer}").as_bytes()).unwrap();
        }
    });
    WitnessServer { key, url, told }
}

#[tokio::test]
async fn witnesses_cosign_what_grew_out_of_what_they_knew() {
    let dir = tempfile::tempdir().unwrap();
    let kept = store(dir.path()).await;
    append(&kept, 0..100).await;
    let old = kept.event_tree();
    let witness = witness_server(Tree { size: old.size, root: old.root });
    let mut proofs = log(dir.path(), &kept);
    proofs.witnesses = vec![Arc::new(Witness::new(witness.key.clone(), &witness.url))];
    append(&kept, 100..700).await;
    proofs.publish().await.unwrap();
    proofs.cosign().await.unwrap();
    proofs.cosign().await.unwrap();
    assert_eq!(*witness.told.lock().unwrap(), [0, 100], "it is asked once more, and not again for what it cosigned");
    let cosigned = |tree: EventTree| {
        let note = std::fs::read_to_string(dir.path().join(FOLDER).join(CHECKPOINT)).unwrap();
        let checkpoint = verify_checkpoint(&note, proofs.key.public(), std::slice::from_ref(&witness.key)).unwrap();
        assert_eq!(checkpoint.tree, Tree { size: tree.size, root: tree.root });
        checkpoint.witnesses
    };
    let names = [("witness.example".to_owned(), 1_700_000_000)];
    assert_eq!(cosigned(kept.event_tree()), names);
    assert_eq!(proofs.publish().await.unwrap().note.matches("witness.example").count(), 1, "it is kept");
    assert_eq!(wrong(dir.path()), Vec::<String>::new());
    append(&kept, 700..1000).await;
    proofs.publish().await.unwrap();
    assert_eq!(cosigned(kept.event_tree()), []);
    proofs.cosign().await.unwrap();
    assert_eq!(cosigned(kept.event_tree()), names);
    assert_eq!(*witness.told.lock().unwrap(), [0, 100, 700]);
    // One whose answer was lost knows our tree already, and is asked for its word once more.
    append(&kept, 1000..1001).await;
    proofs.publish().await.unwrap();
    let now = kept.event_tree();
    let lost = witness_server(Tree { size: now.size, root: now.root });
    proofs.witnesses = vec![Arc::new(Witness::new(lost.key.clone(), &lost.url))];
    proofs.cosign().await.unwrap();
    assert_eq!(*lost.told.lock().unwrap(), [0, 1001]);
    assert_eq!(cosigned(now), names);
    // One that knows another tree does not cosign, and a bundle's verifier who wants its word says so.
    let other = witness_server(Tree { size: 100, root: [1; 32] });
    proofs.witnesses = vec![Arc::new(Witness::new(other.key.clone(), &other.url))];
    append(&kept, 1001..1002).await;
    proofs.publish().await.unwrap();
    proofs.cosign().await.unwrap();
    let trusted = Trusted { witnesses: vec![other.key.clone()], quorum: 1, ..Trusted::default() };
    let note = std::fs::read_to_string(dir.path().join(FOLDER).join(CHECKPOINT)).unwrap();
    let refused = trusted.checkpoint(&note, proofs.key.public(), &mut proof::evidence::Report::default());
    assert!(refused.unwrap_err().0.contains("0 cosignatures"));
    kept.close().await.unwrap();
}
