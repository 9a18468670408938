//! The one way a mail leaves the house: SMTP, with the answer sorted into sent, deferred and bounced.
//!
//! lettre speaks the protocol; what is done here by hand is the conversation. Its ready-made pool parks a connection whose send was
//! cut off by a timeout in the middle of a dialogue, and the next mail would then take the answers to the last one for its own. Here a
//! connection is owned by its send and goes back only after a complete one. Knowing the step also tells a refused password from a
//! refused recipient, and a connection lost before the mail was handed over, which is tried again at once, from one lost after.
use std::{error::Error as _, sync::Arc, time::Duration};

use lettre::{
    address::Envelope,
    transport::smtp::{
        Error as SmtpError,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, Certificate, TlsParameters},
        commands::{Data, Mail, Rcpt, Rset},
        extension::{ClientId, Extension, MailBodyParameter, MailParameter},
        response::{Response, Severity},
    },
};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use super::address::is_hidden;

/// Longest reason or response that is kept, in characters.
const MAX_TEXT: usize = 300;
/// How long an idle connection is used again; servers close theirs after a minute or five.
const IDLE: Duration = Duration::from_secs(15);
/// How many idle connections are kept.
const MAX_IDLE: usize = 4;
/// How long a mail is tried before it is given up.
const GIVE_UP: Duration = Duration::from_hours(24);
/// How long a server may take to reset a dialogue before the connection is dropped instead.
const RESET: Duration = Duration::from_secs(1);

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// STARTTLS, and nothing is sent without it.
    Required,
    /// TLS from the first byte.
    Wrapper,
    /// None: for a server on the same machine.
    None,
}

/// Where mail is handed in, and how.
#[derive(Clone)]
pub struct Server {
    /// Its name, which its certificate has to bear.
    pub host: String,
    /// Its port: 587 for STARTTLS, 465 for TLS from the first byte.
    pub port: u16,
    /// User and password, when it asks for them.
    pub login: Option<(String, String)>,
    /// The protection of the connection.
    pub tls: Tls,
    /// Certificates in PEM that are trusted besides those of the system, for a private authority.
    pub authority: Option<Vec<u8>>,
    /// How long one mail may take, from connecting to the final answer.
    pub timeout: Duration,
}

impl Server {
    /// A server with STARTTLS on port 587, no login and 30 seconds for a mail.
    pub fn new(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port: 587,
            login: None,
            tls: Tls::Required,
            authority: None,
            timeout: Duration::from_secs(30),
        }
    }
}

/// What became of an attempt to send; the texts are short, of one line and fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server took the mail, and said this.
    Sent(String),
    /// Not now, for this reason: try again later.
    Deferred(String),
    /// Never, for this reason: the address or the mail is refused.
    Bounced(String),
}

/// Why no mail can be sent with the settings as they are.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The certificates given are none.
    #[error("The certificates of the mail server's authority could not be read: {0}.")]
    Authority(String),
    /// TLS could not be set up for this host.
    #[error("TLS to the mail server could not be set up: {0}.")]
    Tls(String),
}

/// The post office: one for the whole process, cheap to clone; a change of the settings makes a new one.
#[derive(Clone)]
pub struct Post {
    inner: Arc<Inner>,
}

struct Inner {
    server: Server,
    tls: Option<TlsParameters>,
    hello: ClientId,
    idle: Mutex<Vec<Parked>>,
}

struct Parked {
    connection: AsyncSmtpConnection,
    since: Instant,
}

/// What went wrong, and whether the mail may have been handed over by then.
enum Failure {
    /// On the way to a usable connection: never the recipient's fault.
    Reaching(String),
    /// An answer to one of the commands that hand the mail over.
    Answer(SmtpError),
    /// The connection broke, or talked nonsense, before the mail was handed over.
    Before(String),
    /// The same after the last byte: it may have arrived.
    After(String),
}

impl Post {
    /// Prepares sending to a server, without connecting to it yet.
    pub fn new(server: Server) -> Result<Self, Unusable> {
        let tls = match server.tls {
            Tls::None => None,
            Tls::Required | Tls::Wrapper => Some(tls_parameters(&server)?),
        };
        Ok(Self {
            inner: Arc::new(Inner {
                server,
                tls,
                hello: ClientId::default(),
                idle: Mutex::new(Vec::new()),
            }),
        })
    }

