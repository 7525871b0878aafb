//! Objects of a journal: their format, their order, and who may put them.

use super::*;
use crate::journal::tests::{batch, meta};
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;

fn journal(objects: &Arc<dyn ObjectStore>, epoch: u64) -> ObjectJournal {
    ObjectJournal::new(Arc::clone(objects), epoch, 0)
}

fn group(sequences: std::ops::Range<u64>) -> Vec<(FrameMeta, Frame)> {
    sequences.map(|n| (meta(n), Frame::new(&batch(&format!("message {n}"))).unwrap().0)).collect()
}

/// Sequences of what the opener of an epoch finds.
async fn recovered(objects: &Arc<dyn ObjectStore>, first: u64, epoch: u64) -> Result<Vec<u64>> {
    let mut sequences = Vec::new();
    recover(objects.as_ref(), first, epoch, epoch, &mut |meta, batch| {
        assert_eq!(batch.logs[0].message, format!("message {}", meta.first_log_sequence));
        sequences.push(meta.first_log_sequence);
    })
    .await?;
    Ok(sequences)
}

#[tokio::test]
async fn the_format_of_the_header_is_true() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    journal(&objects, 2).append(&mut group(1..3), &|_, _| {}).await.unwrap();
    let path = path(first_of(2) + 1);
    assert_eq!(path.as_ref(), "journal/00000002/0000000000001");
    assert_eq!(number(&path), Some(first_of(2) + 1));
    assert_eq!(number(&"journal/2/1".into()), None);
    let bytes = objects.get(&path).await.unwrap().bytes().await.unwrap();
    let hex: String = bytes[8..48].iter().map(|byte| format!("{byte:02x}")).collect();
    let following = (bytes.len() - HEADER_BYTES) as u8;
    let wanted =
        format!("0100000000020000 0200000000000000 0000000000000000 02000000 {following:02x}00000000000000 00000000");
    assert_eq!(hex, wanted.replace(' ', ""));
}

#[tokio::test]
async fn an_object_says_that_a_memtable_begins_with_it() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut writer = journal(&objects, 1);
    for n in 1..6 {
        if n == 2 || n == 5 {
            writer.cut();
        }
        writer.append(&mut group(n..n + 1), &|_, _| {}).await.unwrap();
    }
    let bytes = async |number| objects.get(&path(number)).await.unwrap().bytes().await.unwrap().to_vec();
    let mut said = Vec::new();
    for number in first_of(1) + 1..=first_of(1) + 5 {
        let head = read_object(number, &bytes(number).await, &mut |_, _| {}).unwrap();
        said.push((head.begins_memtable, head.is_end()));
    }
    assert_eq!(said.iter().map(|said| said.0).collect::<Vec<_>>(), [false, true, false, false, true]);
    assert!(said.iter().all(|said| !said.1));
    assert_eq!(recovered(&objects, first_of(1) + 1, 2).await.unwrap(), [1, 2, 3, 4, 5]);
    // Of other values nothing is known, nor of an end that begins something.
    let end = first_of(1) + 6;
    assert!(read_object(end, &bytes(end).await, &mut |_, _| {}).unwrap().is_end());
    for (number, value) in [(first_of(1) + 2, 2_u32), (end, 1)] {
        let mut changed = bytes(number).await;
        changed[44..48].copy_from_slice(&value.to_le_bytes());
        let crc = crc32fast::hash(&changed[..48]);
        changed[48..52].copy_from_slice(&crc.to_le_bytes());
        let read = read_object(number, &changed, &mut |_, _| {});
        assert!(matches!(read, Err(Error::Corrupt { reason, .. }) if reason == "the header is of an unknown kind"));
    }
}

#[tokio::test]
async fn an_end_stops_the_writer_before_and_nothing_acknowledged_is_missed() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut old = journal(&objects, 1);
    for n in 1..40 {
        old.append(&mut group(n..n + 1), &|_, _| {}).await.unwrap();
    }
    assert_eq!(recovered(&objects, first_of(1) + 1, 2).await.unwrap(), (1..40).collect::<Vec<_>>());
    assert!(matches!(old.append(&mut group(40..41), &|_, _| {}).await, Err(Error::TakenOver { epoch: 2 })));
    // The next node reads both; it ends the epoch that put nothing, too.
    let mut second = journal(&objects, 2);
    second.append(&mut group(40..42), &|_, _| {}).await.unwrap();
    assert_eq!(recovered(&objects, first_of(1) + 38, 4).await.unwrap(), [38, 39, 40, 41]);
    assert!(matches!(
        journal(&objects, 3).append(&mut group(42..43), &|_, _| {}).await,
        Err(Error::TakenOver { epoch: 4 })
    ));
    assert!(matches!(recovered(&objects, first_of(1) + 38, 3).await, Err(Error::TakenOver { epoch: 4 })));
    // What is behind the cut goes, ends stay.
    remove_before(&objects, first_of(2) + 1).await.unwrap();
    assert!(matches!(old.append(&mut group(40..41), &|_, _| {}).await, Err(Error::TakenOver { epoch: 2 })));
    assert_eq!(recovered(&objects, first_of(2) + 1, 5).await.unwrap(), [40, 41]);
}

#[tokio::test]
async fn damage_and_gaps_are_errors_that_name_the_object() {
    for at in 0..200 {
        let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let mut writer = journal(&objects, 1);
        for n in 1..4 {
            writer.append(&mut group(n..n + 1), &|_, _| {}).await.unwrap();
        }
        let damaged = path(first_of(1) + 2);
        let mut bytes = objects.get(&damaged).await.unwrap().bytes().await.unwrap().to_vec();
        if at == 0 {
            objects.delete(&damaged).await.unwrap();
        } else {
            let place = at % bytes.len();
            if at < 100 {
                bytes[place] ^= 4
            } else {
                bytes.truncate(place)
            }
            objects.put(&damaged, bytes.into()).await.unwrap();
        }
        match recovered(&objects, first_of(1) + 1, 2).await {
            Err(Error::Corrupt { file, .. }) => assert_eq!(file, damaged.to_string(), "at {at}"),
            other => panic!("damage at {at} gave {other:?}"),
        }
    }
}
