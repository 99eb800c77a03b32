//! The page where calls can be tried, as files.

use crate::support::Rest;

const FILES: [(&str, &str); 5] = [
    ("/", "text/html; charset=utf-8"),
    ("/page.css", "text/css; charset=utf-8"),
    ("/page.js", "text/javascript; charset=utf-8"),
    ("/openapi.json", "application/json"),
    ("/openapi.yaml", "application/yaml"),
];

#[tokio::test]
async fn files_come_with_their_type_and_a_policy_and_not_twice() {
    let rest = Rest::start();
    let mut client = rest.client().await;
    for (path, kind) in FILES {
        let answer = client.get(path).await;
        assert_eq!((answer.code.as_u16(), answer.header("content-type")), (200, kind), "{path}");
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let etag = answer.header("etag").to_owned();
        let again = client.send(&format!("GET {path}"), &[("if-none-match", &etag)], "").await;
        assert_eq!((again.code.as_u16(), again.body.len()), (304, 0), "{path}");
        let packed = client.send(&format!("GET {path}"), &[("accept-encoding", "br")], "").await;
        assert_eq!(packed.header("content-encoding"), "br");
        assert!(packed.body.len() < answer.body.len(), "{path}");
        let head = client.send(&format!("HEAD {path}"), &[], "").await;
        assert_eq!((head.code.as_u16(), head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), answer.body.len().to_string());
    }
}

#[tokio::test]
async fn a_page_cannot_be_written_to() {
    let rest = Rest::start();
    let mut client = rest.client().await;
    let refused = client.json("POST /openapi.json", "{}").await;
    assert_eq!((refused.fault().0, refused.header("allow")), (405, "GET, HEAD, OPTIONS"));
    assert_eq!(client.send("OPTIONS /", &[], "").await.header("allow"), "GET, HEAD, OPTIONS");
}

#[test]
fn the_page_names_no_other_host() {
    for text in [
        include_str!("../../src/page/page.html"),
        include_str!("../../src/page/page.css"),
        include_str!("../../src/page/page.js"),
    ] {
        // The name of the language of the icon is no address.
        let text = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("url(//"));
    }
}
