//! Kafka's requests: names, versions, and the shapes of those bodies that are checked.
//!
//! Source: the message definitions that Apache Kafka publishes with its protocol guide, through 4.1.
//! A shape is a string of letters, one for each field:
//! `b` 8, `h` 16, `i` 32, `l` 64 bits; `?` boolean; `u` 16 bytes; `s` string; `n` string or null; `y` bytes or null;
//! `[..]` array of structures, `(..)` array of plain values; `.` the end; `*` anything.

use crate::protocol::cursor::Cursor;

/// One kind of request.
#[derive(Clone, Copy, Debug)]
pub struct Api {
    pub name: &'static str,
    /// The newest version that the table knows.
    newest: i16,
    /// The first version with compact strings and tagged fields.
    flexible: i16,
}

/// Versions newer than the table's that are believed: Kafka adds about one a year.
const NEWER: i16 = 2;

/// No version is flexible.
const NEVER: i16 = i16::MAX;

/// By API key, from 0.
const APIS: &[(&str, i16, i16)] = &[
    ("Produce", 13, 9),
    ("Fetch", 18, 12),
    ("ListOffsets", 11, 6),
    ("Metadata", 13, 9),
    ("LeaderAndIsr", 7, 4),
    ("StopReplica", 4, 2),
    ("UpdateMetadata", 8, 6),
    ("ControlledShutdown", 3, 3),
    ("OffsetCommit", 10, 8),
    ("OffsetFetch", 10, 6),
    ("FindCoordinator", 6, 3),
    ("JoinGroup", 9, 6),
    ("Heartbeat", 4, 4),
    ("LeaveGroup", 5, 4),
    ("SyncGroup", 5, 4),
    ("DescribeGroups", 6, 5),
    ("ListGroups", 5, 3),
    ("SaslHandshake", 1, NEVER),
    ("ApiVersions", 4, 3),
    ("CreateTopics", 7, 5),
    ("DeleteTopics", 6, 4),
    ("DeleteRecords", 2, 2),
    ("InitProducerId", 6, 2),
    ("OffsetForLeaderEpoch", 4, 4),
    ("AddPartitionsToTxn", 5, 3),
    ("AddOffsetsToTxn", 4, 3),
    ("EndTxn", 5, 3),
    ("WriteTxnMarkers", 2, 1),
    ("TxnOffsetCommit", 5, 3),
    ("DescribeAcls", 3, 2),
    ("CreateAcls", 3, 2),
    ("DeleteAcls", 3, 2),
    ("DescribeConfigs", 4, 4),
    ("AlterConfigs", 2, 2),
    ("AlterReplicaLogDirs", 2, 2),
    ("DescribeLogDirs", 4, 2),
    ("SaslAuthenticate", 2, 2),
    ("CreatePartitions", 3, 2),
    ("CreateDelegationToken", 3, 2),
    ("RenewDelegationToken", 2, 2),
    ("ExpireDelegationToken", 2, 2),
    ("DescribeDelegationToken", 3, 2),
    ("DeleteGroups", 2, 2),
    ("ElectLeaders", 2, 2),
    ("IncrementalAlterConfigs", 1, 1),
    ("AlterPartitionReassignments", 1, 0),
    ("ListPartitionReassignments", 0, 0),
    ("OffsetDelete", 0, NEVER),
    ("DescribeClientQuotas", 1, 1),
    ("AlterClientQuotas", 1, 1),
    ("DescribeUserScramCredentials", 0, 0),
    ("AlterUserScramCredentials", 0, 0),
    ("Vote", 2, 0),
    ("BeginQuorumEpoch", 1, 1),
    ("EndQuorumEpoch", 1, 1),
    ("DescribeQuorum", 2, 0),
    ("AlterPartition", 3, 0),
    ("UpdateFeatures", 2, 0),
    ("Envelope", 0, 0),
    ("FetchSnapshot", 1, 0),
    ("DescribeCluster", 2, 0),
    ("DescribeProducers", 0, 0),
    ("BrokerRegistration", 4, 0),
    ("BrokerHeartbeat", 1, 0),
    ("UnregisterBroker", 0, 0),
    ("DescribeTransactions", 0, 0),
    ("ListTransactions", 2, 0),
    ("AllocateProducerIds", 0, 0),
    ("ConsumerGroupHeartbeat", 1, 0),
    ("ConsumerGroupDescribe", 1, 0),
    ("ControllerRegistration", 0, 0),
    ("GetTelemetrySubscriptions", 0, 0),
    ("PushTelemetry", 0, 0),
    ("AssignReplicasToDirs", 0, 0),
    ("ListConfigResources", 1, 0),
    ("DescribeTopicPartitions", 0, 0),
    ("ShareGroupHeartbeat", 1, 0),
    ("ShareGroupDescribe", 1, 0),
    ("ShareFetch", 1, 0),
    ("ShareAcknowledge", 1, 0),
    ("AddRaftVoter", 1, 0),
    ("RemoveRaftVoter", 0, 0),
    ("UpdateRaftVoter", 0, 0),
    ("InitializeShareGroupState", 0, 0),
    ("ReadShareGroupState", 0, 0),
    ("WriteShareGroupState", 0, 0),
    ("DeleteShareGroupState", 0, 0),
    ("ReadShareGroupStateSummary", 0, 0),
    ("StreamsGroupHeartbeat", 0, 0),
    ("StreamsGroupDescribe", 0, 0),
    ("DescribeShareGroupOffsets", 0, 0),
    ("AlterShareGroupOffsets", 0, 0),
    ("DeleteShareGroupOffsets", 0, 0),
];

