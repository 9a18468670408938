//! A browser in small: cookies, forms with their token, htmx requests.

use reqwest::{Method, RequestBuilder, header, redirect::Policy};

use super::Page;

/// One browser.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

/// One answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: header::HeaderMap,
    /// The body.
    pub body: String,
}

impl Client {
    /// A browser without cookies.
    pub fn new(base: &str) -> Self {
        let http = reqwest::Client::builder()
            .cookie_store(true)
            .redirect(Policy::none())
            .build()
            .expect("a client");
        Self {
            http,
            base: base.to_owned(),
        }
    }

    /// A browser that has a cookie already.
    pub fn with_cookie(base: &str, cookie: &str) -> Self {
        let jar = std::sync::Arc::new(reqwest::cookie::Jar::default());
        jar.add_cookie_str(cookie, &base.parse().expect("a URL"));
        let http = reqwest::Client::builder()
            .cookie_provider(jar)
            .redirect(Policy::none())
            .build()
            .expect("a client");
        Self {
            http,
            base: base.to_owned(),
        }
    }

    /// The address of a path; whole addresses stay as they are.
    pub fn address(&self, path: &str) -> String {
        if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.base)
        }
    }

    /// A request of any kind.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.address(path))
    }

    /// Sends a request.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer {
            status,
            headers,
            body: response.text().await.expect("a body"),
        }
    }

    /// Opens a page.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// Opens a page and follows redirects to where they end.
    pub async fn follow(&self, path: &str) -> Answer {
        let mut answer = self.get(path).await;
        for _ in 0..10 {
            match answer.location() {
                Some(next) => answer = self.get(&next).await,
                None => return answer,
            }
        }
        panic!("{path} redirects without end");
    }

    /// The token of this browser's forms, from a page that it can always open.
    pub async fn csrf(&self) -> String {
        let page = self.follow("/me").await;
        Page::parse(&page.body)
            .value("csrf")
            .unwrap_or_else(|| panic!("no token on /me: {} {}", page.status, page.body))
    }

    /// Sends a form with its token.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.form(path, fields, false).await
    }

    /// Sends a form as htmx does.
    pub async fn htmx_post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.form(path, fields, true).await
    }

    /// Sends a DELETE as htmx does.
    pub async fn htmx_delete(&self, path: &str) -> Answer {
        let token = self.csrf().await;
        self.send(
            self.request(Method::DELETE, path)
                .header("hx-request", "true")
                .header("x-csrf-token", token),
        )
        .await
    }

    /// Opens a page as htmx does.
    pub async fn htmx_get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).header("hx-request", "true"))
            .await
    }

    /// Sends a file as a form does.
    pub async fn upload(&self, path: &str, name: &str, bytes: &[u8]) -> Answer {
        let token = self.csrf().await;
        let (kind, body) = super::multipart(&[("csrf", &token)], Some(("file", name, bytes)));
        let request = self.request(Method::POST, path).header("content-type", kind).body(body);
        self.send(request).await
    }

    async fn form(&self, path: &str, fields: &[(&str, &str)], htmx: bool) -> Answer {
        let token = self.csrf().await;
        let mut all = vec![("csrf", token.as_str())];
        all.extend_from_slice(fields);
        let mut request = self.request(Method::POST, path).form(&all);
        if htmx {
            request = request.header("hx-request", "true");
        }
        self.send(request).await
    }
}

impl Answer {
    /// Asserts the status and reads the page.
    #[track_caller]
    pub fn page(&self, status: u16) -> Page {
        assert_eq!(self.status, status, "{}", self.body);
        Page::parse(&self.body)
    }
    /// Where it redirects to.
    pub fn location(&self) -> Option<String> {
        Some(self.headers.get(header::LOCATION)?.to_str().expect("a text").to_owned())
    }
    /// Asserts a redirect (303) to a path that begins so, and gives it.
    #[track_caller]
    pub fn redirects_to(&self, start: &str) -> String {
        assert_eq!(self.status, 303, "{}", self.body);
        let to = self.location().expect("a location");
        assert!(to.starts_with(start), "redirects to {to}, not {start}");
        to
    }
    /// A header as text, empty when missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("a text"))
    }
}
