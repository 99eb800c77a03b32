use crate::Call;
use std::{cell::RefCell, marker::PhantomData};

thread_local! {
    static CURRENT: RefCell<Option<Call>> = const { RefCell::new(None) };
}

/// The call that is being served on this thread right now; `None` outside of one, and in tasks a handler has spawned.
#[must_use]
pub fn current() -> Option<Call> {
    CURRENT.try_with(|current| current.try_borrow().ok().and_then(|call| call.clone())).ok().flatten()
}

/// Whether spans are recorded for the [`current()`] call.
#[must_use]
pub fn is_sampled() -> bool {
    let asked =
        CURRENT.try_with(|current| current.try_borrow().is_ok_and(|call| call.as_ref().is_some_and(Call::is_sampled)));
    asked.unwrap_or(false)
}

/// Makes `call` the [`current()`] one until the guard is dropped. Meant for one poll of a future.
pub fn enter(call: &Call) -> Entered {
    Entered { before: CURRENT.with(|current| current.replace(Some(call.clone()))), here: PhantomData }
}

/// Ends what [`enter()`] began.
#[derive(Debug)]
#[must_use]
pub struct Entered {
    before: Option<Call>,
    here: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let before = self.before.take();
        let _ = CURRENT.try_with(|current| current.replace(before));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Peer, Transport};
    use std::sync::Arc;

    fn call(id: &str) -> Call {
        Call::builder(id, Arc::new(Peer::of(Transport::InProcess))).build()
    }

    #[test]
    fn the_current_call_is_the_innermost_and_the_outer_one_comes_back() {
        let id = || current().map(|call| call.request_id().to_owned());
        assert_eq!(id(), None);
        let outer = enter(&call("outer"));
        {
            let _inner = enter(&call("inner"));
            assert_eq!(id().as_deref(), Some("inner"));
        }
        assert_eq!(id().as_deref(), Some("outer"));
        drop(outer);
        assert_eq!(id(), None);
    }
}
