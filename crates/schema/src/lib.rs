//! What each message looks like, as a table built once from the descriptors, and what can be done with it on wire bytes.
