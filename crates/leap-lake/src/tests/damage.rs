//! Whatever happens to a stored file is noticed before a figure is shown.

use leap_terms::FileRecord;

use super::bill::published;
use crate::{Lake, LakeError, SqlWorld};

fn damaged(lake: &Lake, file: &FileRecord) -> bool {
    // A new process has verified nothing.
    let lake = Lake::open(lake.root()).unwrap();
    let scanned = matches!(lake.scan(file, None), Err(LakeError::Damaged { .. }));
    scanned && matches!(lake.check(file), Err(LakeError::Damaged { .. }))
}

#[tokio::test]
async fn every_flipped_bit_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let (lake, live) = published(folder.path()).await;
    let place = lake.root().join(&live[0].path);
    let whole = std::fs::read(&place).unwrap();
    let mut injected = 0;
    for bit in (0..whole.len() * 8).step_by(97) {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&place, &bytes).unwrap();
        assert!(damaged(&lake, &live[0]), "bit {bit} of {}", whole.len() * 8);
        injected += 1;
    }
    assert!(injected > 200);
    std::fs::write(&place, &whole).unwrap();
    assert!(!damaged(&lake, &live[0]));
}

#[tokio::test]
async fn a_short_empty_missing_or_foreign_file_is_found_also_after_a_first_good_read() {
    let folder = tempfile::tempdir().unwrap();
    let (lake, live) = published(folder.path()).await;
    let place = lake.root().join(&live[0].path);
    let whole = std::fs::read(&place).unwrap();
    assert!(lake.scan(&live[0], None).is_ok());
    for length in [0, 1, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&place, &whole[..length]).unwrap();
        assert!(matches!(lake.scan(&live[0], None), Err(LakeError::Damaged { .. })), "{length} bytes");
    }
    let mut foreign = whole.clone();
    foreign[100] ^= 1;
    std::fs::write(&place, &foreign).unwrap();
    assert!(matches!(lake.scan(&live[0], None), Err(LakeError::Damaged { .. })), "same size, read before");
    let world = SqlWorld { files: live.clone(), ..SqlWorld::default() };
    assert!(matches!(lake.sql(&world, "SELECT count(BilledCost) FROM charges").await, Err(LakeError::Damaged { .. })));
    std::fs::remove_file(&place).unwrap();
    let fault = lake.scan(&live[0], None).err().unwrap();
    assert!(fault.to_string().ends_with("is damaged: it is missing (FileAsRecorded)"));
    let outside = FileRecord { path: "charges/../../etc/passwd".to_owned(), ..live[0].clone() };
    assert!(matches!(lake.scan(&outside, None), Err(LakeError::Damaged { .. })));
}

#[tokio::test]
async fn a_record_that_lies_about_its_sums_is_found_by_the_full_check() {
    let folder = tempfile::tempdir().unwrap();
    let (lake, live) = published(folder.path()).await;
    let mut lying = live[0].clone();
    lying.sums.insert("BilledCost".to_owned(), "1".parse().unwrap());
    let fault = lake.check(&lying).unwrap_err();
    assert!(fault.to_string().contains("the sum of BilledCost is not as recorded"), "{fault}");
    let fewer = FileRecord { rows: 5, ..live[0].clone() };
    assert!(matches!(lake.scan(&fewer, None), Err(LakeError::Damaged { .. })));
}
