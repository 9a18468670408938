//! The forms: of a key, of a feature, of a service account, of the rules.

use std::collections::BTreeSet;

use askama::Template;

use super::super::{
    Kind,
    feature::{Feature, Lent, OFF, ON, Type},
    forms::{FeatureForm, KEEP, KeyForm, NEVER, RulesForm, ServiceForm},
    rules::{LIVES, Personal, Rules, life},
    scope::{Duty, Scopes},
    service::{Service, State},
};
use crate::{
    access::{Can, Permission, permission::Heading},
    groups::Group,
    limits::{amount::Unit, keyed::Amounts, views},
    roles::host::HostPermission,
    web::{
        filters::plural,
        form::FieldErrors,
        layout::{Choice, Fact, Layout},
    },
};

/// Something that a key may be used for.
#[derive(Debug, Clone)]
pub struct ScopeRow {
    /// The stable name.
    pub name: String,
    /// The title.
    pub title: String,
    /// One sentence on it, or the name.
    pub note: String,
    /// Whether it is chosen.
    pub selected: bool,
    /// Whether the viewer may not give it.
    pub is_beyond: bool,
}

/// A feature in the form of a key.
#[derive(Debug, Clone)]
pub struct ValueRow {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its key.
    pub key: String,
    /// The values to choose from; empty for one that is typed.
    pub options: Vec<Choice>,
    /// Whether it is a number.
    pub is_number: bool,
    /// What was typed.
    pub value: String,
    /// What counts when nothing is typed.
    pub default: String,
    /// How much of it the maker may give; empty for any.
    pub hint: String,
}

/// The form of a key.
#[derive(Debug, Template)]
#[template(path = "keys/edit.html")]
pub struct Edit {
    /// The frame.
    pub l: Layout,
    /// Where the list is.
    pub list_href: String,
    /// The list's name.
    pub list_title: &'static str,
    /// The heading.
    pub heading: String,
    /// A sentence below it.
    pub lead: &'static str,
    /// Where the form goes.
    pub action: String,
    /// Where Cancel leads.
    pub back: String,
    /// What the button says.
    pub save: &'static str,
    /// To whom a new key can belong: groups, then service accounts; empty where that is decided.
    pub owners: Vec<(&'static str, Vec<Choice>)>,
    /// The groups that it can be bound to; empty for one's own key.
    pub groups: Vec<Choice>,
    /// Whether people can be bound by address.
    pub binds: bool,
    /// What of the host platform it may be used for.
    pub scopes: Vec<ScopeRow>,
    /// What of Muster itself it may be used for; empty for keys of people and groups.
    pub duties: Vec<ScopeRow>,
    /// The features.
    pub features: Vec<ValueRow>,
    /// When it expires.
    pub lives: Vec<Choice>,
    /// The longest life, in a sentence; empty for none.
    pub longest: String,
    /// What its owner may use, in a sentence; empty for nothing known.
    pub ceiling: String,
    /// "credits" or the currency.
    pub unit: String,
    /// The sign before amounts.
    pub sign: String,
    /// Whose midnight begins a day.
    pub zone: String,
    /// What was typed.
    pub form: KeyForm,
    /// What is wrong.
    pub errors: FieldErrors,
    /// Why nothing is made here at all; empty where something is.
    pub refused: String,
    /// The groups of which each gets a key; empty on other pages.
    pub each: Vec<Choice>,
    /// What would be made; empty before it was checked.
    pub plan: Vec<String>,
}

/// What the form of a key is made of.
pub struct Parts<'a> {
    /// The features of the catalogue.
    pub features: &'a [Feature],
    /// What of them the maker has; none for whoever gives out any.
    pub had_features: Option<&'a [Lent]>,
    /// The added permissions.
    pub hosts: &'a [HostPermission],
    /// The groups.
    pub groups: &'a [Group],
    /// The service accounts.
    pub services: &'a [Service],
    /// The rules.
    pub rules: Rules,
    /// What amounts are shown in.
    pub unit: Unit,
    /// What the owner may use.
    pub ceiling: Amounts,
    /// What the key may be used for already.
    pub had: Scopes,
    /// Whose the key is; none while that is chosen.
    pub kind: Option<Kind>,
}

