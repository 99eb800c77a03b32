//! A server that is killed in the middle of its work has lost nothing of what it acknowledged, and kept nothing by
//! halves.

use std::{
    collections::BTreeMap,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use campus_client::Channel;
use campus_proto::campus::employee::v1::{
    CreateEmployeeRequest, DeleteEmployeeRequest, Employee, ImportEmployeesRequest, ImportEmployeesResponse,
    StreamEmployeesRequest, UpdateEmployeeRequest, employee_service_client::EmployeeServiceClient,
};
use campus_testkit::{Process, eventually, flags, metric, within};
use fastrand::Rng;
use prost::Message;
use rusqlite::{Connection, OpenFlags};
use tonic::{Code, Status};

type Api = EmployeeServiceClient<Channel>;
type Records = BTreeMap<String, Employee>;

const ROUNDS: usize = 3;
const WORKERS: usize = 16;
const IMPORTED: usize = 10_000;

async fn start(dir: &Path) -> (Process, Api) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_campus"));
    let process = Process::start(command.arg("serve").args(flags(dir)));
    let api = Api::new(process.channel().await);
    (process, api)
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill_in_the_middle_of_many_writes() {
    let dir = tempfile::tempdir().unwrap();
    let mut known = Records::new();
    for round in 0..ROUNDS {
        let (process, api) = start(dir.path()).await;
        let mut rng = Rng::with_seed(round as u64);
        let (told, enough) = (Arc::new(AtomicUsize::new(0)), rng.usize(100..600));
        let working = (0..WORKERS).map(|worker| {
            let worker =
                Worker { api: api.clone(), id: format!("{round}-{worker}"), rng: rng.fork(), told: Arc::clone(&told) };
            tokio::spawn(worker.work())
        });
        let working: Vec<_> = working.collect();
        eventually("enough is acknowledged", async || (told.load(Ordering::Relaxed) >= enough).then_some(())).await;
        process.kill();
        let mut ledgers = Vec::new();
        for worker in working {
            ledgers.push(within("a worker", worker).await.unwrap());
        }

        let (process, mut api) = start(dir.path()).await;
        let stored = all(&mut api).await;
        sound(dir.path(), &stored);
        for (name, record) in &known {
            assert_eq!(stored.get(name), Some(record), "of an earlier round");
        }
        for ledger in &ledgers {
            ledger.holds(&stored);
        }
        let before = stored.len();
        let mut added = 0;
        for ledger in &ledgers {
            added += ledger.repeats(&mut api, &stored).await;
        }
        known = all(&mut api).await;
        assert_eq!(known.len(), before + added, "a repeated create makes no second record");
        sound(dir.path(), &known);
        assert!(process.stop().status.success());
    }
}

/// What one client wants.
#[derive(Clone, Debug)]
enum Intent {
    Create(CreateEmployeeRequest),
    Update(UpdateEmployeeRequest),
    Delete(String),
}

/// What one client has been told.
#[derive(Default)]
struct Ledger {
    records: Records,
    deleted: Vec<String>,
    /// Creates with a request id, and their first answers.
    requests: Vec<(CreateEmployeeRequest, Employee)>,
    /// What was asked and not answered.
    open: Option<Intent>,
}

struct Worker {
    api: Api,
    id: String,
    rng: Rng,
    told: Arc<AtomicUsize>,
}

impl Worker {
    /// Writes until the server is gone.
    async fn work(mut self) -> Ledger {
        let mut ledger = Ledger::default();
        for number in 0.. {
            let intent = self.intend(&ledger, number);
            match self.ask(&intent).await {
                Ok(answer) => ledger.learn(intent, answer),
                Err(status) => {
                    let gone = [Code::Unavailable, Code::Unknown, Code::Internal, Code::Cancelled];
                    assert!(gone.contains(&status.code()), "{intent:?}: {status:?}");
                    ledger.open = Some(intent);
                    break;
                }
            }
            self.told.fetch_add(1, Ordering::Relaxed);
        }
        ledger
    }

    fn intend(&mut self, ledger: &Ledger, number: usize) -> Intent {
        let names: Vec<&String> = ledger.records.keys().collect();
        let record = Employee { email: format!("e{number}-{}@campus.example", self.id), ..person(&self.id, number) };
        match (self.rng.u8(0..8), self.rng.choice(names)) {
            (0 | 1, Some(name)) => {
                let employee = Some(Employee { name: name.clone(), ..record });
                Intent::Update(UpdateEmployeeRequest { employee, ..UpdateEmployeeRequest::default() })
            }
            (2, Some(name)) => Intent::Delete(name.clone()),
            (kind, _) => Intent::Create(CreateEmployeeRequest {
                employee: Some(record),
                employee_id: if kind % 2 == 0 { format!("{}-{number}", self.id) } else { String::new() },
                request_id: if kind > 4 { uuid(&mut self.rng) } else { String::new() },
            }),
        }
    }

    async fn ask(&mut self, intent: &Intent) -> Result<Option<Employee>, Status> {
        let api = &mut self.api;
        match intent.clone() {
            Intent::Create(request) => Ok(Some(api.create_employee(request).await?.into_inner())),
            Intent::Update(request) => Ok(Some(api.update_employee(request).await?.into_inner())),
            Intent::Delete(name) => {
                api.delete_employee(DeleteEmployeeRequest { name, ..DeleteEmployeeRequest::default() }).await?;
                Ok(None)
            }
        }
    }
}

impl Ledger {
    fn learn(&mut self, intent: Intent, answer: Option<Employee>) {
        match (intent, answer) {
            (Intent::Delete(name), _) => {
                self.records.remove(&name);
                self.deleted.push(name);
            }
            (intent, Some(record)) => {
                if let Intent::Create(request) = intent
                    && !request.request_id.is_empty()
                {
                    self.requests.push((request, record.clone()));
                }
                self.records.insert(record.name.clone(), record);
            }
            (intent, None) => panic!("{intent:?} was answered with nothing"),
        }
    }

    /// What was acknowledged is there as it was acknowledged; what was not answered is there wholly or not at all.
    fn holds(&self, stored: &Records) {
        for (name, record) in &self.records {
            let found = stored.get(name);
            let unsure = match &self.open {
                Some(Intent::Update(request)) => {
                    let asked = request.employee.as_ref().unwrap();
                    asked.name == *name && found.is_some_and(|found| content(found) == content(asked))
                }
                Some(Intent::Delete(deleted)) => deleted == name && found.is_none(),
                _ => false,
            };
            assert!(unsure || found == Some(record), "acknowledged {record:?}, found {found:?}, open {:?}", self.open);
        }
        for name in &self.deleted {
            assert_eq!(stored.get(name), None, "it was deleted");
        }
    }

    /// Asks again what has a request id. Returns how many records that added.
    async fn repeats(&self, api: &mut Api, stored: &Records) -> usize {
        for (request, first) in &self.requests {
            let again = api.create_employee(request.clone()).await.unwrap().into_inner();
            assert_eq!(again, *first, "the first answer, whatever became of the record since");
        }
        let Some(Intent::Create(request)) = &self.open else { return 0 };
        let asked = request.employee.as_ref().unwrap();
        let there: Vec<_> = stored.values().filter(|found| found.email == asked.email).collect();
        assert!(there.iter().all(|found| found.given_name == asked.given_name && found.birth_date == asked.birth_date));
        if request.request_id.is_empty() {
            return 0;
        }
        let done = api.create_employee(request.clone()).await.unwrap().into_inner();
        match there.as_slice() {
            [] => 1,
            [before] => {
                assert_eq!(done, **before, "it was done, and is not done again");
                0
            }
            more => panic!("one create made {more:?}"),
        }
    }
}

#[tokio::test]
async fn an_import_killed_in_the_middle_is_whole_when_it_is_repeated() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..ROUNDS {
        let (process, mut api) = start(dir.path()).await;
        let importing = tokio::spawn(async move { import(&mut api, round).await });
        let enough = Rng::with_seed(round as u64).usize(1..IMPORTED * 3 / 4) as f64;
        let written = async || metric(process.admin, "campus_store_operations_total").await;
        eventually("enough is written", async || (written().await >= enough).then_some(())).await;
        process.kill();
        let told = within("the import", importing).await.unwrap();

        let (process, mut api) = start(dir.path()).await;
        let stored = all(&mut api).await;
        sound(dir.path(), &stored);
        let mine = stored.values().filter(|record| record.family_name == family(round)).count();
        if let Ok(summary) = told {
            assert_eq!((counts(&summary), mine), ([IMPORTED, 0, 0], IMPORTED), "it was acknowledged");
        }
        let again = import(&mut api, round).await.unwrap();
        assert_eq!(counts(&again), [IMPORTED - mine, 0, mine], "what was there is there unchanged");
        let stored = all(&mut api).await;
        assert_eq!(stored.len(), IMPORTED * (round + 1));
        sound(dir.path(), &stored);
        for number in 0..IMPORTED {
            let record = imported(round, number);
            assert_eq!(content(&stored[&record.name]), content(&record));
        }
        assert_eq!(counts(&import(&mut api, round).await.unwrap()), [0, 0, IMPORTED]);
        assert!(process.stop().status.success());
    }
}

