//! The frame: probes, unknown addresses, methods, headers.

use reqwest::Method;

use crate::support::spawn;

#[actix_web::test]
async fn probes_answer() {
    let portal = spawn().await;
    let client = portal.anonymous();
    assert_eq!(client.get("/healthz").await.body, "ok\n");
    assert_eq!(client.get("/readyz").await.body, "ready\n");
}

#[actix_web::test]
async fn an_unknown_address_is_a_page_that_says_so() {
    let portal = spawn().await;
    let page = portal.anonymous().get("/nowhere").await.page(404);
    page.assert_heading("Nothing here");
}

#[actix_web::test]
async fn another_method_is_405_with_the_methods_that_work() {
    let portal = spawn().await;
    let client = portal.anonymous();
    let answer = client.send(client.request(Method::GET, "/preferences/theme")).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("allow"), "POST");
    let head = client.send(client.request(Method::HEAD, "/healthz")).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[actix_web::test]
async fn home_asks_a_stranger_to_sign_in() {
    let portal = spawn().await;
    portal.anonymous().get("/").await.redirects_to("/sign-in?next=%2F");
}

#[actix_web::test]
async fn a_member_sees_home() {
    use muster::access::Role;
    let portal = spawn().await;
    let acme = portal.org("Acme").await;
    let ann = portal.member(&acme, Role::Administrator, "ann").await;
    ann.get("/").await.redirects_to("/o/acme/members");
    assert!(portal.audit(Some(&acme)).await.len() >= 2);
}
