//! Redis and what speaks its protocol: RESP2 and RESP3, inline commands, replication, over TCP.
//!
//! Source: Redis documentation, "Redis serialization protocol specification"; "Replication" (PSYNC, REPLCONF).
//! Recognised: a command as an array of bulk strings, an inline command with a sound reply, replies of enough weight.
//! Left out: a lone `+OK` or number, which others say too; arguments of commands, which may be secret.

use crate::flow::opening::{Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe, text};

/// The registry's entry.
#[derive(Debug)]
pub struct Redis;

/// Arguments of a command or elements of a reply; Redis itself refuses more than a million.
const ELEMENTS_MAX: u64 = 1024 * 1024;

/// A bulk string holds at most 512 MB.
const BULK_MAX: u64 = 512 * 1024 * 1024;

/// The longest command name, with its modules (`FT._ALIASADDIFNX`).
const COMMAND_MAX: u64 = 32;

/// What replies without a command must weigh.
const ENOUGH: u32 = 3;

/// Arrays inside arrays that are followed (CLUSTER SLOTS, COMMAND DOCS).
const NESTING_MAX: usize = 8;

/// Commands that are believed as an inline line, if the reply is sound too. QUIT and AUTH are POP3's as well.
const INLINE: [&[u8]; 21] = [
    b"PING",
    b"INFO",
    b"SET",
    b"GET",
    b"SELECT",
    b"ECHO",
    b"KEYS",
    b"CONFIG",
    b"PSYNC",
    b"SYNC",
    b"REPLCONF",
    b"MONITOR",
    b"CLIENT",
    b"HELLO",
    b"COMMAND",
    b"DEL",
    b"INCR",
    b"EXISTS",
    b"SUBSCRIBE",
    b"LPUSH",
    b"DBSIZE",
];

impl Probe for Redis {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn title(&self) -> &'static str {
        "Redis, Valkey, KeyDB and Sentinel: the Redis serialization protocol, versions 2 and 3."
    }

    fn proof(&self) -> &'static str {
        "A command as an array of bulk strings whose lengths agree, an inline command with a sound reply, or replies \
         that are more than a status line. A lone +OK, -ERR or number proves nothing: mail servers say them too."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let mut pending = false;
        for (side, client, server) in view.ways() {
            let reply = replies(&server);
            match command(client.bytes) {
                Read::Sure(command) if reply.is_some() => return Answer::Yes(asked(side, &command, &client)),
                Read::Short => pending |= reply.is_some(),
                _ => {}
            }
            let first = view.first == Some(side) || !server.is_first();
            if let (true, Some(word)) = (first, inline(&client))
                && let Some(weight) = reply
            {
                if weight > 0 {
                    return Answer::Yes(Claim::by(side).with("command", text(word).to_ascii_uppercase()));
                }
                pending = true;
            }
        }
        for (side, client, server) in view.ways() {
            if !client.bytes.is_empty() {
                continue;
            }
            match replies(&server) {
                Some(weight) if weight >= ENOUGH => return Answer::Yes(Claim::by(side)),
                Some(_) => pending = true,
                None => {}
            }
        }
        if pending { Answer::More } else { Answer::No }
    }
}

enum Read<T> {
    Sure(T),
    Short,
    Not,
}

/// The name of the command, and its arguments as far as they were read.
struct Command<'a> {
    name: &'a [u8],
    arguments: Cursor<'a>,
}

/// A line that ends in carriage return and line feed and holds a number.
fn number(cursor: &mut Cursor<'_>) -> Read<i64> {
    /// Digits of the longest number, its sign, and the line's end.
    const LINE_MAX: usize = 22;
    let mut ahead = *cursor;
    let Some(digits) = ahead.until(b'\r') else {
        let so_far = cursor.rest();
        let sound = so_far.len() < LINE_MAX && is_digits(so_far);
        return if sound { Read::Short } else { Read::Not };
    };
    if digits.is_empty() || digits.len() >= LINE_MAX || !is_digits(digits) {
        return Read::Not;
    }
    match ahead.u8() {
        None => Read::Short,
        Some(b'\n') => {
            *cursor = ahead;
            match std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()) {
                Some(number) => Read::Sure(number),
                None => Read::Not,
            }
        }
        Some(_) => Read::Not,
    }
}

fn is_digits(line: &[u8]) -> bool {
    line.strip_prefix(b"-").unwrap_or(line).iter().all(u8::is_ascii_digit)
}

