//! Organizations and people, through domain verbs.

use actix_web::cookie::{Cookie, CookieJar, Key};
use muster::{
    access::{OrgRef, Role},
    audit::Actor,
    auth::{
        self,
        account::{self, NewAccount, Proof},
    },
    db::Read as _,
    ids::{MemberId, OrgId, UserId},
    mail::address::Address,
    members::member::{self, NewMember, Source},
    orgs::{self, NewOrg},
    web::request::Trace,
};

use super::{Client, Portal};

/// An organization of the test.
#[derive(Debug, Clone)]
pub struct Org {
    /// Its id.
    pub id: OrgId,
    /// Its place in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
}

impl Org {
    /// A path within it.
    pub fn path(&self, rest: &str) -> String {
        format!("/o/{}{rest}", self.slug)
    }
}

/// A person of the test, signed in.
pub struct Someone {
    /// The account.
    pub user: UserId,
    /// The membership; none for enterprise access.
    pub member: Option<MemberId>,
    /// The address.
    pub email: String,
    /// The name.
    pub name: String,
    /// The browser.
    pub client: Client,
}

impl std::ops::Deref for Someone {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Someone {
    /// The membership's id as addresses write it.
    pub fn id(&self) -> String {
        self.member.expect("a member").to_string()
    }
}

impl Portal {
    /// The operator.
    pub fn operator(&self) -> Actor {
        Actor::operator(&self.app.keys)
    }

    /// Makes the enterprise, once.
    pub async fn enterprise(&self) {
        let mut tx = self.app.db.write().await.expect("a transaction");
        if orgs::find_enterprise(&mut tx).await.expect("a look").is_none() {
            let now = self.clock.now();
            orgs::create_enterprise(
                &mut tx,
                &self.operator(),
                "Halden Group",
                "help@halden.example",
                "Europe/Oslo",
                now,
            )
            .await
            .expect("an enterprise");
        }
        tx.commit().await.expect("a commit");
    }

    /// Makes an organization in Berlin.
    pub async fn org(&self, name: &str) -> Org {
        self.enterprise().await;
        let mut tx = self.app.db.write().await.expect("a transaction");
        let new = NewOrg {
            name: name.to_owned(),
            slug: None,
            zone: "Europe/Berlin".to_owned(),
            support_contact: "it@acme.example".to_owned(),
        };
        let by = muster::access::operator(self.operator());
        let id = orgs::create(&mut tx, &by, new, self.clock.now())
            .await
            .expect("an organization");
        let org = orgs::find(&mut tx, id).await.expect("it is there");
        tx.commit().await.expect("a commit");
        Org {
            id,
            slug: org.slug,
            name: org.name,
        }
    }

    /// Makes an account, or finds it; `ann` has the address `ann@acme.example`.
    pub async fn account(&self, who: &str) -> (UserId, Address, String) {
        let email = if who.contains('@') {
            who.to_owned()
        } else {
            format!("{who}@acme.example")
        };
        let address = Address::parse(&email).expect("an address");
        let local = email.split('@').next().unwrap_or_default();
        let mut letters = local.chars();
        let name: String = letters
            .next()
            .map(|first| first.to_uppercase().chain(letters).collect())
            .unwrap_or_default();
        let mut tx = self.app.db.write().await.expect("a transaction");
        let found = account::find_by_key(&mut tx, address.key()).await.expect("a look");
        let user = match found {
            Some(account) => account.id,
            None => {
                let new = NewAccount {
                    email: &address,
                    name: &name,
                    password_hash: None,
                    proof: Proof::Mailed,
                };
                account::create(&mut tx, &self.operator(), new, self.clock.now())
                    .await
                    .expect("an account")
            }
        };
        tx.commit().await.expect("a commit");
        (user, address, name)
    }

    /// Adds a person to an organization and signs them in.
    pub async fn member(&self, org: &Org, role: Role, who: &str) -> Someone {
        let (user, email, name) = self.account(who).await;
        let mut tx = self.app.db.write().await.expect("a transaction");
        let new = NewMember {
            user,
            email: &email,
            name: &name,
            role,
            source: Source::SetUp,
            groups: &[],
            expires_at: None,
        };
        let member = member::join(&mut tx, &self.operator(), org.id, new, self.clock.now())
            .await
            .expect("a membership");
        tx.commit().await.expect("a commit");
        let client = self.sign_in(user).await;
        Someone {
            user,
            member: Some(member),
            email: email.display().to_owned(),
            name,
            client,
        }
    }

