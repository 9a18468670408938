//! The mail server: `smtp://user:password@host:587?tls=required`.
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::values::{Hidden, is_loopback};

/// How the connection to the mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// STARTTLS, and nothing is sent where the server does not offer it.
    Required,
    /// TLS from the first byte, as on port 465.
    Wrapper,
    /// No encryption, for a server on this machine.
    None,
}

/// The server that takes Muster's mails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smtp {
    /// The host name or address; an IPv6 address stands without brackets.
    pub host: String,
    /// The port: 587 unless the URL says otherwise, 465 for a wrapper, 25 without TLS.
    pub port: u16,
    /// The user to sign in as, together with the password, or none for a server that asks for neither.
    pub user: Option<String>,
    /// The password of that user.
    pub password: Option<Hidden<String>>,
    /// How the connection is encrypted.
    pub tls: Tls,
}

const SHAPE: &str = "Write smtp://user:password@host:587?tls=required. Characters such as @ : / ? # % in user or password \
                     are written percent-encoded: @ is %40, # is %23.";

impl Smtp {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| match error {
            url::ParseError::InvalidPort => format!("The port is not a number from 1 to 65535. {SHAPE}"),
            _ => format!("This is not a mail server's address. {SHAPE}"),
        })?;
        let scheme_tls = match url.scheme() {
            "smtp" => None,
            "smtps" => Some(Tls::Wrapper),
            _ => return Err(format!("The address does not begin with smtp://. {SHAPE}")),
        };
        // A "?" or "#" that was not encoded cuts the password off, so neither may pass in silence.
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(format!(
                "Something stands after host and port that does not belong there. {SHAPE}"
            ));
        }
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or_else(|| format!("The host is missing. {SHAPE}"))?;
        // The url crate leaves the host of a scheme it does not know as it is; this also encodes an international one.
        let host = Host::parse(host).map_err(|_| format!("The host is neither a name nor an address. {SHAPE}"))?;
        let tls = match (scheme_tls, query_tls(&url)?) {
            (Some(Tls::Wrapper), Some(Tls::Required | Tls::None)) => {
                return Err("smtps:// always means tls=wrapper. Begin with smtp:// for another kind.".into());
            }
            (scheme, query) => query.or(scheme).unwrap_or(Tls::Required),
        };
        let port = match url.port() {
            Some(0) => return Err(format!("The port is not a number from 1 to 65535. {SHAPE}")),
            Some(port) => port,
            None => match tls {
                Tls::Required => 587,
                Tls::Wrapper => 465,
                Tls::None => 25,
            },
        };
        let user = Some(url.username())
            .filter(|user| !user.is_empty())
            .map(|user| decode(user, "user"))
            .transpose()?;
        let password = url
            .password()
            .map(|password| decode(password, "password"))
            .transpose()?
            .map(Hidden::new);
        match (&user, &password) {
            (Some(_), None) => return Err(format!("There is a user but no password. {SHAPE}")),
            (None, Some(_)) => return Err(format!("There is a password but no user. {SHAPE}")),
            _ => {}
        }
        let host = match host {
            Host::Domain(name) => name,
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        Ok(Self {
            host,
            port,
            user,
            password,
            tls,
        })
    }

    /// Whether the server can only be on this machine.
    pub fn is_loopback(&self) -> bool {
        match self.host.parse::<std::net::IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => is_loopback(&Host::Domain(&self.host)),
        }
    }
}

fn query_tls(url: &Url) -> Result<Option<Tls>, String> {
    let mut tls = None;
    for (key, value) in url.query_pairs() {
        if key != "tls" {
            return Err(format!("Only ?tls= is understood after the host. {SHAPE}"));
        }
        if tls.is_some() {
            return Err("tls= stands there twice. Leave one of them out.".into());
        }
        tls = Some(match value.as_ref() {
            "required" => Tls::Required,
            "wrapper" => Tls::Wrapper,
            "none" => Tls::None,
            _ => {
                return Err("Write tls=required (STARTTLS), tls=wrapper (TLS from the first byte) or tls=none.".into());
            }
        });
    }
    Ok(tls)
}

fn decode(text: &str, what: &str) -> Result<String, String> {
    let bytes = text.as_bytes();
    let broken = bytes.iter().enumerate().any(|(at, byte)| {
        *byte == b'%'
            && !bytes
                .get(at + 1..at + 3)
                .is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
    });
    let decoded = percent_decode_str(text).decode_utf8();
    match decoded {
        Ok(plain) if !broken && !plain.chars().any(char::is_control) => Ok(plain.into_owned()),
        _ => Err(format!(
            "The {what} is not percent-encoded as it should be: a % itself is written %25. {SHAPE}"
        )),
    }
}