/// Bodies that are checked: API key, last version of the shape (the first is behind the entry before), shape.
const REQUESTS: &[(i16, i16, &str)] = &[
    (0, 2, "hi[s[iy]]."),
    (0, 12, "nhi[s[iy]]."),
    (0, 13, "nhi[u[iy]]."),
    (1, 2, "iii[s[ili]]."),
    (1, 3, "iiii[s[ili]]."),
    (1, 4, "iiiib[s[ili]]."),
    (1, 6, "iiiib[s[illi]]."),
    (1, 8, "iiiibii[s[illi]][s(i)]."),
    (1, 10, "iiiibii[s[iilli]][s(i)]."),
    (1, 11, "iiiibii[s[iilli]][s(i)]s."),
    (1, 12, "iiiibii[s[iilili]][s(i)]s."),
    (1, 14, "iiiibii[u[iilili]][u(i)]s."),
    (1, 18, "iiibii[u[iilili]][u(i)]s."),
    (2, 0, "i[s[ili]]."),
    (2, 1, "i[s[il]]."),
    (2, 3, "ib[s[il]]."),
    (2, 9, "ib[s[iil]]."),
    (2, 11, "ib[s[iil]]i."),
    (3, 3, "[s]."),
    (3, 7, "[s]?."),
    (3, 9, "[s]???."),
    (3, 10, "[un]???."),
    (3, 13, "[un]??."),
    (8, 0, "s[s[iln]]."),
    (8, 1, "sis[s[illn]]."),
    (8, 4, "sisl[s[iln]]."),
    (8, 5, "sis[s[iln]]."),
    (8, 6, "sis[s[ilin]]."),
    (8, 9, "sisn[s[ilin]]."),
    (9, 6, "s[s(i)]."),
    (9, 7, "s[s(i)]?."),
    (9, 8, "[s[s(i)]]?."),
    (10, 0, "s."),
    (10, 3, "sb."),
    (10, 6, "b(s)."),
    (11, 0, "siss[sy]."),
    (11, 4, "siiss[sy]."),
    (11, 7, "siisns[sy]."),
    (11, 9, "siisns[sy]n."),
    (12, 2, "sis."),
    (12, 4, "sisn."),
    (13, 2, "ss."),
    (13, 4, "s[sn]."),
    (13, 5, "s[snn]."),
    (14, 2, "sis[sy]."),
    (14, 4, "sisn[sy]."),
    (14, 5, "sisnnn[sy]."),
    (15, 2, "(s)."),
    (15, 6, "(s)?."),
    (16, 3, "."),
    (16, 4, "(s)."),
    (16, 5, "(s)(s)."),
    (17, 1, "s."),
    (18, 2, "."),
    (18, 4, "ss."),
    (19, 0, "[sih[i(i)][sn]]i."),
    (19, 7, "[sih[i(i)][sn]]i?."),
    (20, 5, "(s)i."),
    (20, 6, "[nu]i."),
    (22, 2, "ni."),
    (22, 5, "nilh."),
    (23, 1, "[s[il]]."),
    (23, 2, "[s[iil]]."),
    (23, 4, "i[s[iil]]."),
    (32, 0, "[bs(s)]."),
    (32, 2, "[bs(s)]?."),
    (32, 4, "[bs(s)]??."),
    (36, 2, "y."),
];

