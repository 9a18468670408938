//! Messages for the next page, in a signed cookie, so that a redirect needs no session state.

use actix_web::{HttpRequest, cookie::Cookie};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

use super::{
    csrf,
    layout::{Toast, ToastKind, Undo},
    request::NewCookies,
};
use crate::{app::App, secret};

fn name(app: &App) -> &'static str {
    if app.settings.is_https() {
        "__Host-flash"
    } else {
        "muster-flash"
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    kind: u8,
    text: String,
    detail: String,
    undo: Option<(String, String)>,
    stay: bool,
}

/// The cookie that carries `toasts` to the next page.
pub fn cookie(app: &App, toasts: &[Toast]) -> Cookie<'static> {
    let stored: Vec<Stored> = toasts
        .iter()
        .map(|toast| Stored {
            kind: match toast.kind {
                ToastKind::Ok => 0,
                ToastKind::Warn => 1,
                ToastKind::Bad => 2,
            },
            text: toast.text.chars().take(300).collect(),
            detail: toast.detail.chars().take(300).collect(),
            undo: toast
                .undo
                .as_ref()
                .map(|undo| (undo.label.clone(), undo.action.clone())),
            stay: toast.stay,
        })
        .collect();
    let json = serde_json::to_vec(&stored).unwrap_or_default();
    let seal = app.keys.mac("flash", &[&json]);
    let mut cookie = app.settings.cookie(
        name(app),
        format!("{}.{}", BASE64URL_NOPAD.encode(&json), BASE64URL_NOPAD.encode(&seal)),
    );
    cookie.set_max_age(actix_web::cookie::time::Duration::minutes(5));
    cookie
}

/// The messages left for this page; they are removed from the browser.
pub fn take(req: &HttpRequest, app: &App, cookies: &NewCookies) -> Vec<Toast> {
    let Some(cookie) = req.cookie(name(app)) else {
        return Vec::new();
    };
    cookies.add(csrf::removal(app, name(app)));
    read(app, cookie.value()).unwrap_or_default()
}

fn read(app: &App, value: &str) -> Option<Vec<Toast>> {
    let (json, seal) = value.split_once('.')?;
    let json = BASE64URL_NOPAD.decode(json.as_bytes()).ok()?;
    let seal = BASE64URL_NOPAD.decode(seal.as_bytes()).ok()?;
    if !secret::same(&app.keys.mac("flash", &[&json]), &seal) {
        return None;
    }
    let stored: Vec<Stored> = serde_json::from_slice(&json).ok()?;
    Some(
        stored
            .into_iter()
            .map(|s| Toast {
                kind: match s.kind {
                    0 => ToastKind::Ok,
                    1 => ToastKind::Warn,
                    _ => ToastKind::Bad,
                },
                text: s.text,
                detail: s.detail,
                undo: s.undo.map(|(label, action)| Undo { label, action }),
                stay: s.stay,
            })
            .collect(),
    )
}
