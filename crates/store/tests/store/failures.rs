use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use campus_store::{Config, OpenError, Outcome, Store, StoreError};

use crate::support::{Folder, body, create, table, write};

#[tokio::test]
async fn a_locked_database_is_said_to_be_and_works_again_when_it_is_free() {
    let folder = Folder::new();
    let store = Store::open(Config { busy_timeout_ms: 30, ..folder.config() }, table()).await.unwrap();
    write(&store, create("p/1", "Ada", "", 1)).await;
    let other = folder.beside();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let refused = store.write(vec![create("p/2", "Eve", "", 1)]).await;
    assert_eq!(refused, Err(StoreError::Locked));
    assert!(store.get("p/1").await.unwrap().is_some(), "reading goes on");
    assert!(store.stats().failures >= 1);
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(store.get("p/2").await.unwrap(), None);
    assert_eq!(write(&store, create("p/2", "Eve", "", 1)).await, Outcome::Created);
    assert_eq!(store.position().await.unwrap(), 2);
}

/// Fills a store with records, and closes it, so that all of them are in the database file.
async fn filled(folder: &Folder) {
    let store = folder.open().await;
    let create = |number: usize| create(&format!("p/{number:04}"), "Ada", "", 1);
    store.write((0..2000).map(create).collect()).await.unwrap();
    store.close().await.unwrap();
}

/// Writes over a part of a file, in place. Gives what was there.
fn overwrite(file: &mut File, at: u64, bytes: &[u8]) -> Vec<u8> {
    let mut before = vec![0; bytes.len()];
    file.seek(SeekFrom::Start(at)).unwrap();
    file.read_exact(&mut before).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
    before
}

fn writable(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).open(path).unwrap()
}

#[tokio::test]
async fn a_damaged_file_is_said_to_be_and_works_again_when_it_is_mended() {
    let folder = Folder::new();
    filled(&folder).await;
    let store = folder.open().await;
    // Kept open: closing it would take the locks of this process away.
    let mut file = writable(&folder.path());
    let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
    let sound = overwrite(&mut file, 0, &vec![0xa5; length]);
    assert_eq!(store.get("p/1000").await, Err(StoreError::Corrupt));
    assert_eq!(store.check().await, Err(StoreError::Corrupt));
    let refused = store.write(vec![create("p/new", "Eve", "", 1)]).await;
    assert_eq!(refused, Err(StoreError::Corrupt));
    assert_eq!(store.changes(0).next().await, Err(StoreError::Corrupt));
    overwrite(&mut file, 0, &sound);
    assert_eq!(store.get("p/1000").await.unwrap().unwrap().body, body("Ada", "", 1));
    assert_eq!(store.check().await, Ok(()));
    assert_eq!(write(&store, create("p/new", "Eve", "", 1)).await, Outcome::Created);
    assert_eq!(store.position().await.unwrap(), 2001);
    assert_eq!(store.changes(2000).next().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_file_that_is_damaged_in_one_place_still_answers_from_the_others() {
    let folder = Folder::new();
    filled(&folder).await;
    let store = folder.open().await;
    let mut file = writable(&folder.path());
    let length = file.metadata().unwrap().len();
    let half = length / 2 / 4096 * 4096;
    overwrite(&mut file, half, &vec![0xa5; usize::try_from(length - half).unwrap()]);
    let mut answers = Vec::new();
    for number in 0..2000 {
        answers.push(store.get(&format!("p/{number:04}")).await);
    }
    assert!(
        answers.iter().all(|answer| matches!(answer, Ok(Some(_)) | Err(StoreError::Corrupt))),
        "never a wrong answer"
    );
    assert!(answers.contains(&Err(StoreError::Corrupt)));
    assert!(answers.iter().any(Result::is_ok));
}

#[tokio::test]
async fn nothing_is_written_into_a_file_that_was_removed_and_it_works_again_when_it_is_back() {
    let folder = Folder::new();
    filled(&folder).await;
    let store = folder.open().await;
    assert!(store.get("p/0001").await.unwrap().is_some());
    write(&store, create("p/before", "Ada", "", 1)).await;
    let aside = folder.path().with_extension("aside");
    std::fs::rename(folder.path(), &aside).unwrap();
    let gone = Err(StoreError::Disk(format!(
        "{} is gone",
        folder
            .path()
            .canonicalize()
            .unwrap_or_else(|_| { folder.path().parent().unwrap().canonicalize().unwrap().join("person.db") })
            .display()
    )));
    assert_eq!(store.write(vec![create("p/lost", "Eve", "", 1)]).await, gone.clone().map(|()| Vec::new()));
    assert_eq!(store.check().await, gone);
    assert!(matches!(store.get("p/0001").await, Err(StoreError::Disk(_))));
    std::fs::rename(&aside, folder.path()).unwrap();
    assert_eq!(store.check().await, Ok(()));
    assert_eq!(store.get("p/lost").await.unwrap(), None);
    assert!(store.get("p/before").await.unwrap().is_some());
    assert_eq!(write(&store, create("p/after", "Eve", "", 1)).await, Outcome::Created);
    assert_eq!(store.position().await.unwrap(), 2002);
}

#[tokio::test]
async fn another_database_in_place_of_the_own_is_refused_and_an_older_copy_of_it_accepted() {
    let (folder, other) = (Folder::new(), Folder::new());
    filled(&folder).await;
    filled(&other).await;
    let backup = folder.path().with_extension("backup");
    std::fs::copy(folder.path(), &backup).unwrap();
    let store = folder.open().await;
    std::fs::rename(other.path(), folder.path()).unwrap();
    assert_eq!(store.write(vec![create("p/new", "Eve", "", 1)]).await, Err(StoreError::Corrupt));
    assert_eq!(store.check().await, Err(StoreError::Corrupt));
    assert_eq!(store.get("p/0001").await, Err(StoreError::Corrupt));
    std::fs::rename(&backup, folder.path()).unwrap();
    assert_eq!(write(&store, create("p/new", "Eve", "", 1)).await, Outcome::Created);
    assert!(store.get("p/new").await.unwrap().is_some());
    assert_eq!(store.check().await, Ok(()));
}

#[tokio::test]
async fn a_file_cut_to_nothing_under_a_running_store_is_said_to_be_damaged_and_nothing_is_written_into_it() {
    let folder = Folder::new();
    filled(&folder).await;
    let store = folder.open().await;
    assert!(store.get("p/0001").await.unwrap().is_some());
    // Kept open: closing it would take the locks of this process away.
    let file = writable(&folder.path());
    file.set_len(0).unwrap();
    assert_eq!(store.check().await, Err(StoreError::Corrupt));
    assert_eq!(store.get("p/1000").await, Err(StoreError::Corrupt));
    assert_eq!(store.write(vec![create("p/new", "Eve", "", 1)]).await, Err(StoreError::Corrupt));
    assert_eq!(store.changes(0).next().await, Err(StoreError::Corrupt));
    assert_eq!(file.metadata().unwrap().len(), 0);
}

#[tokio::test]
async fn a_file_cut_to_nothing_under_a_stopped_store_is_refused_at_the_start() {
    let folder = Folder::new();
    filled(&folder).await;
    writable(&folder.path()).set_len(0).unwrap();
    let path = folder.path().canonicalize().unwrap();
    assert_eq!(Store::open(folder.config(), table()).await.err(), Some(OpenError::Emptied { path }));
    assert_eq!(folder.path().metadata().unwrap().len(), 0, "it is left alone");
    std::fs::remove_file(folder.path()).unwrap();
    assert_eq!(folder.open().await.position().await, Ok(0), "who removes it begins anew");
}