    /// Hands a mail to the server and says what became of it; takes no longer than the server's timeout.
    pub async fn send(&self, message: &lettre::Message) -> Outcome {
        let (envelope, bytes) = (message.envelope(), message.formatted());
        match timeout(self.inner.server.timeout, self.inner.deliver(envelope, &bytes)).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::Deferred(self.inner.no_answer()),
        }
    }

    /// Connects, signs in and leaves again, so that settings can be tried out; the error is a sentence.
    pub async fn check(&self) -> Result<(), String> {
        match timeout(self.inner.server.timeout, self.inner.connect()).await {
            Ok(Ok(mut connection)) => {
                connection.abort().await;
                Ok(())
            }
            Ok(Err(failure)) => Err(self.inner.reason(failure).1),
            Err(_) => Err(self.inner.no_answer()),
        }
    }

    /// Takes leave of the server on connections that wait for more mail.
    pub async fn close(&self) {
        let idle = std::mem::take(&mut *self.inner.idle.lock().await);
        for mut parked in idle {
            // A server that does not answer a good-bye must not hold up the shutdown.
            let _ = timeout(Duration::from_secs(1), parked.connection.abort()).await;
        }
    }
}

impl Inner {
    async fn deliver(&self, envelope: &Envelope, bytes: &[u8]) -> Outcome {
        if let Some(connection) = self.parked().await {
            match self.transact(connection, envelope, bytes).await {
                Ok(response) => return Outcome::Sent(response_text(&response)),
                // A server that closed the connection meanwhile, or is just about to (421), gets the mail on a fresh one.
                Err(Failure::Before(_)) => {}
                Err(Failure::Answer(error)) if error.status().is_some_and(|code| u16::from(code) == 421) => {}
                Err(failure) => return self.outcome(failure),
            }
        }
        let sent = match self.connect().await {
            Ok(connection) => self.transact(connection, envelope, bytes).await,
            Err(failure) => Err(failure),
        };
        match sent {
            Ok(response) => Outcome::Sent(response_text(&response)),
            Err(failure) => self.outcome(failure),
        }
    }

    /// An idle connection that was used a moment ago; those that waited too long are dropped.
    async fn parked(&self) -> Option<AsyncSmtpConnection> {
        let mut idle = self.idle.lock().await;
        idle.retain(|parked| parked.since.elapsed() < IDLE);
        idle.pop().map(|parked| parked.connection)
    }

