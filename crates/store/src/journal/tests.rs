//! Every way in which a journal file may be damaged, and what recovery says.

use super::*;
use crate::disk::LocalDisk;
use model::{GroupId, LogEvent, StreamId};

pub(super) fn batch(text: &str) -> Batch {
    let log = LogEvent {
        group: GroupId(1),
        stream: StreamId(1),
        timestamp: Timestamp(1),
        ingestion_time: Timestamp(1),
        message: text.into(),
    };
    Batch { logs: vec![log], ..Batch::default() }
}

pub(super) fn meta(sequence: u64) -> FrameMeta {
    FrameMeta { first_log_sequence: sequence, first_event_sequence: 1, written: Timestamp(0) }
}

/// Three groups of one frame each in journal 1; answers the folder and the offsets at which the frames begin.
fn three_frames() -> (tempfile::TempDir, Vec<usize>) {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(&LocalDisk, folder.path(), 1, 99, None).unwrap();
    let mut offsets = Vec::new();
    for sequence in 1..=3 {
        offsets.push(journal.len() as usize);
        let frame = Frame::new(&batch(&format!("message {sequence}"))).unwrap().0;
        journal.append(&LocalDisk, &mut [(meta(sequence), frame)]).unwrap();
    }
    (folder, offsets)
}

fn recovered(folder: &Path) -> Result<Vec<u64>> {
    let disk: Arc<dyn Disk> = Arc::new(LocalDisk);
    let mut sequences = Vec::new();
    recover(&disk, folder, 1, &mut |meta, batch| {
        assert_eq!(batch.logs[0].message, format!("message {}", meta.first_log_sequence));
        sequences.push(meta.first_log_sequence);
    })?;
    Ok(sequences)
}

fn damage(folder: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let path = file_path(folder, 1);
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(&path, bytes).unwrap();
}

#[test]
fn the_example_of_the_header_is_true() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(&LocalDisk, folder.path(), 1, 0, None).unwrap();
    journal.append(&LocalDisk, &mut [(meta(1), Frame::new(&Batch::default()).unwrap().0)]).unwrap();
    let bytes = std::fs::read(file_path(folder.path(), 1)).unwrap();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let example = "54574652 05000000 01000000 adde42fb 0100000000000000 0100000000000000 0000000000000000 28000000";
    assert_eq!(hex(&bytes[40..84]), example.replace(' ', ""));
    assert_eq!(hex(&bytes[88..]), "0100000000");
}

#[test]
fn all_frames_come_back_in_order() {
    let (folder, _) = three_frames();
    assert_eq!(recovered(folder.path()).unwrap(), [1, 2, 3]);
}

#[test]
fn a_tail_cut_anywhere_is_torn_and_stays_cut() {
    let (folder, offsets) = three_frames();
    let whole = std::fs::read(file_path(folder.path(), 1)).unwrap();
    for end in FILE_HEADER_BYTES..whole.len() {
        std::fs::write(file_path(folder.path(), 1), &whole[..end]).unwrap();
        let intact = offsets.iter().skip(1).chain([&whole.len()]).filter(|frame_end| **frame_end <= end).count();
        assert_eq!(recovered(folder.path()).unwrap().len(), intact, "cut at {end}");
        assert_eq!(recovered(folder.path()).unwrap().len(), intact, "again after the cut at {end}");
    }
}

#[test]
fn zeros_after_the_last_frame_are_torn() {
    let (folder, _) = three_frames();
    damage(folder.path(), |bytes| bytes.extend_from_slice(&[0; 4096]));
    assert_eq!(recovered(folder.path()).unwrap(), [1, 2, 3]);
}

#[test]
fn a_flipped_bit_before_a_later_group_is_an_error_with_file_and_offset() {
    let (folder, offsets) = three_frames();
    let whole = std::fs::read(file_path(folder.path(), 1)).unwrap();
    for at in offsets[0]..offsets[2] {
        std::fs::write(file_path(folder.path(), 1), &whole).unwrap();
        damage(folder.path(), |bytes| bytes[at] ^= 0x10);
        let frame_start = if at < offsets[1] { offsets[0] } else { offsets[1] };
        match recovered(folder.path()) {
            Err(Error::Corrupt { file, offset, .. }) => {
                assert!(file.ends_with("00000000000000000001.journal"));
                assert_eq!(offset, frame_start as u64, "bit flipped at {at}");
            }
            other => panic!("a flip at {at} gave {other:?}"),
        }
    }
}

#[test]
fn damage_in_any_file_but_the_last_is_an_error() {
    let (folder, offsets) = three_frames();
    Journal::create(&LocalDisk, folder.path(), 2, 99, None).unwrap();
    damage(folder.path(), |bytes| bytes.truncate(offsets[2] + 5));
    assert!(matches!(recovered(folder.path()), Err(Error::Corrupt { offset, .. }) if offset == offsets[2] as u64));
}

