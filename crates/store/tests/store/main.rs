//! The store as its callers see it, on real files.

#[cfg(test)]
mod changes;
#[cfg(test)]
mod expr;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod gone;
#[cfg(test)]
mod load;
#[cfg(test)]
mod lost;
#[cfg(test)]
mod open;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod server;
#[cfg(test)]
mod support;
#[cfg(test)]
mod write;
