//! A table file: TOML, one `[[row]]` for each printed line, the printed cells apart from our reading.
//!
//! Left out: reading the file; callers pass its text.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use toml::Spanned;

use crate::net::Transport;
use crate::policy::field::{MAX_FILE_BYTES, Text, printed_ports};
use crate::policy::homoglyph::fold;
use crate::policy::mistake::{LineCounter, Origin, PolicyError, list, mend, quoted};
use crate::policy::table::{ANY, Needs, Reading, Row, Skip, Table, TlsReading};
use crate::policy::table_shape::{NeedsFile, ReadingFile, RowFile, TableFile, TlsFile};
use crate::protocol;

/// The last ICMP type: one byte.
const LAST_ICMP_TYPE: u16 = 255;

/// The table in `text`; `path` names it in messages, and in the table where it has no name of its own.
///
/// # Errors
/// The first mistake, with its place.
pub fn parse_table(text: &str, path: &str) -> Result<Table, PolicyError> {
    let origin = Origin { path, text };
    if text.len() > MAX_FILE_BYTES {
        return Err(
            origin.mistake(0, format!("expected at most {MAX_FILE_BYTES} bytes, found {}", text.len()))
        );
    }
    let file: TableFile = toml::from_str(text).map_err(|error| origin.from_toml(&error))?;
    let builder = Builder::new(origin, &file)?;
    let mut table = Table {
        name: name(&origin, &file)?,
        document: file.document.0.clone(),
        note: file.note.as_ref().map(|note| note.0.clone()),
        subjects: Vec::new(),
        aliases: builder.aliases.clone(),
        rows: Vec::with_capacity(file.row.len()),
        skips: file
            .skip
            .iter()
            .map(|skip| Skip { id: skip.id.get_ref().0.clone(), because: skip.because.0.clone() })
            .collect(),
        path: path.to_owned(),
        sha256: sha256(text),
    };
    let mut lines = LineCounter::new(text);
    for row in &file.row {
        let line = lines.line(row.span().start);
        table.rows.push(builder.row(row.get_ref(), line)?);
    }
    let roles: Vec<&str> = table.roles();
    let mut subjects = Vec::new();
    for subject in &file.subjects {
        let canonical = builder.canonical(&subject.get_ref().0);
        if !roles.contains(&canonical.as_str()) {
            let mend = mend(&canonical, roles.iter().copied()).unwrap_or_else(|| list(&roles));
            return Err(builder.refuse(subject, "a role of the rows", &mend));
        }
        subjects.push(canonical);
    }
    table.subjects = subjects;
    Ok(table)
}

/// Lower-case hexadecimal SHA-256.
pub fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The name that the file gives, or the path below `rules/`, or the stem.
fn name(origin: &Origin<'_>, file: &TableFile) -> Result<String, PolicyError> {
    if let Some(name) = &file.name {
        let text = &name.get_ref().0;
        let fits =
            |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "/-_.".contains(letter);
        if !text.chars().all(fits) {
            let message = format!(
                "expected a name such as vendor/document in a-z, 0-9, - and /, found {}",
                quoted(text)
            );
            return Err(origin.mistake(name.span().start, message));
        }
        return Ok(text.clone());
    }
    let path = origin.path.replace('\\', "/");
    let path = path.strip_suffix(".toml").unwrap_or(&path);
    let below = match path.strip_prefix("rules/").or(path.rsplit_once("/rules/").map(|(_, below)| below)) {
        Some(below) => below,
        None => path.rsplit_once('/').map_or(path, |(_, stem)| stem),
    };
    Ok(below.to_owned())
}

/// What the rows of one file need to be built.
struct Builder<'a> {
    origin: Origin<'a>,
    aliases: Vec<(String, String)>,
    canonical: BTreeMap<String, String>,
    ids: BTreeMap<&'a str, &'a RowFile>,
}

