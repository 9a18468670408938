//! The roles room: the catalogue, custom roles, "Manage Roles", roles over the enterprise, and why something was denied.

use std::collections::BTreeSet;

use muster::{
    access::{
        self, Can, EnterpriseCan, EnterpriseRole, Permission as P, Permissions, Role,
        permission::{EnterpriseRoles, Right, RoleAssign, RoleManage},
    },
    audit,
    ids::{MemberId, RoleId},
    members::{
        assignment::{self, Assignment},
        member::{self, Change},
    },
    roles::{self, Draft},
};
use reqwest::Method;

use crate::support::{Answer, Client, Org, Portal, Someone, raw, spawn, texts};

async fn proof<Q: Right>(portal: &Portal, org: &Org) -> Can<Q> {
    access::inside(&mut portal.app.db.read(), portal.operator(), org.id)
        .await
        .expect("the organization")
}

/// Makes a custom role as the operator.
async fn make(portal: &Portal, org: &Org, name: &str, permissions: &[P]) -> RoleId {
    let by = proof::<RoleManage>(portal, org).await;
    let draft = Draft {
        name: name.to_owned(),
        description: String::new(),
        permissions: permissions.iter().copied().collect(),
    };
    let mut tx = portal.app.db.write().await.unwrap();
    let id = roles::role::create(&mut tx, &by, &draft, portal.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    id
}

/// Sets all of a member's roles as the operator.
async fn give(portal: &Portal, org: &Org, member: MemberId, role: Role, additional: &[RoleId]) {
    let by = proof::<RoleAssign>(portal, org).await;
    let to = Assignment {
        role: Some(role),
        additional: Some(additional.to_vec()),
    };
    let mut tx = portal.app.db.write().await.unwrap();
    assignment::assign(&mut tx, &by, Change::from(member), to, portal.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// Gives a member some permissions beside their built-in role, as the operator.
pub async fn give_permissions(portal: &Portal, org: &Org, member: MemberId, permissions: &[P]) {
    let id = make(portal, org, &format!("Extra {}", member.raw()), permissions).await;
    let role = has(portal, org, member).await.0;
    give(portal, org, member, role, &[id]).await;
}

/// The built-in role and the names of the additional ones.
async fn has(portal: &Portal, org: &Org, member: MemberId) -> (Role, Vec<String>) {
    let mut db = portal.app.db.read();
    let role = member::find(&mut db, org.id, member).await.unwrap().role;
    let held = roles::held_by(&mut db, org.id, member).await.unwrap();
    (role, held.into_iter().map(|one| one.name).collect())
}

async fn save(who: &Client, org: &Org, member: MemberId, role: Role, additional: &[RoleId]) -> Answer {
    let ids: Vec<String> = additional.iter().map(ToString::to_string).collect();
    let mut fields = vec![("role", role.key())];
    fields.extend(ids.iter().map(|id| ("additional", id.as_str())));
    who.post(&org.path(&format!("/members/{member}/roles")), &fields).await
}

async fn admins(portal: &Portal, org: &Org) -> usize {
    let text = format!(
        "select name from members where org_id = {} and role = 60 and status in (1, 2)",
        org.id.raw()
    );
    texts(&portal.app.db, &text).await.len()
}

/// Everything that the room and the members keep, as one text.
async fn all_rows(portal: &Portal) -> Vec<String> {
    texts(
        &portal.app.db,
        "select cast(id as text) || name || permissions || description || cast(org_id as text) || cast(version as text) from roles
         union all select cast(role_id as text) || '/' || cast(member_id as text) || '/' || cast(org_id as text) from member_roles
         union all select key || title || cast(org_id as text) from host_permissions
         union all select cast(id as text) || email || name || cast(role as text) || cast(status as text) || cast(version as text) from members
         union all select cast(id as text) || email || cast(coalesce(enterprise_role, 0) as text) || cast(state as text) from users order by 1",
    )
    .await
}

#[actix_web::test]
async fn r_rol_07_to_11_the_list_says_what_each_role_permits() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    portal.member(&org, Role::Viewer, "vic").await;
    let page = ann.get(&org.path("/roles")).await.page(200);
    page.assert_says("No custom roles yet");
    page.row("Org Admin").assert_cell("Class", "Admin");
    page.row("Manager").assert_cell("Class", "Creator");
    page.row("Viewer").assert_cell("Members", "1");
    let id = make(&portal, &org, "Security review", &[P::AuditRead, P::RoleRead]).await;
    let bob = portal.member(&org, Role::Member, "bob").await;
    give(&portal, &org, bob.member.unwrap(), Role::Member, &[id]).await;
    let page = ann.get(&org.path("/roles")).await.page(200);
    let row = page.row("Security review");
    row.assert_cell("Class", "Viewer");
    row.assert_cell("Members", "1");
    row.assert_cell("Permits", "2 permissions");
    row.assert_cell("Permits", "Read the audit log");
    let page = ann.get(&org.path(&format!("/roles/{id}"))).await.page(200);
    page.assert_says("Held by 1 member");
    page.row("Bob").assert_cell("Built-in role", "Member");
    // The table to compare: a column for each role, for an auditor too.
    let eve = portal.enterprise_member(EnterpriseRole::Auditor, "eve").await;
    let page = eve.get(&org.path("/roles/matrix")).await.page(200);
    let row = page.row("Read the audit log");
    row.assert_cell("Org Admin", "Yes");
    row.assert_cell("Manager", "No");
    row.assert_cell("Security review", "Yes");
    page.row("Deploy applications").assert_cell("Manager", "Yes");
    page.row("Read through the API").assert_cell("Viewer", "Yes");
    let page = eve.get(&org.path("/roles")).await.page(200);
    assert_eq!(page.count("a[href$='/roles/new']"), 0, "an auditor changes nothing");
    // The list of members shows custom roles as badges.
    let page = ann.get(&org.path("/members")).await.page(200);
    page.row("Bob").assert_cell("Role", "Security review");
    let page = ann.get(&org.path(&format!("/members/{}", bob.id()))).await.page(200);
    page.assert_says("Security review");
    assert_eq!(page.first("nav.tabs a[href$='/roles']"), "Roles");
}

#[actix_web::test]
async fn b36_a_custom_role_is_made_changed_copied_and_deleted() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let path = org.path("/roles");
    // What is wrong stands beside the field, and nothing that was typed is lost.
    for (fields, says) in [
        (
            vec![("name", " "), ("permission", "audit.read")],
            "A name needs at least one letter or digit.",
        ),
        (
            vec![("name", "Manager"), ("permission", "audit.read")],
            "Manager is a built-in role.",
        ),
        (vec![("name", "Support")], "Choose at least one permission."),
        (
            vec![("name", "Support"), ("permission", "enterprise.read")],
            "Choose permissions from the list alone.",
        ),
        (
            vec![("name", "Support"), ("permission", "host:none")],
            "Choose permissions from the list alone.",
        ),
        (
            vec![("name", "Support"), ("permission", "everything")],
            "Choose permissions from the list alone.",
        ),
    ] {
        let mut all = vec![("description", "Answers questions")];
        all.extend(fields);
        let page = ann.post(&path, &all).await.page(422);
        page.assert_says(says);
        assert_eq!(page.value("description").as_deref(), Some("Answers questions"));
    }
    let page = ann
        .post(&path, &[("name", " "), ("permission", "audit.read")])
        .await
        .page(422);
    assert_eq!(
        page.attributes("input[name=permission][checked]", "value"),
        ["audit.read"]
    );
    let fields = [
        ("name", "Support"),
        ("description", "Answers questions"),
        ("permission", "member.suspend"),
        ("permission", "audit.read"),
    ];
    let href = ann.post(&path, &fields).await.redirects_to(&format!("{path}/rol_"));
    ann.get(&href).await.page(200).assert_says("Answers questions");
    ann.post(&path, &fields)
        .await
        .page(422)
        .assert_says("There is a role named Support already.");
    // A copy begins with the same permissions, of a built-in role too.
    let id = href.rsplit('/').next().unwrap().to_owned();
    let page = ann.get(&format!("{path}/new?from={id}")).await.page(200);
    assert_eq!(page.value("name").as_deref(), Some("Copy of Support"));
    let chosen: BTreeSet<String> = page
        .attributes("input[name=permission][checked]", "value")
        .into_iter()
        .collect();
    assert_eq!(
        chosen,
        BTreeSet::from(["audit.read".to_owned(), "member.suspend".to_owned()])
    );
    let page = ann.get(&format!("{path}/new?from=developer")).await.page(200);
    assert_eq!(
        page.count("input[name=permission][checked]"),
        Role::Developer.permissions().listed().count()
    );
    // F24: whoever saves second is told.
    let page = ann.get(&format!("{href}/edit")).await.page(200);
    let version = page.value("version").unwrap();
    let change = |name: &'static str| {
        let version = version.clone();
        let (ann, href) = (ann.client.clone(), href.clone());
        async move {
            ann.post(
                &href,
                &[("name", name), ("permission", "audit.read"), ("version", &version)],
            )
            .await
        }
    };
    change("Help desk").await.redirects_to(&href);
    change("Other desk")
        .await
        .page(409)
        .assert_says("Help desk was changed in the meantime.");
    ann.post(&href, &[("name", "No version"), ("permission", "audit.read")])
        .await
        .page(409);
    // Deleting hands its holders to another role, or leaves them one role less.
    let other = make(&portal, &org, "Readers", &[P::AuditRead]).await;
    let desk: RoleId = id.parse().unwrap();
    let (bob, cat) = (
        portal.member(&org, Role::Member, "bob").await.member.unwrap(),
        portal.member(&org, Role::Member, "cat").await.member.unwrap(),
    );
    give(&portal, &org, bob, Role::Member, &[desk]).await;
    give(&portal, &org, cat, Role::Member, &[desk, other]).await;
    let page = ann.get(&format!("{href}/deletion")).await.page(200);
    page.assert_says("2 members lose what it permits");
    let version = page.value("version").unwrap();
    for (instead, says) in [
        (id.as_str(), "Choose another role"),
        ("rol_0000000000000", "Choose one of the roles in the list."),
        ("x", "Choose one of the roles in the list."),
    ] {
        ann.post(
            &format!("{href}/deletion"),
            &[("version", &version), ("instead", instead)],
        )
        .await
        .page(422)
        .assert_says(says);
    }
    ann.post(&format!("{href}/deletion"), &[("version", "1")])
        .await
        .page(409);
    let instead = other.to_string();
    ann.post(
        &format!("{href}/deletion"),
        &[("version", &version), ("instead", &instead)],
    )
    .await
    .redirects_to(&path);
    for member in [bob, cat] {
        assert_eq!(
            has(&portal, &org, member).await,
            (Role::Member, vec!["Readers".to_owned()])
        );
    }
    ann.get(&href).await.page(404);
    let readers = format!("{path}/{other}");
    ann.htmx_post(&format!("{readers}/deletion"), &[("version", "1")]).await;
    assert_eq!(has(&portal, &org, bob).await, (Role::Member, Vec::new()));
    // Each step is recorded, the last ones for each person too.
    let actions: Vec<String> = portal
        .audit(Some(&org))
        .await
        .into_iter()
        .filter(|row| row.actor_name == "Ann")
        .map(|row| row.action)
        .collect();
    let wanted = [
        "role.create",
        "role.update",
        "role.delete",
        "member.role.change",
        "member.role.change",
        "role.delete",
        "member.role.change",
        "member.role.change",
    ];
    assert_eq!(actions, wanted);
    let report = audit::verify(&mut portal.app.db.read(), &portal.app.keys, &[])
        .await
        .unwrap();
    assert_eq!(report.faults, Vec::<String>::new());
}

