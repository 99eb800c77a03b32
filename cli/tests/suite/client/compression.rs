//! `--compress`.

use campus_testkit::metric;

use super::{Place, examples};

#[tokio::test(flavor = "multi_thread")]
async fn compressed_calls_come_to_the_same_and_large_replies_are_smaller() {
    let place = Place::new();
    let admin = place.campus.as_ref().unwrap().admin;
    let list = async |flag: &str| {
        let before = metric(admin, "grpc_server_sent_bytes_total").await;
        let listed = place.run(&format!("employee list --limit 300 --output csv{flag}")).exits(0).out;
        (listed, metric(admin, "grpc_server_sent_bytes_total").await - before)
    };
    let import = format!("employee import {}", examples("employees.csv").display());
    let imported = place.run(&format!("--compress zstd {import}")).exits(0);
    assert_eq!(imported.last_error_line(), "imported: 300 created, 0 updated, 0 unchanged, 0 rejected");
    let plain = list("").await;
    for encoding in ["gzip", "zstd"] {
        let compressed = list(&format!(" --compress {encoding}")).await;
        assert_eq!(compressed.0, plain.0, "{encoding}");
        assert!(compressed.1 < plain.1 / 2.0, "{encoding}: {} of {}", compressed.1, plain.1);
        let imported = place.run(&format!("{import} --compress {encoding}")).exits(0);
        assert_eq!(imported.last_error_line(), "imported: 0 created, 0 updated, 300 unchanged, 0 rejected");
    }
    let unknown = place.run("employee list --compress lz4").exits(64);
    assert!(unknown.err.contains("gzip, zstd"), "{}", unknown.err);
}
