//! Records come back as they went in; torn ends are cut off, damage is named and costs nothing else.

use super::*;

type Read = Vec<(u32, u64, Vec<u8>)>;

fn read(folder: &Path) -> (Read, Replayed, Spool) {
    let mut spool = Spool::open(folder, 1_000).unwrap();
    let mut read = Vec::new();
    let replayed = spool
        .replay(&mut |record| {
            read.push((record.kind, record.time_ns, record.bytes.to_vec()));
            Ok(())
        })
        .unwrap();
    (read, replayed, spool)
}

fn written(folder: &Path, records: u32) -> Read {
    let (_, _, mut spool) = read(folder);
    let mut all = Vec::new();
    for number in 0..records {
        let bytes = vec![number as u8; 100 + number as usize];
        spool.append(number, 1_000 + u64::from(number), &bytes).unwrap().sync_data().unwrap();
        all.push((number, 1_000 + u64::from(number), bytes));
    }
    all
}

#[test]
fn records_come_back_in_order_from_all_segments_and_the_next_process_begins_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = written(folder.path(), 20);
    assert_eq!(numbers(folder.path()).unwrap().len(), 3);
    let (found, replayed, spool) = read(folder.path());
    assert_eq!((found, replayed), (all.clone(), Replayed { records: 20, ..Replayed::default() }));
    drop(spool);
    all.extend(written(folder.path(), 1));
    assert_eq!(numbers(folder.path()).unwrap().len(), 4);
    assert_eq!(read(folder.path()).0, all);
    let waits = waiting(folder.path()).unwrap();
    assert_eq!((waits.segments, waits.oldest_ns, waits.damaged), (4, Some(1_000), 0));
}

#[test]
fn segments_go_in_order_once_nothing_needs_them() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), 20);
    let (_, _, mut spool) = read(folder.path());
    spool.append(0, 2_000, b"new").unwrap();
    assert_eq!(spool.segments().release(1_000).unwrap(), 0);
    assert_eq!(spool.segments().release(1_012).unwrap(), 1);
    assert_eq!(spool.segments().release(3_000).unwrap(), 2);
    assert_eq!(numbers(folder.path()).unwrap().len(), 1, "the one being written stays");
    spool.seal();
    assert_eq!(spool.segments().release(3_000).unwrap(), 1);
}

#[test]
fn a_torn_end_is_cut_off_wherever_it_was_torn() {
    let folder = tempfile::tempdir().unwrap();
    let all = written(folder.path(), 3);
    let path = &numbers(folder.path()).unwrap()[0].1;
    let whole = fs::read(path).unwrap();
    let last = whole.len() - HEAD - 102;
    for end in last + 1..whole.len() {
        fs::write(path, &whole[..end]).unwrap();
        let (found, replayed, _) = read(folder.path());
        assert_eq!(found, all[..2], "torn at {end}");
        assert_eq!(replayed, Replayed { records: 2, torn: (end - last) as u64, damaged: vec![] });
        assert_eq!(fs::read(path).unwrap(), whole[..last]);
    }
    // Zeros behind it, as some file systems leave them.
    fs::write(path, [&whole[..last], &[0; 500]].concat()).unwrap();
    assert_eq!(read(folder.path()).0, all[..2]);
}

#[test]
fn a_damaged_record_is_named_and_set_aside_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let all = written(folder.path(), 4);
    let path = &numbers(folder.path()).unwrap()[0].1;
    let whole = fs::read(path).unwrap();
    let (from, until) = (HEAD + 100, 2 * HEAD + 201);
    for at in from..until {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(path, &bytes).unwrap();
        let (found, replayed, _) = read(folder.path());
        assert_eq!(found, [&all[..1], &all[2..]].concat(), "byte {at}");
        let [said] = replayed.damaged.as_slice() else { panic!("{:?}", replayed.damaged) };
        assert!(said.contains("000001.log: the record at byte 128 is damaged") && said.contains("damaged-128"));
        let aside = path.with_extension("damaged-128");
        assert_eq!(fs::read(aside).unwrap(), bytes[from..until]);
    }
    assert_eq!(waiting(folder.path()).unwrap().damaged, 1);
}

#[test]
fn damage_at_the_end_of_a_segment_that_others_follow_is_no_torn_end() {
    let folder = tempfile::tempdir().unwrap();
    let all = written(folder.path(), 20);
    let path = &numbers(folder.path()).unwrap()[0].1;
    let whole = fs::read(path).unwrap();
    fs::write(path, &whole[..whole.len() - 1]).unwrap();
    let (found, replayed, _) = read(folder.path());
    assert_eq!((found.len(), replayed.torn, replayed.damaged.len()), (all.len() - 1, 0, 1));
}

#[test]
fn two_processes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Spool::open(folder.path(), 1_000).unwrap();
    let Err(refused) = Spool::open(folder.path(), 1_000) else { panic!("opened twice") };
    assert_eq!(refused.exit, crate::failure::Exit::TryAgain);
    assert!(refused.message.contains("another leap serve"), "{}", refused.message);
}
