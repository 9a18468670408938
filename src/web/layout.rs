//! What the frame of a page prints: top bar, menus, tabs, sidebar and messages, decided before the template sees them.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// Everything that `layout.html`, `layout_enterprise.html` and `layout_outside.html` print around a page.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// What the page is, without the organization's name or "Muster"; the template adds both.
    pub title: String,
    /// The token of this session for hidden form fields and the `X-CSRF-Token` header.
    pub csrf: String,
    /// Light, dark, or what the system says.
    pub theme: Theme,
    /// Whose menu stands in the upper right; none outside a session.
    pub person: Option<PersonMenu>,
    /// The organization whose tabs are shown.
    pub org: Option<OrgShell>,
    /// The enterprise whose sidebar is shown.
    pub enterprise: Option<EnterpriseShell>,
    /// What just happened, shown once.
    pub flash: Vec<Toast>,
    /// The name under which the portal is reached, shown below the card of sign-in pages.
    pub host: String,
    /// Whether to warn that passwords travel without encryption.
    pub insecure_banner: bool,
    /// The local path of this page, to which the theme form returns.
    pub back: String,
    /// Whether the person wants more on a screen.
    pub compact: bool,
    /// The zone of the times of this page and whose it is; empty where the page says it itself or shows none.
    pub zone_note: String,
}

/// The colours that a person chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the device is set.
    #[default]
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

/// The menu under the user's name.
#[derive(Clone, Debug, Default)]
pub struct PersonMenu {
    /// The person's full name.
    pub name: String,
    /// The address the person signs in with.
    pub email: String,
    /// One or two letters for the avatar.
    pub initials: String,
    /// The avatar's colour, 1 to 8.
    pub hue: u8,
    /// The address of the person's picture; none for initials.
    pub picture: Option<String>,
    /// Where "Manage Organization" leads; none for whom it is not offered.
    pub manage_href: Option<String>,
    /// Whether the Enterprise Portal is offered.
    pub enterprise: bool,
    /// How many invitations wait for this person's answer.
    pub pending_invitations: i64,
    /// How many notifications are unread, up to 100.
    pub unread: i64,
}

/// An organization's name, tabs and switcher.
#[derive(Clone, Debug, Default)]
pub struct OrgShell {
    /// The organization's name.
    pub name: String,
    /// Its place in addresses, `/o/{slug}/…`.
    pub slug: String,
    /// One or two letters for the avatar.
    pub initials: String,
    /// The avatar's colour, 1 to 8.
    pub hue: u8,
    /// Whether everything is read-only.
    pub archived: bool,
    /// The tab this page belongs to.
    pub tab: Tab,
    /// The tabs this person may open, in order.
    pub tabs: Vec<TabLink>,
    /// How many invitations are open.
    pub pending_invites: i64,
    /// The organizations this person may switch to.
    pub switcher: Vec<SwitchEntry>,
    /// Whether there are more organizations than the switcher shows.
    pub more: bool,
}

/// One link in an organization's row of tabs.
#[derive(Clone, Debug)]
pub struct TabLink {
    /// Which tab it is.
    pub tab: Tab,
    /// Its literal label.
    pub label: &'static str,
    /// Where it leads.
    pub href: String,
    /// The number of open things beside the label.
    pub count: Option<i64>,
    /// Whether this page belongs to it.
    pub current: bool,
}

/// How much of an amount is used, as a bar and in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meter {
    /// The whole, in micro-credits.
    pub max: i64,
    /// From where on little is left.
    pub low: i64,
    /// From where on nothing is left.
    pub high: i64,
    /// How much is used, at most the whole.
    pub value: i64,
    /// All of it in words.
    pub words: String,
}

impl Meter {
    /// The bar of an amount; none when there is no whole.
    pub fn of(used: i64, whole: i64, words: String) -> Option<Self> {
        (whole > 0).then(|| Self {
            max: whole,
            low: whole / 5 * 4,
            high: whole.saturating_sub(1),
            value: used.clamp(0, whole),
            words,
        })
    }
}

/// The parts of an organization.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// Members.
    #[default]
    Members,
    /// Manage Invites.
    Invites,
    /// Groups.
    Groups,
    /// API Keys.
    Keys,
    /// Usage.
    Usage,
    /// Limits.
    Limits,
    /// Credits.
    Credits,
    /// Roles.
    Roles,
    /// Settings.
    Settings,
    /// Audit log.
    Audit,
}

