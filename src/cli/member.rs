//! `muster member …`: what only the operator of the machine may do to a member.
use super::{Failure, serve};
use crate::{
    access::{self, permission::MemberDisable},
    audit::Actor,
    auth::account,
    clock::Clock,
    config::Config,
    db::Db,
    error::Error,
    ids::MemberId,
    mail::address::Address,
    members::member,
    orgs,
    secret::Keys,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Give a disabled member access again; pages cannot do this.
    Restore(Restore),
}

#[derive(Debug, clap::Args)]
pub(super) struct Restore {
    /// The member's e-mail address, or the id that begins with mem_.
    #[arg(value_name = "EMAIL|ID")]
    pub member: String,
    /// The short name of the organization, as in its address.
    #[arg(long, value_name = "SLUG")]
    pub organization: String,
    /// Why, in a sentence; it stands in the audit log.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: String,
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 500 || text.chars().any(char::is_control) {
        return Err("write one line of at most 500 characters".into());
    }
    Ok(text.to_owned())
}

pub(super) async fn run(config: Config, command: Command) -> Result<(), Failure> {
    let Command::Restore(restore) = command;
    let (db, keys) = serve::open(&config).await?;
    crate::ids::set_key(keys.mac("ids", &[]));
    let outcome = restore_member(&db, &keys, &restore).await;
    db.close().await;
    outcome
}

async fn restore_member(db: &Db, keys: &Keys, wanted: &Restore) -> Result<(), Failure> {
    let unknown = || {
        Failure::new(format!(
            "{} has no member {}. Give the e-mail address or the id that begins with mem_.",
            wanted.organization, wanted.member
        ))
    };
    let mut tx = db.write().await?;
    let org = orgs::find_by_slug(&mut tx, &wanted.organization)
        .await
        .map_err(|error| match error {
            Error::NotFound => Failure::new(format!(
                "There is no organization {:?}. Give its short name, as in /o/SHORT-NAME/members.",
                wanted.organization
            )),
            other => other.into(),
        })?;
    let id: MemberId = match wanted.member.parse() {
        Ok(id) => id,
        Err(_) => {
            let address = Address::parse(&wanted.member).map_err(|error| Failure::new(error.to_string()))?;
            let person = account::find_by_key(&mut tx, address.key())
                .await?
                .ok_or_else(unknown)?;
            member::find_live(&mut tx, org.id, person.id, &address)
                .await?
                .ok_or_else(unknown)?
                .id
        }
    };
    let by = access::inside::<MemberDisable>(&mut tx, Actor::operator(keys), org.id).await?;
    let member = member::restore(&mut tx, &by, id, &wanted.reason, Clock::system().now())
        .await
        .map_err(|error| match error {
            Error::NotFound => unknown(),
            other => other.into(),
        })?;
    tx.commit().await?;
    println!("{} <{}> is a member of {} again.", member.name, member.email, org.name);
    Ok(())
}