impl<'a> Builder<'a> {
    fn new(origin: Origin<'a>, file: &'a TableFile) -> Result<Self, PolicyError> {
        let mut builder =
            Self { origin, aliases: Vec::new(), canonical: BTreeMap::new(), ids: BTreeMap::new() };
        let printed_names: Vec<&Text> = file.aliases.0.iter().map(|(key, _)| key.get_ref()).collect();
        for (printed, canonical) in &file.aliases.0 {
            if printed_names.contains(&canonical.get_ref()) {
                return Err(builder.refuse(canonical, "a canonical name", ", itself an alias"));
            }
            builder.aliases.push((printed.get_ref().0.clone(), canonical.get_ref().0.clone()));
            builder.canonical.insert(printed.get_ref().0.clone(), canonical.get_ref().0.clone());
        }
        if file.row.is_empty() {
            return Err(
                origin.mistake(0, "expected one [[row]] for each printed line, found none".to_owned())
            );
        }
        let mut seen: Vec<&str> = Vec::new();
        let ids = file
            .row
            .iter()
            .map(|row| (&row.get_ref().id, Some(row.get_ref())))
            .chain(file.skip.iter().map(|skip| (&skip.id, None)));
        for (id, row) in ids {
            let text = id.get_ref().0.as_str();
            if builder.ids.contains_key(text) || (row.is_none() && seen.contains(&text)) {
                return Err(builder.refuse(
                    id,
                    "each row's id once",
                    " again; give each printed line its own",
                ));
            }
            match row {
                Some(row) => {
                    builder.ids.insert(text, row);
                }
                None => seen.push(text),
            }
        }
        if let Some(printed) = &file.printed {
            let found = file.row.len() + file.skip.len();
            if found != *printed.get_ref() {
                let missing = (1..=*printed.get_ref())
                    .take(found + 1)
                    .map(|number| number.to_string())
                    .find(|id| !builder.ids.contains_key(id.as_str()) && !seen.contains(&id.as_str()))
                    .filter(|_| found < *printed.get_ref())
                    .map_or_else(String::new, |id| format!("; row {id} is missing"));
                let message = format!(
                    "expected {} rows and skips as printed, found {found}{missing}",
                    printed.get_ref()
                );
                return Err(origin.mistake(printed.span().start, message));
            }
        }
        Ok(builder)
    }

    fn canonical(&self, name: &str) -> String {
        self.canonical.get(name).cloned().unwrap_or_else(|| name.to_owned())
    }

    fn refuse(&self, text: &Spanned<Text>, expected: &str, mend: &str) -> PolicyError {
        let found = quoted(&text.get_ref().0);
        self.origin.mistake(text.span().start, format!("expected {expected}, found {found}{mend}"))
    }

    fn row(&self, row: &RowFile, line: usize) -> Result<Row, PolicyError> {
        let id = row.id.get_ref().0.clone();
        let cell = |text: &Option<Text>| text.as_ref().map(|text| text.0.clone());
        let folded = |text: &Option<Text>| text.as_ref().map(|text| fold(&text.0));
        let readings = self.readings(row)?;
        let built = Row {
            source: cell(&row.source),
            destination: cell(&row.destination),
            protocol: folded(&row.protocol),
            port: row.port.as_ref().map(|port| fold(&port.get_ref().0)),
            classification: folded(&row.classification),
            data: cell(&row.data),
            from: self.ends(row, "from", &row.from, &row.source)?,
            to: self.ends(row, "to", &row.to, &row.destination)?,
            needs: self.needs(row, readings.len())?,
            readings,
            optional: row.optional,
            port_is_configurable: row.port_is_configurable || row.port_follows.is_some(),
            port_follows: self.port_follows(row)?,
            same_host: row.same_host,
            refers_to: cell(&row.refers_to),
            credited_with: self.credited_with(row)?,
            note: cell(&row.note),
            line,
            id,
        };
        self.ports_as_printed(row, &built)?;
        Ok(built)
    }