async fn import(api: &mut Api, round: usize) -> Result<ImportEmployeesResponse, Status> {
    let records = (0..IMPORTED).map(move |number| ImportEmployeesRequest { employee: Some(imported(round, number)) });
    Ok(api.import_employees(tokio_stream::iter(records)).await?.into_inner())
}

/// Created, updated, unchanged; none may be rejected.
fn counts(summary: &ImportEmployeesResponse) -> [usize; 3] {
    assert_eq!(summary.rejections, []);
    let counts = [summary.created_count, summary.updated_count, summary.unchanged_count];
    counts.map(|count| usize::try_from(count).unwrap())
}

fn imported(round: usize, number: usize) -> Employee {
    let id = format!("{round}-{number}");
    Employee { name: format!("employees/{id}"), family_name: family(round), ..person(&id, number) }
}

fn family(round: usize) -> String {
    format!("Round{round}")
}

fn person(id: &str, number: usize) -> Employee {
    Employee {
        given_name: format!("Given {number} of {id}"),
        family_name: "Family".to_owned(),
        birth_date: format!("19{:02}-0{}-1{}", number % 100, 1 + number % 9, number % 10),
        ..Employee::default()
    }
}

/// What a client may set.
fn content(record: &Employee) -> Employee {
    Employee { etag: String::new(), create_time: None, update_time: None, ..record.clone() }
}