/// `*N`, `$N` and the name of a command.
fn command(bytes: &[u8]) -> Read<Command<'_>> {
    let mut cursor = Cursor::new(bytes);
    match cursor.u8() {
        None => return Read::Short,
        Some(b'*') => {}
        Some(_) => return Read::Not,
    }
    match number(&mut cursor) {
        Read::Sure(1..) => {}
        Read::Short => return Read::Short,
        _ => return Read::Not,
    }
    match cursor.u8() {
        None => return Read::Short,
        Some(b'$') => {}
        Some(_) => return Read::Not,
    }
    let length = match number(&mut cursor) {
        Read::Sure(length) => match u64::try_from(length) {
            Ok(length @ 1..=COMMAND_MAX) => length as usize,
            _ => return Read::Not,
        },
        Read::Short => return Read::Short,
        Read::Not => return Read::Not,
    };
    let Some(name) = cursor.take(length) else {
        return if cursor.rest().iter().all(|&byte| is_name(byte)) { Read::Short } else { Read::Not };
    };
    if !name.iter().all(|&byte| is_name(byte)) || !name.first().is_some_and(u8::is_ascii_alphabetic) {
        return Read::Not;
    }
    match cursor.array::<2>() {
        None => Read::Short,
        Some([b'\r', b'\n']) => match pushed(name, cursor) {
            // What a server pushes to a subscriber looks the same.
            Some(true) => Read::Not,
            Some(false) => Read::Sure(Command { name, arguments: cursor }),
            None => Read::Short,
        },
        Some(_) => Read::Not,
    }
}

const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'|')
}

/// Whether an array that begins with this word is what a server pushes; `None` while that cannot be told.
/// A subscription's confirmation ends in a number, where a command has strings only.
fn pushed(name: &[u8], mut rest: Cursor<'_>) -> Option<bool> {
    match name {
        b"message" | b"pmessage" | b"smessage" => Some(true),
        b"subscribe" | b"psubscribe" | b"ssubscribe" | b"unsubscribe" | b"punsubscribe" => {
            if rest.rest().first()? != &b'$' {
                return Some(rest.rest().first() != Some(&b'*'));
            }
            bulk(&mut rest)?;
            Some(matches!(rest.rest().first(), Some(b':')))
        }
        _ => Some(false),
    }
}

/// The word of an inline command whose line is whole.
fn inline<'a>(heard: &Heard<'a>) -> Option<&'a [u8]> {
    if !heard.bytes.first().is_some_and(u8::is_ascii_alphabetic) {
        return None;
    }
    let line = Cursor::new(heard.bytes).line()?;
    let word = line.split(|&byte| byte == b' ').next()?;
    // A line that names another protocol is that protocol's.
    let foreign = line.windows(5).any(|part| part == b"HTTP/" || part == b"RTSP/");
    (!foreign
        && line.iter().all(|&byte| byte >= b' ')
        && INLINE.iter().any(|name| word.eq_ignore_ascii_case(name)))
    .then_some(word)
}

/// The weight of all replies from byte 0 on; `None` where one of them is unsound, 0 for silence.
fn replies(heard: &Heard<'_>) -> Option<u32> {
    let mut cursor = Cursor::new(heard.bytes);
    let mut weight = 0;
    while !cursor.is_done() && weight < ENOUGH {
        match reply(&mut cursor, 0) {
            Read::Sure(more) => weight += more,
            Read::Short => break,
            Read::Not => return None,
        }
    }
    Some(weight)
}

