use std::time::Duration;

use tonic::Code;

use super::*;

fn read(json: &str) -> ServiceConfig {
    json.parse().unwrap()
}

fn error(json: &str) -> String {
    let error = json.parse::<ServiceConfig>().unwrap_err().to_string();
    error.strip_prefix("the service config cannot be used: ").unwrap().to_owned()
}

#[test]
fn an_empty_config_is_the_default_and_repeats_nothing() {
    assert_eq!(read("{}"), ServiceConfig::default());
    assert_eq!(read("{}").methods.get("/a.B/C"), &MethodConfig::default());
    assert_eq!(read("{}").balancing, Balancing::Load);
}

#[test]
fn fields_that_nobody_knows_are_left_alone() {
    let config =
        r#"{"loadBalancingConfig":[{"of_next_year":{"a":1}},{"round_robin":{"b":2}}],"methodConfig":[{"c":3}],"d":4}"#;
    assert_eq!(read(config).balancing, Balancing::RoundRobin);
}

#[test]
fn the_most_precise_name_of_a_method_counts() {
    let config = read(
        r#"{"methodConfig":[
            {"name":[{}],"timeout":"1s"},
            {"name":[{"service":"a.B"}],"timeout":"2.5s","waitForReady":true},
            {"name":[{"service":"a.B","method":"C"},{"service":"a.D","method":"E"}],"timeout":"3s"}]}"#,
    );
    let timeout = |path| config.methods.get(path).timeout.unwrap().as_secs_f64();
    assert_eq!(timeout("/a.B/C"), 3.0);
    assert_eq!(timeout("/a.D/E"), 3.0);
    assert_eq!(timeout("/a.B/Other"), 2.5);
    assert_eq!(timeout("/a.D/Other"), 1.0);
    assert!(config.methods.get("/a.B/Other").wait_for_ready && !config.methods.get("/a.B/C").wait_for_ready);
}

#[test]
fn a_retry_policy_is_read_as_grpc_go_reads_it() {
    let config = read(
        r#"{"methodConfig":[{"name":[{"service":"a.B"}],"retryPolicy":{"maxAttempts":9,"initialBackoff":"0.1s",
            "maxBackoff":"1s","backoffMultiplier":2,"retryableStatusCodes":["UNAVAILABLE","aborted",8]}}],
            "retryThrottling":{"maxTokens":10,"tokenRatio":0.1},"healthCheckConfig":{"serviceName":"a.B"}}"#,
    );
    let retry = config.methods.get("/a.B/C").retry.clone().unwrap();
    assert_eq!(retry.max_attempts, 5, "no more than five, says gRFC A6");
    assert_eq!(retry.codes, [Code::Unavailable, Code::Aborted, Code::ResourceExhausted]);
    assert_eq!((retry.initial_backoff, retry.max_backoff), (Duration::from_millis(100), Duration::from_secs(1)));
    assert_eq!(config.throttling, Some(Throttling { max_tokens: 10.0, token_ratio: 0.1 }));
    assert_eq!(config.health_service.as_deref(), Some("a.B"));
}

#[test]
fn a_hedging_policy_is_read_and_stands_in_place_of_retries() {
    let hedging = r#""hedgingPolicy":{"maxAttempts":3,"hedgingDelay":"0.05s","nonFatalStatusCodes":["UNAVAILABLE"]}"#;
    let config = read(&format!(r#"{{"methodConfig":[{{"name":[{{}}],{hedging}}}]}}"#));
    let expected =
        HedgingPolicy { max_attempts: 3, delay: Duration::from_millis(50), non_fatal: vec![Code::Unavailable] };
    assert_eq!(config.methods.get("/a.B/C").hedging, Some(expected));
    let both = format!(r#"{{"methodConfig":[{{{hedging},"retryPolicy":{{}}}}]}}"#);
    assert!(error(&both).ends_with("it must be an object with one of retryPolicy and hedgingPolicy, not both"));
}

#[test]
fn outlier_detection_stands_by_itself_or_around_a_policy() {
    let alone = read(r#"{"outlierDetection":{"interval":"1s","failurePercentageEjection":{"threshold":50}}}"#);
    let around = read(
        r#"{"loadBalancingConfig":[{"outlier_detection_experimental":{"interval":"1s",
            "failurePercentageEjection":{"threshold":50},"childPolicy":[{"least_request_experimental":{"choiceCount":4}}]}}]}"#,
    );
    assert_eq!(alone.outliers, around.outliers);
    assert_eq!(alone.outliers.failure_percentage.as_ref().unwrap().request_volume, 50);
    assert_eq!(around.balancing, Balancing::LeastRequest { choices: 4 });
    let off = read(r#"{"outlierDetection":{"consecutiveFailures":{"threshold":0}}}"#);
    assert_eq!(off.outliers.consecutive, None);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (config, expected) in [
        ("[]", "the whole is []; it must be an object"),
        ("{", "it is no JSON: EOF while parsing an object at line 1 column 1"),
        (
            r#"{"loadBalancingConfig":[{"x":{}}]}"#,
            "loadBalancingConfig is [{\"x\":{}}]; it must be a list with one of pick_first, round_robin, random, \
             least_request, p2c_ewma",
        ),
        (
            r#"{"methodConfig":[{"timeout":"5m"}]}"#,
            "methodConfig[0].timeout is \"5m\"; it must be seconds such as \"0.1s\", not negative",
        ),
        (
            r#"{"methodConfig":[{"timeout":"-5s"}]}"#,
            "methodConfig[0].timeout is \"-5s\"; it must be seconds such as \"0.1s\", not negative",
        ),
        (
            r#"{"methodConfig":[{"name":[{"method":"M"}]}]}"#,
            "methodConfig[0].name[0] is {\"method\":\"M\"}; it must be a name with a service when it has a method",
        ),
        (
            r#"{"methodConfig":[{"name":[{"service":"S"}]},{"name":[{"service":"S"}]}]}"#,
            "methodConfig[1].name[0] is {\"service\":\"S\"}; it must be a name that no entry before has",
        ),
        (
            r#"{"methodConfig":[{"retryPolicy":{"maxAttempts":1}}]}"#,
            "methodConfig[0].retryPolicy.maxAttempts is 1; it must be a whole number from 2 on",
        ),
        (
            r#"{"methodConfig":[{"retryPolicy":{"maxAttempts":2}}]}"#,
            "methodConfig[0].retryPolicy.backoffMultiplier is missing",
        ),
        (
            r#"{"methodConfig":[{"retryPolicy":{"maxAttempts":2,"initialBackoff":"1s","maxBackoff":"1s","backoffMultiplier":1,
            "retryableStatusCodes":["BUSY"]}}]}"#,
            "methodConfig[0].retryPolicy.retryableStatusCodes[0] is \"BUSY\"; it must be a status code of gRPC such as \
             \"UNAVAILABLE\"",
        ),
        (
            r#"{"retryThrottling":{"maxTokens":0,"tokenRatio":1}}"#,
            "retryThrottling.maxTokens is 0; it must be a number above 0, at most 1000",
        ),
        (
            r#"{"outlierDetection":{"maxEjectionPercent":101}}"#,
            "outlierDetection.maxEjectionPercent is 101; it must be a whole number from 0 to 100",
        ),
    ] {
        assert_eq!(error(config), expected);
    }
}
