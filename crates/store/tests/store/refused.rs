//! Settings that no later try makes right: the start ends. What may pass is waited for.

use campus_store::{OpenError, PostgresConfig, StoreError};
use campus_testdb::Postgres;

use crate::load::{beside, eventually};
use crate::server::{HBA, config, open};
use crate::support::Folder;

/// What opening says, and whether that is of a setting.
async fn refused(config: PostgresConfig) -> (String, bool) {
    let error = open(&config).await.err().unwrap();
    let is_setting = matches!(error, OpenError::Invalid(_));
    (error.to_string(), is_setting)
}

#[tokio::test]
async fn a_missing_password_missing_tls_and_a_missing_right_end_the_start_with_what_to_do() {
    let Some(server) = Postgres::start(&["hba_file={folder}/hba"], &[("hba", HBA)]) else { return };
    let other = beside(&Folder::on(server.url())).await;
    for make in [
        "CREATE ROLE ada LOGIN PASSWORD 'r1ght'",
        "CREATE SCHEMA theirs",
        "CREATE SCHEMA seen",
        "GRANT USAGE ON SCHEMA seen TO ada",
    ] {
        other.batch_execute(make).await.unwrap();
    }
    let at = |user: &str, query: &str| format!("postgres://{user}@127.0.0.1:{}/postgres{query}", server.port());
    let in_schema = |name: &str| PostgresConfig { schema: name.to_owned(), ..config(&at("ada:r1ght", "")) };
    for (config, words) in [
        (config(&at("ada", "")), ["it asks for a password", "store.password_file"]),
        (config(&at("postgres", "?sslmode=require")), ["server does not support TLS", "sslmode in store.url"]),
        (config(&at("postgres", "?options=-c%20nonsense=1")), ["nonsense", "parameters in store.url"]),
        // No schema may be made; what is in another one may not be used; nothing may be made in it.
        (config(&at("ada:r1ght", "")), ["permission denied for database", "CREATE"]),
        (in_schema("theirs"), ["no schema has been selected", "store.schema"]),
        (in_schema("seen"), ["permission denied for schema seen", "store.schema"]),
    ] {
        let (said, _) = refused(config).await;
        assert!(words.iter().all(|word| said.contains(word)), "{words:?}: {said}");
        assert!(said.contains(": the database refuses this program: ") && !said.contains("r1ght"), "{said}");
        assert_eq!(said.matches("postgres://").count(), 1, "{said}");
    }
}

#[tokio::test]
async fn a_schema_of_the_server_is_refused_before_it_is_asked() {
    for (schema, url) in [("pg_x", "postgres://127.0.0.1:1/none"), ("Upper", "postgres://127.0.0.1:1/none")] {
        let (said, is_setting) = refused(PostgresConfig { schema: schema.to_owned(), ..config(url) }).await;
        assert!(is_setting && said.starts_with(&format!("setting store.schema is {schema:?}: it must be")), "{said}");
    }
}

#[tokio::test]
async fn a_role_that_may_have_too_few_connections_ends_the_start_and_a_full_server_does_not() {
    let settings = ["max_connections=8", "superuser_reserved_connections=1"];
    let Some(server) = Postgres::start(&settings, &[]) else { return };
    let other = beside(&Folder::on(server.url())).await;
    other.batch_execute("CREATE ROLE few LOGIN CONNECTION LIMIT 9; CREATE ROLE eve LOGIN").await.unwrap();
    other.batch_execute("GRANT ALL ON DATABASE postgres TO few, eve").await.unwrap();
    let as_role = |role: &str| config(&server.url().replace("postgres@", &format!("{role}@")));
    let (said, is_setting) = refused(PostgresConfig { all_connections: 10, ..as_role("few") }).await;
    let words = ["setting store.connections: ", "need 10 connections", "allows 9", "CONNECTION LIMIT"];
    assert!(is_setting && words.iter().all(|word| said.contains(word)), "{said}");

    let mut taken = Vec::new();
    while let Ok((client, connection)) =
        tokio_postgres::connect(&server.url().replace("postgres@", "eve@"), tokio_postgres::NoTls).await
    {
        tokio::spawn(connection);
        taken.push(client);
    }
    let store = open(&as_role("eve")).await.unwrap();
    let full = store.check().await;
    assert!(matches!(&full, Err(StoreError::Unavailable(why)) if why.contains("(SQLSTATE 53300)")), "{full:?}");
    drop(taken);
    eventually("it is used when there is room", async || store.check().await.ok()).await;
}