    fn ends(
        &self,
        row: &RowFile,
        key: &str,
        ours: &Option<Spanned<Vec<Spanned<Text>>>>,
        printed: &Option<Text>,
    ) -> Result<Vec<String>, PolicyError> {
        let Some(ours) = ours else {
            return match printed {
                Some(printed) => Ok(vec![self.canonical(&printed.0)]),
                None => {
                    let id = quoted(&row.id.get_ref().0);
                    let message = format!(
                        "expected `{key}` in row {id} whose printed cell is blank, found none; name the role"
                    );
                    Err(self.origin.mistake(row.id.span().start, message))
                }
            };
        };
        let mut ends: Vec<String> = Vec::new();
        for name in ours.get_ref() {
            let role = self.canonical(&name.get_ref().0);
            if ends.contains(&role) {
                return Err(self.refuse(name, "each role once", " again; remove one"));
            }
            ends.push(role);
        }
        if ends.is_empty() {
            let message = format!("expected a role, found an empty list; \"{ANY}\" is any address");
            return Err(self.origin.mistake(ours.span().start, message));
        }
        Ok(ends)
    }

    fn readings(&self, row: &RowFile) -> Result<Vec<Reading>, PolicyError> {
        let Some(readings) = &row.readings else {
            if row.refers_to.is_some() {
                return Ok(Vec::new());
            }
            let id = quoted(&row.id.get_ref().0);
            let message = format!(
                "expected `readings` in row {id}, found none; add readings = [{{ ports = [..] }}], or refers_to"
            );
            return Err(self.origin.mistake(row.id.span().start, message));
        };
        if readings.get_ref().is_empty() && row.refers_to.is_none() {
            let message = "expected a reading, found an empty list; a row without a port has { ports = [] }";
            return Err(self.origin.mistake(readings.span().start, message.to_owned()));
        }
        readings.get_ref().iter().map(|reading| self.reading(reading.get_ref())).collect()
    }

    fn reading(&self, reading: &ReadingFile) -> Result<Reading, PolicyError> {
        let transport = match &reading.transport {
            None => Transport::Tcp,
            Some(name) => Transport::from_name(&name.get_ref().0).ok_or_else(|| {
                let known: Vec<&str> = Transport::ALL.iter().map(|transport| transport.name()).collect();
                let mend = mend(&name.get_ref().0, known.iter().copied()).unwrap_or_else(|| list(&known));
                self.refuse(name, "a transport", &mend)
            })?,
        };
        let allowed = if transport.is_icmp() { 0..=LAST_ICMP_TYPE } else { 1..=u16::MAX };
        let mut protocols: Vec<&'static str> = Vec::new();
        for name in &reading.protocols {
            let text = name.get_ref().0.as_str();
            let Some(probe) = protocol::by_name(text) else {
                let known: Vec<&str> = protocol::ALL.iter().map(|probe| probe.name()).collect();
                let mend = mend(text, known.iter().copied()).unwrap_or_else(|| list(&known));
                return Err(self.refuse(name, "a protocol", &mend));
            };
            if transport.is_icmp() {
                return Err(self.refuse(name, &format!("no protocol over {transport}"), "; remove it"));
            }
            if protocols.contains(&probe.name()) {
                return Err(self.refuse(name, "each protocol once", " again; remove one"));
            }
            protocols.push(probe.name());
        }
        Ok(Reading {
            transport,
            ports: reading.ports.set(&self.origin, allowed)?,
            protocols,
            tls: match reading.tls {
                TlsFile::Required => TlsReading::Required,
                TlsFile::Expected => TlsReading::Expected,
                TlsFile::Disputed => TlsReading::Disputed,
                TlsFile::Either => TlsReading::Either,
                TlsFile::Plain => TlsReading::Plain,
            },
            bare_connect: reading.bare_connect,
            note: reading.note.as_ref().map(|note| note.0.clone()),
        })
    }

    fn needs(&self, row: &RowFile, readings: usize) -> Result<Needs, PolicyError> {
        match &row.needs {
            None => Ok(Needs::Any),
            Some(needs) => match needs.get_ref() {
                NeedsFile::Any => Ok(Needs::Any),
                NeedsFile::All if readings > 1 => Ok(Needs::All),
                NeedsFile::All => {
                    let message = format!(
                        "expected two readings or more where all are needed, found {readings}; remove `needs`"
                    );
                    Err(self.origin.mistake(needs.span().start, message))
                }
            },
        }
    }