/// The enterprise's name, sidebar and switcher.
#[derive(Clone, Debug, Default)]
pub struct EnterpriseShell {
    /// The enterprise's name.
    pub name: String,
    /// One or two letters for the avatar.
    pub initials: String,
    /// The avatar's colour, 1 to 8.
    pub hue: u8,
    /// The part this page belongs to.
    pub current: EnterpriseTab,
    /// The parts this person may open, in order.
    pub links: Vec<EnterpriseLink>,
    /// The organizations this person may switch to.
    pub switcher: Vec<SwitchEntry>,
    /// Whether there are more organizations than the switcher shows.
    pub more: bool,
}

/// One link in the sidebar of the Enterprise Portal.
#[derive(Clone, Debug)]
pub struct EnterpriseLink {
    /// Which part it is.
    pub tab: EnterpriseTab,
    /// Where it leads.
    pub href: String,
    /// The number of open things beside the label.
    pub count: Option<i64>,
}

/// The parts of the Enterprise Portal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EnterpriseTab {
    /// Overview.
    #[default]
    Overview,
    /// Users.
    Users,
    /// Organizations.
    Organizations,
    /// Roles.
    Roles,
    /// Outbox.
    Outbox,
    /// Audit log.
    Audit,
    /// Settings.
    Settings,
}

/// One organization in the switcher.
#[derive(Clone, Debug, Default)]
pub struct SwitchEntry {
    /// The organization's name.
    pub name: String,
    /// Where it leads.
    pub href: String,
    /// The person's role there, or its number of members.
    pub note: String,
    /// One or two letters for the avatar.
    pub initials: String,
    /// The avatar's colour, 1 to 8.
    pub hue: u8,
    /// Whether it is the one shown now.
    pub current: bool,
}

/// A short message about what just happened.
#[derive(Clone, Debug, Default)]
pub struct Toast {
    /// How it went.
    pub kind: ToastKind,
    /// What happened to whom, in one sentence.
    pub text: String,
    /// A second sentence, or nothing.
    pub detail: String,
    /// The way back, where there is one.
    pub undo: Option<Undo>,
    /// Whether it stays until it is dismissed.
    pub stay: bool,
}

/// How something went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ToastKind {
    /// It worked.
    #[default]
    Ok,
    /// It worked in part, or needs attention.
    Warn,
    /// It did not work.
    Bad,
}

/// The button that takes a change back.
#[derive(Clone, Debug, Default)]
pub struct Undo {
    /// What the button says.
    pub label: String,
    /// The path it posts to.
    pub action: String,
}

/// A link with its label.
#[derive(Clone, Debug, Default)]
pub struct Link {
    /// What the link says.
    pub label: String,
    /// Where it leads.
    pub href: String,
}

/// One option of a select, radio group or list of checkboxes.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// What the form sends.
    pub value: String,
    /// What is shown.
    pub label: String,
    /// Whether it is chosen now.
    pub selected: bool,
}

/// One of several links of which one is on: a status with its count.
#[derive(Clone, Debug, Default)]
pub struct FilterLink {
    /// A word that tells it apart, part of the element's id.
    pub id: &'static str,
    /// What the link says.
    pub label: &'static str,
    /// How many it shows.
    pub count: Option<i64>,
    /// The list with this filter.
    pub href: String,
    /// Whether it is on.
    pub current: bool,
}

/// A filter that is on.
#[derive(Clone, Debug, Default)]
pub struct Chip {
    /// What it is, as in "Role: Manager".
    pub label: String,
    /// The list without it.
    pub remove: String,
}

/// A column one can sort by.
#[derive(Clone, Debug, Default)]
pub struct Sort {
    /// The list sorted by it, the other way round if it is already.
    pub href: String,
    /// "ascending" or "descending" if the list is sorted by it now, else empty.
    pub direction: &'static str,
}

/// A group as a tag.
#[derive(Clone, Debug, Default)]
pub struct Tag {
    /// The group's name.
    pub label: String,
    /// Its colour, 1 to 8.
    pub hue: u8,
}

/// A label and its value.
#[derive(Clone, Debug, Default)]
pub struct Fact {
    /// What it is.
    pub label: &'static str,
    /// The value, in words.
    pub value: String,
}