#[actix_web::test]
async fn r_rol_06_a_role_is_felt_at_once_in_a_second_session() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let bob = portal.member(&org, Role::Member, "bob").await;
    let id = make(&portal, &org, "Security review", &[P::AuditRead]).await;
    let audit = org.path("/audit");
    bob.get(&audit).await.page(403);
    save(&ann, &org, bob.member.unwrap(), Role::Member, &[id]).await;
    bob.get(&audit).await.page(200);
    // A change of the role itself is felt as quickly.
    let role = org.path(&format!("/roles/{id}"));
    let fields = [
        ("name", "Security review"),
        ("permission", "settings.read"),
        ("version", "1"),
    ];
    ann.post(&role, &fields).await.redirects_to(&role);
    bob.get(&audit).await.page(403);
    bob.get(&org.path("/settings")).await.page(200);
    // Nothing is left while the membership does not act, and nothing after it has ended.
    let suspension = org.path(&format!("/members/{}/suspension", bob.id()));
    ann.post(&suspension, &[]).await;
    let bob_again = portal.sign_in(bob.user).await;
    bob_again.get(&org.path("/settings")).await.page(403);
    ann.post(&format!("{suspension}/end"), &[]).await;
    bob_again.get(&org.path("/settings")).await.page(200);
    save(&ann, &org, bob.member.unwrap(), Role::Member, &[]).await;
    bob_again.get(&org.path("/settings")).await.page(403);
    save(&ann, &org, bob.member.unwrap(), Role::Member, &[id]).await;
    let removal = org.path(&format!("/members/{}/removal", bob.id()));
    ann.post(&removal, &[("confirm", &bob.email)])
        .await
        .redirects_to(&org.path("/members"));
    let left = texts(&portal.app.db, "select cast(role_id as text) from member_roles").await;
    assert_eq!(left, Vec::<String>::new());
}

