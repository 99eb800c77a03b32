//! What a user sees and relies on, tried on the real thing.

#[cfg(test)]
mod client;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod help;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod model;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod people;
#[cfg(test)]
mod storage;
#[cfg(test)]
mod telemetry;
#[cfg(test)]
mod transport;
#[cfg(test)]
mod watch;
