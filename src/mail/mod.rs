//! Mail: typed messages, and the one way out of the house. A mail is a row in the caller's transaction, becomes words when it
//! leaves, and each failure is visible on what it belongs to.
pub mod address;
pub mod links;
pub mod message;
pub mod outbox;
mod store;
pub mod transport;

pub use outbox::{Mail, enqueue, enqueue_many};
pub use store::statements;