#[actix_web::test]
async fn r_rol_05_manage_roles_shows_current_roles_and_saves() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let bob = portal.member(&org, Role::Member, "bob").await;
    let (one, two) = (
        make(&portal, &org, "Readers", &[P::AuditRead]).await,
        make(&portal, &org, "Support", &[P::MemberSuspend]).await,
    );
    let path = org.path(&format!("/members/{}/roles", bob.id()));
    let page = ann.get(&org.path("/members")).await.page(200);
    let offered = page.attribute(&format!("#b-{}", bob.id()), "data-do").unwrap();
    assert!(
        offered.split(' ').any(|end| end == "roles"),
        "in the menu of the row: {offered}"
    );
    let page = ann.get(&org.path(&format!("/members/{}", bob.id()))).await.page(200);
    assert_eq!(page.first(&format!("a[href='{path}']")), "Manage Roles");
    let page = ann.get(&path).await.page(200);
    page.assert_says("Current roles");
    assert_eq!(page.all("input[name=additional] + span").len(), 2);
    let version = page.value("version").unwrap();
    save(&ann, &org, bob.member.unwrap(), Role::Developer, &[one, two]).await;
    assert_eq!(
        has(&portal, &org, bob.member.unwrap()).await,
        (Role::Developer, vec!["Readers".to_owned(), "Support".to_owned()])
    );
    let mail = portal.mail_to(&bob.email).await;
    assert!(mail.text.contains("Developer, Readers, Support"), "{}", mail.text);
    let page = ann.get(&path).await.page(200);
    assert_eq!(page.attributes("input[name=additional][checked]", "value").len(), 2);
    // F24: the dialog that was opened before is told so.
    ann.post(&path, &[("role", "viewer"), ("version", &version)])
        .await
        .page(409)
        .assert_says("Bob was changed in the meantime");
    // 422 keeps what was chosen.
    let two = two.to_string();
    let answer = ann.htmx_post(&path, &[("role", "king"), ("additional", &two)]).await;
    let page = answer.page(422);
    page.assert_says("Choose one of the roles in the list.");
    assert_eq!(
        page.attributes("input[name=additional][checked]", "value"),
        std::slice::from_ref(&two)
    );
    // With htmx the row comes back, with the roles as badges.
    let answer = ann.htmx_post(&path, &[("role", "viewer"), ("additional", &two)]).await;
    let page = answer.page(200);
    page.assert_says("The roles of Bob were saved.");
    page.assert_says("Support");
    // One row in the record for each change, in words.
    let page = ann.get(&org.path(&format!("/members/{}", bob.id()))).await.page(200);
    page.assert_says("Role changed from Developer to Viewer. Additional roles: Support, before Readers, Support");
    // Roles of another organization are none of this one's.
    let cedar = portal.org("Cedar").await;
    let foreign = make(&portal, &cedar, "Foreign", &[P::AuditRead]).await;
    save(&ann, &org, bob.member.unwrap(), Role::Viewer, &[foreign])
        .await
        .page(422)
        .assert_says("One of these roles is not there any more.");
    assert_eq!(
        has(&portal, &org, bob.member.unwrap()).await,
        (Role::Viewer, vec!["Support".to_owned()])
    );
}

/// C-19: every door leads to the same function, so what is recorded and what is kept is the same.
#[actix_web::test]
async fn r_rol_03_every_door_to_a_role_does_the_same() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let doors: [(&str, &[(&str, &str)]); 3] = [
        ("admin", &[]),
        ("role", &[("role", "administrator")]),
        ("roles", &[("role", "administrator")]),
    ];
    let mut seen = Vec::new();
    for (verb, fields) in doors {
        let someone = portal.member(&org, Role::Member, &format!("to-{verb}")).await;
        let path = org.path(&format!("/members/{}/{verb}", someone.id()));
        let answer = ann.post(&path, fields).await;
        assert_eq!(answer.status, 303, "{verb}: {}", answer.body);
        let rows = portal.audit(Some(&org)).await;
        let row = rows.last().unwrap();
        seen.push((
            row.action.clone(),
            row.before.clone(),
            row.after.clone(),
            has(&portal, &org, someone.member.unwrap()).await,
            portal.mails_to(&someone.email).await,
        ));
        someone.get(&org.path("/settings")).await.page(200);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    assert_eq!(seen[0].2, r#"{"role":"administrator"}"#);
}

#[actix_web::test]
async fn cve_c08_no_form_of_the_room_carries_more_than_its_fields() {
    type Told<'a> = (&'a Someone, String, Vec<(&'static str, String)>, Vec<&'a str>);
    let portal = spawn().await;
    let (org, cedar) = (portal.org("Acme").await, portal.org("Cedar").await);
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let boss = portal.enterprise_member(EnterpriseRole::Administrator, "boss").await;
    let bob = portal.member(&org, Role::Member, "bob").await;
    let id = make(&portal, &org, "Readers", &[P::AuditRead]).await;
    let (theirs, own, role) = (cedar.id.to_string(), ann.id(), id.to_string());
    let smuggled = [
        ("id", "1"),
        ("org_id", theirs.as_str()),
        ("org", cedar.slug.as_str()),
        ("user_id", "1"),
        ("member_id", own.as_str()),
        ("member", own.as_str()),
        ("role_id", role.as_str()),
        ("status", "4"),
        ("state", "3"),
        ("is_primary", "1"),
        ("enterprise_role", "100"),
        ("permissions", "member.manage org.settings"),
        ("name_key", "x"),
        ("created_at", "1"),
        ("is_shared", "1"),
        ("rank", "100"),
        ("class", "admin"),
        ("holders", "9"),
        ("email_key", "x@y.example"),
        ("password_hash", "x"),
        ("is_lead", "1"),
        ("expires_at", "1"),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    let with = |fields: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        let mut all: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        all.extend(smuggled.iter().cloned());
        all
    };
    let send = |who: &Someone, path: String, fields: Vec<(&'static str, String)>| {
        let who = who.client.clone();
        async move {
            let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            who.post(&path, &fields).await
        }
    };
    // Each form does its one thing; beside it every row stays as it was.
    let told: Vec<Told<'_>> = vec![
        (
            &ann,
            org.path("/roles"),
            with(&[("name", "New"), ("permission", "audit.read")]),
            vec!["New"],
        ),
        (
            &ann,
            org.path(&format!("/roles/{id}")),
            with(&[("name", "Renamed"), ("permission", "role.read"), ("version", "1")]),
            vec!["Renamed"],
        ),
        (
            &ann,
            org.path("/roles/permissions"),
            with(&[("key", "flow.publish"), ("title", "Publish")]),
            vec!["flow.publish"],
        ),
        (
            &boss,
            "/e/roles/permissions".to_owned(),
            with(&[("key", "flow.shared"), ("title", "Share")]),
            vec!["flow.shared"],
        ),
    ];
    for (who, path, fields, mine) in told {
        let before = all_rows(&portal).await;
        let answer = send(who, path.clone(), fields).await;
        assert_eq!(answer.status, 303, "{path}: {}", answer.body);
        let after = all_rows(&portal).await;
        let gone: Vec<_> = before.iter().filter(|row| !after.contains(row)).collect();
        let new: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
        assert_eq!(new.len(), 1, "{path}: {new:?}");
        assert!(mine.iter().all(|word| new[0].contains(word)), "{path}: {new:?}");
        assert!(
            gone.len() <= 1 && gone.iter().all(|row| row.contains("Readers")),
            "{path}: {gone:?}"
        );
        assert!(!new[0].contains("org.settings"), "{path}: {new:?}");
    }
    let owners = texts(
        &portal.app.db,
        "select key || ' ' || cast(org_id as text) from host_permissions order by key",
    )
    .await;
    assert_eq!(
        owners,
        [format!("flow.publish {}", org.id.raw()), "flow.shared 0".to_owned()]
    );
    // "Manage Roles" about Bob changes Bob's roles and version, and nobody else.
    let path = org.path(&format!("/members/{}/roles", bob.id()));
    let before = all_rows(&portal).await;
    let answer = send(&ann, path, with(&[("role", "viewer"), ("version", "1")])).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let after = all_rows(&portal).await;
    let new: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
    assert!(new.len() == 1 && new[0].contains(&bob.email), "{new:?}");
    assert_eq!(
        has(&portal, &org, bob.member.unwrap()).await,
        (Role::Viewer, Vec::new())
    );
    // Granting touches one account, in one column.
    let before = all_rows(&portal).await;
    let fields = with(&[("email", bob.email.as_str()), ("role", "enterprise_auditor")]);
    send(&boss, "/e/roles".to_owned(), fields)
        .await
        .redirects_to("/e/roles");
    let after = all_rows(&portal).await;
    let new: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
    assert_eq!(new.len(), 1);
    assert!(new[0].ends_with("701") && new[0].contains(&bob.email), "{new:?}");
    // Oneself: nobody without the right reaches any of these.
    let max = portal.member(&org, Role::Manager, "max").await;
    for path in [
        org.path(&format!("/members/{}/roles", max.id())),
        org.path("/roles"),
        org.path(&format!("/roles/{id}")),
        org.path(&format!("/roles/{id}/deletion")),
        org.path("/roles/permissions"),
        "/e/roles".to_owned(),
    ] {
        let fields = with(&[
            ("role", "administrator"),
            ("name", "X"),
            ("permission", "org.settings"),
            ("email", &max.email),
        ]);
        let answer = send(&max, path.clone(), fields).await;
        assert_eq!(answer.status, 403, "{path}");
    }
}