#[test]
fn a_missing_file_is_an_error() {
    let (folder, _) = three_frames();
    Journal::create(&LocalDisk, folder.path(), 3, 99, None).unwrap();
    assert!(matches!(recovered(folder.path()), Err(Error::Corrupt { file, .. }) if file.contains("0002.journal")));
}

#[test]
fn a_half_written_header_of_a_new_file_is_torn() {
    let (folder, _) = three_frames();
    std::fs::write(file_path(folder.path(), 2), b"TWJOU").unwrap();
    assert_eq!(recovered(folder.path()).unwrap(), [1, 2, 3]);
    assert!(!file_path(folder.path(), 2).exists());
}

#[test]
fn a_message_that_looks_like_a_frame_does_not_make_a_torn_tail_an_error() {
    // The forger knows the format and all of the frame but the salt.
    let folder = tempfile::tempdir().unwrap();
    let forged_folder = tempfile::tempdir().unwrap();
    let mut forger = Journal::create(&LocalDisk, forged_folder.path(), 1, 0, None).unwrap();
    forger.durable = 41;
    let mut forged = Frame::new(&Batch::default()).unwrap().0;
    forged.seal(forger.salt, forger.number, forger.durable, meta(7));
    let mut journal = Journal::create(&LocalDisk, folder.path(), 1, 0x5a17, None).unwrap();
    let mut frame = Frame::new(&batch("x")).unwrap().0;
    frame.0.extend_from_slice(&forged.0);
    frame.0.extend_from_slice(&[1; 100]);
    journal.append(&LocalDisk, &mut [(meta(1), frame)]).unwrap();
    damage(folder.path(), |bytes| bytes.truncate(bytes.len() - 20));
    assert!(recovered(folder.path()).unwrap().is_empty());
}

#[test]
fn a_file_that_is_there_is_never_begun_anew() {
    let (folder, _) = three_frames();
    let there = std::fs::read(file_path(folder.path(), 1)).unwrap();
    assert!(matches!(Journal::create(&LocalDisk, folder.path(), 1, 99, None), Err(Error::Io { .. })));
    assert_eq!(std::fs::read(file_path(folder.path(), 1)).unwrap(), there);
    assert!(has_frames(&LocalDisk, folder.path(), 0).unwrap());
    assert!(!has_frames(&LocalDisk, folder.path(), 2).unwrap());
    Journal::create(&LocalDisk, folder.path(), 2, 99, None).unwrap();
    assert!(!has_frames(&LocalDisk, folder.path(), 2).unwrap(), "a header is no frame");
}

/// Journal 1 with three frames has become the spare file, and journal 2 is made of it, with one frame of a group each for these texts.
fn reused(texts: &[&str]) -> (tempfile::TempDir, Journal) {
    let (folder, _) = three_frames();
    let mut spare = None;
    Spare::keep(&mut spare, &LocalDisk, folder.path(), 1, 0).unwrap();
    assert_eq!(Spare::find(&LocalDisk, folder.path()).unwrap(), Some(Spare(u64::MAX)));
    let mut journal =
        Journal::create(&LocalDisk, folder.path(), 2, 99, Spare::find(&LocalDisk, folder.path()).unwrap()).unwrap();
    assert_eq!(Spare::find(&LocalDisk, folder.path()).unwrap(), None);
    for (sequence, text) in (1..).zip(texts) {
        journal.append(&LocalDisk, &mut [(meta(sequence), Frame::new(&batch(text)).unwrap().0)]).unwrap();
    }
    (folder, journal)
}

fn recovered_from(folder: &Path, first: u64) -> Result<Vec<String>> {
    let disk: Arc<dyn Disk> = Arc::new(LocalDisk);
    let mut texts = Vec::new();
    recover(&disk, folder, first, &mut |_, mut batch| texts.push(batch.logs.remove(0).message))?;
    Ok(texts)
}

#[test]
fn a_file_that_was_another_one_has_its_own_frames_alone() {
    let whole = std::fs::read(file_path(three_frames().0.path(), 1)).unwrap().len();
    // Frames of the same length as those before, so that old frames begin where new ones end.
    for texts in
        [&[][..], &["message 4"], &["message 4", "message 5"], &["m"], &["a longer message than all before, by far"; 4]]
    {
        let (folder, journal) = reused(texts);
        let path = file_path(folder.path(), 2);
        let len = std::fs::read(&path).unwrap().len();
        assert_eq!(len, whole.max(journal.len() as usize), "what is not written over stays");
        assert_eq!(has_frames(&LocalDisk, folder.path(), 2).unwrap(), !texts.is_empty());
        let bytes = std::fs::read(&path).unwrap();
        let replayed = replay(&path, 2, &bytes, true, &mut |_, _| {}).unwrap();
        assert_eq!((replayed.good as u64, replayed.torn), (journal.len(), None), "{texts:?}");
        assert_eq!(recovered_from(folder.path(), 2).unwrap(), texts);
        assert_eq!(std::fs::read(&path).unwrap().len() as u64, journal.len(), "cut off by recovery");
    }
}

