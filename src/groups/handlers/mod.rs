//! The groups' pages and acts.

pub mod index;
pub mod page;
pub mod people;