/// Every actor, target and new role of a list that holds all built-in and some custom ones: allowed exactly where both the target's
/// permissions and the new ones lie within the actor's, and no rank is passed.
#[actix_web::test]
async fn cve_c09_all_triples_with_custom_roles() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    portal.member(&org, Role::Administrator, "root").await; // so that the last one is never the matter
    let people = make(
        &portal,
        &org,
        "People desk",
        &[P::RoleAssign, P::MemberManage, P::AuditRead],
    )
    .await;
    let readers = make(&portal, &org, "Readers", &[P::AuditRead]).await;
    let settings = make(&portal, &org, "Settings desk", &[P::OrgSettings]).await;
    let kinds: Vec<(Role, Vec<RoleId>)> = vec![
        (Role::Viewer, vec![]),
        (Role::Member, vec![readers]),
        (Role::Developer, vec![people]),
        (Role::Member, vec![settings]),
        (Role::Manager, vec![settings, readers]),
        (Role::Administrator, vec![people]),
    ];
    let permits = |kind: &(Role, Vec<RoleId>)| -> BTreeSet<&'static str> {
        let mut all: BTreeSet<_> = kind.0.permissions().listed().map(P::key).collect();
        for id in &kind.1 {
            if *id == people {
                all.extend(["role.assign", "member.manage", "audit.read"]);
            } else if *id == readers {
                all.insert("audit.read");
            } else {
                all.insert("org.settings");
            }
        }
        if kind.0 == Role::Administrator {
            all.insert("host:*");
        }
        all
    };
    let target = portal.member(&org, Role::Viewer, "target").await.member.unwrap();
    let (mut allowed, mut asked) = (0, 0);
    for (place, actor) in kinds.iter().enumerate() {
        let someone = portal.member(&org, actor.0, &format!("actor{place}")).await;
        give(&portal, &org, someone.member.unwrap(), actor.0, &actor.1).await;
        let own = permits(actor);
        for of in &kinds {
            for to in &kinds {
                give(&portal, &org, target, of.0, &of.1).await;
                let before = has(&portal, &org, target).await;
                let fine = own.contains("role.assign")
                    && permits(of).is_subset(&own)
                    && permits(to).is_subset(&own)
                    && actor.0.rank() >= of.0.rank()
                    && actor.0.rank() >= to.0.rank();
                let answer = save(&someone, &org, target, to.0, &to.1).await;
                let what = format!("{actor:?} makes {of:?} {to:?}");
                assert_eq!(answer.status, if fine { 303 } else { 403 }, "{what}: {}", answer.body);
                let after = has(&portal, &org, target).await;
                if fine {
                    assert_eq!((after.0, after.1.len()), (to.0, to.1.len()), "{what}");
                } else {
                    assert_eq!(after, before, "{what}");
                }
                asked += 1;
                allowed += usize::from(fine);
            }
        }
        // Nobody lifts oneself: what one becomes lies within what one is.
        for to in &kinds {
            let fine = own.contains("role.assign") && permits(to).is_subset(&own) && actor.0.rank() >= to.0.rank();
            let answer = save(&someone, &org, someone.member.unwrap(), to.0, &to.1).await;
            assert_eq!(
                answer.status,
                if fine { 303 } else { 403 },
                "{actor:?} makes oneself {to:?}"
            );
            give(&portal, &org, someone.member.unwrap(), actor.0, &actor.1).await;
        }
    }
    assert_eq!(asked, 216);
    assert!((36..120).contains(&allowed), "{allowed} of {asked}");
}

/// What else can be done to a person stops at their permissions too, not only at their rank.
#[actix_web::test]
async fn cve_c09_nobody_acts_on_someone_with_more_permissions() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let max = portal.member(&org, Role::Manager, "max").await;
    let bob = portal.member(&org, Role::Member, "bob").await;
    let id = make(&portal, &org, "Readers", &[P::AuditRead]).await;
    give(&portal, &org, bob.member.unwrap(), Role::Member, &[id]).await;
    let path = org.path(&format!("/members/{}/suspension", bob.id()));
    max.post(&path, &[])
        .await
        .page(403)
        .assert_says("Bob has permissions that you do not have: Read the audit log.");
    let page = max.get(&org.path("/members")).await.page(200);
    assert_eq!(
        page.count(&format!("button[formaction='{path}']")),
        0,
        "it is not offered either"
    );
    let page = max.get(&org.path(&format!("/members/{}", bob.id()))).await.page(200);
    assert_eq!(page.count("#deactivate"), 0);
    give(&portal, &org, bob.member.unwrap(), Role::Member, &[]).await;
    max.post(&path, &[]).await.redirects_to(&org.path("/members"));
}