/// One reply and what it proves. A status that others say too weighs 1, a bulk string with its length 3.
fn reply(cursor: &mut Cursor<'_>, depth: usize) -> Read<u32> {
    if depth > NESTING_MAX {
        return Read::Not;
    }
    let Some(kind) = cursor.u8() else { return Read::Short };
    match kind {
        b'+' | b'-' => {
            let Some(line) = cursor.until(b'\n') else {
                let sound = cursor.rest().iter().all(|&byte| byte >= b' ' || byte == b'\r');
                return if sound { Read::Short } else { Read::Not };
            };
            let Some(line) = line.strip_suffix(b"\r") else { return Read::Not };
            status(kind, line)
        }
        b':' => map(number(cursor), |_| Some(1)),
        b'$' => match number(cursor) {
            Read::Sure(-1) => Read::Sure(2),
            Read::Sure(length) => match u64::try_from(length) {
                Ok(length) if length <= BULK_MAX => match cursor.take(length as usize) {
                    None => Read::Short,
                    Some(_) => match cursor.array::<2>() {
                        None => Read::Short,
                        Some([b'\r', b'\n']) => Read::Sure(3),
                        Some(_) => Read::Not,
                    },
                },
                _ => Read::Not,
            },
            other => other.forget(),
        },
        b'*' | b'~' | b'>' | b'%' => match number(cursor) {
            Read::Sure(-1) if kind == b'*' => Read::Sure(2),
            Read::Sure(count) => match u64::try_from(count) {
                Ok(0) => Read::Sure(1),
                Ok(count) if count <= ELEMENTS_MAX => {
                    let count = if kind == b'%' { count * 2 } else { count };
                    let mut weight = 1;
                    for _ in 0..count {
                        match reply(cursor, depth + 1) {
                            Read::Sure(more) => weight += more,
                            // What is there suffices, and nothing behind it can be read.
                            Read::Short if weight > ENOUGH => {
                                cursor.take(cursor.left());
                                return Read::Sure(weight);
                            }
                            other => return other,
                        }
                    }
                    Read::Sure(weight)
                }
                _ => Read::Not,
            },
            other => other.forget(),
        },
        b'_' => match cursor.array::<2>() {
            None => Read::Short,
            Some([b'\r', b'\n']) => Read::Sure(1),
            Some(_) => Read::Not,
        },
        b'#' => match cursor.array::<3>() {
            None => Read::Short,
            Some([b't' | b'f', b'\r', b'\n']) => Read::Sure(2),
            Some(_) => Read::Not,
        },
        _ => Read::Not,
    }
}

fn map(read: Read<i64>, weight: impl Fn(i64) -> Option<u32>) -> Read<u32> {
    match read {
        Read::Sure(number) => weight(number).map_or(Read::Not, Read::Sure),
        other => other.forget(),
    }
}

impl Read<i64> {
    /// The same without its number.
    fn forget(self) -> Read<u32> {
        match self {
            Self::Short => Read::Short,
            _ => Read::Not,
        }
    }
}

/// A status or an error: 3 where only Redis says it.
fn status(kind: u8, line: &[u8]) -> Read<u32> {
    if !line.iter().all(|&byte| byte >= b' ') {
        return Read::Not;
    }
    let word = line.split(|&byte| byte == b' ').next().unwrap_or_default();
    match (kind, word) {
        (b'+', b"PONG" | b"FULLRESYNC" | b"CONTINUE" | b"QUEUED")
        | (
            b'-',
            b"NOAUTH" | b"WRONGPASS" | b"WRONGTYPE" | b"MOVED" | b"ASK" | b"CLUSTERDOWN" | b"READONLY"
            | b"LOADING" | b"NOPERM" | b"NOSCRIPT" | b"MISCONF" | b"NOPROTO" | b"DENIED" | b"MASTERDOWN"
            | b"EXECABORT",
        ) => Read::Sure(3),
        (b'-', b"ERR")
            if line.starts_with(b"ERR unknown command") || line.starts_with(b"ERR wrong number of arg") =>
        {
            Read::Sure(3)
        }
        // NATS puts its errors in quotes.
        (b'-', b"ERR") if line.starts_with(b"ERR '") || line.starts_with(b"ERR  '") => Read::Not,
        (b'-', b"ERR") => Read::Sure(1),
        // Text behind +OK is POP3's.
        (b'+', b"OK") if line.len() > 2 => Read::Not,
        (b'+', _) if !word.is_empty() => Read::Sure(1),
        (b'-', _) if word.len() > 2 && word.iter().all(u8::is_ascii_uppercase) => Read::Sure(1),
        _ => Read::Not,
    }
}

/// What the commands say: the first one, the user, the database, replication.
fn asked(client: Side, first: &Command<'_>, said: &Heard<'_>) -> Claim {
    let mut claim = Claim::by(client).with("command", text(first.name).to_ascii_uppercase());
    let mut rest = *first;
    /// Commands looked at: a connection is set up in fewer.
    const COMMANDS_MAX: usize = 16;
    for _ in 0..COMMANDS_MAX {
        let mut arguments = rest.arguments;
        let mut values = Vec::new();
        while arguments.rest().first() == Some(&b'$') {
            let Some(value) = bulk(&mut arguments) else { break };
            values.push(value);
        }
        claim = noted(claim, rest.name, &values);
        match command(arguments.rest()) {
            Read::Sure(next) => rest = next,
            _ => break,
        }
    }
    claim.unfinished = said.is_open() && said.bytes.len() < 512;
    claim
}

