//! The noun: a line of a pool's statement. Lines are never changed; a pool's balance is their sum (I-21).

pub use super::store::Entry;

/// What happened to a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[repr(i64)]
pub enum Kind {
    /// Credits were put into it.
    Grant = 1,
    /// Something was put right: by hand, or by usage that was settled late.
    Adjust = 2,
    /// What was left ended with the pool's time.
    Expire = 3,
    /// Credits were moved to a member for a billing period.
    Allocate = 4,
    /// What a member has not used came back.
    Reclaim = 5,
}

impl Kind {
    /// The word that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Grant => "Granted",
            Self::Adjust => "Adjusted",
            Self::Expire => "Expired",
            Self::Allocate => "Allocated",
            Self::Reclaim => "Returned",
        }
    }
}