impl Edit {
    /// Decides what all forms of keys have in common; the caller sets heading, action and way back.
    pub fn new<P>(l: Layout, by: &Can<P>, parts: &Parts<'_>, form: KeyForm, errors: FieldErrors) -> Self {
        // A day that is typed is what counts, so what is wrong is wrong there.
        let errors = if form.expires_on.trim().is_empty() {
            errors
        } else {
            errors.moved("expiry", "expires_on")
        };
        let own = by.permissions();
        let row = |name: String, title: String, note: String, held: bool| ScopeRow {
            selected: form.scope.contains(&name),
            is_beyond: !held && !parts.had.has(&name),
            name,
            title,
            note,
        };
        let mut scopes: Vec<ScopeRow> = Permission::ALL
            .iter()
            .filter(|one| one.heading() == Heading::Host)
            .map(|one| {
                row(
                    one.key().to_owned(),
                    one.title().to_owned(),
                    one.purpose().to_owned(),
                    own.has(*one),
                )
            })
            .collect();
        scopes.extend(parts.hosts.iter().map(|host| {
            let name = format!("host:{}", host.key);
            row(name.clone(), host.title.clone(), name, own.has_host(&host.key))
        }));
        let duties = if matches!(parts.kind, Some(Kind::Personal | Kind::Group)) {
            Vec::new()
        } else {
            Duty::ALL
                .map(|duty| {
                    row(
                        duty.key().to_owned(),
                        duty.title().to_owned(),
                        duty.key().to_owned(),
                        true,
                    )
                })
                .into()
        };
        let of_owner = |value: String, label: &str| Choice {
            selected: form.owner == value,
            value,
            label: label.to_owned(),
        };
        let owners = if parts.kind.is_some() {
            Vec::new()
        } else {
            let groups = parts
                .groups
                .iter()
                .map(|group| of_owner(format!("group:{}", group.id), &group.name));
            let services = parts.services.iter().filter(|one| one.state == State::Active);
            let services = services.map(|one| of_owner(format!("service:{}", one.id), &one.name));
            vec![("Groups", groups.collect()), ("Service accounts", services.collect())]
        };
        let is_own = parts.kind == Some(Kind::Personal);
        let ceiling = parts.ceiling.words(parts.unit);
        Self {
            l,
            list_href: by.path("/keys"),
            list_title: "API Keys",
            heading: String::new(),
            lead: "",
            action: String::new(),
            back: by.path("/keys"),
            save: "Create API key",
            owners,
            groups: if is_own {
                Vec::new()
            } else {
                parts
                    .groups
                    .iter()
                    .map(|group| {
                        let value = group.id.to_string();
                        Choice {
                            selected: form.group.contains(&value),
                            value,
                            label: group.name.clone(),
                        }
                    })
                    .collect()
            },
            binds: !is_own,
            scopes,
            duties,
            features: parts
                .features
                .iter()
                .map(|feature| value_row(feature, form.value_of(feature.id), parts.had_features))
                .collect(),
            lives: lives(&form.expiry, &parts.rules),
            longest: parts.rules.max_days.map_or_else(String::new, |days| {
                format!("Keys of this organization live at most {}.", life(Some(days), ""))
            }),
            ceiling: if ceiling.is_empty() {
                String::new()
            } else {
                format!("Its owner may use {ceiling}.")
            },
            unit: views::unit_words(parts.unit),
            sign: views::sign(parts.unit),
            zone: by.org().zone.name().to_owned(),
            form,
            errors,
            refused: String::new(),
            each: Vec::new(),
            plan: Vec::new(),
        }
    }
}

/// When a key may expire.
fn lives(chosen: &str, rules: &Rules) -> Vec<Choice> {
    let fits = |days: i64| rules.max_days.is_none_or(|most| days <= most);
    let mut days: Vec<i64> = LIVES.into_iter().filter(|days| fits(*days)).collect();
    let extra = [rules.max_days, rules.default_days, chosen.parse().ok()];
    days.extend(
        extra
            .into_iter()
            .flatten()
            .filter(|days| fits(*days) && (1..=3650).contains(days)),
    );
    days.sort_unstable();
    days.dedup();
    let choice = |value: String, label: String| Choice {
        selected: value == chosen,
        value,
        label,
    };
    let mut list = Vec::new();
    if chosen == KEEP {
        list.push(choice(KEEP.to_owned(), "On the day beside".to_owned()));
    }
    list.extend(
        days.into_iter()
            .map(|days| choice(days.to_string(), format!("In {}", plural(days, "day", "days")))),
    );
    if rules.max_days.is_none() {
        list.push(choice(NEVER.to_owned(), "Never".to_owned()));
    }
    list
}

