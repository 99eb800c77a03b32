//! Keeps people and their phones: the rules of a person, the book, and its API.

mod api;
mod book;
mod load;
mod record;
mod rules;

pub use api::AddressBook;