    /// Another row of the table, by its id.
    fn other<'b>(&'b self, row: &RowFile, id: &Spanned<Text>) -> Result<&'b RowFile, PolicyError> {
        if id.get_ref() == row.id.get_ref() {
            return Err(self.refuse(id, "another row", ", the row itself"));
        }
        self.ids.get(id.get_ref().0.as_str()).copied().ok_or_else(|| {
            let mend = mend(&id.get_ref().0, self.ids.keys().copied()).unwrap_or_default();
            self.refuse(id, "the id of a row of this table", &mend)
        })
    }

    fn credited_with(&self, row: &RowFile) -> Result<Vec<String>, PolicyError> {
        let mut others: Vec<String> = Vec::new();
        for id in &row.credited_with {
            self.other(row, id)?;
            if others.contains(&id.get_ref().0) {
                return Err(self.refuse(id, "each row once", " again; remove one"));
            }
            others.push(id.get_ref().0.clone());
        }
        Ok(others)
    }

    fn port_follows(&self, row: &RowFile) -> Result<Option<String>, PolicyError> {
        let Some(id) = &row.port_follows else { return Ok(None) };
        let leader = self.other(row, id)?;
        if leader.port_follows.is_some() || !leader.port_is_configurable {
            return Err(self.refuse(id, "a row whose own port is configurable", ""));
        }
        Ok(Some(id.get_ref().0.clone()))
    }

    /// A reading whose ports are not those of print says why in a note.
    fn ports_as_printed(&self, row: &RowFile, built: &Row) -> Result<(), PolicyError> {
        let Some(port) = &row.port else { return Ok(()) };
        let noted = built.note.is_some() || built.readings.iter().any(|reading| reading.note.is_some());
        if noted || built.readings.is_empty() {
            return Ok(());
        }
        let numbers = printed_ports(&fold(&port.get_ref().0));
        let ours = built.all_ports();
        if numbers == ours.ranges() {
            return Ok(());
        }
        let mend = format!("; the readings have \"{ours}\": mend one, or add a note that says why");
        Err(self.refuse(port, "the printed ports in the readings", &mend))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row 1 of a table with this line in its place.
    fn row(lines: &str) -> String {
        format!("document = \"D\"\n[[row]]\nid = \"1\"\nsource = \"A\"\ndestination = \"B\"\n{lines}")
    }

    fn check(text: &str, expect: &str) {
        let found =
            parse_table(text, "t.toml").map_or_else(|mistake| mistake.to_string(), |_| "fine".to_owned());
        assert_eq!(found, expect, "of\n{text}");
        assert_eq!(found.lines().count(), 1);
    }

    #[test]
    fn ports_that_are_none_are_refused() {
        for (ports, expect) in [
            ("[\"16x2\"]", "t.toml:6:24: expected a port such as 22 or 12300-12307, found \"16x2\""),
            ("[0]", "t.toml:6:24: expected a port such as 22 or 12300-12307, found \"0\""),
            (
                "[90000]",
                "t.toml:6:24: expected a port such as 22 or 12300-12307, found \"90000\"; the last port is 65535",
            ),
            (
                "[\"100-10\"]",
                "t.toml:6:24: expected a port such as 22 or 12300-12307, found \"100-10\"; write 10-100",
            ),
            ("[-1]", "t.toml:6:24: expected a port such as 22 or 12300-12307, found \"-1\""),
            ("[80.5]", "t.toml:6:24: expected a port such as 22 or 12300-12307, found \"80.5\""),
            ("[80, \"80-90\"]", "t.toml:6:28: expected each port once, found \"80-90\" again; remove one"),
            ("443", "t.toml:6:23: expected a list of ports such as [22, \"12300-12307\"], found \"443\""),
        ] {
            check(&row(&format!("readings = [{{ ports = {ports} }}]")), expect);
        }
    }

    #[test]
    fn mistakes_name_what_was_expected_and_the_nearest_known_name() {
        for (text, expect) in [
            ("".to_owned(), "t.toml:1:1: expected the key \"document\", found none; add it"),
            (
                "document = \"D\"".to_owned(),
                "t.toml:1:1: expected one [[row]] for each printed line, found none",
            ),
            (
                "document = \"D\"\nrow = []".to_owned(),
                "t.toml:1:1: expected one [[row]] for each printed line, found none",
            ),
            (
                "document = \"D".to_owned(),
                "t.toml:1:14: expected TOML, found the end of the file; invalid basic string, expected `\"`",
            ),
            (
                "document = D".to_owned(),
                "t.toml:1:12: expected TOML, found \"D\"; string values must be quoted, expected literal string",
            ),
            (
                "document \"D\"".to_owned(),
                "t.toml:1:10: expected TOML, found \"\\\"D\\\"\"; key with no value, expected `=`",
            ),
            (
                "document = \"D\"\n[[row]\n".to_owned(),
                "t.toml:2:7: expected TOML, found the end of the file; unclosed array table, expected `]`",
            ),
            (
                "document = 5".to_owned(),
                "t.toml:1:12: expected text in quotes, found \"5\"; put it in quotes",
            ),
            (
                "document = \"D\"\ndocument = \"E\"".to_owned(),
                "t.toml:2:1: expected each key once, found \"document\" again; remove one",
            ),
            (
                "document = \" \"".to_owned(),
                "t.toml:1:12: expected text, found \" \"; leave the key out where there is none",
            ),
            (
                "document = \"a\\u001bb\"".to_owned(),
                "t.toml:1:12: expected one line without control characters, found \"a\\u{1b}b\"",
            ),
            (
                "document = \"D\"\n[row]\nid = \"1\"".to_owned(),
                "t.toml:2:1: expected a list in [ ], found \"[row]\"; write the name in [[ ]]",
            ),
            (
                row("sorce = \"A\""),
                "t.toml:6:1: expected a known key, found \"sorce\"; did you mean \"source\"",
            ),
            (
                row("whatsoever = \"A\""),
                "t.toml:6:1: expected a known key, found \"whatsoever\"; known are \"id\", \"source\", \"destination\", \"protocol\", \"port\", \"classification\", \"data\", \"from\", \"to\", \"readings\", \"needs\", \"optional\", \"port_is_configurable\", \"port_follows\", \"same_host\", \"refers_to\", \"credited_with\", \"note\"",
            ),
            (
                row(""),
                "t.toml:3:6: expected `readings` in row \"1\", found none; add readings = [{ ports = [..] }], or refers_to",
            ),
            (
                row("readings = []"),
                "t.toml:6:12: expected a reading, found an empty list; a row without a port has { ports = [] }",
            ),
            (row("readings = [{ }]"), "t.toml:6:13: expected the key \"ports\", found none; add it"),
            (
                row("readings = { ports = [80] }"),
                "t.toml:6:12: expected a list in [ ], found \"{ ports = [80] }\"; put it in [ ]",
            ),
            (
                row("readings = [{ ports = [80], protocols = [\"htpp\"] }]"),
                "t.toml:6:42: expected a protocol, found \"htpp\"; did you mean \"http\"",
            ),
            (
                row("readings = [{ ports = [80], protocols = [\"http\", \"http\"] }]"),
                "t.toml:6:50: expected each protocol once, found \"http\" again; remove one",
            ),
            (
                row("readings = [{ ports = [80], protocols = \"http\" }]"),
                "t.toml:6:41: expected a list in [ ], found \"http\"; put it in [ ]",
            ),
            (
                row("readings = [{ ports = [80], transport = \"tpc\" }]"),
                "t.toml:6:41: expected a transport, found \"tpc\"; did you mean \"tcp\"",
            ),
            (
                row("readings = [{ ports = [300], transport = \"icmp\" }]"),
                "t.toml:6:24: expected an ICMP type from 0 to 255, found \"300\"",
            ),
            (
                row("readings = [{ ports = [80], tls = \"require\" }]"),
                "t.toml:6:35: expected a known value, found \"require\"; did you mean \"required\"",
            ),
            (
                row("readings = [{ ports = [80] }]\nneeds = \"all\""),
                "t.toml:7:9: expected two readings or more where all are needed, found 1; remove `needs`",
            ),
            (
                row("readings = [{ ports = [80] }]\noptional = \"yes\""),
                "t.toml:7:12: expected true or false, found \"yes\"",
            ),
            (
                row("readings = [{ ports = [80] }]\ncredited_with = [\"2\"]"),
                "t.toml:7:18: expected the id of a row of this table, found \"2\"",
            ),
            (
                row("readings = [{ ports = [80] }]\ncredited_with = [\"1\"]"),
                "t.toml:7:18: expected another row, found \"1\", the row itself",
            ),
            (
                row("readings = [{ ports = [80] }]\nport_follows = \"1\""),
                "t.toml:7:16: expected another row, found \"1\", the row itself",
            ),
            (
                row("readings = [{ ports = [80] }]\nport = \"81\""),
                "t.toml:7:8: expected the printed ports in the readings, found \"81\"; the readings have \"80\": mend one, or add a note that says why",
            ),
            (
                row("readings = [{ ports = [80] }]\nfrom = []"),
                "t.toml:7:8: expected a role, found an empty list; \"*\" is any address",
            ),
            (
                row("readings = [{ ports = [80] }]\n[[row]]\nid = \"1\""),
                "t.toml:8:6: expected each row's id once, found \"1\" again; give each printed line its own",
            ),
            (
                format!("subjects = [\"C\"]\n{}", row("readings = [{ ports = [80] }]")),
                "t.toml:1:13: expected a role of the rows, found \"C\"; known are \"A\", \"B\"",
            ),
            (
                format!("printed = 2\n{}", row("readings = [{ ports = [80] }]")),
                "t.toml:1:11: expected 2 rows and skips as printed, found 1; row 2 is missing",
            ),
            (
                format!("name = \"My Table\"\n{}", row("readings = [{ ports = [80] }]")),
                "t.toml:1:8: expected a name such as vendor/document in a-z, 0-9, - and /, found \"My Table\"",
            ),
            (
                "document = \"D\"\n[[row]]\nid = \"1\"\nsource = \"A\"\nreadings = [{ ports = [80] }]"
                    .to_owned(),
                "t.toml:3:6: expected `to` in row \"1\" whose printed cell is blank, found none; name the role",
            ),
            (
                format!("{}\n[aliases]\nA = \"C\"\nC = \"E\"", row("readings = [{ ports = [80] }]")),
                "t.toml:8:5: expected a canonical name, found \"C\", itself an alias",
            ),
        ] {
            check(&text, expect);
        }
    }

    #[test]
    fn a_whole_row_is_fine() {
        check(
            &row("port = \"80\"\nreadings = [{ ports = [80], protocols = [\"http\"], tls = \"plain\" }]"),
            "fine",
        );
    }

    #[test]
    fn a_table_without_a_name_takes_that_of_its_path() {
        for (path, expect) in [
            ("rules/genesys/iwd.toml", "genesys/iwd"),
            ("/srv/rules/acme/shop.toml", "acme/shop"),
            ("./our-own.toml", "our-own"),
            ("-", "-"),
        ] {
            let text = row("readings = [{ ports = [80] }]");
            assert_eq!(parse_table(&text, path).unwrap().name, expect);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "(\\PC|\\n|\\[|=|\"|\\{){0,200}") {
            let _ = parse_table(&text, "t.toml");
        }

        #[test]
        fn no_shipped_table_with_a_wound_makes_the_reader_panic(at in 0usize..4000, cut in 0usize..60, put in "\\PC{0,4}") {
            let text = crate::policy::shipped::text("genesys/iwd").unwrap();
            let wounded: String = text.chars().take(at).chain(put.chars()).chain(text.chars().skip(at + cut)).collect();
            if let Err(mistake) = parse_table(&wounded, "t.toml") {
                assert_eq!(mistake.to_string().lines().count(), 1, "{mistake}");
            }
        }
    }
}
