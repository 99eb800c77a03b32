//! Keeps a panic inside the call it happened in, and its message (which may hold a record) out of the logs.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind},
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
    static PLACE: Cell<Option<String>> = const { Cell::new(None) };
}

static LOG_OTHERS: AtomicBool = AtomicBool::new(false);

/// A panic that was contained.
#[derive(Debug)]
pub(crate) struct Panic {
    /// `file:line:column`.
    pub(crate) place: String,
}

/// Runs `work`; a panic in it ends here. [`install`] must have been called for the place to be known.
pub(crate) fn contain<R>(work: impl FnOnce() -> R) -> Result<R, Panic> {
    let outer = CONTAINED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    CONTAINED.set(outer);
    outcome.map_err(|payload| {
        // A payload may itself panic when it is dropped.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        Panic { place: PLACE.take().unwrap_or_else(|| "unknown".to_owned()) }
    })
}

/// Replaces the process's panic hook, once: a contained panic leaves its place only; any other goes to the hook that was
/// there, or is logged without its message once [`log_others`] was called.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if CONTAINED.get() {
                PLACE.set(Some(place(info)));
            } else if LOG_OTHERS.load(Ordering::Relaxed) {
                let thread = std::thread::current();
                tracing::error!(panic.location = place(info), thread.name = thread.name(), "a task panicked");
            } else {
                before(info);
            }
        }));
    });
}

/// From now on panics outside of calls are log events too.
pub(crate) fn log_others() {
    install();
    LOG_OTHERS.store(true, Ordering::Relaxed);
}

fn place(info: &PanicHookInfo<'_>) -> String {
    info.location().map_or_else(|| "unknown".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contained_panic_gives_its_place_and_not_its_message() {
        install();
        let panic = contain(|| panic!("secret")).unwrap_err();
        assert!(panic.place.contains("panics.rs"), "{}", panic.place);
        assert!(!panic.place.contains("secret"));
        assert_eq!(contain(|| 7).unwrap(), 7);
    }
}
