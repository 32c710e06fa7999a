use clap::CommandFactory as _;

use super::*;

fn configuration(arguments: &[&str]) -> Configuration {
    let all = ["mqtt-broker"].iter().chain(arguments);
    let arguments = Arguments::try_parse_from(all).unwrap_or_else(|error| panic!("{error}"));
    assert!(arguments.command.is_none());
    arguments.settings.configuration().unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn the_command_line_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn no_argument_is_the_default() {
    assert_eq!(configuration(&[]), Configuration::default());
}

#[test]
fn options_win_over_set() {
    let configuration = configuration(&[
        "--listen=1884",
        "--listen",
        "[::1]:1885",
        "--set",
        "listen=9",
        "--set=log=error",
        "--set=mqtt.queue_messages=1",
        "--set=mqtt.queue_messages=2",
        "--open",
        "--log=debug",
    ]);
    let listen: Vec<String> = configuration.listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["1884", "[::1]:1885"]);
    assert_eq!(configuration.log, LogLevel::Debug);
    assert_eq!(configuration.broker.queue_messages, 2, "the last one wins");
    assert!(configuration.open);
}

#[test]
fn every_wrong_set_is_told() {
    let arguments =
        Arguments::try_parse_from(["mqtt-broker", "--set", "a=1", "--set", "b=2"]).unwrap();
    let problems = arguments.settings.configuration().unwrap_err();
    assert_eq!(problems.0.len(), 2, "{problems}");
}

#[test]
fn a_recording_ends_at_a_size_as_the_configuration_has_it() {
    let limit = |arguments: &[&str]| {
        let all = ["mqtt-broker", "--record", "file"].iter().chain(arguments);
        Arguments::try_parse_from(all).map(|arguments| arguments.settings.record_limit)
    };
    assert_eq!(limit(&[]).unwrap(), 1 << 30);
    assert_eq!(limit(&["--record-limit", "64M"]).unwrap(), 64 << 20);
    assert_eq!(limit(&["--record-limit", "1000"]).unwrap(), 1000);
    let error = limit(&["--record-limit", "much"]).unwrap_err().to_string();
    assert!(error.contains("a size is a number, or a text with a unit"), "{error}");
}
