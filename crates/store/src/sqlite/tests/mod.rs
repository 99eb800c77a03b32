//! Faults of the machine, which need a hand inside the store.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use rusqlite::Connection;

/// What goes wrong with the next transactions.
#[derive(Default)]
pub(super) struct Faults {
    /// How many pages the database may have; 0 for as many as fit.
    max_pages: AtomicI64,
    panic: AtomicBool,
}

impl Faults {
    pub(super) fn strike(&self, connection: Option<&Connection>) {
        let pages = self.max_pages.load(Ordering::Relaxed);
        if let Some(connection) = connection {
            connection
                .pragma_update(None, "max_page_count", if pages == 0 { i64::from(i32::MAX) } else { pages })
                .unwrap();
        }
        assert!(!self.panic.swap(false, Ordering::Relaxed), "a fault that was asked for");
    }
}