fn uuid(rng: &mut Rng) -> String {
    let text = format!("{:032x}", rng.u128(..));
    [&text[..8], &text[8..12], &format!("4{}", &text[13..16]), &format!("a{}", &text[17..20]), &text[20..]].join("-")
}

/// Everything that is there, by name.
async fn all(api: &mut Api) -> Records {
    let mut records = Records::new();
    let mut stream = api.stream_employees(StreamEmployeesRequest::default()).await.unwrap().into_inner();
    while let Some(record) = within("a record", stream.message()).await.unwrap() {
        assert!(!record.etag.is_empty() && record.create_time.is_some() && record.update_time.is_some(), "{record:?}");
        assert!(!record.given_name.is_empty() && !record.family_name.is_empty(), "{record:?}");
        assert_eq!(records.insert(record.name.clone(), record), None, "twice the same name");
    }
    records
}

/// Looks into the database itself: it is in order, its change log played from the beginning gives its records, and these
/// are what the service hands out.
fn sound(dir: &Path, served: &Records) {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(dir.join("employee.db"), flags).unwrap();
    let checked: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(checked, "ok");
    let mut select =
        database.prepare("SELECT position, kind, key, body, previous FROM employee_change ORDER BY position");
    let mut changes = select.as_mut().unwrap().query([]).unwrap();
    let mut played: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut expected = 1;
    while let Some(change) = changes.next().unwrap() {
        assert_eq!(change.get::<_, i64>(0).unwrap(), expected, "no change is missing");
        expected += 1;
        let key: String = change.get(2).unwrap();
        let (body, previous): (Vec<u8>, Option<Vec<u8>>) = (change.get(3).unwrap(), change.get(4).unwrap());
        match change.get::<_, i64>(1).unwrap() {
            1 => assert_eq!(played.insert(key, body), None),
            2 => assert_eq!(played.insert(key, body), previous),
            3 => assert_eq!(played.remove(&key), Some(body)),
            other => panic!("a change of kind {other}"),
        }
    }
    let mut select =
        database.prepare("SELECT key, body, version, given_name, email, birth_date FROM employee").unwrap();
    let mut rows = select.query([]).unwrap();
    let mut found = 0;
    while let Some(row) = rows.next().unwrap() {
        let (key, body): (String, Vec<u8>) = (row.get(0).unwrap(), row.get(1).unwrap());
        let record = Employee::decode(body.as_slice()).unwrap();
        assert_eq!(played.get(&key), Some(&body), "{key} is what the log says");
        assert_eq!(served.get(&key), Some(&record), "{key} is what is served");
        assert_eq!(record.etag, format!("{:016x}", row.get::<_, i64>(2).unwrap()));
        let columns: [String; 3] = [row.get(3).unwrap(), row.get(4).unwrap(), row.get(5).unwrap()];
        assert_eq!(columns, [record.given_name, record.email, record.birth_date], "{key}: its columns are its own");
        found += 1;
    }
    assert_eq!((found, found), (played.len(), served.len()));
}