fn noted(claim: Claim, name: &[u8], values: &[&[u8]]) -> Claim {
    match (name.to_ascii_uppercase().as_slice(), values) {
        (b"SELECT", [database]) => claim.with("database", text(database)),
        (b"AUTH", [user, _]) => claim.with("user", text(user)),
        (b"AUTH", [_]) => claim.with("user", "default"),
        (b"HELLO", [version, ..]) => claim.with("resp", text(version)),
        (b"PSYNC" | b"SYNC" | b"REPLCONF", _) => claim.with("replication", true),
        _ => claim,
    }
}

fn bulk<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    cursor.u8()?;
    let Read::Sure(length) = number(cursor) else { return None };
    let value = cursor.take(usize::try_from(length).ok()?)?;
    (cursor.array::<2>()? == *b"\r\n").then_some(value)
}

impl Clone for Command<'_> {
    fn clone(&self) -> Self {
        *self
    }
}

impl Copy for Command<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::probe::Detail;

    /// `None` is no, `Some(None)` more, `Some(Some(..))` yes with these details among others.
    fn check(view: View<'_>, expect: Option<Option<&[(&'static str, &str)]>>) {
        match (Redis.ask(&view), expect) {
            (Answer::No, None) | (Answer::More, Some(None)) => {}
            (Answer::Yes(claim), Some(Some(details))) => {
                for &(name, value) in details {
                    assert_eq!(claim.details.get(name), Some(&Detail::from(value)), "{name}");
                }
            }
            (answer, expect) => panic!("{answer:?} is not {expect:?}"),
        }
    }

    #[test]
    fn a_command_is_an_array_of_bulk_strings() {
        check(View::of(b"*1\r\n$4\r\nping\r\n", b""), Some(Some(&[("command", "PING")])));
        check(View::of(b"*1\r\n$4\r\npi", b""), Some(None));
        check(View::of(b"*1\r\n$4\r\npings\r\n", b""), None);
        check(View::of(b"*1\n$4\nping\n", b""), None);
    }

    #[test]
    fn user_and_database_are_told_and_passwords_are_not() {
        let said = b"*3\r\n$4\r\nAUTH\r\n$3\r\nbob\r\n$2\r\npw\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n";
        check(View::of(said, b"+OK\r\n+OK\r\n"), Some(Some(&[("user", "bob"), ("database", "3")])));
        let Answer::Yes(claim) = Redis.ask(&View::of(said, b"")) else { panic!("no yes") };
        assert!(!format!("{claim:?}").contains("pw"));
    }

    #[test]
    fn a_subscription_is_a_command_and_its_confirmation_is_not() {
        let asked = b"*2\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n";
        let confirmed = b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n";
        check(View::of(asked, confirmed), Some(Some(&[("command", "SUBSCRIBE")])));
        let Answer::Yes(claim) = Redis.ask(&View::of(confirmed, b"")) else { panic!("no yes") };
        assert_eq!(claim.client, Some(Side::B));
    }

    #[test]
    fn an_inline_command_needs_a_sound_reply() {
        check(View::of(b"PING\r\n", b"+PONG\r\n"), Some(Some(&[("command", "PING")])));
        check(View::of(b"PING\r\n", b""), Some(None));
        check(View::of(b"PING\r\n", b"PONG\r\n"), None);
        check(View::of(b"get x\r\n", b"END\r\n"), None);
    }

    #[test]
    fn replies_alone_need_weight() {
        check(View::of(b"", b"$3\r\nabc\r\n"), Some(Some(&[])));
        check(View::of(b"", b"-NOAUTH Authentication required.\r\n"), Some(Some(&[])));
        check(View::of(b"", b"+OK\r\n"), Some(None));
        check(View::of(b"", b"*3\r\n*3\r\n$1\r\na\r\n*2\r\n+write\r\n+den"), Some(Some(&[])));
        check(View::of(b"", b"+OK POP3 ready\r\n"), None);
        check(View::of(b"", b"$3\r\nabcd\r\n"), None);
    }

    #[test]
    fn other_protocols_are_not_redis() {
        check(View::of(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"-ERR unknown command\r\n"), None);
        check(View::of(b"USER bob\r\n", b"+OK\r\n"), None);
        check(View::of(b"CONNECT {}\r\nPING\r\n", b"+OK\r\nPONG\r\n"), None);
        check(View::of(b"*hello*", b""), None);
    }
}
