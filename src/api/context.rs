//! Private contexts: the platform says that it has made one for a member, which makes an inactive member active (C-14).

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};

use super::{machine::Machine, problem::Fault};
use crate::{
    app::App,
    audit::Actor,
    error::Error,
    ids::MemberId,
    members::{Status, member},
    web::request::Trace,
};

const UNKNOWN: Fault = Fault::Unknown(
    "No member of this organization has this id. Send the id that Muster gave you for them, such as mem_0k3v….",
);

/// Notes that a member has a private context: 204, told again as well. Whoever is elsewhere or has left is unknown.
pub async fn provision(
    app: Data<App>,
    machine: Machine,
    req: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, Fault> {
    let Ok(id) = id.parse::<MemberId>() else {
        return Err(UNKNOWN);
    };
    let member = match member::find(&mut app.db.read(), machine.org(), id).await {
        Ok(member) => member,
        Err(Error::NotFound) => return Err(UNKNOWN),
        Err(error) => return Err(error.into()),
    };
    if member.context_at.is_none() {
        if member.status == Status::Disabled {
            return Err(Error::conflict(
                "This member is disabled, which only whoever operates this installation can undo.",
            )
            .into());
        }
        let trace = Trace::of(&req);
        let by = Actor::key(
            &app.keys,
            &machine.holder.bearer.name,
            &trace.ip(),
            trace.request_id.as_str(),
        );
        let mut tx = app.db.write().await?;
        member::establish_contexts(&mut tx, &by, machine.org(), &[id], app.gate.now()).await?;
        tx.commit().await?;
    }
    Ok(HttpResponse::NoContent().finish())
}
