use super::*;

fn fixed(text: &str) -> Vec<String> {
    match text.parse::<Target>().unwrap().place {
        Place::Fixed(addresses) => addresses.iter().map(ToString::to_string).collect(),
        Place::Dns(name) => panic!("{text} is a name: {name:?}"),
    }
}

fn dns_name(text: &str) -> (String, u16, Option<String>) {
    match text.parse::<Target>().unwrap().place {
        Place::Fixed(addresses) => panic!("{text} is fixed: {addresses:?}"),
        Place::Dns(name) => (name.host, name.port, name.server.map(|server| server.to_string())),
    }
}

#[test]
fn names_are_looked_up_however_they_are_written() {
    let employee = ("employee.campus.svc.cluster.local.".to_owned(), 50051, None);
    for text in ["dns:///employee.campus.svc.cluster.local.:50051", "dns:employee.campus.svc.cluster.local.:50051"] {
        assert_eq!(dns_name(text), employee, "{text}");
    }
    for text in
        ["localhost:1", "http://localhost:1", "http://localhost:1/", "https://localhost:1", "dns:///localhost:1"]
    {
        assert_eq!(dns_name(text), ("localhost".to_owned(), 1, None), "{text}");
    }
    for (server, meant) in
        [("10.0.0.1", "10.0.0.1:53"), ("10.0.0.1:54", "10.0.0.1:54"), ("[::1]", "[::1]:53"), ("[::1]:54", "[::1]:54")]
    {
        assert_eq!(dns_name(&format!("dns://{server}/a:1")), ("a".to_owned(), 1, Some(meant.to_owned())));
    }
}

#[test]
fn addresses_are_taken_as_they_are() {
    assert_eq!(fixed("static:///10.0.0.1:1,[::1]:2,10.0.0.1:1"), ["10.0.0.1:1", "[::1]:2"]);
    assert_eq!(fixed("static:///unix:/a,in-process:b"), ["unix:/a", "in-process:b"]);
    for text in ["[::1]:50051", "dns:///[::1]:50051", "https://[::1]:50051", "dns://10.0.0.1/[::1]:50051"] {
        assert_eq!(fixed(text), ["[::1]:50051"], "{text}");
    }
    assert_eq!(fixed("127.0.0.1:50051"), ["127.0.0.1:50051"]);
    assert_eq!(fixed("unix:/run/campus.sock"), ["unix:/run/campus.sock"]);
    assert_eq!(fixed("unix:///run/campus.sock"), ["unix:/run/campus.sock"]);
    assert_eq!(fixed("unix:campus.sock"), ["unix:campus.sock"]);
    assert_eq!(fixed("in-process:campus"), ["in-process:campus"]);
}

