//! The databases that tests run over.

use campus_host::{Part, Settings};

use crate::{Campus, Postgres};

/// A database that services keep their records in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Files.
    Sqlite,
    /// A server that all tests of a process share; files where the machine has none, which is said.
    Postgres,
}

impl Engine {
    /// Starts services on an empty database.
    pub fn start(self, parts: &[Part]) -> Campus {
        Campus::start_with(parts, |settings| self.set(settings))
    }

    /// Settings whose `store.dir` is set are for this database from now on; the same folder leads to the same records.
    pub fn set(self, settings: &mut Settings) {
        let (Self::Postgres, Some(server)) = (self, Postgres::shared()) else { return };
        let folder = settings.store.dir.file_name().unwrap().to_str().unwrap();
        // The names of such folders differ in the case of their letters as well, and those of schemas do not.
        let name: String = folder.bytes().map(|byte| format!("{byte:02x}")).collect();
        settings.store.schema = format!("t{}_{name}", std::process::id());
        settings.store.url = Some(server.url().parse().unwrap());
    }
}
