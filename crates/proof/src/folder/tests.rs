//! A folder of tiles is verified, and 10,000 changes to records, tiles and the checkpoint are all seen.

use super::*;
use crate::evidence::{self, Bundle, ProvenEvent};
use crate::merkle::{inclusion_proof, leaf_hash};
use crate::note::SigningKey;
use crate::tile::Tiles;
use flate2::write::GzEncoder;
use std::io::Write;

const EVENTS: u64 = 320;

impl Files for BTreeMap<String, Vec<u8>> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Unproven> {
        Ok(self.get(path).cloned())
    }
}

fn record(n: u64) -> String {
    format!(r#"{{"eventID":"{n}","eventName":"Do"}}"#)
}

fn key() -> SigningKey {
    SigningKey::new("log", [1; 32]).unwrap()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// The files of a log, and an earlier checkpoint.
fn log() -> (BTreeMap<String, Vec<u8>>, String) {
    let (mut files, mut edge, mut early) = (BTreeMap::new(), Edge::default(), String::new());
    for n in 0..EVENTS {
        if n == 290 {
            early = key().checkpoint(&edge.tree());
            files.extend(edge.partial_tiles().into_iter().map(|(tile, bytes)| (tile.path(), bytes)));
        }
        edge.push(leaf_hash(record(n).as_bytes()), &mut |tile, bytes| drop(files.insert(tile.path(), bytes)));
    }
    files.extend(edge.partial_tiles().into_iter().map(|(tile, bytes)| (tile.path(), bytes)));
    files.insert(CHECKPOINT.into(), key().checkpoint(&edge.tree()).into_bytes());
    files.insert(VKEY.into(), format!("{}\n", key().public()).into_bytes());
    (files, early)
}

fn check(files: &BTreeMap<String, Vec<u8>>, trusted: &Trusted) -> Report {
    let paths: Vec<String> = files.keys().cloned().collect();
    verify(files, &paths, trusted, None)
}

fn trusted(early: String) -> Trusted {
    Trusted { log: Some(key().public().clone()), earlier: vec![early], ..Trusted::default() }
}

#[test]
fn a_folder_is_verified_whole_and_records_that_were_delivered_are_found_in_it() {
    let (mut files, early) = log();
    let path = "AWSLogs/1/CloudTrail/us-east-1/2026/01/02/a.json.gz".to_owned();
    files.insert(path.clone(), gzip(&format!(r#"{{"Records":[{},{}]}}"#, record(5), record(319))));
    let report = check(&files, &trusted(early.clone()));
    assert_eq!(report.wrong, Vec::<String>::new());
    let proved = report.proved.join("\n");
    assert!(proved.contains("all 3 tiles make the tree of 320 events"), "{proved}");
    assert!(proved.contains("begins with the tree of 290 events"), "{proved}");
    assert!(proved.contains("all 2 records of the log files are leaves"), "{proved}");
    files.insert(path, gzip(&format!(r#"{{"Records":[{},{}]}}"#, record(5), record(320))));
    assert!(check(&files, &trusted(early)).open.join("\n").contains("1 of 2 records"));
}

#[test]
fn a_forged_record_is_no_leaf_of_tiles_that_are_wrong_or_of_a_log_of_somebody_else() {
    let forged = r#"{"eventID":"forged"}"#;
    let (mut files, early) = log();
    files.insert("CloudTrail/a.json.gz".into(), gzip(&format!(r#"{{"Records":[{forged}]}}"#)));
    let proved = |files: &BTreeMap<String, Vec<u8>>, trusted: &Trusted| {
        let report = check(files, trusted);
        assert!(report.open.join("\n").contains("1 of 1 records of the log files"), "{report:?}");
        report.proved.join("\n").contains("records of the log files are leaves")
    };
    assert!(!proved(&files, &Trusted::default()));
    let mut changed = files.clone();
    changed.get_mut("tile/0/000").unwrap()[..32].copy_from_slice(&leaf_hash(forged.as_bytes()));
    assert!(!proved(&changed, &Trusted::default()));
    let (mut own, mut edge) = (files.clone(), Edge::default());
    edge.push(leaf_hash(forged.as_bytes()), &mut |_, _| {});
    let own_key = SigningKey::new("log", [9; 32]).unwrap();
    own.extend(edge.partial_tiles().into_iter().map(|(tile, bytes)| (format!("own/{}", tile.path()), bytes)));
    own.insert(format!("own/{CHECKPOINT}"), own_key.checkpoint(&edge.tree()).into_bytes());
    own.insert(format!("own/{VKEY}"), own_key.public().to_string().into_bytes());
    assert!(!proved(&own, &Trusted::default()));
    assert!(!proved(&own, &trusted(early)));
}

#[test]
fn a_forked_or_cut_log_is_seen() {
    let (files, _) = log();
    let wrong = |size| {
        let other = key().checkpoint(&Tree { size, root: [1; 32] });
        check(&files, &trusted(other)).wrong.join("; ")
    };
    assert!(wrong(290).contains("not the one that was signed earlier"));
    assert!(wrong(321).contains("cut back"));
    let mut orphaned = files.clone();
    orphaned.remove(CHECKPOINT);
    assert!(check(&orphaned, &Trusted::default()).wrong[0].contains("no checkpoint"));
    let mut changed = files.clone();
    changed.get_mut("tile/0/000").unwrap()[0] ^= 1;
    assert!(
        check(&changed, &Trusted::default()).wrong[0].contains("tile/0/000 does not fit entry 0 of tile/1/000.p/1")
    );
}

/// Numbers of a seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    /// Changes bytes: one is altered, deleted or inserted, two are swapped, or the end is cut off.
    fn change(&mut self, bytes: &[u8]) -> Vec<u8> {
        loop {
            let (mut changed, at) = (bytes.to_vec(), self.below(bytes.len()));
            match self.below(5) {
                0 => changed[at] ^= 1 << self.below(8),
                1 => drop(changed.remove(at)),
                2 => changed.insert(at, self.below(256) as u8),
                3 => changed.swap(at, self.below(bytes.len())),
                _ => changed.truncate(at),
            }
            // To swap equal bytes changes nothing.
            if changed != bytes {
                return changed;
            }
        }
    }

    /// The same for text, which it stays: what is no text cannot stand in a bundle.
    fn change_text(&mut self, text: &str) -> String {
        loop {
            if let Ok(changed) = String::from_utf8(self.change(text.as_bytes())) {
                return changed;
            }
        }
    }
}

#[test]
fn ten_thousand_changes_are_all_seen() {
    let (files, early) = log();
    let trusted = trusted(early);
    let names: Vec<&String> = files.keys().filter(|name| *name != VKEY).collect();
    let read = |tile: &Tile| hashes(tile, &files[&tile.path()]);
    let mut random = Random(0x5eed);
    for round in 0..10_000 {
        // Most rounds change a record: a folder takes the hashes of all leaves.
        if round % 10 < 9 {
            let index = random.below(EVENTS as usize) as u64;
            let record = random.change_text(&record(index));
            let proof = evidence::encode(&inclusion_proof(index, EVENTS, &mut Tiles::new(EVENTS, read)).unwrap());
            let bundle = Bundle {
                format: evidence::FORMAT.into(),
                vkey: key().public().to_string(),
                checkpoint: String::from_utf8(files[CHECKPOINT].clone()).unwrap(),
                events: vec![ProvenEvent { index, record, proof }],
                consistency: None,
            };
            let report = evidence::verify(&serde_json::to_vec(&bundle).unwrap(), &Trusted::default());
            assert!(report.wrong.len() == 1, "round {round}: record {index} is changed, and nothing is wrong");
        } else {
            let name = names[random.below(names.len())];
            let mut changed = files.clone();
            match random.below(8) {
                // A tile that has grown since may be gone.
                0 if name != "tile/0/001.p/34" => drop(changed.remove(name)),
                _ => drop(changed.insert(name.clone(), random.change(&files[name]))),
            }
            assert!(
                !check(&changed, &trusted).wrong.is_empty(),
                "round {round}: {name} is changed, and nothing is wrong"
            );
        }
    }
}