#[test]
fn a_target_says_what_it_knows_of_tls_and_authority() {
    let of = |text: &str| {
        let target: Target = text.parse().unwrap();
        (target.tls(), target.host(), target.authority())
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(of("https://campus.example:1"), (Some(true), some("campus.example"), "campus.example:1".to_owned()));
    assert_eq!(of("http://campus.example:1"), (Some(false), some("campus.example"), "campus.example:1".to_owned()));
    assert_eq!(of("dns:///campus.example.:1"), (None, some("campus.example"), "campus.example:1".to_owned()));
    assert_eq!(of("https://[::1]:1"), (Some(true), some("::1"), "[::1]:1".to_owned()));
    assert_eq!(of("static:///10.0.0.1:1,10.0.0.2:1"), (None, None, "10.0.0.1:1".to_owned()));
    assert_eq!(of("unix:/a"), (Some(false), None, "localhost".to_owned()));
}

#[test]
fn what_is_no_target_is_told_with_the_place_and_an_example() {
    for (text, why) in [
        ("", r#""" has no port, as in campus.example:50051"#),
        ("campus.example", r#""campus.example" has no port"#),
        ("campus.example:", "has no port"),
        (":50051", "there is no host before :50051"),
        ("dns:///", r#""" has no port"#),
        ("dns://campus.example:50051", "give dns:///campus.example:50051, or dns://10.96.0.10/"),
        ("dns://kube-dns/a:1", r#"the name server "kube-dns" is no IP address"#),
        ("campus.example:99999", r#""99999" is no port; ports go from 1 to 65535"#),
        ("campus.example:0", r#""0" is no port"#),
        ("127.0.0.1:0", r#""0" is no port"#),
        ("campus.example:grpc", r#""grpc" is no port"#),
        ("::1", "in brackets before its port, as in [::1]:50051"),
        ("::1:50051", "in brackets before its port"),
        ("a b:1", r"' ' is in no name of a host"),
        ("[::1:50051", "'[' is in no name of a host"),
        ("10.0.0.300:1", "10.0.0.300 is no IP address, as in 10.0.0.1:50051"),
        ("campus..example:1", "campus..example is no name of a host: between its dots"),
        ("ftp://campus.example:1", "there is no scheme ftp; give one of dns, static, unix, in-process, http, https"),
        ("http:campus.example:1", "http: is followed by //host:port"),
        ("https://campus.example:1/path", "is followed by no path"),
        ("https://campus.example", r#""campus.example" has no port"#),
        ("static:10.0.0.1:1", "static: is followed by ///"),
        ("static:///", r#"of "" among its addresses: it is no IP address with a port"#),
        ("static:///10.0.0.1:1,employee:2", "employee:2 is a name, which is for dns:///employee:2"),
        ("static:///10.0.0.1:1,,", r#"of "" among its addresses"#),
        ("unix:", "unix: needs a path"),
        ("unix://host/path", "after unix:// stands an absolute path"),
        ("in-process:", "in-process: needs a name"),
    ] {
        let error = text.parse::<Target>().expect_err(text).to_string();
        assert!(error.starts_with(&format!("{text:?} is no target: ")) && error.contains(why), "{error}");
    }
}

#[test]
fn a_scheme_is_the_same_in_capitals() {
    assert_eq!(dns_name("DNS:///a:1"), dns_name("dns:///a:1"));
    assert_eq!("HTTPS://a:1".parse::<Target>().unwrap().tls(), Some(true));
    assert_eq!(fixed("Unix:/run/A.sock"), ["unix:/run/A.sock"]);
    assert_eq!(fixed("STATIC:///UNIX:/a,In-Process:B"), ["unix:/a", "in-process:B"]);
}

#[test]
fn a_password_is_refused_and_not_repeated() {
    for (text, shown) in [
        ("http://ada:secret@campus.example:1", "http://...@campus.example:1"),
        ("https://ada:secret@campus.example:1/path", "https://...@campus.example:1/path"),
        ("dns:///ada:secret@campus.example:1", "dns://...@campus.example:1"),
        ("dns://ada:secret@10.0.0.1/a:1", "dns://...@10.0.0.1/a:1"),
        ("static:///10.0.0.1:1,ada:secret@10.0.0.2:1", "static://...@10.0.0.2:1"),
        ("ada:secret@campus.example:1", "...@campus.example:1"),
        ("ftp://ada:se@cret@campus.example:1", "ftp://...@campus.example:1"),
    ] {
        let error = text.parse::<Target>().expect_err(text).to_string();
        let why = "gRPC takes no user or password in an address; leave out what stands before the @";
        assert_eq!(error, format!("{shown:?} is no target: {why}"));
    }
    assert_eq!(fixed("unix:/run/me@home.sock"), ["unix:/run/me@home.sock"]);
    assert_eq!(fixed("static:///unix:/a@b,10.0.0.1:1"), ["unix:/a@b", "10.0.0.1:1"]);
}

#[test]
fn a_label_may_have_63_letters_and_a_name_253() {
    let label = "a".repeat(63);
    let name = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    assert!(format!("{name}:1").parse::<Target>().is_ok());
    assert!(format!("{name}.:1").parse::<Target>().is_ok());
    assert!(format!("{name}a:1").parse::<Target>().is_err());
    assert!(format!("{label}a:1").parse::<Target>().is_err());
}
