//! What HTTP has words for: representations, conditions, other origins, time.

pub(crate) mod accept;
pub(crate) mod coding;
pub(crate) mod condition;
pub(crate) mod cors;
pub(crate) mod deadline;
pub(crate) mod etag;
pub(crate) mod metadata;
