//! What a PostgreSQL server is asked for, and what it may refuse.

use campus_store::{Config, OpenError, Outcome, PostgresConfig, Store, StoreError};
use campus_testdb::Postgres;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::load::beside;
use crate::support::{Folder, create, table, until, write};

/// People need a password; the superuser does not.
pub(crate) const HBA: &str = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n";

pub(crate) fn config(url: &str) -> PostgresConfig {
    PostgresConfig { schema: Postgres::schema(), connect_limit_ms: 2_000, ..PostgresConfig::new(url.parse().unwrap()) }
}

pub(crate) async fn open(postgres: &PostgresConfig) -> Result<Store, OpenError> {
    Store::open(Config { postgres: Some(postgres.clone()), ..Config::default() }, table()).await
}

#[tokio::test]
async fn a_role_password_or_database_that_does_not_fit_is_an_error_at_the_start_without_the_password() {
    let Some(server) = Postgres::start(&["hba_file={folder}/hba"], &[("hba", HBA)]) else { return };
    let other = beside(&Folder::on(server.url())).await;
    for make in ["CREATE ROLE ada LOGIN PASSWORD 'r1ght'", "CREATE DATABASE campus OWNER ada"] {
        other.batch_execute(make).await.unwrap();
    }
    let at = |user: &str, database: &str| format!("postgres://{user}@127.0.0.1:{}/{database}", server.port());
    for (url, why) in [
        (at("ada:wr0ng", "campus"), "password authentication failed for user \"ada\" (SQLSTATE 28P01)"),
        (at("eve:wr0ng", "campus"), "password authentication failed for user \"eve\" (SQLSTATE 28P01)"),
        (at("postgres", "nowhere"), "database \"nowhere\" does not exist (SQLSTATE 3D000)"),
    ] {
        let error = open(&config(&url)).await.err().unwrap().to_string();
        let place = format!("postgres://127.0.0.1:{}/", server.port());
        assert!(error.starts_with(&place) && error.matches(&place).count() == 1, "the place once: {error}");
        assert!(error.contains(&format!(": the database refuses this program: {why}; ")), "{error}");
        assert!(error.contains("store.url"), "what to change: {error}");
        assert!(!error.contains("wr0ng"), "{error}");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "r1ght\n").unwrap();
    let password_file = Some(file.path().to_owned());
    let store = open(&PostgresConfig { password_file, ..config(&at("ada", "campus")) }).await.unwrap();
    assert_eq!(write(&store, create("p/1", "Ada", "", 1)).await, Outcome::Created);
    let missing = Some(file.path().with_extension("missing"));
    let error = open(&PostgresConfig { password_file: missing, ..config(&at("ada", "campus")) }).await.err().unwrap();
    let OpenError::Invalid(why) = error else { panic!("{error}") };
    assert!(why.starts_with("setting store.password_file: ") && why.contains("No such file"), "{why}");
}

#[tokio::test]
async fn a_store_opens_without_its_server_and_works_when_it_is_there() {
    let Some(server) = Postgres::start(&[], &[]) else { return };
    server.kill();
    let store = open(&config(server.url())).await.unwrap();
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.id().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.write(vec![create("p/1", "A", "", 1)]).await, Err(StoreError::Unavailable(_))));
    server.restart();
    let begun = std::time::Instant::now();
    while store.check().await.is_err() {
        assert!(begun.elapsed().as_secs() < 20, "it is not found");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(store.id().await.is_ok());
    assert_eq!(write(&store, create("p/1", "A", "", 1)).await, Outcome::Created);
}

