//! The cards of a group's page: which it shows, in which order. Chosen for each group by those who care for it (R-GRP-09).

/// A card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Card {
    /// What the group is for, since when it exists.
    About,
    /// Who leads it.
    Leads,
    /// How much each member and all together may use.
    Limits,
    /// What it has used this month.
    Spend,
    /// The API keys that are bound to it.
    Keys,
    /// Everyone who belongs to it.
    Members,
    /// Whose time in it ends soon.
    Ending,
    /// Who came last.
    Joined,
    /// Pending invitations that lead into it.
    Invitations,
}

impl Card {
    /// All of them, in the order of a page that nobody has arranged.
    pub const ALL: [Self; 9] = [
        Self::About,
        Self::Leads,
        Self::Limits,
        Self::Spend,
        Self::Ending,
        Self::Joined,
        Self::Invitations,
        Self::Keys,
        Self::Members,
    ];

    /// The heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::About => "About",
            Self::Leads => "Leads",
            Self::Limits => "Limits",
            Self::Spend => "Spend",
            Self::Keys => "API keys",
            Self::Members => "Members",
            Self::Ending => "Expiring soon",
            Self::Joined => "Recently joined",
            Self::Invitations => "Pending invitations",
        }
    }
    /// One sentence on what it shows.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::About => "What the group is for, and since when it exists.",
            Self::Leads => "Who cares for the group.",
            Self::Limits => "How much each member may use, and all together.",
            Self::Spend => "What it has used this month, by day.",
            Self::Keys => "The keys that are bound to it, and what they can do.",
            Self::Members => "Everyone in the group, with search and actions.",
            Self::Ending => "Whose time in the group ends within 30 days.",
            Self::Joined => "The last five who came.",
            Self::Invitations => "Who was invited into the group and has not answered.",
        }
    }
    /// The stable name in forms and in the database.
    pub const fn key(self) -> &'static str {
        match self {
            Self::About => "about",
            Self::Leads => "leads",
            Self::Limits => "limits",
            Self::Spend => "spend",
            Self::Keys => "keys",
            Self::Members => "members",
            Self::Ending => "ending",
            Self::Joined => "joined",
            Self::Invitations => "invitations",
        }
    }
    /// Finds a card by its stable name.
    pub fn find(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|card| card.key() == key)
    }
}

/// Every card once, in the order of the page, with whether it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cards(Vec<(Card, bool)>);

impl Default for Cards {
    fn default() -> Self {
        Self::parse("")
    }
}

impl Cards {
    /// Reads what [`Cards::to_text`] wrote. Cards that a later version knows are left out, and those it has gained stand at the end.
    pub fn parse(text: &str) -> Self {
        let named = text.split(',').map(str::trim).filter_map(|word| {
            let (key, shown) = word.strip_prefix('-').map_or((word, true), |key| (key, false));
            Some((Card::find(key)?, shown))
        });
        Self::whole(named)
    }
    /// Takes an order and which of them are shown, as a form sends them.
    pub fn of(order: &[String], shown: &[String]) -> Self {
        let cards = order.iter().filter_map(|key| Card::find(key));
        // A card that the form did not name was not hidden by it.
        Self::whole(cards.map(|card| (card, shown.iter().any(|key| key == card.key()))))
    }
    fn whole(named: impl Iterator<Item = (Card, bool)>) -> Self {
        let mut cards: Vec<(Card, bool)> = Vec::with_capacity(Card::ALL.len());
        for (card, shown) in named.chain(Card::ALL.map(|card| (card, true))) {
            if cards.iter().all(|(known, _)| *known != card) {
                cards.push((card, shown));
            }
        }
        Self(cards)
    }
    /// The form in which a group keeps them.
    pub fn to_text(&self) -> String {
        let words: Vec<String> = self
            .0
            .iter()
            .map(|(card, shown)| format!("{}{}", if *shown { "" } else { "-" }, card.key()))
            .collect();
        words.join(",")
    }
    /// The same with one card a place further up or down; at the end of the list it stays.
    #[must_use]
    pub fn moved(&self, card: Card, up: bool) -> Self {
        let mut cards = self.0.clone();
        if let Some(place) = cards.iter().position(|(known, _)| *known == card) {
            let other = if up { place.checked_sub(1) } else { Some(place + 1) };
            if let Some(other) = other.filter(|other| *other < cards.len()) {
                cards.swap(place, other);
            }
        }
        Self(cards)
    }
    /// Each card with whether it is shown.
    pub fn all(&self) -> &[(Card, bool)] {
        &self.0
    }
    /// The cards that are shown, in order.
    pub fn shown(&self) -> Vec<Card> {
        self.0
            .iter()
            .filter(|(_, shown)| *shown)
            .map(|(card, _)| *card)
            .collect()
    }
    /// The headings of those shown, for the record.
    pub fn titles(&self) -> Vec<&'static str> {
        self.shown().into_iter().map(Card::title).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn every_card_once(cards: &Cards) -> bool {
        Card::ALL
            .iter()
            .all(|card| cards.all().iter().filter(|(known, _)| known == card).count() == 1)
            && cards.all().len() == Card::ALL.len()
    }

    proptest! {
        #[test]
        fn any_text_gives_every_card_once_and_comes_back(text in "(-?(about|leads|limits|keys|members|ending|joined|invitations|spend|later|),?){0,10}") {
            let cards = Cards::parse(&text);
            prop_assert!(every_card_once(&cards));
            prop_assert_eq!(Cards::parse(&cards.to_text()), cards);
        }

        #[test]
        fn moving_up_and_down_again_changes_nothing(moves in proptest::collection::vec((0usize..9, any::<bool>()), 0..20)) {
            let mut cards = Cards::parse("-joined");
            for (place, up) in moves {
                let card = Card::ALL[place];
                let next = cards.moved(card, up);
                prop_assert!(every_card_once(&next));
                if next != cards {
                    prop_assert_eq!(next.moved(card, !up), cards);
                }
                cards = next;
            }
            prop_assert_eq!(cards.shown().len(), Card::ALL.len() - 1);
        }
    }

    #[test]
    fn a_page_that_nobody_arranged_shows_everything() {
        assert_eq!(Cards::default().shown(), Card::ALL);
        assert_eq!(Cards::parse("members,-leads").shown()[0], Card::Members);
        assert!(!Cards::parse("members,-leads").shown().contains(&Card::Leads));
        assert_eq!(
            Cards::parse("members").moved(Card::Members, true),
            Cards::parse("members")
        );
    }

    #[test]
    fn a_form_hides_only_what_it_names() {
        let order = ["members", "about", "nonsense"].map(str::to_owned);
        let cards = Cards::of(&order, &["members".to_owned()]);
        assert_eq!(cards.shown()[0], Card::Members);
        assert!(!cards.shown().contains(&Card::About));
        assert!(cards.shown().contains(&Card::Leads));
    }
}