#[actix_web::test]
async fn cve_c11_no_role_is_stronger_than_its_maker() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let desk = make(&portal, &org, "Role desk", &[P::RoleManage, P::RoleRead, P::AuditRead]).await;
    let strong = make(&portal, &org, "Settings desk", &[P::OrgSettings]).await;
    let bob = portal.member(&org, Role::Developer, "bob").await;
    give(&portal, &org, bob.member.unwrap(), Role::Developer, &[desk]).await;
    let roles = org.path("/roles");
    // Making.
    let page = bob.get(&format!("{roles}/new")).await.page(200);
    let offered = page.attributes("input[name=permission]", "value");
    assert!(offered.contains(&"audit.read".to_owned()) && !offered.contains(&"org.settings".to_owned()));
    bob.post(
        &roles,
        &[
            ("name", "Mighty"),
            ("permission", "audit.read"),
            ("permission", "org.settings"),
        ],
    )
    .await
    .page(403)
    .assert_says("This role would permit more than you may yourself: Change settings.");
    let href = bob
        .post(&roles, &[("name", "Humble"), ("permission", "audit.read")])
        .await
        .redirects_to(&format!("{roles}/rol_"));
    // Changing, and deleting what is stronger.
    bob.post(
        &href,
        &[("name", "Humble"), ("permission", "role.assign"), ("version", "1")],
    )
    .await
    .page(403);
    for (path, fields) in [
        (
            format!("{roles}/{strong}"),
            vec![("name", "Weak"), ("permission", "audit.read"), ("version", "1")],
        ),
        (format!("{roles}/{strong}/deletion"), vec![("version", "1")]),
    ] {
        bob.post(&path, &fields)
            .await
            .page(403)
            .assert_says("Settings desk permits more than you may yourself");
    }
    bob.get(&format!("{roles}/{strong}/edit")).await.page(403);
    let page = bob.get(&format!("{roles}/{strong}")).await.page(200);
    assert_eq!(page.count("a[href$='/edit'], a[href$='/deletion']"), 0);
    // Handing holders over to a stronger one.
    let instead = strong.to_string();
    bob.post(&format!("{href}/deletion"), &[("version", "1"), ("instead", &instead)])
        .await
        .page(403);
    // A copy of a stronger one leaves behind what the maker does not have.
    let page = bob.get(&format!("{roles}/new?from=administrator")).await.page(200);
    let chosen = page.attributes("input[name=permission][checked]", "value");
    assert!(!chosen.contains(&"org.settings".to_owned()) && chosen.contains(&"audit.read".to_owned()));
    // The catalogue belongs to those who have all of it.
    bob.post(
        &format!("{roles}/permissions"),
        &[("key", "flow.publish"), ("title", "Publish")],
    )
    .await
    .page(403);
    ann.post(
        &format!("{roles}/permissions"),
        &[("key", "flow.publish"), ("title", "Publish")],
    )
    .await
    .redirects_to(&format!("{roles}/permissions"));
    bob.post(&roles, &[("name", "Flows"), ("permission", "host:flow.publish")])
        .await
        .page(403);
    // A role that somebody above holds is not changed from below.
    let id: RoleId = href.rsplit('/').next().unwrap().parse().unwrap();
    give(&portal, &org, ann.member.unwrap(), Role::Administrator, &[id]).await;
    bob.post(
        &href,
        &[("name", "Mine"), ("permission", "audit.read"), ("version", "1")],
    )
    .await
    .page(403)
    .assert_says("held by somebody who stands above your own role");
    // And what the maker loses, the maker can give no more.
    give(&portal, &org, ann.member.unwrap(), Role::Administrator, &[]).await;
    let only = make(&portal, &org, "Only roles", &[P::RoleManage]).await;
    give(&portal, &org, bob.member.unwrap(), Role::Developer, &[only]).await;
    bob.post(
        &href,
        &[("name", "Mine"), ("permission", "audit.read"), ("version", "1")],
    )
    .await
    .page(403);
    // Inviting and adding stop at the own permissions too.
    let inviter = make(&portal, &org, "Inviters", &[P::InviteCreate, P::MemberManage]).await;
    let vic = portal.member(&org, Role::Viewer, "vic").await;
    give(&portal, &org, vic.member.unwrap(), Role::Viewer, &[inviter]).await;
    for (path, status) in [("/invites", 403), ("/members", 422)] {
        let fields = [("email", "new@acme.example"), ("name", "New"), ("role", "member")];
        let answer = vic.post(&org.path(path), &fields).await;
        assert!(
            answer.status == status || answer.status == 422,
            "{path}: {}",
            answer.status
        );
    }
    let fields = [("email", "new@acme.example"), ("role", "viewer")];
    let answer = vic.post(&org.path("/invites"), &fields).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
}

#[actix_web::test]
async fn cve_c12_last_admin_stays_on_every_path_of_the_room() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let boss = portal.enterprise_member(EnterpriseRole::Administrator, "boss").await;
    let id = make(
        &portal,
        &org,
        "Almost all",
        &P::ALL
            .iter()
            .copied()
            .filter(|one| one.is_for_organizations())
            .collect::<Vec<_>>(),
    )
    .await;
    for who in [&ann.client, &boss.client] {
        for additional in [vec![], vec![id]] {
            save(who, &org, ann.member.unwrap(), Role::Manager, &additional)
                .await
                .page(409)
                .assert_says("Ann is the last Org Admin of Acme.");
        }
    }
    // A custom role with every permission is no Org Admin: it neither counts as one nor ends one.
    let bob = portal.member(&org, Role::Manager, "bob").await;
    give(&portal, &org, bob.member.unwrap(), Role::Manager, &[id]).await;
    save(&boss, &org, ann.member.unwrap(), Role::Member, &[id])
        .await
        .page(409);
    save(&bob, &org, ann.member.unwrap(), Role::Member, &[]).await.page(403);
    save(&ann, &org, ann.member.unwrap(), Role::Administrator, &[id])
        .await
        .redirects_to(&org.path("/members"));
    ann.post(&org.path(&format!("/roles/{id}/deletion")), &[("version", "1")])
        .await
        .redirects_to(&org.path("/roles"));
    assert_eq!(admins(&portal, &org).await, 1);
    assert_eq!(
        has(&portal, &org, ann.member.unwrap()).await,
        (Role::Administrator, Vec::new())
    );
}

#[actix_web::test]
async fn fault_f23_two_admins_demote_each_other_with_manage_roles() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let bob = portal.member(&org, Role::Administrator, "bob").await;
    let (a, b) = (ann.member.unwrap(), bob.member.unwrap());
    let (token_a, token_b) = (ann.csrf().await, bob.csrf().await);
    let demote = |who: &Client, token: &str, id: MemberId| {
        let request = who
            .request(Method::POST, &org.path(&format!("/members/{id}/roles")))
            .form(&[("csrf", token), ("role", "member")]);
        let who = who.clone();
        async move { who.send(request).await.status }
    };
    let rounds = if crate::support::is_long() { 1_000 } else { 100 };
    for round in 0..rounds {
        let (first, second) = futures_util::join!(demote(&ann, &token_a, b), demote(&bob, &token_b, a));
        let mut both = [first, second];
        both.sort_unstable();
        assert!(both == [303, 409] || both == [303, 403], "round {round}: {both:?}");
        assert_eq!(admins(&portal, &org).await, 1, "round {round}");
        give(&portal, &org, a, Role::Administrator, &[]).await;
        give(&portal, &org, b, Role::Administrator, &[]).await;
    }
}