#[tokio::test]
async fn a_store_opens_soon_without_an_answer_of_its_server_and_what_that_refuses_later_is_tried_again() {
    let Some(server) = Postgres::start(&[], &[]) else { return };
    server.freeze();
    let patient = |url: &str| PostgresConfig { connect_limit_ms: 600_000, ..config(url) };
    let (good, refused) =
        (patient(server.url()), patient(&format!("postgres://late@127.0.0.1:{}/postgres", server.port())));
    let opening = async { tokio::join!(open(&good), open(&refused)) };
    let opened = tokio::time::timeout(std::time::Duration::from_secs(60), opening).await.expect("it waits");
    let (good, refused) = (opened.0.unwrap(), opened.1.unwrap());
    server.thaw();
    assert_eq!(write(&good, create("p/1", "A", "", 1)).await, Outcome::Created);
    let why = refused.check().await.err();
    assert!(matches!(&why, Some(StoreError::Refused(why)) if why.contains("late")), "{why:?}");
    server.sql("CREATE ROLE late LOGIN SUPERUSER");
    let begun = std::time::Instant::now();
    while refused.check().await.is_err() {
        assert!(begun.elapsed().as_secs() < 20, "it is not tried again");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_database_that_may_only_be_read_is_told_of_in_its_own_words() {
    let Some(server) = Postgres::start(&[], &[]) else { return };
    server.sql("ALTER ROLE postgres SET default_transaction_read_only = on");
    let store = open(&config(server.url())).await.unwrap();
    let why = store.check().await.unwrap_err().to_string();
    assert!(why.starts_with("the database is read-only; look at default_transaction_read_only"), "{why}");
}

#[tokio::test]
async fn tables_of_a_newer_program_or_of_somebody_else_are_refused() {
    let Some(folder) = Folder::on_postgres() else { return };
    folder.open().await.close().await.unwrap();
    let other = beside(&folder).await;
    other.batch_execute("UPDATE person_meta SET value = '9' WHERE name = 'schema'").await.unwrap();
    let error = Store::open(folder.config(), table()).await.err().unwrap();
    assert!(matches!(error, OpenError::NewerSchema { found: 9, supported: 1, .. }), "{error}");
    other.batch_execute("DROP TABLE person_meta").await.unwrap();
    let error = Store::open(folder.config(), table()).await.err().unwrap();
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
}

#[tokio::test]
async fn a_column_cannot_become_unique_while_records_share_a_value_on_postgres() {
    let Some(folder) = Folder::on_postgres() else { return };
    let store = folder.open().await;
    let ops = vec![create("p/1", "Ada", "", 1), create("p/2", "ADA", "", 2), create("p/3", "", "", 3)];
    store.write(ops).await.unwrap();
    store.close().await.unwrap();
    let mut unique = table();
    unique.columns[0].unique = true;
    let error = Store::open(folder.config(), unique).await.err().unwrap();
    let OpenError::Duplicate { column, key, .. } = error else { panic!("{error}") };
    assert_eq!((column.as_str(), key.as_str()), ("name", "p/2"));
    assert!(folder.open().await.get("p/1").await.unwrap().is_some(), "nothing was lost");
}

#[tokio::test]
async fn a_program_that_declares_other_columns_takes_over_and_the_old_one_can_only_read() {
    let Some(folder) = Folder::on_postgres() else { return };
    let old = folder.open().await;
    write(&old, create("p/1", "Ada", "ada@x.org", 36)).await;
    let mut changed = table();
    changed.columns.pop();
    changed.derive = std::sync::Arc::new(|body| table().derive.as_ref()(body)[..2].to_vec());
    let new = Store::open(folder.config(), changed).await.unwrap();
    let refused = old.write(vec![create("p/2", "Eve", "", 1)]).await;
    assert!(matches!(&refused, Err(StoreError::Unavailable(why)) if why.contains("another version")), "{refused:?}");
    assert!(old.get("p/1").await.unwrap().is_some());
    assert!(new.get("p/1").await.unwrap().is_some());
    assert_eq!(new.position().await, Ok(1));
}

#[tokio::test]
async fn what_is_past_its_age_goes_but_the_newest_position_is_never_forgotten() {
    let Some(folder) = Folder::on_postgres() else { return };
    let store = folder.open().await;
    store.write((0..3000).map(|number| create(&format!("p/{number}"), "A", "", 1)).collect()).await.unwrap();
    store.close().await.unwrap();
    let other = beside(&folder).await;
    other.batch_execute("UPDATE person_change SET at = 5 WHERE position <= 2500").await.unwrap();
    let config = Config { change_age_s: 3600, ..folder.config() };
    let (store, second) = (Store::open(config.clone(), table()).await.unwrap(), folder.open().await);
    until("the old changes are gone", || store.stats().oldest == 2501).await;
    assert_eq!(store.changes(10).next().await, Err(StoreError::Compacted { oldest: 2501 }));
    store.close().await.unwrap();
    other.batch_execute("UPDATE person_change SET at = 5").await.unwrap();
    let store = Store::open(config, table()).await.unwrap();
    until("all but the newest are gone", || store.stats().oldest == 3000).await;
    assert_eq!(second.position().await.unwrap(), 3000);
    write(&store, create("p/new", "A", "", 1)).await;
    assert_eq!(second.position().await.unwrap(), 3001);
}

/// An authority, and a certificate of it for a name with its key (PEM).
fn certificate(name: &str) -> (String, String, String) {
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    (authority.pem(), own.pem(), key.serialize_pem())
}

#[tokio::test]
async fn tls_is_as_strict_as_the_address_says() {
    let (authority, own, key) = certificate("127.0.0.1");
    let (stranger, ..) = certificate("127.0.0.1");
    let hba = "hostssl all all 127.0.0.1/32 trust\n";
    let settings = ["ssl=on", "ssl_cert_file={folder}/cert", "ssl_key_file={folder}/key", "hba_file={folder}/hba"];
    let Some(server) = Postgres::start(&settings, &[("cert", &own), ("key", &key), ("hba", hba)]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let (known, unknown) = (file("known", &authority), file("unknown", &stranger));
    let at = |host: &str, query: &str| format!("postgres://postgres@{host}:{}/postgres?{query}", server.port());
    for (url, works) in [
        (at("127.0.0.1", "sslmode=require"), true),
        (at("127.0.0.1", "sslmode=prefer"), true),
        (at("127.0.0.1", &format!("sslmode=verify-full&sslrootcert={known}")), true),
        (at("localhost", &format!("sslmode=verify-ca&sslrootcert={known}")), true),
        (at("localhost", &format!("sslmode=verify-full&sslrootcert={known}")), false),
        (at("127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={unknown}")), false),
        (at("127.0.0.1", &format!("sslmode=require&sslrootcert={unknown}")), false),
    ] {
        let opened = open(&config(&url)).await;
        assert_eq!(opened.is_ok(), works, "{url}: {:?}", opened.err());
        if let Err(error) = opened {
            let said = error.to_string();
            assert!(said.contains("certificate") && said.contains("sslrootcert"), "{url}: {said}");
        }
    }
    let plain = open(&config(&at("127.0.0.1", "sslmode=disable"))).await.err().unwrap();
    assert!(plain.to_string().contains("SQLSTATE 28000"), "{plain}");
    let missing = open(&config(&at("127.0.0.1", "sslmode=verify-full&sslrootcert=/missing"))).await.err().unwrap();
    assert!(
        matches!(&missing, OpenError::Invalid(why) if why.starts_with("setting store.url: sslrootcert /missing")),
        "{missing}"
    );
}
