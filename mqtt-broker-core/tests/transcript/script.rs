//! A transcript as it is read from its file: what it cites, how the broker is set up, its lines.

use core::time::Duration;

use mqtt_broker_core::Config;
use mqtt_codec::{Packet, TopicFilter};

use super::fields::hexadecimal;
use super::host::Wish;
use super::packet::packet;
use super::rules::Rule;
use super::settings;

/// One transcript.
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// The first line, without its `# `.
    pub(crate) title: String,
    /// The numbered statements that it tests.
    pub(crate) statements: Vec<String>,
    pub(crate) config: Config,
    pub(crate) lines: Vec<Line>,
}

/// One line that does something.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) number: usize,
    pub(crate) action: Action,
}

/// What a line does, or says is seen.
#[derive(Debug)]
pub(crate) enum Action {
    /// `alice opens`
    Open(String),
    /// `alice > …`; with `joined`, in the same write as the line before.
    Send { name: String, what: Sent, joined: bool },
    /// `alice < …`, with all that `& …` adds to it: they may come in any order.
    Receive { name: String, expected: Vec<String> },
    /// `alice connects …` once its CONNECT is sent, and with a Session `alice returns …`.
    Connected { name: String, session_present: bool },
    /// `alice is closed`, `alice is closed: why`
    Closed { name: String, reason: Option<String> },
    /// `alice disconnects …` once its DISCONNECT is sent.
    Disconnected(String),
    /// `alice closes`
    Close(String),
    /// `alice misses "topic": why`
    Misses { name: String, expected: String },
    /// `alice's session ends`
    SessionEnds(String),
    /// `host is told …`
    Told(String),
    /// `host counts …`
    Counts(Vec<(String, u64)>),
    /// `wait 10s`
    Wait(Duration),
    /// `policy …`; `None` takes all rules back.
    Policy(Option<Rule>),
    /// `host …`
    Host(Wish),
    /// `disk stalls`, `disk syncs`
    DiskStalls(bool),
    /// `broker crashes`
    Crash(Away),
}

/// What a client sends.
#[derive(Debug)]
pub(crate) enum Sent {
    Packet(Packet<'static>),
    /// A CONNECT with the Client Identifier that was seen as `assigned-client=*name`.
    ConnectAs(Packet<'static>, String),
    /// `hex 10 0c …`
    Bytes(Vec<u8>),
}

impl Script {
    /// Reads a file; the error names the line.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut script = Self::default();
        let mut speaker = None;
        for (number, line) in (1..).zip(text.lines()) {
            script.line(number, line, &mut speaker).map_err(|e| format!("{number}: {e}"))?;
        }
        match (script.title.is_empty(), script.statements.is_empty()) {
            (true, _) => Err("1: the first line is the title: `# …`".into()),
            (_, true) => Err("2: no statement is cited: `//= [MQTT-…] type=test`".into()),
            _ => Ok(script),
        }
    }

    fn line(
        &mut self,
        number: usize,
        line: &str,
        speaker: &mut Option<String>,
    ) -> Result<(), String> {
        let line = line.trim_end();
        if number == 1 {
            self.title = line.strip_prefix("# ").unwrap_or_default().into();
        } else if let Some(citation) = line.strip_prefix("//= ") {
            self.statements.push(cited(citation)?);
        } else if let Some(settings) = line.strip_prefix("broker has ") {
            settings::apply(&mut self.config, settings)?;
        } else if !line.is_empty() && !line.starts_with('#') {
            if let Some(another) = line.trim_start().strip_prefix("& ") {
                return self.also(without_comment(another));
            }
            for (place, action) in actions(line, speaker)?.into_iter().enumerate() {
                let joined = matches!(action, Action::Send { joined: true, .. });
                if place == 0 && joined && !matches!(self.lines.last(), Some(last) if last.sends())
                {
                    return Err("`>` without a name continues a line that sends".into());
                }
                self.lines.push(Line { number, action });
            }
        }
        Ok(())
    }

    /// `& …`: one more packet of the line before.
    fn also(&mut self, another: &str) -> Result<(), String> {
        match self.lines.last_mut() {
            Some(Line { action: Action::Receive { expected, .. }, .. }) => {
                expected.push(another.into());
                Ok(())
            }
            _ => Err("`&` continues a line with `<`".into()),
        }
    }
}

/// What a clock does while the broker is gone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Away {
    pub(crate) forward: Duration,
    pub(crate) back: Duration,
}

impl Line {
    fn sends(&self) -> bool {
        matches!(self.action, Action::Send { .. })
    }
}

fn cited(citation: &str) -> Result<String, String> {
    let statement = citation.strip_suffix(" type=test").ok_or("a citation ends in ` type=test`")?;
    Ok(statement.into())
}