fn operator(portal: &Portal) -> EnterpriseCan<EnterpriseRoles> {
    access::operator(portal.operator())
}

#[actix_web::test]
async fn fault_f23_two_enterprise_administrators_revoke_each_other() {
    let portal = spawn().await;
    portal.org("Acme").await;
    let ann = portal.enterprise_member(EnterpriseRole::Administrator, "ann").await;
    let bob = portal.enterprise_member(EnterpriseRole::Administrator, "bob").await;
    raw(
        &portal.app.db,
        "update users set password_hash = 'x' where enterprise_role = 100",
    )
    .await;
    let rounds = if crate::support::is_long() { 1_000 } else { 100 };
    for round in 0..rounds {
        let revoke = |id: muster::ids::UserId| {
            let (db, now, by) = (portal.app.db.clone(), portal.clock.now(), operator(&portal));
            async move {
                let mut tx = db.write().await?;
                roles::overseer::revoke(&mut tx, &by, id, None, now).await?;
                tx.commit().await
            }
        };
        let (first, second) = futures_util::join!(revoke(ann.user), revoke(bob.user));
        let mut both = [first, second].map(|result| result.map_or_else(|error| error.status(), |()| 200));
        both.sort_unstable();
        assert_eq!(both, [200, 409], "round {round}");
        raw(
            &portal.app.db,
            &format!(
                "update users set enterprise_role = 100 where id in ({}, {})",
                ann.user.raw(),
                bob.user.raw()
            ),
        )
        .await;
    }
}

#[actix_web::test]
async fn r_rol_01_and_02_enterprise_roles_are_granted_and_revoked() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.enterprise_member(EnterpriseRole::Administrator, "ann").await;
    raw(
        &portal.app.db,
        &format!("update users set password_hash = 'x' where id = {}", ann.user.raw()),
    )
    .await;
    let bob = portal.member(&org, Role::Member, "bob").await;
    let grant = |email: &'static str, role: &'static str| {
        let ann = ann.client.clone();
        async move { ann.post("/e/roles", &[("email", email), ("role", role)]).await }
    };
    for (email, role, says) in [
        ("bob@acme.example", "king", "Choose one of the roles in the list."),
        (
            "nobody@acme.example",
            "enterprise_auditor",
            "Nobody with this address has an account.",
        ),
    ] {
        let page = grant(email, role).await.page(422);
        page.assert_says(says);
        assert_eq!(page.value("email").as_deref(), Some(email), "what was typed stays");
    }
    bob.get("/e").await.page(403);
    grant("bob@acme.example", "enterprise_billing_manager")
        .await
        .redirects_to("/e/roles");
    assert_eq!(bob.get("/me").await.status, 303, "the sessions have ended");
    let bob_again = portal.sign_in(bob.user).await;
    let page = bob_again.get("/e/roles").await.page(200);
    page.assert_says("Enterprise Billing Manager");
    assert_eq!(page.count("form[action='/e/roles']"), 0, "he reads and does not grant");
    assert_eq!(page.first(".sidebar a[aria-current=page]"), "Roles");
    bob_again.get(&org.path("/audit")).await.page(403);
    bob_again
        .post(
            "/e/roles",
            &[("email", "bob@acme.example"), ("role", "enterprise_administrator")],
        )
        .await
        .page(403);
    grant("bob@acme.example", "enterprise_billing_manager")
        .await
        .page(422)
        .assert_says("Bob is Enterprise Billing Manager already.");
    grant("bob@acme.example", "enterprise_auditor")
        .await
        .redirects_to("/e/roles");
    let bob_again = portal.sign_in(bob.user).await;
    bob_again.get(&org.path("/audit")).await.page(200);
    bob_again.get(&org.path("/roles/matrix")).await.page(200);
    // Not oneself, and not with an old page.
    grant("ann@acme.example", "enterprise_auditor")
        .await
        .page(409)
        .assert_says("You cannot change your own role");
    let revocation = format!("/e/roles/{}/revocation", ann.user);
    ann.post(&revocation, &[]).await.page(409);
    let page = ann.get("/e/roles").await.page(200);
    let revocation = format!("/e/roles/{}/revocation", bob.user);
    let version = page
        .attribute(&format!("button[formaction='{revocation}']"), "value")
        .expect("it is offered");
    ann.post(&revocation, &[("version", "1")]).await.page(409);
    ann.post(&revocation, &[("version", &version)])
        .await
        .redirects_to("/e/roles");
    portal.sign_in(bob.user).await.get("/e").await.page(403);
    ann.post(&revocation, &[]).await.page(404);
    // The last one who can sign in stays, on every path: another without a password does not count.
    portal.enterprise_member(EnterpriseRole::Administrator, "cat").await;
    let mut tx = portal.app.db.write().await.unwrap();
    let error = roles::overseer::revoke(&mut tx, &operator(&portal), ann.user, None, portal.clock.now())
        .await
        .expect_err("she is the last one");
    assert_eq!(error.status(), 409);
    drop(tx);
    let actions: Vec<_> = portal.audit(None).await.into_iter().map(|row| row.action).collect();
    assert_eq!(
        actions.iter().filter(|name| *name == "enterprise.role.change").count(),
        5
    );
}

