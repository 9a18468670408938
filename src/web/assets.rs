//! The files of `static/`, embedded in the binary and served under addresses that contain their hash.
//!
//! An address never changes its content, so a browser may keep it for a year. Text is compressed once, at its
//! first request, and kept.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write as _;
use std::sync::{LazyLock, OnceLock};

use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use data_encoding::HEXLOWER;
use rust_embed::RustEmbed;
use sha2::{Digest as _, Sha256};

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

/// The folder under which [`serve`] is mounted.
pub const PREFIX: &str = "/static/";

/// The address of one embedded file, with its content hash: `app.css` becomes `/static/app.3f2a….css`.
///
/// An unknown name gives an address that answers 404; a test reads every template and refuses unknown names.
pub fn url(name: &str) -> &'static str {
    ASSETS
        .by_name
        .get(name)
        .map_or("/static/missing", |&at| ASSETS.files[at].url.as_str())
}

/// The text of a file of `static`, by its plain name; none for what is no text or not there.
pub fn text(name: &str) -> Option<&'static str> {
    let &at = ASSETS.by_name.get(name)?;
    std::str::from_utf8(&ASSETS.files[at].bytes).ok()
}

/// Answers `GET /static/{file:.*}` with the embedded file, or 404 where the name does not carry the right hash.
pub async fn serve(file: web::Path<String>, request: HttpRequest) -> HttpResponse {
    let Some(asset) = ASSETS.by_path.get(file.as_str()).map(|&at| &ASSETS.files[at]) else {
        return HttpResponse::NotFound().finish();
    };
    let (coding, body) = asset.encoded(request.headers());
    let etag = format!("\"{}{}\"", asset.hash, coding.suffix());
    let mut answer = if has_etag(request.headers(), &etag) {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    answer.insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"));
    answer.insert_header((header::ETAG, etag));
    if asset.is_text {
        answer.insert_header((header::VARY, "Accept-Encoding"));
    }
    if let Some(name) = coding.name() {
        answer.insert_header((header::CONTENT_ENCODING, name));
    }
    answer.content_type(asset.content_type);
    answer.body(web::Bytes::from_static(body))
}

/// Compresses every text file now, so that no visitor waits for it; meant for a blocking thread after start.
pub fn prepare() {
    for asset in &ASSETS.files {
        asset.brotli();
        asset.gzip();
    }
}

struct Asset {
    url: String,
    hash: String,
    content_type: &'static str,
    is_text: bool,
    bytes: Cow<'static, [u8]>,
    brotli: OnceLock<Vec<u8>>,
    gzip: OnceLock<Vec<u8>>,
}

struct Assets {
    files: Vec<Asset>,
    /// `app.css` → index.
    by_name: HashMap<String, usize>,
    /// `app.3f2a….css` → index.
    by_path: HashMap<String, usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Coding {
    Identity,
    Brotli,
    Gzip,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(Assets::load);

impl Assets {
    fn load() -> Self {
        let mut all = Self {
            files: Vec::new(),
            by_name: HashMap::new(),
            by_path: HashMap::new(),
        };
        // Stylesheets come last, because they name other files by their hashed addresses.
        let mut names: Vec<_> = Files::iter().filter(|name| !is_extension(name, "md")).collect();
        names.sort_by_key(|name| (is_extension(name, "css"), name.clone()));
        for name in names {
            if let Some(file) = Files::get(&name) {
                let bytes = if is_extension(&name, "css") {
                    all.with_hashed_urls(file.data)
                } else {
                    file.data
                };
                all.add(&name, bytes);
            }
        }
        all
    }

    fn add(&mut self, name: &str, bytes: Cow<'static, [u8]>) {
        // 64 bits tell our own few files apart and keep the addresses short.
        let hash = HEXLOWER.encode(&Sha256::digest(&bytes)[..8]);
        let path = match name.rsplit_once('.') {
            Some((stem, extension)) => format!("{stem}.{hash}.{extension}"),
            None => format!("{name}.{hash}"),
        };
        let (content_type, is_text) = content_type(name);
        let at = self.files.len();
        self.by_name.insert(name.to_owned(), at);
        self.by_path.insert(path.clone(), at);
        self.files.push(Asset {
            url: format!("{PREFIX}{path}"),
            hash,
            content_type,
            is_text,
            bytes,
            brotli: OnceLock::new(),
            gzip: OnceLock::new(),
        });
    }

    /// Replaces `url(fonts/x.woff2)` by the hashed address of that file.
    fn with_hashed_urls(&self, css: Cow<'static, [u8]>) -> Cow<'static, [u8]> {
        let Ok(text) = std::str::from_utf8(&css) else {
            return css;
        };
        let mut text = text.to_owned();
        for (name, &at) in &self.by_name {
            text = text.replace(&format!("url({name})"), &format!("url({})", self.files[at].url));
        }
        Cow::Owned(text.into_bytes())
    }
}

impl Asset {
    /// The smallest form that the browser says it reads.
    fn encoded(&'static self, headers: &HeaderMap) -> (Coding, &'static [u8]) {
        let accept = headers.get(header::ACCEPT_ENCODING);
        if self.is_text && accepts(accept, "br") {
            (Coding::Brotli, self.brotli())
        } else if self.is_text && accepts(accept, "gzip") {
            (Coding::Gzip, self.gzip())
        } else {
            (Coding::Identity, &self.bytes)
        }
    }

    fn brotli(&self) -> &[u8] {
        self.brotli.get_or_init(|| {
            let mut out = Vec::new();
            if self.is_text {
                let params = brotli::enc::BrotliEncoderParams {
                    quality: 11,
                    lgwin: 18,
                    ..Default::default()
                };
                // Reading a slice and writing a Vec cannot fail.
                let _ = brotli::BrotliCompress(&mut &*self.bytes, &mut out, &params);
            }
            out
        })
    }

    fn gzip(&self) -> &[u8] {
        self.gzip.get_or_init(|| {
            if !self.is_text {
                return Vec::new();
            }
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            // Writing a Vec cannot fail.
            let _ = out.write_all(&self.bytes);
            out.finish().unwrap_or_default()
        })
    }
}

impl Coding {
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
        }
    }

    /// A strong entity tag belongs to one encoding.
    fn suffix(self) -> &'static str {
        match self {
            Self::Identity => "",
            Self::Brotli => "-br",
            Self::Gzip => "-gz",
        }
    }
}

fn content_type(name: &str) -> (&'static str, bool) {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "css" => ("text/css; charset=utf-8", true),
        "js" => ("text/javascript; charset=utf-8", true),
        "svg" => ("image/svg+xml; charset=utf-8", true),
        "txt" => ("text/plain; charset=utf-8", true),
        "woff2" => ("font/woff2", false),
        _ => ("application/octet-stream", false),
    }
}