fn value_row(feature: &Feature, value: &str, had: Option<&[Lent]>) -> ValueRow {
    let fits = |value: &str| had.is_none_or(|had| feature.is_within(value, had));
    let choice = |of: &str, label: String| Choice {
        value: of.to_owned(),
        label,
        selected: of == value,
    };
    let word = |value: &str| match value {
        "" => "not set".to_owned(),
        ON if feature.kind == Type::Switch => "on".to_owned(),
        OFF if feature.kind == Type::Switch => "off".to_owned(),
        other => other.to_owned(),
    };
    let standard = choice("", format!("As the catalogue says: {}", word(&feature.default_value)));
    let mut values: Vec<(&str, &str)> = match (feature.kind, had) {
        (Type::Switch, _) => vec![(ON, "On"), (OFF, "Off")],
        (Type::Choice, _) => feature.options().map(|option| (option, option)).collect(),
        // Of a text, whoever has some may take one of those.
        (Type::Text, Some(had)) => {
            let own = had.iter().filter(|one| one.id == feature.id);
            let texts: BTreeSet<&str> = own.map(|one| one.value.as_str()).collect();
            texts.into_iter().map(|text| (text, text)).collect()
        }
        (Type::Number, _) | (Type::Text, None) => Vec::new(),
    };
    // What was chosen stays to be seen beside what is wrong with it.
    values.retain(|(one, _)| fits(one) || one == &value);
    let is_typed = feature.kind == Type::Number || (feature.kind == Type::Text && had.is_none());
    let options = if is_typed {
        Vec::new()
    } else {
        let values = values.into_iter().map(|(value, label)| choice(value, label.to_owned()));
        std::iter::once(standard).chain(values).collect()
    };
    let most = had.filter(|_| feature.kind == Type::Number).map(|had| {
        let own = had.iter().filter(|one| one.id == feature.id);
        own.filter_map(|one| one.value.parse::<i64>().ok()).max()
    });
    ValueRow {
        id: feature.id.to_string(),
        title: feature.title.clone(),
        key: feature.key.clone(),
        options,
        is_number: feature.kind == Type::Number,
        value: value.to_owned(),
        default: feature.default_value.clone(),
        hint: match most {
            None => String::new(),
            Some(None) => "No key of your groups has it: leave it empty.".to_owned(),
            Some(Some(most)) => format!("At most {most}, as the keys of your groups have it."),
        },
    }
}

/// A feature in the catalogue.
#[derive(Debug, Clone)]
pub struct FeatureRow {
    /// Its page.
    pub href: String,
    /// Its title.
    pub title: String,
    /// Its key.
    pub key: String,
    /// What values it has.
    pub kind: String,
    /// What counts for keys that say nothing.
    pub default: String,
    /// "3 keys".
    pub keys: String,
}

/// The catalogue of features, and the form of one.
#[derive(Debug, Template)]
#[template(path = "keys/features.html")]
pub struct FeaturesPage {
    /// The frame.
    pub l: Layout,
    /// The keys.
    pub list_href: String,
    /// The catalogue.
    pub path: String,
    /// The features; empty on the page of one.
    pub rows: Vec<FeatureRow>,
    /// The feature on whose page this is: its title and how many keys have a value.
    pub one: Option<(String, String)>,
    /// Where the form goes.
    pub action: String,
    /// What values it can have.
    pub kinds: Vec<Choice>,
    /// What was typed.
    pub form: FeatureForm,
    /// What is wrong.
    pub errors: FieldErrors,
}

impl FeaturesPage {
    /// The catalogue with the form of a new one, or the form of `one`.
    pub fn new<P>(
        l: Layout,
        by: &Can<P>,
        all: &[Feature],
        one: Option<&Feature>,
        form: FeatureForm,
        errors: FieldErrors,
    ) -> Self {
        let path = by.path("/keys/features");
        let row = |feature: &Feature| FeatureRow {
            href: format!("{path}/{}", feature.id),
            title: feature.title.clone(),
            key: feature.key.clone(),
            kind: match feature.kind {
                Type::Choice => feature.choices.replace('\n', ", "),
                kind => kind.title().to_owned(),
            },
            default: if feature.default_value.is_empty() {
                "Not set".to_owned()
            } else {
                feature.default_value.clone()
            },
            keys: plural(feature.keys, "key", "keys"),
        };
        Self {
            l,
            list_href: by.path("/keys"),
            rows: all.iter().map(row).collect(),
            one: one.map(|feature| (feature.title.clone(), plural(feature.keys, "key", "keys"))),
            action: one.map_or_else(|| path.clone(), |feature| format!("{path}/{}", feature.id)),
            path,
            kinds: Type::ALL
                .map(|kind| Choice {
                    value: kind.key().to_owned(),
                    label: kind.title().to_owned(),
                    selected: form.kind == kind.key(),
                })
                .into(),
            form,
            errors,
        }
    }
}

/// A service account in the list.
#[derive(Debug, Clone)]
pub struct ServiceRow {
    /// Its page.
    pub href: String,
    /// Its name.
    pub name: String,
    /// The group that cares for it.
    pub group: String,
    /// "3 keys".
    pub keys: String,
    /// Whether its keys work.
    pub state: &'static str,
    /// The chip's class.
    pub class: &'static str,
}