/// A page that says what went wrong and what to do; prints `error.html`.
#[derive(Clone, Debug, Default, askama::Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// The frame.
    pub l: Layout,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong, in a few words.
    pub title: String,
    /// Why, and what to do about it.
    pub detail: String,
    /// The number of this request, to quote when asking for help; may be empty.
    pub request_id: String,
    /// The way on.
    pub action: Option<Link>,
    /// Where the refusal is explained, for whoever may see it.
    pub why: Option<Link>,
}

/// The same as a fragment for htmx: a message in `#toasts` that stays; prints `error_fragment.html`.
#[derive(Clone, Debug, Default, askama::Template)]
#[template(path = "error_fragment.html")]
pub struct ErrorFragment {
    /// The message.
    pub toast: Toast,
}

/// Messages as a fragment for htmx, to stand behind the main part of an answer; prints `toasts.html`.
#[derive(Clone, Debug, Default, askama::Template)]
#[template(path = "toasts.html")]
pub struct Toasts {
    /// The token of this session, for Undo.
    pub csrf: String,
    /// The messages, in order.
    pub toasts: Vec<Toast>,
}

impl Layout {
    /// The window's title: the thing, then the organization or enterprise, then Muster.
    pub fn window_title(&self) -> String {
        match (&self.org, &self.enterprise) {
            (Some(org), _) => format!("{} · {} · Muster", self.title, org.name),
            (None, Some(enterprise)) => format!("{} · {} · Muster", self.title, enterprise.name),
            (None, None) => format!("{} · Muster", self.title),
        }
    }
}

impl Theme {
    /// The value of the `color-scheme` meta element.
    pub fn color_scheme(self) -> &'static str {
        match self {
            Self::System => "light dark",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

impl Tab {
    /// The literal label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Members => "Members",
            Self::Invites => "Manage Invites",
            Self::Groups => "Groups",
            Self::Keys => "API Keys",
            Self::Usage => "Usage",
            Self::Limits => "Limits",
            Self::Credits => "Credits",
            Self::Roles => "Roles",
            Self::Settings => "Settings",
            Self::Audit => "Audit log",
        }
    }
}

impl EnterpriseTab {
    /// The literal label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Users => "Users",
            Self::Organizations => "Organizations",
            Self::Roles => "Roles",
            Self::Outbox => "Outbox",
            Self::Audit => "Audit log",
            Self::Settings => "Settings",
        }
    }

    /// The icon beside it.
    pub fn icon(self) -> &'static str {
        match self {
            Self::Overview => "layout-dashboard",
            Self::Users => "users-round",
            Self::Organizations => "building-2",
            Self::Roles => "shield-check",
            Self::Outbox => "mail",
            Self::Audit => "scroll-text",
            Self::Settings => "settings",
        }
    }

    /// The heading above it in the sidebar, where a section begins.
    pub fn heading(self) -> Option<&'static str> {
        matches!(self, Self::Outbox).then_some("Enterprise")
    }
}

impl ToastKind {
    /// The class that colours it.
    pub fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }

    /// The icon before it.
    pub fn icon(self) -> &'static str {
        match self {
            Self::Ok => "circle-check",
            Self::Warn => "triangle-alert",
            Self::Bad => "circle-alert",
        }
    }
}

/// One or two capital letters for an avatar: of the first and the last word of a name, or of an address.
pub fn initials(name: &str) -> String {
    let name = match name.split_once('@') {
        Some((local, _)) => local.replace(['.', '_', '-', '+'], " "),
        None => name.to_owned(),
    };
    let mut letters = name.split_whitespace().filter_map(first_letter);
    match (letters.next(), letters.next_back()) {
        (Some(first), Some(last)) => first + &last,
        (Some(only), None) => only,
        (None, _) => "?".to_owned(),
    }
}