impl Api {
    /// The API of that key, where that version of it exists or may soon.
    pub fn of(key: i16, version: i16) -> Option<Self> {
        let &(name, newest, flexible) = APIS.get(usize::try_from(key).ok()?)?;
        (0..=newest + NEWER).contains(&version).then_some(Self { name, newest, flexible })
    }

    /// Whether that version has compact strings and tagged fields.
    pub const fn is_flexible(&self, version: i16) -> bool {
        version >= self.flexible
    }

    /// The shape of a request's body; `*` where it is not checked.
    pub fn request(&self, key: i16, version: i16) -> &'static str {
        if version > self.newest {
            return "*";
        }
        REQUESTS
            .iter()
            .find(|&&(of, last, _)| of == key && version <= last)
            .map_or("*", |&(_, _, shape)| shape)
    }
}

/// How some bytes agree with a shape.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fit {
    /// Every field is there, and nothing behind it.
    Whole,
    /// As far as the bytes go, or as far as the shape says.
    Part,
    Bad,
}

/// The bytes of one message: some of them may not have been seen.
#[derive(Clone, Debug)]
pub struct Body<'a> {
    pub seen: Cursor<'a>,
    /// Bytes that the message still has, seen or not.
    pub left: usize,
    pub flexible: bool,
    /// Letters of names read so far: the more, the less an accident.
    pub letters: usize,
}

/// Elements of one array: more are no message that somebody sends at once.
const ARRAY_MAX: usize = 100_000;

impl<'a> Body<'a> {
    /// Whether the rest of the message has this shape.
    pub fn fit(&mut self, shape: &str) -> Fit {
        match self.fields(shape.as_bytes()) {
            Ok(()) => Fit::Whole,
            Err(fit) => fit,
        }
    }

    fn fields(&mut self, shape: &[u8]) -> Result<(), Fit> {
        let mut letters = Cursor::new(shape);
        while let Some(letter) = letters.u8() {
            match letter {
                b'b' => self.take(1).map(drop)?,
                b'h' => self.take(2).map(drop)?,
                b'i' => self.take(4).map(drop)?,
                b'l' => self.take(8).map(drop)?,
                b'u' => self.take(16).map(drop)?,
                b'?' => {
                    if !matches!(self.take(1)?, [0 | 1]) {
                        return Err(Fit::Bad);
                    }
                }
                b's' => {
                    self.string()?.ok_or(Fit::Bad)?;
                }
                b'n' => self.string().map(drop)?,
                b'y' => {
                    if let Some(length) = self.length(4)? {
                        self.take(length)?;
                    }
                }
                b'[' | b'(' => {
                    let inner = inner_shape(letters.rest());
                    letters.take(inner.len() + 1);
                    for _ in 0..self.length(4)?.unwrap_or(0) {
                        self.fields(inner)?;
                        if letter == b'[' {
                            self.tags()?;
                        }
                    }
                }
                b'.' => {
                    self.tags()?;
                    if self.left > 0 {
                        return Err(Fit::Bad);
                    }
                }
                _ => return Err(Fit::Part),
            }
        }
        Ok(())
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Fit> {
        self.left = self.left.checked_sub(count).ok_or(Fit::Bad)?;
        self.seen.take(count).ok_or(Fit::Part)
    }

    /// A string of visible characters; `None` where it is null.
    pub fn string(&mut self) -> Result<Option<&'a [u8]>, Fit> {
        let Some(length) = self.length(2)? else { return Ok(None) };
        if length > self.left {
            return Err(Fit::Bad);
        }
        let seen = self.seen.rest().get(..length).unwrap_or(self.seen.rest());
        if seen.iter().any(|&byte| byte < b' ' || byte == 0x7f) {
            return Err(Fit::Bad);
        }
        self.letters += seen.len();
        self.take(length).map(Some)
    }

