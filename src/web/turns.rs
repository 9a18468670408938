//! Turns: how much of something heavy one person and one organization may have under way at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    error::{Error, Result},
    ids::{OrgId, UserId},
};

/// How many one person may have.
const PERSON: usize = 1;
/// How many one organization may have.
const ORGANIZATION: usize = 2;

#[derive(Debug, Default)]
struct Taken {
    persons: HashMap<UserId, usize>,
    organizations: HashMap<OrgId, usize>,
}

/// Who has a turn now.
#[derive(Debug, Clone, Default)]
pub struct Turns(Arc<Mutex<Taken>>);

/// A turn; it ends when it is dropped, however that comes about.
#[derive(Debug)]
pub struct Turn {
    turns: Turns,
    person: UserId,
    organization: OrgId,
}

impl Turns {
    /// Takes a turn, or says when to try again.
    pub fn take(&self, person: UserId, organization: OrgId) -> Result<Turn> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_person = taken.persons.get(&person).copied().unwrap_or(0);
        let of_organization = taken.organizations.get(&organization).copied().unwrap_or(0);
        if of_person >= PERSON || of_organization >= ORGANIZATION {
            return Err(Error::TooMany(Duration::from_secs(10)));
        }
        taken.persons.insert(person, of_person + 1);
        taken.organizations.insert(organization, of_organization + 1);
        Ok(Turn {
            turns: self.clone(),
            person,
            organization,
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut taken = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        give_back(&mut taken.persons, self.person);
        give_back(&mut taken.organizations, self.organization);
    }
}

fn give_back<K: std::hash::Hash + Eq>(of: &mut HashMap<K, usize>, key: K) {
    if let Some(count) = of.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            of.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_person_and_two_an_organization() {
        let turns = Turns::default();
        let (ann, bob, cem) = (UserId::from_raw(1), UserId::from_raw(2), UserId::from_raw(3));
        let (here, there) = (OrgId::from_raw(1), OrgId::from_raw(2));
        let first = turns.take(ann, here).expect("a turn");
        assert!(matches!(turns.take(ann, there), Err(Error::TooMany(_))));
        let second = turns.take(bob, here).expect("a turn");
        assert!(matches!(turns.take(cem, here), Err(Error::TooMany(_))));
        drop(first);
        let third = turns.take(cem, here).expect("a turn");
        drop((second, third));
        assert!(turns.take(ann, here).is_ok());
    }
}