#[actix_web::test]
async fn r_rol_12_the_catalogue_is_extensible() {
    let portal = spawn().await;
    let (org, cedar) = (portal.org("Acme").await, portal.org("Cedar").await);
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let cat = portal.member(&cedar, Role::Administrator, "cat").await;
    let boss = portal.enterprise_member(EnterpriseRole::Administrator, "boss").await;
    let path = org.path("/roles/permissions");
    for (key, title, says) in [
        ("Flow", "X", "Begin with a letter"),
        ("api.call", "X", "There is a permission api.call already."),
        ("flow.publish", " ", "A title needs at least one letter or digit."),
    ] {
        let page = ann.post(&path, &[("key", key), ("title", title)]).await.page(422);
        page.assert_says(says);
        assert_eq!(page.value("key").as_deref(), Some(key));
    }
    ann.post(&path, &[("key", "flow.publish"), ("title", "Publish flows")])
        .await
        .redirects_to(&path);
    ann.post(&path, &[("key", "flow.publish"), ("title", "Again")])
        .await
        .page(422)
        .assert_says("There is a permission flow.publish already.");
    boss.post(
        "/e/roles/permissions",
        &[("key", "gpu.reserve"), ("title", "Reserve GPUs")],
    )
    .await
    .redirects_to("/e/roles");
    let page = ann.get(&org.path("/roles/new")).await.page(200);
    let offered = page.attributes("input[name=permission]", "value");
    assert!(offered.contains(&"host:flow.publish".to_owned()) && offered.contains(&"host:gpu.reserve".to_owned()));
    let page = cat.get(&cedar.path("/roles/new")).await.page(200);
    let offered = page.attributes("input[name=permission]", "value");
    assert!(!offered.contains(&"host:flow.publish".to_owned()) && offered.contains(&"host:gpu.reserve".to_owned()));
    let fields = [
        ("name", "Flow desk"),
        ("permission", "host:flow.publish"),
        ("permission", "host:gpu.reserve"),
    ];
    ann.post(&org.path("/roles"), &fields)
        .await
        .redirects_to(&org.path("/roles/rol_"));
    cat.post(&cedar.path("/roles"), &fields).await.page(422);
    let page = ann.get(&org.path("/roles/matrix")).await.page(200);
    page.row("Publish flows").assert_cell("Flow desk", "Yes");
    page.row("Publish flows").assert_cell("Org Admin", "Yes");
    page.row("Publish flows").assert_cell("Manager", "No");
    // What a role uses stays.
    ann.post(&format!("{path}/deletion"), &[("key", "flow.publish")])
        .await
        .page(409)
        .assert_says("Flow desk permit flow.publish. Take it out of every role first.");
    boss.post("/e/roles/permissions/deletion", &[("key", "gpu.reserve")])
        .await
        .page(409);
    ann.post(&format!("{path}/deletion"), &[("key", "gpu.reserve")])
        .await
        .page(409);
    let id = roles::list(&mut portal.app.db.read(), org.id).await.unwrap()[0].id;
    let version = [("version", "1")];
    ann.post(&org.path(&format!("/roles/{id}/deletion")), &version)
        .await
        .redirects_to(&org.path("/roles"));
    ann.post(&format!("{path}/deletion"), &[("key", "gpu.reserve")])
        .await
        .page(404);
    ann.post(&format!("{path}/deletion"), &[("key", "flow.publish")])
        .await
        .redirects_to(&path);
    boss.post("/e/roles/permissions/deletion", &[("key", "gpu.reserve")])
        .await
        .redirects_to("/e/roles");
    ann.get(&path).await.page(200).assert_says("None yet.");
}

/// R-HLP-02: the page says what a request of the person would meet, for many people and permissions.
#[actix_web::test]
async fn r_hlp_02_why_it_was_denied_is_the_truth() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let id = make(&portal, &org, "Readers", &[P::AuditRead, P::RoleRead]).await;
    let mut people = Vec::new();
    for role in Role::ALL {
        people.push(portal.member(&org, role, &format!("{}-one", role.key())).await);
    }
    let watcher = portal.member(&org, Role::Viewer, "watcher").await;
    give(&portal, &org, watcher.member.unwrap(), Role::Viewer, &[id]).await;
    people.push(watcher);
    let asleep = portal.member(&org, Role::Manager, "asleep").await;
    give(&portal, &org, asleep.member.unwrap(), Role::Manager, &[id]).await;
    ann.post(&org.path(&format!("/members/{}/suspension", asleep.id())), &[])
        .await;
    let asleep = Someone {
        client: portal.sign_in(asleep.user).await,
        ..asleep
    };
    people.push(asleep);
    let both = portal.member(&org, Role::Member, "both").await;
    let overseer = portal.enterprise_member(EnterpriseRole::Auditor, "both").await;
    people.push(Someone {
        client: overseer.client,
        ..both
    });
    let routes = [
        (P::MemberRead, "/members"),
        (P::MemberManage, "/members/new"),
        (P::InviteCreate, "/invites"),
        (P::RoleRead, "/roles"),
        (P::RoleManage, "/roles/new"),
        (P::SettingsRead, "/settings"),
        (P::LimitDecide, "/limits"),
        (P::LimitSet, "/limits/members"),
        (P::AuditRead, "/audit"),
    ];
    let (mut granted, mut denied) = (0, 0);
    for managers_invite in [true, false] {
        raw(
            &portal.app.db,
            &format!(
                "update orgs set managers_invite = {} where id = {}",
                if crate::support::is_postgres() {
                    managers_invite.to_string()
                } else {
                    i64::from(managers_invite).to_string()
                },
                org.id.raw()
            ),
        )
        .await;
        for person in &people {
            for (permission, path) in routes {
                let met = person.get(&org.path(path)).await.status;
                let asked = format!("/access?member={}&permission={}", person.id(), permission.key());
                let page = ann.get(&org.path(&asked)).await.page(200);
                let answer = page.first("#answer-h");
                let wanted = if met == 200 { "Allowed" } else { "Denied" };
                assert_eq!(answer, wanted, "{} on {path} meets {met}: {}", person.name, page.text());
                if met == 200 {
                    granted += 1;
                    page.assert_says("Granted by");
                } else {
                    denied += 1;
                    page.assert_says("Refused here");
                }
            }
        }
    }
    assert!(granted > 30 && denied > 60, "{granted} and {denied}");
}

#[actix_web::test]
async fn r_hlp_02_the_answer_names_step_role_group_and_rule() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let bob = portal.member(&org, Role::Manager, "bob").await;
    let id = make(&portal, &org, "Readers", &[P::AuditRead]).await;
    let ask = |query: String| {
        let (ann, path) = (ann.client.clone(), org.path(&format!("/access?{query}")));
        async move { ann.get(&path).await.page(200) }
    };
    ask(String::new()).await.assert_says("Ask about one person");
    ask("q=nobody&permission=audit.read".to_owned())
        .await
        .assert_says("Nobody in Acme has this name or address.");
    // By address, by the only name that fits, and by choosing.
    let page = ask("q=bob%40acme.example&permission=audit.read".to_owned()).await;
    page.assert_says("Bob may not read the audit log.");
    page.assert_says("Manager does not have this permission, and no additional role has it.");
    page.assert_says("Give Bob a role that has it, with Manage Roles.");
    portal.member(&org, Role::Member, "bobby").await;
    let page = ask("q=bob&permission=audit.read".to_owned()).await;
    page.assert_says("Whom do you mean?");
    let href = page.attribute(".pick a", "href").unwrap();
    ann.get(&href)
        .await
        .page(200)
        .assert_says("Bob may not read the audit log.");
    give(&portal, &org, bob.member.unwrap(), Role::Manager, &[id]).await;
    ask(format!("member={}&permission=audit.read", bob.id()))
        .await
        .assert_says("Granted by the additional role Readers.");
    ask(format!("member={}&permission=member.suspend", bob.id()))
        .await
        .assert_says("Granted by the built-in role Manager.");
    ask(format!("member={}&permission=enterprise.read", bob.id()))
        .await
        .assert_says("Only roles over the enterprise have this permission.");
    // A group's lead.
    let by = proof::<muster::access::permission::GroupManage>(&portal, &org).await;
    let dev = portal.member(&org, Role::Developer, "dev").await;
    let mut tx = portal.app.db.write().await.unwrap();
    let now = portal.clock.now();
    let group = muster::groups::create(&mut tx, &by, "Field crew", muster::groups::Kind::Team, now)
        .await
        .unwrap();
    muster::groups::add_members(&mut tx, &by, group, &[dev.member.unwrap()], now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let asked = format!("member={}&permission=group.manage&group={group}", dev.id());
    ask(asked.clone()).await.assert_says("Dev does not lead Field crew.");
    let is_lead = if crate::support::is_postgres() { "true" } else { "1" };
    raw(&portal.app.db, &format!("update group_members set is_lead = {is_lead}")).await;
    ask(asked).await.assert_says("Granted by leading the group Field crew.");
    // Somebody with a role over the enterprise who is no member.
    let eve = portal.enterprise_member(EnterpriseRole::Auditor, "eve").await;
    let page = ask("q=eve%40acme.example&permission=audit.read".to_owned()).await;
    page.assert_says("Granted by the enterprise role Enterprise Auditor.");
    // The account, the membership, the organization.
    raw(
        &portal.app.db,
        &format!("update users set state = 2 where id = {}", bob.user.raw()),
    )
    .await;
    ask(format!("member={}&permission=audit.read", bob.id()))
        .await
        .assert_says("The account of Bob is disabled.");
    raw(
        &portal.app.db,
        &format!("update users set state = 1 where id = {}", bob.user.raw()),
    )
    .await;
    ann.post(&org.path(&format!("/members/{}/suspension", bob.id())), &[])
        .await;
    let page = ask(format!("member={}&permission=audit.read", bob.id())).await;
    page.assert_says("The membership of Bob is deactivated.");
    page.assert_says("Activate Bob on the member’s page.");
    raw(
        &portal.app.db,
        &format!("update orgs set state = 2 where id = {}", org.id.raw()),
    )
    .await;
    let page = ask(format!("member={}&permission=org.settings", ann.id())).await;
    page.assert_says("Acme is archived and read-only");
    // Another organization's people are nobody here.
    let cedar = portal.org("Cedar").await;
    let cat = portal.member(&cedar, Role::Member, "cat").await;
    ask(format!("member={}&permission=audit.read", cat.id()))
        .await
        .assert_says("Nobody in Acme has this name or address.");
    drop(eve);
}