    /// A length: of `width` bytes, or a varint one too large in flexible messages; -1 is none.
    pub fn length(&mut self, width: usize) -> Result<Option<usize>, Fit> {
        let length = if self.flexible {
            self.varint()?.checked_sub(1)
        } else if width == 2 {
            match self.take(2)? {
                [0xff, 0xff] => None,
                &[high, low] if high < 0x80 => Some(usize::from(u16::from_be_bytes([high, low]))),
                _ => return Err(Fit::Bad),
            }
        } else {
            match self.take(4)? {
                [0xff, 0xff, 0xff, 0xff] => None,
                &[a, b, c, d] => Some(u32::from_be_bytes([a, b, c, d]) as usize),
                _ => return Err(Fit::Bad),
            }
        };
        if length.is_some_and(|length| length > self.left.max(ARRAY_MAX)) {
            return Err(Fit::Bad);
        }
        Ok(length)
    }

    fn varint(&mut self) -> Result<usize, Fit> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let &[byte] = self.take(1)? else { return Err(Fit::Bad) };
            value |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Fit::Bad)
    }

    /// The tagged fields at the end of a flexible structure.
    pub fn tags(&mut self) -> Result<(), Fit> {
        if !self.flexible {
            return Ok(());
        }
        let mut before = None;
        for _ in 0..self.varint()? {
            let tag = self.varint()?;
            if before.is_some_and(|before| tag <= before) {
                return Err(Fit::Bad);
            }
            before = Some(tag);
            let length = self.varint()?;
            self.take(length)?;
        }
        Ok(())
    }
}

/// The shape up to the bracket that closes it.
fn inner_shape(shape: &[u8]) -> &[u8] {
    let mut depth = 1;
    let end = shape.iter().position(|letter| {
        match letter {
            b'[' | b'(' => depth += 1,
            b']' | b')' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    end.and_then(|end| shape.get(..end)).unwrap_or(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], left: usize, flexible: bool, shape: &str, expect: Fit) {
        let mut body = Body { seen: Cursor::new(bytes), left, flexible, letters: 0 };
        assert_eq!(body.fit(shape), expect, "{shape} {bytes:?}");
    }

    #[test]
    fn a_body_fits_its_shape_to_the_last_byte() {
        check(b"\0\x02ab\0\0\0\x01", 8, false, "s(i).", Fit::Bad);
        check(b"\0\x02ab\0\0\0\x01\0\0\0\x09", 12, false, "s(i).", Fit::Whole);
        check(b"\0\x02ab\0\0\0\x01\0\0\0\x09\0", 13, false, "s(i).", Fit::Bad);
        check(b"\0\x02ab\0\0", 12, false, "s(i).", Fit::Part);
        check(b"\0\x02a\x01\0\0", 12, false, "s(i).", Fit::Bad);
    }

    #[test]
    fn compact_strings_count_one_more() {
        check(b"\x03ab\x02\x02x\0\0", 8, true, "s[s].", Fit::Whole);
        check(b"\x03ab\x02\x02x\x01\0\x01z\0", 11, true, "s[s].", Fit::Whole);
        check(b"\x03ab\x02\x02x\0\0\0", 9, true, "s[s].", Fit::Bad);
    }

    #[test]
    fn every_shape_belongs_to_an_api_and_closes_its_brackets() {
        for &(key, last, shape) in REQUESTS {
            let api = Api::of(key, last).unwrap();
            assert!(last <= api.newest, "{} {last}", api.name);
            let open = shape.bytes().filter(|letter| b"[(".contains(letter)).count();
            assert_eq!(open, shape.bytes().filter(|letter| b"])".contains(letter)).count(), "{shape}");
        }
    }
}