/// The colour of an avatar or tag, 1 to 8, the same for the same id every time.
pub fn hue(raw: i64) -> u8 {
    // Ids of one organization follow each other; the multiplication (2^64 / golden ratio) spreads neighbours.
    1 + ((raw as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 61) as u8
}

/// The first letter or digit of a word as a capital, with the marks that belong to it.
fn first_letter(word: &str) -> Option<String> {
    let mut rest = word.nfc().skip_while(|c| !c.is_alphanumeric());
    // Some letters have capitals of two letters (ß, ﬁ); one is enough.
    let mut letter: String = rest.next()?.to_uppercase().take(1).collect();
    letter.extend(rest.take_while(|c| is_combining_mark(*c)).take(2));
    Some(letter)
}

#[cfg(test)]
mod tests {
    use askama::Template as _;

    use super::*;

    #[test]
    fn initials_are_of_the_first_and_last_word() {
        for (name, expected) in [
            ("Priya Raman", "PR"),
            ("Oluwaseun Adeyemi-Thompson", "OA"),
            ("Nguyen Minh Anh", "NA"),
            ("Kestrel", "K"),
            ("élodie  o\u{301}lafsson", "ÉÓ"),
            ("  (Dr.) Ann ", "DA"),
            ("山田 太郎", "山太"),
            ("jonas.weber@kestrel.example", "JW"),
            ("ops@x.example", "O"),
            ("ßtefan", "S"),
            ("🦅", "?"),
            ("", "?"),
        ] {
            assert_eq!(initials(name), expected, "{name}");
        }
    }

    #[test]
    fn a_hue_is_one_of_eight_and_neighbours_differ() {
        let hues: Vec<u8> = (0..800).map(|n| hue((7 << 32) | n)).collect();
        assert!(hues.iter().all(|hue| (1..=8).contains(hue)));
        for wanted in 1..=8 {
            let n = hues.iter().filter(|hue| **hue == wanted).count();
            assert!((80..=120).contains(&n), "hue {wanted} came {n} times of 800");
        }
        assert!(hues.windows(2).all(|pair| pair[0] != pair[1]));
        assert!((1..=8).contains(&hue(-1)) && (1..=8).contains(&hue(i64::MIN)));
    }

    #[test]
    fn a_window_title_names_the_organization() {
        let mut l = Layout {
            title: "Members".into(),
            ..Layout::default()
        };
        assert_eq!(l.window_title(), "Members · Muster");
        l.enterprise = Some(EnterpriseShell {
            name: "Halden Group".into(),
            ..EnterpriseShell::default()
        });
        assert_eq!(l.window_title(), "Members · Halden Group · Muster");
        l.org = Some(OrgShell {
            name: "Kestrel".into(),
            ..OrgShell::default()
        });
        assert_eq!(l.window_title(), "Members · Kestrel · Muster");
    }

    #[derive(askama::Template)]
    #[template(
        ext = "html",
        source = r#"{% extends "layout.html" %}{% block content %}<main class="page" id="main" tabindex="-1"><h1>Members</h1></main>{% endblock %}"#
    )]
    struct InOrganization {
        l: Layout,
    }

    #[derive(askama::Template)]
    #[template(
        ext = "html",
        source = r#"{% extends "layout_enterprise.html" %}{% block main %}<main class="page" id="main" tabindex="-1"><h1>Overview</h1></main>{% endblock %}"#
    )]
    struct InEnterprise {
        l: Layout,
    }

    /// Names that would break out of a careless template.
    const NAME: &str = "Ann <b>\"O'Neil\"</b> & Co";

    fn sample() -> Layout {
        Layout {
            title: "Members".into(),
            csrf: "token-1".into(),
            theme: Theme::Dark,
            person: Some(PersonMenu {
                name: NAME.into(),
                email: "ann@kestrel.example".into(),
                initials: initials(NAME),
                hue: hue(7),
                picture: Some("/pictures/00".into()),
                manage_href: Some("/o/kestrel/members".into()),
                enterprise: true,
                pending_invitations: 2,
                unread: 3,
            }),
            flash: vec![Toast {
                text: "Bob was deactivated.".into(),
                undo: Some(Undo {
                    label: "Activate".into(),
                    action: "/o/kestrel/members/mem_1/suspension/end".into(),
                }),
                ..Toast::default()
            }],
            host: "muster.example".into(),
            insecure_banner: true,
            back: "/o/kestrel/members".into(),
            ..Layout::default()
        }
    }

    fn entry(name: &str, current: bool) -> SwitchEntry {
        SwitchEntry {
            name: name.into(),
            href: "/o/x/members".into(),
            note: "Developer".into(),
            initials: initials(name),
            hue: 3,
            current,
        }
    }

    fn org() -> OrgShell {
        let link = |tab, label, count| TabLink {
            tab,
            label,
            href: format!("/o/kestrel/{label}"),
            count,
            current: tab == Tab::Members,
        };
        OrgShell {
            name: NAME.into(),
            slug: "kestrel".into(),
            archived: true,
            tabs: vec![
                link(Tab::Members, "Members", None),
                link(Tab::Invites, "Manage Invites", Some(1_204)),
            ],
            switcher: vec![entry(NAME, true), entry("Kestrel Labs", false)],
            more: true,
            ..OrgShell::default()
        }
    }

    fn texts(page: &scraper::Html, selector: &str) -> Vec<String> {
        let selector = scraper::Selector::parse(selector).unwrap();
        page.select(&selector)
            .map(|e| {
                e.text()
                    .collect::<String>()
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect()
    }

    /// What holds on every page: one h1, a title, nothing inline, a name for every control, a token in every posting form.
    fn check(html: &str, title: &str) -> scraper::Html {
        let page = scraper::Html::parse_document(html);
        assert_eq!(texts(&page, "title"), [title]);
        assert_eq!(texts(&page, "h1").len(), 1, "{html}");
        assert_eq!(texts(&page, "main#main").len(), 1);
        assert!(texts(&page, "style, script:not([src])").is_empty());
        for element in page.tree.nodes().filter_map(|node| node.value().as_element()) {
            for (name, _) in element.attrs() {
                assert!(
                    name != "style" && !name.starts_with("on") && !name.starts_with("hx-on"),
                    "<{} {name}>",
                    element.name()
                );
            }
        }
        for field in page.select(&scraper::Selector::parse("input:not([type=hidden]), select, textarea").unwrap()) {
            let labelled = field.attr("aria-label").is_some()
                || field
                    .ancestors()
                    .any(|node| node.value().as_element().is_some_and(|e| e.name() == "label"))
                || field
                    .attr("id")
                    .is_some_and(|id| !texts(&page, &format!("label[for='{id}']")).is_empty());
            assert!(labelled, "{} has no label", field.html());
        }
        for button in page.select(&scraper::Selector::parse("button, a").unwrap()) {
            let named = button.attr("aria-label").is_some() || button.text().any(|text| !text.trim().is_empty());
            assert!(named, "{} has no name", button.html());
        }
        for form in page.select(&scraper::Selector::parse("form[method=post]").unwrap()) {
            let token = scraper::Selector::parse("input[type=hidden][name=csrf]").unwrap();
            assert_eq!(
                form.select(&token).next().and_then(|field| field.attr("value")),
                Some("token-1"),
                "{}",
                form.html()
            );
        }
        let ids: Vec<_> = page
            .select(&scraper::Selector::parse("[id]").unwrap())
            .filter_map(|e| e.attr("id"))
            .collect();
        let once: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), once.len(), "an id stands twice in {ids:?}");
        assert!(!html.contains("<b>"), "a name was not escaped");
        page
    }

    #[test]
    fn an_organization_page_has_its_frame() {
        let html = InOrganization {
            l: Layout {
                org: Some(org()),
                ..sample()
            },
        }
        .render()
        .unwrap();
        let page = check(&html, &format!("Members · {NAME} · Muster"));
        assert_eq!(texts(&page, "nav.tabs a"), ["Members", "Manage Invites 1,204 pending"]);
        assert_eq!(texts(&page, "nav.tabs [aria-current=page]"), ["Members"]);
        assert_eq!(texts(&page, ".topbar .btn-user .name"), [NAME]);
        let menu = texts(&page, "#user-menu a");
        assert!(
            menu.contains(&"Manage Organization".to_owned()) && menu.contains(&"Enterprise Portal".to_owned()),
            "{menu:?}"
        );
        assert!(menu.contains(&"Invitations2 waiting".to_owned()), "{menu:?}");
        assert_eq!(texts(&page, "#org-menu a[aria-current=true] .trunc"), [NAME]);
        assert_eq!(texts(&page, "#org-menu form[role=search]").len(), 1);
        assert!(html.contains(r#"<meta name="color-scheme" content="dark">"#));
        assert!(html.contains(r#"hx-headers:inherited='{"X-CSRF-Token":"token-1"}'"#));
        let checked = scraper::Selector::parse("#user-menu input[checked]").unwrap();
        assert_eq!(
            page.select(&checked)
                .map(|e| e.attr("value").unwrap())
                .collect::<Vec<_>>(),
            ["dark"]
        );
        assert_eq!(texts(&page, ".banner").len(), 2);
        assert_eq!(texts(&page, "#toasts .toast form button"), ["Activate"]);
    }

    #[test]
    fn one_without_rights_sees_no_doors() {
        let mut l = Layout {
            org: Some(OrgShell {
                more: false,
                archived: false,
                ..org()
            }),
            ..sample()
        };
        if let Some(person) = &mut l.person {
            person.manage_href = None;
            person.enterprise = false;
            person.pending_invitations = 0;
        }
        l.insecure_banner = false;
        let page = check(
            &InOrganization { l }.render().unwrap(),
            &format!("Members · {NAME} · Muster"),
        );
        assert_eq!(
            texts(&page, "#user-menu a"),
            ["Your profile", "Password and sessions", "Your API keys"]
        );
        assert!(texts(&page, "#org-menu form, .banner").is_empty());
    }

    #[test]
    fn a_personal_page_has_no_tabs() {
        let page = check(&InOrganization { l: sample() }.render().unwrap(), "Members · Muster");
        assert!(texts(&page, "nav.tabs, #org-menu").is_empty());
        assert_eq!(texts(&page, ".btn-user").len(), 1);
    }

    #[test]
    fn an_enterprise_page_has_its_sidebar() {
        let link = |tab, count| EnterpriseLink {
            tab,
            href: "/e/x".into(),
            count,
        };
        let enterprise = EnterpriseShell {
            name: "Halden Group".into(),
            current: EnterpriseTab::Users,
            links: vec![
                link(EnterpriseTab::Overview, None),
                link(EnterpriseTab::Users, None),
                link(EnterpriseTab::Outbox, Some(3)),
            ],
            switcher: vec![entry("Kestrel Labs", false)],
            ..EnterpriseShell::default()
        };
        let html = InEnterprise {
            l: Layout {
                title: "Users".into(),
                enterprise: Some(enterprise),
                ..sample()
            },
        }
        .render()
        .unwrap();
        let page = check(&html, "Users · Halden Group · Muster");
        assert_eq!(texts(&page, ".sidebar a"), ["Overview", "Users", "Outbox 3 open"]);
        assert_eq!(texts(&page, ".sidebar [aria-current=page]"), ["Users"]);
        assert_eq!(texts(&page, ".sidebar h2"), ["Enterprise"]);
        assert_eq!(texts(&page, "#org-menu a").len(), 2);
    }

    #[test]
    fn an_error_says_what_and_the_way_on() {
        for status in [403, 404, 409, 410, 422, 429, 500, 503] {
            let mut error = ErrorPage {
                l: Layout {
                    title: "No access".into(),
                    ..sample()
                },
                status,
                title: "You can’t open this page".into(),
                detail: "Settings are for Org Admins.".into(),
                request_id: "req_1".into(),
                action: Some(Link {
                    label: "Back to Members".into(),
                    href: "/o/kestrel/members".into(),
                }),
                why: None,
            };
            let page = check(&error.render().unwrap(), "No access · Muster");
            assert_eq!(texts(&page, ".badge"), [format!("HTTP {status}")]);
            assert_eq!(texts(&page, "a.btn"), ["Back to Members"]);
            assert_eq!(texts(&page, "dd"), ["req_1"]);
            assert_eq!(texts(&page, "footer"), ["muster.example"]);
            (error.action, error.l.person, error.request_id) = (None, None, String::new());
            let page = check(&error.render().unwrap(), "No access · Muster");
            assert!(texts(&page, "a.btn, dl, form[action='/sign-out']").is_empty());
        }
    }

    #[test]
    fn fragments_bring_their_messages_to_the_toasts() {
        let bad = Toast {
            kind: ToastKind::Bad,
            text: NAME.into(),
            detail: "Try again.".into(),
            stay: true,
            undo: None,
        };
        let html = ErrorFragment { toast: bad.clone() }.render().unwrap();
        assert!(
            html.contains(r##"<hx-partial hx-target="#toasts" hx-swap="beforeend"><div class="toast bad stay">"##),
            "{html}"
        );
        assert!(!html.contains("<b>"));
        let undo = Some(Undo {
            label: "Undo".into(),
            action: "/undo".into(),
        });
        let html = Toasts {
            csrf: "token-1".into(),
            toasts: vec![
                bad,
                Toast {
                    undo,
                    ..Toast::default()
                },
            ],
        }
        .render()
        .unwrap();
        assert_eq!(html.matches("<hx-partial").count(), 2);
        assert!(html.contains(r#"name="csrf" value="token-1""#));
    }
}