    /// Makes a person with a role over the enterprise and signs them in.
    pub async fn enterprise_member(&self, role: muster::access::EnterpriseRole, who: &str) -> Someone {
        self.enterprise().await;
        let (user, email, name) = self.account(who).await;
        let mut tx = self.app.db.write().await.expect("a transaction");
        account::set_enterprise_role(&mut tx, &self.operator(), user, Some(role), self.clock.now())
            .await
            .expect("a role");
        tx.commit().await.expect("a commit");
        let client = self.sign_in(user).await;
        Someone {
            user,
            member: None,
            email: email.display().to_owned(),
            name,
            client,
        }
    }

    /// Opens a session of the account in a new browser.
    pub async fn sign_in(&self, user: UserId) -> Client {
        Client::with_cookie(&self.url, &self.session_of(user).await)
    }

    /// Opens a session of the account; the cookie as a browser sends it.
    pub async fn session_of(&self, user: UserId) -> String {
        let mut tx = self.app.db.write().await.expect("a transaction");
        let token = auth::sign_in_as(
            &mut tx,
            &self.app.settings.sessions,
            user,
            &Trace::default(),
            self.clock.now(),
        )
        .await
        .expect("a session");
        tx.commit().await.expect("a commit");
        let name = self.app.settings.session_cookie();
        let mut jar = CookieJar::new();
        jar.signed_mut(&Key::from(&self.app.keys.cookie()))
            .add(Cookie::new(name, token.expose().to_owned()));
        jar.get(name).expect("the cookie").encoded().to_string()
    }

    /// The organization as verbs see it.
    pub async fn org_ref(&self, org: &Org) -> OrgRef {
        muster::access::inside::<muster::access::permission::MemberRead>(
            &mut self.app.db.read(),
            self.operator(),
            org.id,
        )
        .await
        .expect("it is there")
        .org()
        .clone()
    }

    /// Works off the outbox once, as the worker does.
    pub async fn post(&self) {
        muster::jobs::post(&self.app).await.expect("the outbox");
    }

    /// The latest mail to an address, in words.
    #[track_caller]
    pub fn mail_to(&self, address: &str) -> impl Future<Output = Mail> {
        let address = address.to_owned();
        let app = std::sync::Arc::clone(&self.app);
        async move {
            let rows = muster::mail::outbox::list(&mut app.db.read(), None, None, 10_000)
                .await
                .expect("the outbox");
            let row = rows
                .into_iter()
                .find(|row| row.recipient == address)
                .unwrap_or_else(|| panic!("no mail to {address}"));
            let words = row.render(&app.settings, &app.keys).expect("the mail in words");
            Mail {
                subject: words.subject,
                text: words.text,
                html: words.html,
                row,
            }
        }
    }

    /// How many mails there are to an address.
    pub async fn mails_to(&self, address: &str) -> usize {
        let rows = muster::mail::outbox::list(&mut self.app.db.read(), None, None, 10_000)
            .await
            .expect("the outbox");
        rows.iter().filter(|row| row.recipient == address).count()
    }

    /// The one number that a query gives.
    pub async fn number(&self, text: impl Into<String>) -> i64 {
        let rows: Vec<(i64,)> = self
            .app
            .db
            .read()
            .rows(muster::db::Text::Made(text.into()), ())
            .await
            .expect("a number");
        rows[0].0
    }

    /// Runs a statement that no verb has (yet).
    pub async fn run(&self, text: &str) {
        let text: &'static str = Box::leak(text.to_owned().into_boxed_str());
        let sql: muster::db::Sql<(), ()> = muster::db::Sql::new(text, text);
        let mut tx = self.app.db.write().await.expect("a transaction");
        tx.run(sql, ()).await.expect("it runs");
        tx.commit().await.expect("a commit");
    }

    /// The actions recorded in an organization's chain (the enterprise's for none), oldest first.
    pub async fn audit(&self, org: Option<&Org>) -> Vec<muster::audit::store::Row> {
        muster::audit::store::list_after(&mut self.app.db.read(), org.map_or(0, |org| org.id.raw()), 0, 100_000)
            .await
            .expect("the chain")
    }
}

/// A mail in words.
#[derive(Debug)]
pub struct Mail {
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The page.
    pub html: String,
    /// Its row in the outbox.
    pub row: muster::mail::outbox::MailRow,
}

impl Mail {
    /// The first link of the text, as a path of the portal.
    #[track_caller]
    pub fn link(&self) -> String {
        let at = self
            .text
            .find("http")
            .unwrap_or_else(|| panic!("no link in {}", self.text));
        let link = self.text[at..].split_whitespace().next().expect("a link");
        url::Url::parse(link)
            .map(|url| url[url::Position::BeforePath..].to_owned())
            .expect("a URL")
    }
}
