//! What a user sees and relies on, tried on the real thing.

#[cfg(test)]
mod golden;
#[cfg(test)]
mod help;
