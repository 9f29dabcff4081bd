//! Fields that table and site files share: text, ports, lists in the order of the file.

use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use toml::Spanned;

use crate::policy::mistake::{Origin, PolicyError, quoted};
use crate::policy::table::PortSet;

/// Bytes of a table or site file that are read: the largest shipped one has 10 KiB.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;

/// Text on one line, not blank, without control or direction characters: it is safe to print.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Text(pub String);

/// Characters that a terminal or a reader takes for something else.
fn is_unprintable(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The text, or what was expected instead.
fn printable(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err(format!("expected text, found {}; leave the key out where there is none", quoted(text)));
    }
    if text.contains(is_unprintable) {
        return Err(format!("expected one line without control characters, found {}", quoted(text)));
    }
    Ok(text.to_owned())
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        printable(&text).map(Self).map_err(D::Error::custom)
    }
}

impl JsonSchema for Text {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "description": "One line without control characters." })
    }
}

/// One port or one inclusive range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortRange {
    pub low: u16,
    pub high: u16,
}

const A_PORT: &str = "a port such as 22 or 12300-12307";

/// A port in text, `22` or `12300-12307`.
pub fn parse_range(text: &str) -> Result<PortRange, String> {
    let refuse = |mend: &str| format!("expected {A_PORT}, found {}{mend}", quoted(text));
    let number = |part: &str| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if digits {
            part.parse::<u16>().map_err(|_| refuse("; the last port is 65535"))
        } else {
            Err(refuse(""))
        }
    };
    let (low, high) = match text.trim().split_once('-') {
        Some((low, high)) => (number(low.trim())?, number(high.trim())?),
        None => {
            let port = number(text.trim())?;
            (port, port)
        }
    };
    if low > high {
        return Err(refuse(&format!("; write {high}-{low}")));
    }
    Ok(PortRange { low, high })
}

/// The numbers and ranges of a printed port cell: `25, 443`, `9092/9093`, `12300-12307`.
pub fn printed_ports(cell: &str) -> Vec<(u16, u16)> {
    let mut ranges: Vec<(u16, u16)> = cell
        .split([',', '/', ' ', ';'])
        .filter_map(|part| parse_range(part).ok())
        .map(|range| (range.low, range.high))
        .collect();
    ranges.sort_unstable();
    ranges
}

impl<'de> Deserialize<'de> for PortRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Range;
        impl Visitor<'_> for Range {
            type Value = PortRange;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(A_PORT)
            }

            fn visit_i64<E: Error>(self, port: i64) -> Result<PortRange, E> {
                parse_range(&port.to_string()).map_err(E::custom)
            }

            fn visit_u64<E: Error>(self, port: u64) -> Result<PortRange, E> {
                parse_range(&port.to_string()).map_err(E::custom)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<PortRange, E> {
                parse_range(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Range)
    }
}

impl JsonSchema for PortRange {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PortRange".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A port, or an inclusive range such as \"12300-12307\"; for ICMP a message type.",
            "anyOf": [
                { "type": "integer", "minimum": 0, "maximum": 65535 },
                { "type": "string", "pattern": "^[0-9]{1,5}(-[0-9]{1,5})?$" }
            ]
        })
    }
}

/// A list of ports.
#[derive(Clone, Debug)]
pub struct PortList(pub Vec<Spanned<PortRange>>);

impl PortList {
    /// The set, if every number is one of `allowed` and none stands twice.
    pub fn set(
        &self,
        origin: &Origin<'_>,
        allowed: std::ops::RangeInclusive<u16>,
    ) -> Result<PortSet, PolicyError> {
        let mut ranges: Vec<(u16, u16)> = Vec::with_capacity(self.0.len());
        for port in &self.0 {
            let PortRange { low, high } = *port.get_ref();
            let found = origin.found(&port.span());
            if !allowed.contains(&low) || !allowed.contains(&high) {
                let wanted = if *allowed.start() == 0 { "an ICMP type from 0 to 255" } else { A_PORT };
                return Err(origin.mistake(port.span().start, format!("expected {wanted}, found {found}")));
            }
            if ranges.iter().any(|&(l, h)| low <= h && l <= high) {
                let message = format!("expected each port once, found {found} again; remove one");
                return Err(origin.mistake(port.span().start, message));
            }
            ranges.push((low, high));
        }
        Ok(PortSet::new(ranges))
    }
}

impl<'de> Deserialize<'de> for PortList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = PortList;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of ports such as [22, \"12300-12307\"]")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<PortList, A::Error> {
                let mut ports = Vec::new();
                while let Some(port) = seq.next_element()? {
                    ports.push(port);
                }
                Ok(PortList(ports))
            }
        }
        deserializer.deserialize_any(List)
    }
}

impl JsonSchema for PortList {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PortList".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<PortRange>();
        json_schema!({ "type": "array", "items": item })
    }
}

/// A table of the file's own keys, in the order of the file.
#[derive(Clone, Debug)]
pub struct Ordered<V>(pub Vec<(Spanned<Text>, V)>);

impl<V> Default for Ordered<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Ordered<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Keys<V> {
            type Value = Ordered<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<V>, A::Error> {
                let mut entries: Vec<(Spanned<Text>, V)> = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                entries.sort_by_key(|(key, _)| key.span().start);
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(Keys(PhantomData))
    }
}

impl<V: JsonSchema> JsonSchema for Ordered<V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("TableOf{}", V::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<V>();
        json_schema!({ "type": "object", "additionalProperties": value })
    }
}