/// The service accounts, and the form of one.
#[derive(Debug, Template)]
#[template(path = "keys/services.html")]
pub struct ServicesPage {
    /// The frame.
    pub l: Layout,
    /// The keys.
    pub list_href: String,
    /// The list.
    pub path: String,
    /// The service accounts; empty on the page of one.
    pub rows: Vec<ServiceRow>,
    /// The service account on whose page this is.
    pub one: Option<ServiceRow>,
    /// Its keys: name, address, text without the secret.
    pub keys: Vec<(String, String, String)>,
    /// Where a key of it is made.
    pub new_key_href: String,
    /// Facts about it.
    pub facts: Vec<Fact>,
    /// Where the form goes.
    pub action: String,
    /// The groups.
    pub groups: Vec<Choice>,
    /// "credits" or the currency.
    pub unit: String,
    /// The sign before amounts.
    pub sign: String,
    /// What was typed.
    pub form: ServiceForm,
    /// What is wrong.
    pub errors: FieldErrors,
}

impl ServicesPage {
    /// The list with the form of a new one, or the form of `one`.
    pub fn new<P>(
        l: Layout,
        by: &Can<P>,
        all: &[Service],
        one: Option<&Service>,
        (groups, unit): (&[Group], Unit),
        form: ServiceForm,
        errors: FieldErrors,
    ) -> Self {
        let path = by.path("/keys/services");
        let row = |service: &Service| ServiceRow {
            href: format!("{path}/{}", service.id),
            name: service.name.clone(),
            group: service.group_name.clone().unwrap_or_else(|| "No group".to_owned()),
            keys: plural(service.keys, "key", "keys"),
            state: service.state.title(),
            class: match service.state {
                State::Active => "ok",
                State::Disabled => "bad",
            },
        };
        let none = Choice {
            value: String::new(),
            label: "No group".to_owned(),
            selected: form.group.is_empty(),
        };
        Self {
            l,
            unit: views::unit_words(unit),
            sign: views::sign(unit),
            list_href: by.path("/keys"),
            rows: all.iter().map(row).collect(),
            one: one.map(row),
            keys: Vec::new(),
            new_key_href: one.map_or_else(String::new, |service| {
                by.path(&format!("/keys/new?service={}", service.id))
            }),
            facts: one.map_or_else(Vec::new, |service| {
                let at = crate::web::filters::date_time(service.created_at.micros(), &by.zone().tz());
                vec![Fact {
                    label: "Created",
                    value: format!("{at} by {}", service.created_by),
                }]
            }),
            action: one.map_or_else(|| path.clone(), |service| format!("{path}/{}", service.id)),
            path,
            groups: std::iter::once(none)
                .chain(groups.iter().map(|group| {
                    let value = group.id.to_string();
                    Choice {
                        selected: form.group == value,
                        value,
                        label: group.name.clone(),
                    }
                }))
                .collect(),
            form,
            errors,
        }
    }
}

/// The rules of keys.
#[derive(Debug, Template)]
#[template(path = "keys/rules.html")]
pub struct RulesPage {
    /// The frame.
    pub l: Layout,
    /// The settings.
    pub back: String,
    /// Where the form goes.
    pub action: String,
    /// Whether the viewer changes them.
    pub may_edit: bool,
    /// Who may make personal keys.
    pub personal: Vec<Choice>,
    /// The longest life.
    pub longest: Vec<Choice>,
    /// The life that forms begin with.
    pub default: Vec<Choice>,
    /// The version that the form refers to.
    pub version: String,
    /// What is wrong.
    pub errors: FieldErrors,
    /// Why nothing was saved.
    pub conflict: String,
}

impl RulesPage {
    /// The form as it was sent, or as the rules are.
    pub fn new<P>(l: Layout, by: &Can<P>, form: &RulesForm, errors: FieldErrors, conflict: String) -> Self {
        let lives = |chosen: &str, never: &str| {
            let mut days = LIVES.to_vec();
            days.extend(chosen.parse::<i64>().ok().filter(|days| (1..=3650).contains(days)));
            days.sort_unstable();
            days.dedup();
            days.into_iter()
                .map(|days| (days.to_string(), plural(days, "day", "days")))
                .chain(std::iter::once((NEVER.to_owned(), never.to_owned())))
                .map(|(value, label)| Choice {
                    selected: value == chosen,
                    value,
                    label,
                })
                .collect()
        };
        Self {
            l,
            back: by.path("/settings#keys"),
            action: by.path("/keys/rules"),
            may_edit: by.may(Permission::OrgSettings),
            personal: Personal::ALL
                .map(|one| Choice {
                    value: one.key().to_owned(),
                    label: one.title().to_owned(),
                    selected: form.personal == one.key(),
                })
                .into(),
            longest: lives(&form.max_days, "No limit"),
            default: lives(&form.default_days, "For ever"),
            version: form.version.clone(),
            errors,
            conflict,
        }
    }
}