fn is_extension(name: &str, extension: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, found)| found == extension)
}

/// Whether an Accept-Encoding header names the coding with a weight above zero.
pub(super) fn accepts(header: Option<&HeaderValue>, coding: &str) -> bool {
    let Some(text) = header.and_then(|value| value.to_str().ok()) else {
        return false;
    };
    text.split(',').any(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding))
            && !parts.any(|part| part.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32)))
    })
}

fn has_etag(headers: &HeaderMap, etag: &str) -> bool {
    let Some(text) = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    text.split(',')
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::path::Path;

    use actix_web::http::StatusCode;
    use actix_web::{App, test as harness};

    use super::*;

    async fn get(path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
        let app = harness::init_service(App::new().route("/static/{file:.*}", web::get().to(serve))).await;
        let mut request = harness::TestRequest::get().uri(path);
        for header in headers {
            request = request.insert_header(*header);
        }
        let answer = harness::call_service(&app, request.to_request()).await;
        let (status, headers) = (answer.status(), answer.headers().clone());
        (status, headers, harness::read_body(answer).await.to_vec())
    }

    #[actix_web::test]
    async fn a_hashed_name_is_kept_for_a_year() {
        let (status, headers, body) = get(url("app.css"), &[]).await;
        assert_eq!(status, 200);
        assert_eq!(
            headers.get("cache-control").unwrap(),
            "public, max-age=31536000, immutable"
        );
        assert_eq!(headers.get("content-type").unwrap(), "text/css; charset=utf-8");
        assert!(headers.get("content-encoding").is_none());
        assert!(body.starts_with(b"/* Muster"));
        let etag = headers.get("etag").unwrap().to_str().unwrap();
        assert_eq!(get(url("app.css"), &[("if-none-match", etag)]).await.0, 304);
        assert_eq!(get(url("app.css"), &[("if-none-match", "\"other\"")]).await.0, 200);
    }

    #[actix_web::test]
    async fn an_unhashed_or_unknown_name_is_not_found() {
        for path in [
            "/static/app.css",
            "/static/",
            "/static/missing",
            "/static/app.0000000000000000.css",
            "/static/../Cargo.toml",
        ] {
            assert_eq!(get(path, &[]).await.0, 404, "{path}");
        }
        assert_eq!(url("nothing.css"), "/static/missing");
        assert!(!ASSETS.by_name.contains_key("README.md"));
    }

    #[actix_web::test]
    async fn text_is_compressed_as_the_browser_asks() {
        let plain = get(url("app.css"), &[]).await.2;
        let (_, headers, body) = get(url("app.css"), &[("accept-encoding", "gzip, deflate, br, zstd")]).await;
        assert_eq!(headers.get("content-encoding").unwrap(), "br");
        assert_eq!(headers.get("vary").unwrap(), "Accept-Encoding");
        let mut text = Vec::new();
        brotli::Decompressor::new(&body[..], 4096)
            .read_to_end(&mut text)
            .unwrap();
        assert_eq!(text, plain);
        assert!(body.len() * 4 < plain.len(), "{} of {}", body.len(), plain.len());
        let (_, headers, body) = get(url("app.css"), &[("accept-encoding", "gzip;q=1.0, br;q=0")]).await;
        assert_eq!(headers.get("content-encoding").unwrap(), "gzip");
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut text).unwrap();
        assert_eq!(text, plain);
        let font = get(url("fonts/inter-latin.woff2"), &[("accept-encoding", "br, gzip")]).await;
        assert!(font.1.get("content-encoding").is_none());
        assert_eq!(font.1.get("content-type").unwrap(), "font/woff2");
        assert_eq!(font.2, std::fs::read("static/fonts/inter-latin.woff2").unwrap());
    }

    #[actix_web::test]
    async fn stylesheets_name_their_fonts_by_hash() {
        let css = String::from_utf8(get(url("app.css"), &[]).await.2).unwrap();
        let named: Vec<_> = css
            .split("url(")
            .skip(1)
            .map(|rest| rest.split(')').next().unwrap())
            .collect();
        assert_eq!(named.len(), 2);
        for path in named {
            assert_eq!(get(path, &[]).await.0, 200, "{path}");
        }
    }

    #[test]
    fn templates_name_only_known_assets_and_icons() {
        let sprite = std::fs::read_to_string("static/icons.svg").unwrap();
        let mut seen = 0;
        for (path, text) in templates(Path::new("templates")) {
            for rest in text.split("assets::url(\"").skip(1) {
                let name = rest.split('"').next().unwrap();
                assert!(
                    ASSETS.by_name.contains_key(name),
                    "{path} names {name}, which static/ does not hold"
                );
                seen += 1;
            }
            for rest in text.split("icon(\"").skip(1) {
                let name = rest.split('"').next().unwrap();
                assert!(
                    sprite.contains(&format!("id=\"i-{name}\"")),
                    "{path} names the icon {name}, which icons.svg does not hold"
                );
                seen += 1;
            }
        }
        assert!(
            seen > 20,
            "only {seen} names were found, so this test no longer reads the templates"
        );
    }

    #[test]
    fn vendored_files_are_those_that_the_readme_lists() {
        let readme = std::fs::read_to_string("static/README.md").unwrap();
        for name in ["htmx.min.js", "fonts/inter-latin.woff2", "fonts/inter-latin-ext.woff2"] {
            let sum = HEXLOWER.encode(&Sha256::digest(std::fs::read(format!("static/{name}")).unwrap()));
            assert!(
                readme.contains(&sum),
                "static/README.md does not name the sha256 of {name}, {sum}"
            );
        }
    }

    fn templates(at: &Path) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(templates(&path));
            } else {
                found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
            }
        }
        found
    }
}
