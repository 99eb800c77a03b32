//! Files that settings name.

use super::ByteSize;
use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

/// Reads all of a regular file (or what a link leads to) of `most` bytes at most. A pipe or a device may never end, or
/// never begin.
///
/// # Errors
/// Of the operating system, and `InvalidInput` for any other kind of file and for a larger one.
pub fn read_file(path: &Path, most: ByteSize) -> io::Result<Vec<u8>> {
    let unfit = |why: String| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    if !fs::metadata(path)?.is_file() {
        return unfit("it is no regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let read = File::open(path)?.take(most.0.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(read).is_ok_and(|read| read <= most.0) {
        Ok(bytes)
    } else {
        unfit(format!("it is larger than {most}"))
    }
}