/// What one line does. `speaker` is the client of the line before, for lines that begin with `>`
/// or `<`.
fn actions(line: &str, speaker: &mut Option<String>) -> Result<Vec<Action>, String> {
    let continued = line.starts_with([' ', '\t']);
    let line = without_comment(line.trim_start());
    if continued {
        let name = speaker.clone().ok_or("no client speaks in the line before")?;
        return client(name, line, true);
    }
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim_start();
    Ok(vec![match first {
        "wait" => Action::Wait(duration(rest).ok_or("`wait 10s`, with ms, s, min, h or d")?),
        "policy" => Action::Policy(Rule::read(rest)?),
        "broker" if rest == "crashes" => Action::Crash(Away::default()),
        "broker" if rest.starts_with("crashes") => Action::Crash(away(rest)?),
        "disk" if rest == "stalls" => Action::DiskStalls(true),
        "disk" if rest == "syncs" => Action::DiskStalls(false),
        "host" if rest.starts_with('<') => {
            *speaker = Some("host".into());
            return client("host".into(), rest, false);
        }
        "host" if rest.starts_with("misses ") => return client("host".into(), rest, false),
        "host" if rest.starts_with("is told ") => {
            Action::Told(rest.trim_start_matches("is told ").into())
        }
        "host" if rest.starts_with("counts ") => {
            Action::Counts(counted(rest.trim_start_matches("counts "))?)
        }
        "host" => Action::Host(Wish::read(rest)?),
        "broker" | "disk" => return Err(format!("`{line}`?")),
        _ if rest == "session ends" => {
            let name = first.strip_suffix("'s").ok_or("`alice's session ends`")?;
            Action::SessionEnds(name.into())
        }
        _ => {
            *speaker = Some(first.into());
            return client(first.into(), rest, false);
        }
    }])
}

/// `sessions=1 dropped-expired=2`: names and numbers of what is counted.
fn counted(fields: &str) -> Result<Vec<(String, u64)>, String> {
    let field = |word: &str| {
        let (name, count) = word.split_once('=')?;
        Some((name.replace('-', "_"), count.parse().ok()?))
    };
    let read = |word| field(word).ok_or_else(|| format!("`host counts sessions=1`, not {word:?}"));
    fields.split_whitespace().map(read).collect()
}

/// `crashes for 1h` or `crashes, clock back 1h`.
fn away(line: &str) -> Result<Away, String> {
    let span = |text| duration(text).ok_or_else(|| format!("{text:?} is no time"));
    if let Some(text) = line.strip_prefix("crashes for ") {
        return Ok(Away { forward: span(text)?, ..Away::default() });
    }
    let text = line.strip_prefix("crashes, clock back ");
    Ok(Away {
        back: span(text.ok_or("crashes, crashes for 1h, or crashes, clock back 1h")?)?,
        ..Away::default()
    })
}

fn client(name: String, rest: &str, joined: bool) -> Result<Vec<Action>, String> {
    let (verb, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let rest = rest.trim_start();
    let fields = if rest.is_empty() { String::new() } else { format!(" {rest}") };
    Ok(match verb {
        ">" => vec![Action::Send { name, what: Sent::read(rest)?, joined }],
        "<" => vec![Action::Receive { name, expected: vec![rest.into()] }],
        _ if joined => return Err("a line without a name begins with `>` or `<`".into()),
        "opens" => vec![Action::Open(name)],
        "closes" => vec![Action::Close(name)],
        "connects" | "returns" => {
            let own = if rest.contains("client=") { "" } else { &format!(" client={name:?}") };
            let what = Sent::read(&format!("CONNECT{fields}{own}"))?;
            let send = Action::Send { name: name.clone(), what, joined };
            vec![send, Action::Connected { name, session_present: verb == "returns" }]
        }
        "disconnects" => {
            let what = Sent::read(&format!("DISCONNECT{fields}"))?;
            let send = Action::Send { name: name.clone(), what, joined };
            vec![send, Action::Disconnected(name)]
        }
        "misses" => vec![Action::Misses { name, expected: rest.into() }],
        "is" if rest == "closed" => vec![Action::Closed { name, reason: None }],
        "is" => {
            let reason = rest.strip_prefix("closed: ").ok_or("`alice is closed: why`")?;
            vec![Action::Closed { name, reason: Some(reason.into()) }]
        }
        _ => return Err(format!("no line says `{verb}`")),
    })
}

impl Sent {
    fn read(text: &str) -> Result<Self, String> {
        if let Some(digits) = text.strip_prefix("hex ") {
            let bytes = hexadecimal(digits).filter(|bytes| !bytes.is_empty());
            return bytes.map(Self::Bytes).ok_or_else(|| "pairs of digits, please".into());
        }
        let Some((before, after)) = text.split_once(" client=*") else {
            return packet(text).map(Self::Packet);
        };
        let (name, after) = after.split_once(' ').unwrap_or((after, ""));
        Ok(Self::ConnectAs(packet(&format!("{before} {after}"))?, name.into()))
    }
}

/// The line up to a `#` that stands alone outside of strings.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    let mut before = ' ';
    for (place, c) in line.char_indices() {
        match c {
            '"' if before != '\\' => quoted = !quoted,
            '#' if !quoted && before == ' ' => return line[..place].trim_end(),
            _ => {}
        }
        before = c;
    }
    line
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let count: u64 = digits.parse().ok()?;
    Some(match &text[digits.len()..] {
        "ms" => Duration::from_millis(count),
        "s" => Duration::from_secs(count),
        "min" => Duration::from_secs(count * 60),
        "h" => Duration::from_secs(count * 3600),
        "d" => Duration::from_secs(count * 86_400),
        _ => return None,
    })
}

/// A Topic Filter that lives as long as the test run.
pub(crate) fn topic_filter(text: String) -> Result<TopicFilter<'static>, String> {
    let text: &'static String = super::packet::keep(text);
    TopicFilter::new(text).map_err(|e| format!("{text:?}: {e}"))
}
