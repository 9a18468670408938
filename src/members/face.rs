//! How a person is drawn wherever people are listed: the picture or the initials, and the state as a word with its shape.

use super::Status;
use crate::{
    ids::MemberId,
    web::{
        layout::{hue, initials},
        middleware::picture_of,
    },
};

/// A person's picture, or what stands for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Face {
    /// One or two letters.
    pub initials: String,
    /// The colour behind them, 1 to 8.
    pub hue: u8,
    /// The address of the picture; none for initials.
    pub picture: Option<String>,
    /// Whether it is drawn pale, as of someone who is disabled.
    pub is_off: bool,
    /// The state's word.
    pub status: &'static str,
    /// The class of the state's shape.
    pub class: &'static str,
}

impl Face {
    /// The face of a member by id, name and the key of the picture.
    pub fn of(id: MemberId, name: &str, picture: Option<&str>) -> Self {
        Self {
            initials: initials(name),
            hue: hue(id.raw()),
            picture: picture_of(picture.unwrap_or_default()),
            ..Self::default()
        }
    }
    /// The same with the state, and the word for it where that is not the state's own: somebody active may have expired.
    #[must_use]
    pub fn in_state(self, status: Status, word: &'static str) -> Self {
        Self {
            is_off: status == Status::Disabled,
            status: word,
            class: shape(word),
            ..self
        }
    }
    /// The same of somebody whose limit is used up, unless their state says more than that (MODEL section 2.4).
    #[must_use]
    pub fn over_limit(self) -> Self {
        match self.status {
            "Active" | "Inactive" => Self {
                status: OVER_LIMIT,
                class: shape(OVER_LIMIT),
                ..self
            },
            _ => self,
        }
    }
}

/// The word for somebody whose limit is used up.
const OVER_LIMIT: &str = "Over limit";

/// The class that draws a state's shape.
fn shape(word: &str) -> &'static str {
    match word {
        "Active" => "ok",
        "Inactive" => "",
        "Disabled" | "Removed" => "bad",
        _ => "warn",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_a_word_and_a_shape() {
        let face = Face::of(MemberId::from_raw(7 << 32 | 3), "Ann Lee", Some("k1"));
        assert_eq!(face.initials, "AL");
        assert_eq!(face.picture.as_deref(), Some("/pictures/k1"));
        assert_eq!(Face::of(MemberId::from_raw(1), "Ann", None).picture, None);
        let shapes = [Status::Active, Status::Inactive, Status::Suspended, Status::Disabled]
            .map(|status| face.clone().in_state(status, status.title()).class);
        assert_eq!(shapes, ["ok", "", "warn", "bad"]);
        assert!(face.clone().in_state(Status::Disabled, "Disabled").is_off);
        let words = |status: Status, word| {
            let face = face.clone().in_state(status, word).over_limit();
            (face.status, face.class)
        };
        assert_eq!(words(Status::Active, "Active"), ("Over limit", "warn"));
        assert_eq!(words(Status::Inactive, "Inactive"), ("Over limit", "warn"));
        assert_eq!(words(Status::Suspended, "Deactivated"), ("Deactivated", "warn"));
        assert_eq!(words(Status::Disabled, "Disabled"), ("Disabled", "bad"));
        assert_eq!(words(Status::Active, "Expired"), ("Expired", "warn"));
    }
}
