//! Pages leave compressed where nobody but the reader's own browser chose what they say.
//!
//! Decision, about BREACH: a page holds secrets (the token of its forms, invitation links) beside words of the request (a search).
//! Whoever can make a browser ask for a page many times with words of their choice, and sees how long the answers are on the wire,
//! guesses a secret letter by letter, if the two are compressed together. Masking the token would save the token alone. So what
//! counts is who asked: browsers say so in `Sec-Fetch-Site`, which no page can forge and which stays "cross-site" through
//! redirects. A request that our own pages made, or that a person made by a bookmark or by typing, is answered compressed; what a
//! foreign page or an old browser asks for is not. Browsers omit the header over plain http beyond this machine, where an
//! eavesdropper reads everything without guessing.
//!
//! gzip at a fast level by a fast library costs about 0.1 ms for the longest pages; brotli would cost twenty times as much.

use std::io::Write as _;

use actix_web::{
    body::{BoxBody, MessageBody as _},
    dev::ServiceResponse,
    http::header::{self, HeaderMap, HeaderValue},
};
use flate2::{Compression, write::GzEncoder};

use super::assets;

/// Shorter bodies gain less than the headers cost.
const WORTH_IT: usize = 1_000;

/// Level 2 of this library takes a fifth less time and gives a twentieth more bytes; the next ones gain less and less.
const LEVEL: Compression = Compression::new(3);

/// Compresses a finished body of text when the browser reads gzip and the request was made by the reader.
pub fn compress(response: ServiceResponse<BoxBody>, is_https: bool) -> ServiceResponse<BoxBody> {
    let wanted = is_page(response.headers())
        && assets::accepts(response.request().headers().get(header::ACCEPT_ENCODING), "gzip")
        && is_asked_by_reader(response.request().headers(), is_https);
    if !wanted {
        return response;
    }
    response.map_body(|head, body| {
        let plain = match body.try_into_bytes() {
            Ok(plain) => plain,
            Err(streamed) => return streamed,
        };
        if plain.len() < WORTH_IT {
            return BoxBody::new(plain);
        }
        let mut gzip = GzEncoder::new(Vec::with_capacity(plain.len() / 4), LEVEL);
        match gzip.write_all(&plain).and_then(|()| gzip.finish()) {
            Ok(short) => {
                head.headers_mut()
                    .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                BoxBody::new(short)
            }
            Err(_) => BoxBody::new(plain), // writing a Vec cannot fail
        }
    })
}

/// Whether an answer is text made for this request; files of `static/` come compressed already.
fn is_page(headers: &HeaderMap) -> bool {
    let is_text = headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        [&b"text/html"[..], b"text/csv"]
            .iter()
            .any(|text| kind.as_bytes().starts_with(text))
    });
    is_text && !headers.contains_key(header::CONTENT_ENCODING)
}

fn is_asked_by_reader(headers: &HeaderMap, is_https: bool) -> bool {
    match headers.get("sec-fetch-site") {
        Some(site) => site == "same-origin" || site == "none",
        None => !is_https,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use actix_web::{HttpResponse, test::TestRequest};

    use super::*;

    /// The encoding and the bytes of an answer to a request with these headers.
    fn answer(asked: &[(&str, &str)], is_https: bool, kind: &str, body: &str) -> (Option<String>, Vec<u8>) {
        let mut request = TestRequest::get();
        for header in asked {
            request = request.insert_header(*header);
        }
        let made = HttpResponse::Ok().content_type(kind).body(body.to_owned());
        let response = compress(request.to_srv_request().into_response(made), is_https);
        let coding = response
            .headers()
            .get("content-encoding")
            .map(|name| name.to_str().unwrap().to_owned());
        (coding, response.into_body().try_into_bytes().unwrap().to_vec())
    }

    const HTML: &str = "text/html; charset=utf-8";

    fn coding(asked: &[(&str, &str)], is_https: bool) -> Option<String> {
        answer(asked, is_https, HTML, &"<p>Ann Example</p>".repeat(500)).0
    }

    #[test]
    fn a_page_that_the_reader_asked_for_is_compressed() {
        let page = "<p>Ann Example</p>".repeat(500);
        for site in ["same-origin", "none"] {
            let asked = [("accept-encoding", "gzip, deflate, br"), ("sec-fetch-site", site)];
            let (coding, short) = answer(&asked, true, HTML, &page);
            assert_eq!(coding.as_deref(), Some("gzip"), "{site}");
            assert!(short.len() * 10 < page.len(), "{}", short.len());
            let mut text = String::new();
            flate2::read::GzDecoder::new(&short[..])
                .read_to_string(&mut text)
                .unwrap();
            assert_eq!(text, page);
        }
    }

    #[test]
    fn a_page_that_a_stranger_asked_for_tells_nothing_by_its_length() {
        for site in ["cross-site", "same-site", "", "Same-Origin"] {
            for is_https in [true, false] {
                let asked = [("accept-encoding", "gzip"), ("sec-fetch-site", site)];
                assert_eq!(coding(&asked, is_https), None, "{site}");
            }
        }
        assert_eq!(coding(&[("accept-encoding", "gzip")], true), None);
        assert_eq!(coding(&[("accept-encoding", "gzip")], false).as_deref(), Some("gzip"));
    }

    #[test]
    fn what_gains_nothing_is_left_alone() {
        let asked = [("accept-encoding", "gzip"), ("sec-fetch-site", "same-origin")];
        let long = "<p>Ann Example</p>".repeat(500);
        assert_eq!(
            answer(&asked, true, HTML, "<p>short</p>"),
            (None, b"<p>short</p>".to_vec())
        );
        assert_eq!(answer(&asked, true, "font/woff2", &long).0, None);
        assert_eq!(
            answer(&asked, true, "text/csv; charset=utf-8", &long).0.as_deref(),
            Some("gzip")
        );
        let unread = [("accept-encoding", "br, gzip;q=0"), ("sec-fetch-site", "same-origin")];
        assert_eq!(answer(&unread, true, HTML, &long), (None, long.into_bytes()));
    }
}