#[actix_web::test]
async fn r_hlp_02_the_403_page_leads_to_the_explanation_for_whoever_may_see_it() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    portal.member(&org, Role::Administrator, "ann").await;
    let bob = portal.member(&org, Role::Member, "bob").await;
    let why = "a[href*='/access?']";
    let page = bob.get(&org.path("/settings")).await.page(403);
    assert_eq!(page.count(why), 0);
    let id = make(&portal, &org, "Readers", &[P::RoleRead]).await;
    give(&portal, &org, bob.member.unwrap(), Role::Member, &[id]).await;
    let page = bob.get(&org.path("/settings")).await.page(403);
    assert_eq!(page.first(why), "Why was this denied?");
    let href = page.attribute(why, "href").unwrap();
    let page = bob.get(&href).await.page(200);
    page.assert_says("Bob may not see the settings of this organization.");
    bob.get(&org.path("/access")).await.page(200);
    // A Member sees names alone, here too: nobody is found by an address, and none is shown.
    let page = bob
        .get(&org.path("/access?q=ann%40acme.example&permission=audit.read"))
        .await
        .page(200);
    page.assert_says("Nobody in Acme has this name or address.");
    let page = bob
        .get(&org.path("/access?q=ann&permission=audit.read"))
        .await
        .page(200);
    page.assert_says("Ann may read the audit log.");
    assert!(!page.html().replace("bob@acme.example", "").contains("@acme.example"));
    // Somebody with a role over the enterprise and no membership is led there as well.
    let eve = portal.enterprise_member(EnterpriseRole::Auditor, "eve").await;
    let page = eve.get(&org.path("/members/new")).await.page(403);
    let href = page.attribute(why, "href").unwrap();
    eve.get(&href)
        .await
        .page(200)
        .assert_says("Eve may not add or remove members.");
    save(&bob, &org, bob.member.unwrap(), Role::Administrator, &[])
        .await
        .page(403);
}

/// SECURITY section 4: random people with random custom roles meet the one function; what it does is what the sets say.
#[actix_web::test]
async fn the_lattice_holds_for_random_custom_roles() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    portal.member(&org, Role::Administrator, "root").await;
    let actor = portal.member(&org, Role::Viewer, "actor").await;
    let target = portal.member(&org, Role::Viewer, "target").await.member.unwrap();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let all: Vec<P> = P::ALL
        .iter()
        .copied()
        .filter(|one| one.is_for_organizations())
        .collect();
    let mut pool: Vec<(RoleId, Permissions)> = Vec::new();
    for n in 0..12 {
        let bits = random() & random(); // a quarter of all
        let mut permits: Vec<P> = all
            .iter()
            .copied()
            .enumerate()
            .filter(|(place, _)| bits >> place & 1 == 1)
            .map(|(_, one)| one)
            .collect();
        permits.push(if n % 2 == 0 { P::MemberRead } else { P::RoleAssign });
        let id = make(&portal, &org, &format!("Random {n}"), &permits).await;
        pool.push((id, permits.into_iter().collect()));
    }
    // Two that cover most, so that both answers come often.
    for n in 0..2 {
        let permits: Vec<P> = all
            .iter()
            .copied()
            .filter(|one| n == 0 || *one != P::OrgSettings)
            .collect();
        let id = make(&portal, &org, &format!("Nearly all {n}"), &permits).await;
        pool.push((id, permits.into_iter().collect()));
    }
    let (mut yes, mut no) = (0, 0);
    for round in 0..80 {
        let mut pick = |strong: bool| {
            let role = Role::ALL[(random() % 5) as usize];
            let role = if strong || role != Role::Administrator {
                role
            } else {
                Role::Manager
            };
            let mut ids: Vec<usize> = (0..random() % 3).map(|_| (random() % 12) as usize).collect();
            if strong {
                ids.push(12 + (random() % 2) as usize);
            }
            ids.sort_unstable();
            ids.dedup();
            (role, ids)
        };
        let (a, t, n) = (pick(round % 3 != 0), pick(false), pick(false));
        let ids = |kind: &(Role, Vec<usize>)| kind.1.iter().map(|place| pool[*place].0).collect::<Vec<_>>();
        let sum = |kind: &(Role, Vec<usize>)| {
            let mut set = kind.0.permissions();
            for place in &kind.1 {
                set.join(&pool[*place].1);
            }
            set
        };
        give(&portal, &org, actor.member.unwrap(), a.0, &ids(&a)).await;
        give(&portal, &org, target, t.0, &ids(&t)).await;
        let own = sum(&a);
        let fine = own.has(P::RoleAssign)
            && own.covers(&sum(&t))
            && own.covers(&sum(&n))
            && a.0.rank() >= t.0.rank()
            && a.0.rank() >= n.0.rank();
        let before = has(&portal, &org, target).await;
        let status = save(&actor, &org, target, n.0, &ids(&n)).await.status;
        assert_eq!(
            status,
            if fine { 303 } else { 403 },
            "round {round}: {a:?} makes {t:?} {n:?}"
        );
        if !fine {
            assert_eq!(has(&portal, &org, target).await, before);
        }
        yes += usize::from(fine);
        no += usize::from(!fine);
    }
    assert!(yes > 10 && no > 10, "{yes} granted, {no} refused");
}
