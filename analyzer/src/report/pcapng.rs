//! A pcapng of a few packets with comments: the evidence of one finding.
//!
//! Source: IETF draft-ietf-opsawg-pcapng, sections 4.1 (section header), 4.2 (interface description), 4.3 (enhanced
//! packet). Little-endian, times in nanoseconds. Left out: statistics and name resolution.

/// An interface that packets came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    pub name: Option<String>,
    pub link: u16,
}

/// One packet to write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// Its place in the list of interfaces.
    pub interface: u32,
    pub time_ns: u64,
    pub wire_bytes: u32,
    pub bytes: Vec<u8>,
    pub comment: Option<String>,
}

const OPT_COMMENT: u16 = 1;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;

/// A comment's bytes at most: an option holds 64 KiB, a person reads less.
const MAX_COMMENT_BYTES: usize = 2000;

/// The file. `about` is the comment of the section as a whole.
pub fn file(about: &str, application: &str, interfaces: &[Interface], packets: &[Kept]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut body = Vec::new();
    body.extend(0x1a2b_3c4d_u32.to_le_bytes());
    body.extend(1u16.to_le_bytes());
    body.extend(0u16.to_le_bytes());
    body.extend(u64::MAX.to_le_bytes());
    text(&mut body, OPT_COMMENT, about);
    text(&mut body, SHB_USERAPPL, application);
    end(&mut body);
    block(&mut file, 0x0a0d_0d0a, &body);
    for interface in interfaces {
        body.clear();
        body.extend(interface.link.to_le_bytes());
        body.extend(0u16.to_le_bytes());
        body.extend(0u32.to_le_bytes());
        if let Some(name) = &interface.name {
            text(&mut body, IF_NAME, name);
        }
        option(&mut body, IF_TSRESOL, &[9]);
        end(&mut body);
        block(&mut file, 1, &body);
    }
    for packet in packets {
        body.clear();
        body.extend(packet.interface.to_le_bytes());
        body.extend(((packet.time_ns >> 32) as u32).to_le_bytes());
        body.extend((packet.time_ns as u32).to_le_bytes());
        body.extend((packet.bytes.len() as u32).to_le_bytes());
        body.extend(packet.wire_bytes.to_le_bytes());
        body.extend(&packet.bytes);
        pad(&mut body);
        if let Some(comment) = &packet.comment {
            text(&mut body, OPT_COMMENT, comment);
            end(&mut body);
        }
        block(&mut file, 6, &body);
    }
    file
}

fn block(file: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let length = (body.len() as u32).saturating_add(12).to_le_bytes();
    file.extend(kind.to_le_bytes());
    file.extend(length);
    file.extend(body);
    file.extend(length);
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    body.extend(code.to_le_bytes());
    body.extend((value.len() as u16).to_le_bytes());
    body.extend(value);
    pad(body);
}

fn text(body: &mut Vec<u8>, code: u16, text: &str) {
    let mut at = text.len().min(MAX_COMMENT_BYTES);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    option(body, code, text.get(..at).unwrap_or_default().as_bytes());
}

fn end(body: &mut Vec<u8>) {
    body.extend([0; 4]);
}

fn pad(body: &mut Vec<u8>) {
    while !body.len().is_multiple_of(4) {
        body.push(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_says_its_length_at_both_ends() {
        let interface = Interface { name: Some("eth0".into()), link: 1 };
        let packet = Kept {
            interface: 0,
            time_ns: 1 << 33,
            wire_bytes: 5,
            bytes: vec![1, 2, 3],
            comment: Some("é".into()),
        };
        let file = file("about", "uncharted", &[interface], &[packet]);
        let mut rest = file.as_slice();
        let mut kinds = Vec::new();
        while !rest.is_empty() {
            let length = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
            assert_eq!(rest[length - 4..length], rest[4..8]);
            kinds.push(rest[0]);
            rest = &rest[length..];
        }
        assert_eq!(kinds, [0x0a, 1, 6]);
    }
}