    async fn park(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().await;
        if idle.len() < MAX_IDLE {
            idle.push(Parked {
                connection,
                since: Instant::now(),
            });
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Failure> {
        let server = &self.server;
        let wrapper = self.tls.clone().filter(|_| server.tls == Tls::Wrapper);
        let reaching = |error: SmtpError| Failure::Reaching(self.connection_text(&error));
        let mut connection =
            AsyncSmtpConnection::connect_tokio1((server.host.as_str(), server.port), None, &self.hello, wrapper, None)
                .await
                .map_err(reaching)?;
        if server.tls == Tls::Required {
            let Some(tls) = self.tls.clone().filter(|_| connection.can_starttls()) else {
                connection.abort().await;
                let text = format!(
                    "Muster refuses: {} does not offer STARTTLS, and mail is not sent in clear text.",
                    server.host
                );
                return Err(Failure::Reaching(text));
            };
            connection.starttls(tls, &self.hello).await.map_err(reaching)?;
        }
        if let Some((user, password)) = &server.login {
            let login = Credentials::new(user.clone(), password.clone());
            connection
                .auth(&[Mechanism::Plain, Mechanism::Login], &login)
                .await
                .map_err(|error| {
                    Failure::Reaching(format!("{} refuses the sign-in: {}", server.host, error_text(&error)))
                })?;
        }
        Ok(connection)
    }

    /// Hands the mail over, and parks the connection when the dialogue is at a clear end.
    async fn transact(
        &self,
        mut connection: AsyncSmtpConnection,
        envelope: &Envelope,
        bytes: &[u8],
    ) -> Result<Response, Failure> {
        let result = hand_over(&mut connection, envelope, bytes).await;
        let clear = match &result {
            Ok(_) => true,
            // After 421 the server hangs up; after any other refusal it is ready for the next mail once the dialogue is reset.
            Err(Failure::Answer(error)) if error.status().is_none_or(|code| u16::from(code) != 421) => {
                matches!(timeout(RESET, connection.command(Rset)).await, Ok(Ok(answer)) if answer.has_code(250))
            }
            Err(_) => false,
        };
        if clear {
            self.park(connection).await;
        }
        result
    }

    fn outcome(&self, failure: Failure) -> Outcome {
        match self.reason(failure) {
            (true, text) => Outcome::Bounced(text),
            (false, text) => Outcome::Deferred(text),
        }
    }

    /// Whether a failure is final, and what to tell.
    fn reason(&self, failure: Failure) -> (bool, String) {
        let host = &self.server.host;
        let (last, text) = match failure {
            Failure::Reaching(text) => (false, text),
            Failure::Answer(error) => {
                // 530, 534, 535 and 538 ask for another sign-in: the settings are at fault, not the mail.
                let login = error
                    .status()
                    .is_some_and(|code| matches!(u16::from(code), 530 | 534 | 535 | 538));
                (error.is_permanent() && !login, error_text(&error))
            }
            Failure::Before(text) => (false, format!("{host} broke off: {text}")),
            Failure::After(text) => (false, format!("{host} did not confirm the mail: {text}")),
        };
        (last, tidy(&text))
    }

    fn no_answer(&self) -> String {
        tidy(&format!(
            "{} gave no answer within {} s.",
            self.server.host,
            self.server.timeout.as_secs_f32()
        ))
    }

    /// Why the server could not be reached, with what makes Muster itself refuse said first.
    fn connection_text(&self, error: &SmtpError) -> String {
        let Server { host, port, .. } = &self.server;
        let mut cause = error.source();
        while let Some(source) = cause {
            let wrapped = source.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref());
            let tls = wrapped
                .and_then(|e| e.downcast_ref::<rustls::Error>())
                .or_else(|| source.downcast_ref());
            match tls {
                Some(rustls::Error::InvalidCertificate(why)) => {
                    return format!(
                        "Muster refuses: certificate of {host} is not valid ({}).",
                        certificate_text(why)
                    );
                }
                Some(other) => return format!("Muster refuses: no secure connection to {host} ({other})."),
                None => cause = source.source(),
            }
        }
        format!("{host}, port {port}: {}", error_text(error))
    }
}

/// When to try again after so many failed attempts: 1, 5, 15 and 60 minutes, then every hour, and `None` after 24 hours.
pub fn retry_after(attempts: u32) -> Option<Duration> {
    let minutes = |n: u32| Duration::from_mins(n.into());
    match attempts {
        0 => Some(Duration::ZERO),
        1 => Some(minutes(1)),
        2 => Some(minutes(5)),
        3 => Some(minutes(15)),
        // 21 minutes have passed before the fourth pause; the pauses of an hour add up to less than a day with them.
        n if minutes(21) + minutes(60) * (n - 3) <= GIVE_UP => Some(minutes(60)),
        _ => None,
    }
}

fn tls_parameters(server: &Server) -> Result<TlsParameters, Unusable> {
    let mut tls = TlsParameters::builder(server.host.clone());
    if let Some(pem) = &server.authority {
        tls = tls
            .add_root_certificate(Certificate::from_pem(pem).map_err(|e| Unusable::Authority(tidy(&e.to_string())))?);
    }
    tls.build().map_err(|e| Unusable::Tls(tidy(&e.to_string())))
}

async fn hand_over(
    connection: &mut AsyncSmtpConnection,
    envelope: &Envelope,
    bytes: &[u8],
) -> Result<Response, Failure> {
    let mut options = Vec::new();
    if !bytes.is_ascii() && connection.server_info().supports_feature(Extension::EightBitMime) {
        options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    expect(
        connection.command(Mail::new(envelope.from().cloned(), options)).await,
        250,
    )?;
    for to in envelope.to() {
        let answer = connection.command(Rcpt::new(to.clone(), Vec::new())).await;
        // 251: the server forwards it, and that is as good.
        let forwards = answer.as_ref().is_ok_and(|response| response.has_code(251));
        expect(answer, if forwards { 251 } else { 250 })?;
    }
    expect(connection.command(Data).await, 354)?;
    match connection.message(bytes).await {
        // lettre takes 3yz for success as well; a mail is accepted by 2yz alone.
        Ok(response) if response.code().severity == Severity::PositiveCompletion => Ok(response),
        Ok(response) => Err(Failure::After(response_text(&response))),
        Err(error) if error.status().is_some() => Err(Failure::Answer(error)),
        Err(error) => Err(Failure::After(error_text(&error))),
    }
}

/// The answer when it is the one the protocol has for this step, so that a dialogue out of step is never taken for success.
fn expect(answer: Result<Response, SmtpError>, code: u16) -> Result<(), Failure> {
    match answer {
        Ok(response) if response.has_code(code) => Ok(()),
        Ok(response) => Err(Failure::Before(response_text(&response))),
        Err(error) if error.status().is_some() => Err(Failure::Answer(error)),
        Err(error) => Err(Failure::Before(error_text(&error))),
    }
}

/// Code and text of a response in one line.
fn response_text(response: &Response) -> String {
    let lines: Vec<_> = response.message().collect();
    tidy(&format!("{} {}", response.code(), lines.join(" ")))
}

/// What an error says: for an answer of the server its code and text, else the innermost cause.
fn error_text(error: &SmtpError) -> String {
    let source = error.source().map(ToString::to_string);
    match (error.status(), source) {
        (Some(code), Some(text)) => tidy(&format!("{code} {text}")),
        (Some(code), None) => code.to_string(),
        (None, Some(text)) => tidy(&text),
        (None, None) => tidy(&error.to_string()),
    }
}

fn certificate_text(why: &rustls::CertificateError) -> String {
    use rustls::CertificateError as E;
    match why {
        E::Expired | E::ExpiredContext { .. } => "it has expired".to_owned(),
        E::NotValidYet | E::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        E::NotValidForName | E::NotValidForNameContext { .. } => "it belongs to another host".to_owned(),
        E::UnknownIssuer => "nobody trusted has signed it".to_owned(),
        E::Revoked => "it was revoked".to_owned(),
        other => other.to_string(),
    }
}

/// The text in one line of at most 300 characters, without anything hidden.
fn tidy(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if is_hidden(c) || c.is_whitespace() { ' ' } else { c })
        .collect();
    let words: Vec<_> = line.split_ascii_whitespace().collect();
    words.join(" ").chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        sync::{Arc, Mutex as StdMutex},
        time::SystemTime,
    };

