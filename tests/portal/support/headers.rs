//! What every answer carries (SECURITY section 5), whatever it answers.

use reqwest::header::{HeaderMap, HeaderValue, SET_COOKIE};

const FIXED: [(&str, &str); 7] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), microphone=(), geolocation=(), payment=(), usb=(), publickey-credentials-create=(self), publickey-credentials-get=(self)",
    ),
    ("referrer-policy", ""),
];

/// Faults of the headers and cookies of one answer, in words; none when all is well.
pub fn faults(headers: &HeaderMap, path: &str, https: bool) -> Vec<String> {
    let text = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap_or("?"));
    let mut faults = Vec::new();
    for (name, value) in FIXED {
        let is_once = headers.get_all(name).iter().count() == 1;
        if !is_once || (!value.is_empty() && text(name) != value) {
            faults.push(format!("{name}: {:?}", text(name)));
        }
    }
    let holds_secret = ["/i/", "/reset/", "/setup/"]
        .iter()
        .any(|start| path.starts_with(start));
    let referrer = text("referrer-policy");
    if !(referrer == "no-referrer" || referrer == "same-origin" && !holds_secret) {
        faults.push(format!("referrer-policy: {referrer}"));
    }
    let hsts = if https {
        "max-age=63072000; includeSubDomains"
    } else {
        ""
    };
    if text("strict-transport-security") != hsts {
        faults.push(format!(
            "strict-transport-security: {:?}",
            text("strict-transport-security")
        ));
    }
    if text("x-request-id").len() != 16 {
        faults.push(format!("x-request-id: {:?}", text("x-request-id")));
    }
    for name in [
        "server",
        "x-powered-by",
        "access-control-allow-origin",
        "access-control-allow-credentials",
    ] {
        if headers.contains_key(name) {
            faults.push(format!("{name} is there"));
        }
    }
    let cache = text("cache-control");
    let is_kept_picture = path.starts_with("/pictures/") && cache == "private, max-age=86400, immutable";
    if cache != "no-store"
        && !is_kept_picture
        && !(path.starts_with("/static/") && cache == "public, max-age=31536000, immutable")
    {
        faults.push(format!("cache-control: {cache:?}"));
    }
    if cache == "no-store"
        && !["Cookie", "Sec-Fetch-Site", "HX-Request"]
            .iter()
            .all(|name| text("vary").contains(name))
    {
        faults.push(format!("vary: {:?}", text("vary")));
    }
    let kind = text("content-type");
    if kind.starts_with("text/") && !kind.contains("charset=utf-8") {
        faults.push(format!("content-type: {kind:?}"));
    }
    faults.extend(
        headers
            .get_all(SET_COOKIE)
            .iter()
            .flat_map(|cookie| cookie_faults(cookie, https)),
    );
    faults
}

fn cookie_faults(cookie: &HeaderValue, https: bool) -> Vec<String> {
    let Ok(cookie) = cookie.to_str() else {
        return vec!["a cookie that is no text".to_owned()];
    };
    let mut parts = cookie.split("; ");
    let pair = parts.next().unwrap_or_default();
    let attributes: Vec<&str> = parts.collect();
    let has = |attribute: &str| attributes.contains(&attribute);
    let mut faults = Vec::new();
    let mut check = |is_well: bool, what: &str| {
        if !is_well {
            faults.push(format!("cookie {what}: {cookie}"));
        }
    };
    check(has("HttpOnly"), "without HttpOnly");
    check(has("SameSite=Lax"), "without SameSite=Lax");
    check(has("Path=/"), "without Path=/");
    check(has("Secure") == https, "Secure");
    check(pair.starts_with("__Host-") == https, "prefix");
    check(
        !attributes.iter().any(|attribute| attribute.starts_with("Domain")),
        "with Domain",
    );
    check(cookie.len() <= 4_096, "too long");
    faults
}

/// Asserts that every header and cookie of an answer is as SECURITY section 5 says.
#[track_caller]
pub fn assert_headers(headers: &HeaderMap, path: &str, https: bool) {
    let faults = faults(headers, path, https);
    assert!(faults.is_empty(), "{path}: {}", faults.join("; "));
}