#[test]
fn what_a_file_was_before_is_cut_off_before_the_next_begins() {
    let (folder, mut journal) = reused(&["message 4"]);
    let path = file_path(folder.path(), 2);
    let unfinished = std::fs::read(&path).unwrap();
    journal.finish(&LocalDisk).unwrap();
    Journal::create(&LocalDisk, folder.path(), 3, 99, None).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), unfinished[..journal.len() as usize]);
    assert_eq!(recovered_from(folder.path(), 2).unwrap(), ["message 4"]);
    // In a file that is not the last one nothing is taken for the end.
    std::fs::write(&path, &unfinished).unwrap();
    assert!(matches!(recovered_from(folder.path(), 2), Err(Error::Corrupt { .. })));
}

#[test]
fn damage_in_a_file_that_was_another_one_is_told_from_its_end() {
    let texts = ["message 4", "message 5"];
    let (folder, journal) = reused(&texts);
    let path = file_path(folder.path(), 2);
    let whole = std::fs::read(&path).unwrap();
    let (end, second) = (journal.len() as usize, FILE_HEADER_BYTES + (journal.len() as usize - FILE_HEADER_BYTES) / 2);
    for at in FILE_HEADER_BYTES..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&path, &bytes).unwrap();
        match (at, recovered_from(folder.path(), 2)) {
            // The second frame says that the first was durable.
            (at, Err(Error::Corrupt { offset, .. })) if at < second => assert_eq!(offset, FILE_HEADER_BYTES as u64),
            // Of the last group that cannot be told.
            (at, Ok(found)) if (second..end).contains(&at) => assert_eq!(found, texts[..1], "at {at}"),
            (at, Ok(found)) if at >= end => assert_eq!(found, texts, "at {at}"),
            (at, other) => panic!("at {at}: {other:?}"),
        }
    }
    // Nor is a file whose first frame is damaged taken for one without frames, where a later one says that it was durable.
    let mut bytes = whole.clone();
    bytes[FILE_HEADER_BYTES] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert!(has_frames(&LocalDisk, folder.path(), 2).unwrap());
    // A last frame whose header is whole was torn, and is said to be.
    let mut bytes = whole;
    bytes[end - 1] ^= 1;
    assert_eq!(
        replay(&path, 2, &bytes, true, &mut |_, _| {}).unwrap().torn,
        Some("the checksum of the frame is wrong")
    );
}

#[test]
fn a_disk_that_cannot_use_a_file_again_makes_a_new_one() {
    let (folder, _) = three_frames();
    // There is none, whatever was said.
    let journal = Journal::create(&LocalDisk, folder.path(), 2, 99, Some(Spare(10))).unwrap();
    assert_eq!(std::fs::read(file_path(folder.path(), 2)).unwrap().len() as u64, journal.len());
    // A file that is there stays as it is.
    std::fs::copy(file_path(folder.path(), 2), folder.path().join(SPARE)).unwrap();
    assert!(matches!(Journal::create(&LocalDisk, folder.path(), 1, 99, Some(Spare(10))), Err(Error::Io { .. })));
    assert_eq!(recovered(folder.path()).unwrap(), [1, 2, 3]);
    Spare::remove(Some(Spare(10)), &LocalDisk, folder.path()).unwrap();
    // One is enough, and a very long one is not kept.
    let mut spare = Some(Spare(10));
    Spare::keep(&mut spare, &LocalDisk, folder.path(), 1, 10).unwrap();
    Spare::keep(&mut None, &LocalDisk, folder.path(), 2, SPARE_BYTES_MAX + 1).unwrap();
    assert_eq!(LocalDisk.list(folder.path()).unwrap(), [] as [String; 0]);
    // A longer one takes the place of a shorter one.
    let (folder, _) = three_frames();
    let mut spare = None;
    Spare::keep(&mut spare, &LocalDisk, folder.path(), 1, 10).unwrap();
    Journal::create(&LocalDisk, folder.path(), 2, 99, None).unwrap();
    Spare::keep(&mut spare, &LocalDisk, folder.path(), 2, 20).unwrap();
    assert_eq!((spare, LocalDisk.list(folder.path()).unwrap()), (Some(Spare(20)), vec![SPARE.to_owned()]));
    assert_eq!(LocalDisk.read(&folder.path().join(SPARE)).unwrap().len(), FILE_HEADER_BYTES);
}