    use super::*;
    use crate::mail::{
        address::Address,
        message::{Rendered, build},
    };
    use tokio::{
        io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
        net::TcpListener,
    };
    use tokio_rustls::{
        TlsAcceptor,
        rustls::{
            ServerConfig,
            pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
        },
    };

    /// What a receiver does out of the ordinary, each once unless said otherwise.
    #[derive(Clone, Debug)]
    enum Quirk {
        /// Answers this to a command that begins so.
        Answer(&'static str, &'static str),
        /// Closes after answering this to a command that begins so.
        Hang(&'static str),
        /// Closes without an answer to a command that begins so; "." is the end of the mail.
        Drop(&'static str),
    }

    #[derive(Clone)]
    struct Sink {
        port: u16,
        quirks: Arc<StdMutex<VecDeque<Quirk>>>,
        seen: Arc<StdMutex<Vec<String>>>,
        mails: Arc<StdMutex<Vec<String>>>,
    }

    #[derive(Clone)]
    struct Habits {
        starttls: Option<TlsAcceptor>,
        wrapper: Option<TlsAcceptor>,
        auth: bool,
    }

    const PLAIN: Habits = Habits {
        starttls: None,
        wrapper: None,
        auth: false,
    };

    impl Sink {
        async fn start(habits: Habits, quirks: &[Quirk]) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let sink = Self {
                port: listener.local_addr().unwrap().port(),
                quirks: Arc::new(StdMutex::new(quirks.iter().cloned().collect())),
                seen: Arc::default(),
                mails: Arc::default(),
            };
            let serving = sink.clone();
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (sink, habits) = (serving.clone(), habits.clone());
                    sink.seen.lock().unwrap().push("(connected)".to_owned());
                    tokio::spawn(async move {
                        if let Some(tls) = &habits.wrapper {
                            if let Ok(stream) = tls.accept(stream).await {
                                sink.talk(stream, &habits, true, true).await;
                            }
                        } else if let (Some(stream), Some(tls)) =
                            (sink.talk(stream, &habits, true, false).await, &habits.starttls)
                            && let Ok(stream) = tls.accept(stream).await
                        {
                            sink.talk(stream, &habits, false, true).await;
                        }
                    });
                }
            });
            sink
        }

        fn quirk(&self, line: &str) -> Option<Quirk> {
            let mut quirks = self.quirks.lock().unwrap();
            let (Quirk::Answer(to, _) | Quirk::Hang(to) | Quirk::Drop(to)) = quirks.front()?;
            if line.starts_with(to) { quirks.pop_front() } else { None }
        }

        /// Speaks until the end, or gives the stream back for STARTTLS.
        async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
            &self,
            stream: S,
            habits: &Habits,
            greet: bool,
            secure: bool,
        ) -> Option<S> {
            let mut stream = BufReader::new(stream);
            if greet {
                match self.quirk("(greeting)") {
                    Some(Quirk::Answer(_, text)) => stream.write_all(text.as_bytes()).await.ok()?,
                    Some(Quirk::Drop(_)) => return None,
                    Some(Quirk::Hang(_)) => std::future::pending().await,
                    None => stream.write_all(b"220 sink ESMTP\r\n").await.ok()?,
                }
            }
            let (mut data, mut mail) = (false, String::new());
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).await.ok()? == 0 {
                    return None;
                }
                let line = line.trim_end();
                if data && line != "." {
                    mail += line;
                    mail.push('\n');
                    continue;
                }
                self.seen.lock().unwrap().push(line.to_owned());
                let quirk = self.quirk(line);
                if data {
                    data = false;
                    // Accepted, even when the answer is lost: that is what makes the fault interesting.
                    if !matches!(quirk, Some(Quirk::Answer(..))) {
                        self.mails.lock().unwrap().push(std::mem::take(&mut mail));
                    }
                }
                let answer = match quirk {
                    Some(Quirk::Answer(_, text)) => text,
                    Some(Quirk::Drop(_)) => return None,
                    Some(Quirk::Hang(_)) => std::future::pending().await,
                    None => match line.split(' ').next().unwrap_or("") {
                        "EHLO" if habits.starttls.is_some() && !secure => {
                            "250-sink\r\n250-8BITMIME\r\n250 STARTTLS\r\n"
                        }
                        "EHLO" if habits.auth => "250-sink\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n",
                        "EHLO" => "250-sink\r\n250 8BITMIME\r\n",
                        "STARTTLS" => {
                            stream.write_all(b"220 go\r\n").await.ok()?;
                            return Some(stream.into_inner());
                        }
                        // "muster" and "secret"
                        "AUTH" if line == "AUTH PLAIN AG11c3RlcgBzZWNyZXQ=" => "235 2.7.0 welcome\r\n",
                        "AUTH" => "535 5.7.8 wrong user or password\r\n",
                        "DATA" => {
                            data = true;
                            "354 go on\r\n"
                        }
                        "." => "250 2.0.0 queued as 4711\r\n",
                        "QUIT" => "221 bye\r\n",
                        _ => "250 ok\r\n",
                    },
                };
                if stream.write_all(answer.as_bytes()).await.is_err() || answer.starts_with("421") || line == "QUIT" {
                    return None;
                }
            }
        }

        fn post(&self, change: impl FnOnce(&mut Server)) -> Post {
            let mut server = Server {
                port: self.port,
                tls: Tls::None,
                timeout: Duration::from_secs(30),
                ..Server::new("localhost")
            };
            change(&mut server);
            Post::new(server).unwrap()
        }

        fn count(&self, what: &str) -> usize {
            self.seen
                .lock()
                .unwrap()
                .iter()
                .filter(|line| line.starts_with(what))
                .count()
        }

        fn mails(&self) -> Vec<String> {
            self.mails.lock().unwrap().clone()
        }
    }

    fn mail(id: &str) -> lettre::Message {
        let rendered = Rendered {
            subject: "Hello".to_owned(),
            text: ".dot\n..\n.\nend\n".to_owned(),
            html: "<p>Grüße</p>".to_owned(),
        };
        let from = "Muster <muster@kestrel.example>".parse().unwrap();
        let to = Address::parse("jonas@kestrel.example").unwrap();
        build(
            &rendered,
            &from,
            &to,
            None,
            id,
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000),
        )
        .unwrap()
    }

    fn deferred(outcome: &Outcome) -> &str {
        match outcome {
            Outcome::Deferred(text) => text,
            other => panic!("{other:?}"),
        }
    }

    struct Certificates {
        authority: Vec<u8>,
        acceptor: TlsAcceptor,
    }

    fn certificates(host: &str) -> Certificates {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).unwrap().pem().into_bytes();
        let issuer = rcgen::Issuer::new(params, key);
        let host_key = rcgen::KeyPair::generate().unwrap();
        let host = rcgen::CertificateParams::new(vec![host.to_owned()])
            .unwrap()
            .signed_by(&host_key, &issuer)
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![host.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(host_key.serialize_der())),
            )
            .unwrap();
        Certificates {
            authority,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        }
    }

    #[tokio::test]
    async fn a_mail_arrives_as_it_was_and_the_connection_is_used_again() {
        let sink = Sink::start(PLAIN, &[]).await;
        let post = sink.post(|_| {});
        for id in ["1@m.example", "2@m.example"] {
            assert_eq!(
                post.send(&mail(id)).await,
                Outcome::Sent("250 2.0.0 queued as 4711".to_owned())
            );
        }
        assert_eq!(
            (sink.count("(connected)"), sink.count("EHLO"), sink.count("MAIL")),
            (1, 1, 2)
        );
        assert!(
            sink.seen
                .lock()
                .unwrap()
                .contains(&"RCPT TO:<jonas@kestrel.example>".to_owned())
        );
        let mails = sink.mails();
        assert!(mails[0].contains("Message-ID: <1@m.example>") && mails[1].contains("Message-ID: <2@m.example>"));
        assert!(
            mails[0].contains("\n..dot\n...\n..\nend\n"),
            "dots are doubled on the wire: {}",
            mails[0]
        );
        post.close().await;
        assert_eq!(sink.count("QUIT"), 1);
    }

    #[tokio::test]
    async fn fault_f12_a_closed_port_defers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let post = Post::new(Server {
            port,
            tls: Tls::None,
            ..Server::new("localhost")
        })
        .unwrap();
        let outcome = post.send(&mail("1@m.example")).await;
        assert!(
            deferred(&outcome).starts_with(&format!("localhost, port {port}: ")),
            "{outcome:?}"
        );
        assert!(deferred(&outcome).contains("refused"), "{outcome:?}");
        assert!(post.check().await.unwrap_err().contains("refused"));
        let nowhere = Post::new(Server {
            tls: Tls::None,
            ..Server::new("nowhere.invalid")
        })
        .unwrap();
        assert!(matches!(nowhere.send(&mail("1@m.example")).await, Outcome::Deferred(_)));
    }

    #[tokio::test]
    async fn fault_f13_a_server_that_hangs_is_left_in_time_and_its_connection_is_not_used_again() {
        let steps = ["(greeting)", "EHLO", "MAIL", "RCPT", "DATA", "."];
        let all = steps.map(|step| async move {
            let sink = Sink::start(PLAIN, &[Quirk::Hang(step)]).await;
            let post = sink.post(|s| s.timeout = Duration::from_secs(1));
            let began = Instant::now();
            let outcome = post.send(&mail("1@m.example")).await;
            assert_eq!(deferred(&outcome), "localhost gave no answer within 1 s.", "{step}");
            assert!(began.elapsed() < Duration::from_secs(3), "{step}");
            assert!(
                matches!(post.send(&mail("2@m.example")).await, Outcome::Sent(_)),
                "{step}"
            );
            assert_eq!(sink.count("(connected)"), 2, "{step}");
        });
        futures_util::future::join_all(all).await;
    }

    #[tokio::test]
    async fn fault_f14_temporary_answers_defer_with_their_text() {
        for (step, text) in [
            ("MAIL", "450 4.7.1 greylisted\r\n"),
            ("RCPT", "451-4.3.0 try\r\n451 4.3.0 later\r\n"),
            (".", "452 4.2.2 full\r\n"),
        ] {
            let sink = Sink::start(PLAIN, &[Quirk::Answer(step, text)]).await;
            let post = sink.post(|_| {});
            let outcome = post.send(&mail("1@m.example")).await;
            assert_eq!(deferred(&outcome).split(' ').next(), text.split([' ', '-']).next());
            assert!(sink.mails().is_empty());
            // The next attempt has the same Message-ID and arrives once.
            assert!(matches!(post.send(&mail("1@m.example")).await, Outcome::Sent(_)));
            let mails = sink.mails();
            assert!(mails.len() == 1 && mails[0].contains("Message-ID: <1@m.example>"));
        }
        let sink = Sink::start(PLAIN, &[Quirk::Answer("(greeting)", "421 4.3.2 closing\r\n")]).await;
        assert!(deferred(&sink.post(|_| {}).send(&mail("1@m.example")).await).contains("421 4.3.2 closing"));
    }

    #[tokio::test]
    async fn fault_f15_final_answers_bounce_with_code_and_text() {
        for (step, text) in [
            ("MAIL", "550 5.7.1 no\r\n"),
            ("RCPT", "550 5.1.1 no such user\r\n"),
            (".", "552 5.3.4 too big\r\n"),
        ] {
            let sink = Sink::start(PLAIN, &[Quirk::Answer(step, text)]).await;
            let post = sink.post(|_| {});
            assert_eq!(
                post.send(&mail("1@m.example")).await,
                Outcome::Bounced(text.trim_end().to_owned())
            );
            // The next mail goes over the same connection, which was reset.
            assert!(matches!(post.send(&mail("2@m.example")).await, Outcome::Sent(_)));
            assert_eq!(
                (sink.count("(connected)"), sink.count("RSET"), sink.mails().len()),
                (1, 1, 1)
            );
        }
        // Where the server turns Muster away, not the recipient, the mail waits for better settings.
        for (step, text) in [
            ("(greeting)", "554 5.7.1 not you\r\n"),
            ("EHLO", "550 no\r\n"),
            ("MAIL", "530 5.7.0 sign in first\r\n"),
        ] {
            let sink = Sink::start(PLAIN, &[Quirk::Answer(step, text)]).await;
            let outcome = sink.post(|_| {}).send(&mail("1@m.example")).await;
            assert!(deferred(&outcome).contains(text.trim_end()), "{outcome:?}");
        }
    }

    #[tokio::test]
    async fn fault_f16_a_connection_lost_after_the_mail_is_not_tried_again_at_once() {
        for fresh in [true, false] {
            let sink = Sink::start(PLAIN, &[]).await;
            let post = sink.post(|_| {});
            if !fresh {
                assert!(matches!(post.send(&mail("0@m.example")).await, Outcome::Sent(_)));
            }
            sink.quirks.lock().unwrap().push_back(Quirk::Drop("."));
            let outcome = post.send(&mail("1@m.example")).await;
            assert!(
                deferred(&outcome).starts_with("localhost did not confirm the mail"),
                "{outcome:?}"
            );
            // The outbox tries again: one duplicate, which mailboxes recognise by its Message-ID.
            assert!(matches!(post.send(&mail("1@m.example")).await, Outcome::Sent(_)));
            assert_eq!(
                sink.mails()
                    .iter()
                    .filter(|m| m.contains("Message-ID: <1@m.example>"))
                    .count(),
                2
            );
        }
    }

    #[tokio::test]
    async fn a_used_connection_that_is_gone_is_replaced_once() {
        for quirk in [
            Quirk::Drop("MAIL"),
            Quirk::Drop("RCPT"),
            Quirk::Drop("DATA"),
            Quirk::Answer("MAIL", "421 4.7.0 too many\r\n"),
        ] {
            let sink = Sink::start(PLAIN, &[]).await;
            let post = sink.post(|_| {});
            assert!(matches!(post.send(&mail("1@m.example")).await, Outcome::Sent(_)));
            sink.quirks.lock().unwrap().push_back(quirk.clone());
            assert!(
                matches!(post.send(&mail("2@m.example")).await, Outcome::Sent(_)),
                "{quirk:?}"
            );
            assert_eq!((sink.count("(connected)"), sink.mails().len()), (2, 2), "{quirk:?}");
            // But a fresh connection that breaks is left for later.
            sink.quirks.lock().unwrap().extend([quirk.clone(), quirk.clone()]);
            assert!(
                matches!(post.send(&mail("3@m.example")).await, Outcome::Deferred(_)),
                "{quirk:?}"
            );
            assert_eq!((sink.count("(connected)"), sink.mails().len()), (3, 2), "{quirk:?}");
        }
    }

    #[tokio::test]
    async fn answers_out_of_step_are_never_taken_for_success() {
        for (step, text) in [
            ("MAIL", "354 go on\r\n"),
            ("RCPT", "354 go on\r\n"),
            ("DATA", "250 ok\r\n"),
            (".", "354 go on\r\n"),
        ] {
            let sink = Sink::start(PLAIN, &[Quirk::Answer(step, text)]).await;
            let outcome = sink
                .post(|s| s.timeout = Duration::from_secs(1))
                .send(&mail("1@m.example"))
                .await;
            assert!(matches!(outcome, Outcome::Deferred(_)), "{step}: {outcome:?}");
        }
    }

    #[tokio::test]
    async fn sign_in_works_over_starttls_and_over_tls_from_the_start() {
        let tls = certificates("localhost");
        for habits in [
            Habits {
                starttls: Some(tls.acceptor.clone()),
                auth: true,
                ..PLAIN
            },
            Habits {
                wrapper: Some(tls.acceptor.clone()),
                auth: true,
                ..PLAIN
            },
        ] {
            let kind = if habits.wrapper.is_some() {
                Tls::Wrapper
            } else {
                Tls::Required
            };
            let sink = Sink::start(habits, &[]).await;
            let with = |password: &str| {
                sink.post(|s| {
                    s.tls = kind;
                    s.authority = Some(tls.authority.clone());
                    s.login = Some(("muster".to_owned(), password.to_owned()));
                })
            };
            assert_eq!(with("secret").check().await, Ok(()));
            assert!(
                matches!(with("secret").send(&mail("1@m.example")).await, Outcome::Sent(_)),
                "{kind:?}"
            );
            let outcome = with("wrong").send(&mail("2@m.example")).await;
            assert_eq!(
                deferred(&outcome),
                "localhost refuses the sign-in: 535 5.7.8 wrong user or password"
            );
            assert_eq!(sink.mails().len(), 1);
        }
    }

    #[tokio::test]
    async fn fault_f17_nothing_is_sent_without_a_trusted_connection() {
        let (right, other) = (certificates("localhost"), certificates("elsewhere.example"));
        let signed_in = |s: &mut Server, tls: Tls, authority: Option<&[u8]>| {
            s.tls = tls;
            s.authority = authority.map(<[u8]>::to_vec);
            s.login = Some(("muster".to_owned(), "secret".to_owned()));
        };
        // Stripped: the offer of STARTTLS is missing, or it is refused.
        let stripped = Sink::start(Habits { auth: true, ..PLAIN }, &[]).await;
        let outcome = stripped
            .post(|s| signed_in(s, Tls::Required, Some(&right.authority)))
            .send(&mail("1@m.example"))
            .await;
        assert_eq!(
            deferred(&outcome),
            "Muster refuses: localhost does not offer STARTTLS, and mail is not sent in clear text."
        );
        let starttls = Habits {
            starttls: Some(right.acceptor.clone()),
            auth: true,
            ..PLAIN
        };
        let refused = Sink::start(starttls.clone(), &[Quirk::Answer("STARTTLS", "454 4.7.0 not now\r\n")]).await;
        let outcome = refused
            .post(|s| signed_in(s, Tls::Required, Some(&right.authority)))
            .send(&mail("1@m.example"))
            .await;
        assert!(deferred(&outcome).contains("454 4.7.0 not now"), "{outcome:?}");
        // A certificate that nobody trusts, and one of another host, both ways.
        for (certificates, authority, why) in [
            (&right, None, "nobody trusted has signed it"),
            (&other, Some(other.authority.as_slice()), "it belongs to another host"),
        ] {
            for (tls, habits) in [
                (
                    Tls::Required,
                    Habits {
                        starttls: Some(certificates.acceptor.clone()),
                        auth: true,
                        ..PLAIN
                    },
                ),
                (
                    Tls::Wrapper,
                    Habits {
                        wrapper: Some(certificates.acceptor.clone()),
                        auth: true,
                        ..PLAIN
                    },
                ),
            ] {
                let sink = Sink::start(habits, &[]).await;
                let post = sink.post(|s| signed_in(s, tls, authority));
                let outcome = post.send(&mail("1@m.example")).await;
                assert_eq!(
                    deferred(&outcome),
                    format!("Muster refuses: certificate of localhost is not valid ({why})."),
                    "{tls:?}"
                );
                assert_eq!(post.check().await, Err(deferred(&outcome).to_owned()));
                assert_eq!((sink.count("AUTH"), sink.count("MAIL"), sink.mails().len()), (0, 0, 0));
            }
        }
        // A server that speaks no TLS where TLS is expected.
        let clear = Sink::start(PLAIN, &[]).await;
        let outcome = clear
            .post(|s| signed_in(s, Tls::Wrapper, None))
            .send(&mail("1@m.example"))
            .await;
        assert!(
            deferred(&outcome).starts_with("Muster refuses: no secure connection to localhost"),
            "{outcome:?}"
        );
        for sink in [&stripped, &refused, &clear] {
            assert_eq!((sink.count("AUTH"), sink.count("MAIL"), sink.mails().len()), (0, 0, 0));
        }
    }

    #[tokio::test]
    async fn texts_of_servers_are_short_and_harmless() {
        let long: &'static str = Box::leak(
            format!(
                "550 {}\u{1b}[31m\u{202e}\u{7}{}\r\n",
                "a b ".repeat(20),
                "x".repeat(600)
            )
            .into_boxed_str(),
        );
        let sink = Sink::start(PLAIN, &[Quirk::Answer("RCPT", long)]).await;
        match sink.post(|_| {}).send(&mail("1@m.example")).await {
            Outcome::Bounced(text) => {
                assert!(
                    text.starts_with("550 a b") && text.chars().count() == MAX_TEXT,
                    "{text}"
                );
                assert!(!text.chars().any(|c| c.is_control() || is_hidden(c)), "{text:?}");
            }
            other => panic!("{other:?}"),
        }
        let sink = Sink::start(PLAIN, &[Quirk::Answer("RCPT", "550 a\0b\r\n")]).await;
        assert_eq!(
            sink.post(|_| {}).send(&mail("1@m.example")).await,
            Outcome::Bounced("550 a b".to_owned())
        );
    }

    #[test]
    fn pauses_grow_and_end_after_a_day() {
        let minutes: Vec<u64> = (1..=4).filter_map(retry_after).map(|d| d.as_secs() / 60).collect();
        assert_eq!(minutes, [1, 5, 15, 60]);
        let pauses: Vec<Duration> = (1..).map_while(retry_after).collect();
        let total: Duration = pauses.iter().sum();
        assert!(
            total <= GIVE_UP && total + Duration::from_hours(1) > GIVE_UP,
            "{total:?}"
        );
        assert!(pauses.windows(2).all(|w| w[0] <= w[1]));
        assert_eq!(retry_after(u32::MAX), None);
        assert_eq!(retry_after(0), Some(Duration::ZERO));
    }

    #[test]
    fn a_bad_authority_is_refused_at_once() {
        let server = Server {
            authority: Some(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec()),
            ..Server::new("localhost")
        };
        assert!(Post::new(server).is_err());
    }
}
