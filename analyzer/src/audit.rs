//! The whole journey on one page: frames in, verdicts out.
//!
//! An audit is a value: push frames, finish, and the outcomes of several audits over shares of one
//! observation add up. It opens nothing, reads no clock and prints nothing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use crate::flow::flows::{Flows, part_of};
use crate::flow::key::{SEED, hash_of};
use crate::flow::opening::View;
use crate::flow::record::{Outcome as Fate, Record};
use crate::flow::table::{Bounds, Ended, EndedBy, FlowId, Pushed, hash};
use crate::net::{Address, Place, Side, TimeNs, Transport};
use crate::packet::decode::{Decoder, five_tuple};
use crate::packet::fragment;
use crate::packet::frame::Frame;
use crate::packet::reason::{Kind, Undecoded};
use crate::packet::view::{Packet, flag};
use crate::policy::index::{Policy, RowId};
use crate::protocol;
use crate::protocol::probe::{Identity, identify};
use crate::verdict::content;
use crate::verdict::coverage::Coverage;
use crate::verdict::facts::Case;
use crate::verdict::finding::Findings;
use crate::verdict::judge::{Judgement, judge};
use crate::verdict::names::Names;
use crate::verdict::reason::{Note, Reason, Severity, Verdict};
use crate::verdict::resolver::{DNS_PORT, Resolver};
use crate::verdict::rest::Rest;
use crate::verdict::waiver;

/// What an audit is to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Flows between addresses without a role are judged too.
    pub judge_all: bool,
    /// Every flow is kept for a list of flows.
    pub keep_flows: bool,
    /// The part of the flows that is this audit's: `index` of `of`. Every audit sees every frame.
    pub share: Share,
    pub bounds: Bounds,
    pub fragments: fragment::Bounds,
    /// Findings kept of one reason; as many as [`crate::verdict::finding::MAX_OF_A_REASON`] where nothing is said.
    pub max_of_a_reason: Option<usize>,
    /// Flows of the list; as many as [`MAX_LIST`] where nothing is said.
    pub max_list: Option<usize>,
}

/// Flows that a list holds: the earliest. A million take 2 GiB, and a program that wants more asks for it.
pub const MAX_LIST: usize = 1 << 20;

/// One of several audits side by side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    pub index: u32,
    pub of: u32,
}

impl Share {
    /// Whether a flow of this hash is in the share.
    fn holds(self, hash: u64) -> bool {
        part_of(hash) % self.of.max(1) as usize == self.index as usize
    }
}

impl Default for Share {
    fn default() -> Self {
        Self { index: 0, of: 1 }
    }
}

/// What an audit remembers of a flow while it runs.
#[derive(Clone, Debug, Default)]
struct Memo {
    identity: Option<Arc<Identity>>,
    /// What loss took from the opening, once that was let go.
    hidden: Option<&'static str>,
    /// Opening bytes when the probes were asked last, both sides together.
    asked_bytes: u32,
    asked_sides: u8,
    /// Content said all that it will.
    is_settled: bool,
    /// Judged while it was open, when all that decides was known.
    is_judged: bool,
    /// The gravest that was told of the flow before it ended.
    told: Option<Severity>,
}

/// A live flow that has not shown what it is by then is judged on what it has shown: three
/// retransmissions of a SYN (1, 3 and 7 seconds after it) went unanswered.
pub const PATIENCE_NS: u64 = 10_000_000_000;

/// One audit.
#[derive(Debug)]
pub struct Audit {
    policy: Arc<Policy>,
    options: Options,
    decoder: Decoder,
    flows: Flows<Memo>,
    resolver: Resolver,
    tally: Tally,
    capture: u16,
    counted: Undecoded,
    /// Evictions that an outcome before this one has.
    evicted_before: u64,
}

/// One flow and what was made of it.
#[derive(Clone, Debug)]
pub struct Flow {
    pub record: Record,
    pub identity: Identity,
    /// What loss or truncation took from its opening.
    pub hidden: Option<&'static str>,
    pub judgement: Judgement,
}

/// What an audit, or several together, came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub packets: u64,
    pub flows: u64,
    pub reasons: BTreeMap<Reason, u64>,
    pub waived: u64,
    pub duplicates: u64,
    pub findings: Findings,
    pub remarks: BTreeMap<RemarkKey, RemarkTally>,
    /// Flows whose remarks had no place in the list.
    pub remarks_left_out: u64,
    /// Allowed flows by what their verdicts rest on.
    pub rests: BTreeMap<Rest, u64>,
    pub coverage: Coverage,
    pub names: Names,
    /// By capture, what gave no packet.
    pub undecoded: BTreeMap<u16, Undecoded>,
    /// Flows that a bound ended early, judged before they were let go.
    pub evicted: u64,
    /// ICMP errors that belong to flows of the observation.
    pub icmp_errors: u64,
    pub first_ns: Option<TimeNs>,
    pub last_ns: Option<TimeNs>,
    /// In order of first packet; empty unless asked for.
    pub list: Vec<Flow>,
    /// Flows that had no place in the list: the latest.
    pub list_left_out: u64,
    max_list: usize,
}

/// Why frames gave no packet, or what was odd about those that did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OfFrames {
    pub reason: String,
    pub count: u64,
    pub is_decoded: bool,
}

/// What makes remarks one.
pub type RemarkKey = (Note, RowId, Address, Address);

/// One remark over all flows that share it.
#[derive(Clone, Debug)]
pub struct RemarkTally {
    pub flows: u64,
    pub example: (TimeNs, Place),
    pub ports: (u16, u16),
    pub roles: [Vec<crate::policy::index::RoleId>; 2],
}

/// Remarks kept: those with the least keys, so that the order of flows does not matter. The rest is counted.
const MAX_REMARKS: usize = 10_000;

#[derive(Clone, Debug)]
struct Tally {
    outcome: Outcome,
    judge_all: bool,
    keep_flows: bool,
    /// What flows share: most have one of a few hundred identities.
    identities: HashSet<Arc<Identity>, FixedState>,
    /// Where findings are told before the flow ends; `None` where nobody listens.
    early: Option<Early>,
}

/// What a live audit tells of before flows end.
#[derive(Clone, Debug, Default)]
struct Early {
    /// Flows to look at again when their patience is over, in that order.
    due: VecDeque<(TimeNs, FlowId)>,
    certain: Vec<Certain>,
}

/// A flow whose verdict is a finding, told as soon as that is certain.
#[derive(Clone, Debug)]
pub struct Certain {
    pub flow: Flow,
    /// The waiver of the site file that accepts it.
    pub waiver: Option<usize>,
    /// The packet that made it certain; `None` where the lapse of time did.
    pub at_ns: Option<TimeNs>,
    /// It was told before, as less grave than it is.
    pub is_again: bool,
}

/// Identities kept to be shared; any beyond are each flow's own.
const MAX_IDENTITIES: usize = 4096;

impl Audit {
    /// An audit that has seen nothing.
    pub fn new(policy: Arc<Policy>, options: Options) -> Self {
        Self {
            resolver: Resolver::new(Names::wanting(policy.wanted_names())),
            tally: Tally::new(&policy, &options),
            decoder: Decoder::new(options.fragments),
            flows: Flows::new(options.bounds),
            policy,
            options,
            capture: 0,
            counted: Undecoded::default(),
            evicted_before: 0,
        }
    }

    /// An audit that tells of findings before their flows end: see [`Audit::certain`].
    pub fn live(policy: Arc<Policy>, options: Options) -> Self {
        let mut audit = Self::new(policy, options);
        audit.tally.early = Some(Early::default());
        audit
    }

    /// Takes frames with what [`deal`] said of each.
    ///
    /// A few frames ahead, the memory is asked for the flows that they will need.
    pub fn push_dealt<'a>(&mut self, frames: impl IntoIterator<Item = Frame<'a>>, dealt: &[u64]) {
        let share = self.options.share;
        let of = |at: usize| dealt.get(at).copied().filter(|&hash| hash != UNDEALT && share.holds(hash));
        for (at, frame) in frames.into_iter().enumerate() {
            if let Some(hash) = of(at + 3 * AHEAD) {
                self.flows.touch_index(hash);
            }
            if let Some(hash) = of(at + 2 * AHEAD) {
                self.flows.touch_flow(hash);
            }
            if let Some(hash) = of(at + AHEAD) {
                self.flows.touch_opening(hash);
            }
            let hash = dealt.get(at).copied().unwrap_or(UNDEALT);
            if hash == UNDEALT || self.options.share.holds(hash) {
                self.push(&frame);
            } else {
                self.pass(&frame);
            }
        }
    }

    /// Takes note of a frame that is another audit's: all audits keep the same time and count the same frames.
    fn pass(&mut self, frame: &Frame<'_>) {
        self.meet(frame);
        let Self { decoder, flows, resolver, tally, policy, options, .. } = self;
        decoder.age(frame.time_ns, &mut |packet| {
            take(packet, options.share, policy, flows, resolver, tally);
        });
    }

    /// Takes one frame of the observation.
    pub fn push(&mut self, frame: &Frame<'_>) {
        self.meet(frame);
        let Self { decoder, flows, resolver, tally, policy, options, .. } = self;
        decoder.decode(frame, &mut |packet| take(packet, options.share, policy, flows, resolver, tally));
    }

    fn meet(&mut self, frame: &Frame<'_>) {
        let capture = frame.place.capture();
        if capture != self.capture {
            self.settle_undecoded();
            self.capture = capture;
        }
        let tally = &mut self.tally;
        tally.outcome.packets += 1;
        tally.outcome.first_ns =
            Some(tally.outcome.first_ns.map_or(frame.time_ns, |first| first.min(frame.time_ns)));
        tally.outcome.last_ns = tally.outcome.last_ns.max(Some(frame.time_ns));
    }

    /// Ends everything that is still open and says what it came to.
    pub fn finish(self) -> Outcome {
        self.close().0
    }

    /// The same, with the findings that only the end made certain.
    pub fn close(mut self) -> (Outcome, Vec<Certain>) {
        {
            let Self { decoder, flows, resolver, tally, policy, options, .. } = &mut self;
            decoder.flush(&mut |packet| take(packet, options.share, policy, flows, resolver, tally));
        }
        self.settle_undecoded();
        let Self { flows, resolver, mut tally, policy, evicted_before, .. } = self;
        let evicted = flows.counts().evicted;
        flows.finish(&mut |ended| tally.settle(&policy, &resolver.names, ended));
        let certain = tally.early.take().map(|early| early.certain).unwrap_or_default();
        let mut outcome = tally.outcome;
        outcome.evicted = evicted - evicted_before;
        outcome.names = resolver.names;
        outcome.sort_list();
        (outcome, certain)
    }

    /// Moves the clock on where no packets come: what is idle ends, and whose patience is over is judged.
    pub fn advance(&mut self, now_ns: TimeNs) {
        let Self { flows, resolver, tally, policy, .. } = self;
        flows.advance(now_ns, &mut |ended| tally.settle(policy, &resolver.names, ended));
        while let Some(early) = &mut tally.early
            && let Some(&(due_ns, id)) = early.due.front()
            && due_ns <= now_ns
        {
            early.due.pop_front();
            tell(id, None, policy, flows, resolver, tally);
        }
    }

    /// The findings that became certain since the last call, in the order in which they did.
    pub fn certain(&mut self) -> Vec<Certain> {
        self.tally.early.as_mut().map(|early| std::mem::take(&mut early.certain)).unwrap_or_default()
    }

    /// What it comes to so far; nothing ends.
    ///
    /// Flows that may still show what they are (see [`PATIENCE_NS`]) are left out: the next one has them.
    pub fn interim(&mut self) -> Outcome {
        self.settle_undecoded();
        let mut tally = Tally { early: None, ..self.tally.clone() };
        let last_ns = tally.outcome.last_ns.unwrap_or_default();
        for id in self.flows.ids() {
            let Some(record) = self.flows.record(id) else { continue };
            let Some(memo) = self.flows.note_mut(id) else { continue };
            if memo.is_settled || record.first_ns.saturating_add(PATIENCE_NS) <= last_ns {
                let ended = Ended { record, note: memo.clone(), why: EndedBy::Finished };
                tally.settle(&self.policy, &self.resolver.names, ended);
            }
        }
        let mut outcome = tally.outcome;
        outcome.evicted = self.flows.counts().evicted - self.evicted_before;
        outcome.names = self.resolver.names.clone();
        outcome
    }

    /// What it came to until now, and a fresh start by `policy` for all that is open and to come.
    ///
    /// A flow that is open now is part of both.
    pub fn turn(&mut self, policy: Arc<Policy>) -> Outcome {
        let outcome = self.interim();
        let early = self.tally.early.take();
        self.tally = Tally { early, ..Tally::new(&policy, &self.options) };
        self.evicted_before = self.flows.counts().evicted;
        self.adopt(policy);
        outcome
    }

    /// Goes on by another policy that [`Policy::is_alike`] the one before; what was counted stays.
    pub fn adopt(&mut self, policy: Arc<Policy>) {
        if policy.wanted_names() != self.policy.wanted_names() {
            self.resolver = Resolver::new(Names::wanting(policy.wanted_names()));
        }
        self.policy = policy;
    }

    /// What the flows that ended came to; open ones are not in it.
    pub fn ended(&self) -> &Outcome {
        &self.tally.outcome
    }

    /// Flows that are open.
    pub fn open_flows(&self) -> usize {
        self.flows.len()
    }

    /// Flows that the bound ended early, since the audit began.
    pub fn evicted(&self) -> u64 {
        self.flows.counts().evicted
    }

    /// Books what the decoder counted since the last capture began.
    fn settle_undecoded(&mut self) {
        let now = self.decoder.undecoded();
        let mut since = Undecoded::default();
        for (reason, count) in now.iter() {
            since.count_many(reason, count - self.counted.get(reason));
        }
        if !since.is_empty() {
            self.tally.outcome.undecoded.entry(self.capture).or_default().add(&since);
        }
        self.counted = now.clone();
    }
}

/// Frames between two steps of asking the memory for what a frame will need (index entry, flow, opening): long enough
/// for a line to come, short enough that it is not driven out again.
const AHEAD: usize = 8;

/// What [`deal`] says of a frame that every audit must see.
const UNDEALT: u64 = 0;

/// The hash of each plain frame's flow: audits side by side need not decode the frames of others.
///
/// Frames of more than one packet or of none, and what names are learned from, are for all.
pub fn deal<'a>(frames: impl IntoIterator<Item = Frame<'a>>) -> Vec<u64> {
    frames
        .into_iter()
        .map(|frame| match five_tuple(&frame) {
            Some((Transport::Udp, source, destination))
                if source.port == DNS_PORT || destination.port == DNS_PORT =>
            {
                UNDEALT
            }
            Some((transport, source, destination)) => hash_of(transport, source, destination),
            None => UNDEALT,
        })
        .collect()
}

/// Takes one packet: its flow, its opening, its identity.
fn take(
    packet: &Packet<'_>,
    share: Share,
    policy: &Policy,
    flows: &mut Flows<Memo>,
    resolver: &mut Resolver,
    tally: &mut Tally,
) {
    if resolver.is_wanted() {
        let (source, destination) = (packet.source, packet.destination);
        resolver.observe(packet.transport, source, destination, packet.time_ns, packet.payload);
    }
    let hash = hash(packet);
    let of_flow =
        packet.about.map_or(hash, |about| hash_of(about.transport, about.source, about.destination));
    if !share.holds(of_flow) {
        return;
    }
    // An ICMP error belongs to the flow that it complains of, and is no flow of its own where that is known.
    if packet.about.is_some() && flows.icmp_error(of_flow, packet).is_some() {
        tally.outcome.icmp_errors += u64::from(packet.packets);
        return;
    }
    let names = &resolver.names;
    let pushed = flows.push_into(of_flow, hash, packet, &mut |ended| tally.settle(policy, names, ended));
    let has_news = pushed.opening_grew && look(flows, pushed.id, tally);
    if tally.early.is_some() {
        listen(pushed, has_news, packet, policy, flows, resolver, tally);
    }
}

/// Tells of a live flow when this packet made it certain what it is.
fn listen(
    pushed: Pushed,
    has_news: bool,
    packet: &Packet<'_>,
    policy: &Policy,
    flows: &mut Flows<Memo>,
    resolver: &Resolver,
    tally: &mut Tally,
) {
    if pushed.is_new
        && let Some(early) = &mut tally.early
    {
        // A flow that the table has let go was told of when it ended.
        if early.due.len() >= flows.len().saturating_mul(2).max(1024) {
            early.due.retain(|&(_, id)| flows.look(id).is_some());
        }
        early.due.push_back((packet.time_ns.saturating_add(PATIENCE_NS), pushed.id));
    }
    let is_answer = pushed.side == Side::B && packet.transport != Transport::Tcp;
    let is_reset = packet.transport == Transport::Tcp && packet.tcp.flags & (flag::RST | flag::FIN) != 0;
    if has_news || is_answer || is_reset {
        tell(pushed.id, Some(packet.time_ns), policy, flows, resolver, tally);
    }
}

/// Judges an open flow and, where it is a finding that was not told yet, tells of it. A packet alone is
/// no ground while content may say more or the outcome is open; `at_ns` is `None` when patience is over.
fn tell(
    id: FlowId,
    at_ns: Option<TimeNs>,
    policy: &Policy,
    flows: &mut Flows<Memo>,
    resolver: &Resolver,
    tally: &mut Tally,
) {
    let is_closed = flows.look(id).is_some_and(|look| look.is_closed);
    let Some(memo) = flows.note_mut(id) else { return };
    let was_told = memo.told;
    if memo.is_judged || (at_ns.is_some() && !(memo.is_settled || is_closed)) {
        return;
    }
    let mut memo = memo.clone();
    let Some(mut record) = flows.record(id) else { return };
    let is_decided =
        (memo.is_settled || is_closed) && matches!(record.outcome, Fate::Established | Fate::Refused);
    if at_ns.is_some() && !is_decided {
        return;
    }
    let identity = last_word(&record, &mut memo);
    if let Some(client) = identity.client {
        record.spoke_as_client(client);
    }
    let hidden = memo.hidden;
    let judgement = judge(Case {
        policy,
        names: &resolver.names,
        record: &record,
        identity: &identity,
        hidden,
        judge_all: tally.judge_all,
    });
    // Patience proves what is not allowed; what is not known yet may still show itself.
    if !is_decided && judgement.verdict() == Verdict::Undetermined {
        return;
    }
    let is_told = tally.tell(policy, Flow { record, identity, hidden, judgement }, at_ns, was_told);
    if let Some(memo) = flows.note_mut(id) {
        memo.told = is_told.or(was_told);
        memo.is_judged = is_decided;
    }
}

/// Asks the probes about a flow's opening where enough is new; whether that settled it.
fn look(flows: &mut Flows<Memo>, id: FlowId, tally: &mut Tally) -> bool {
    let Some((opening, memo)) = flows.opening_and_note(id) else { return false };
    let view = opening.view();
    if !is_worth_asking(&view, memo) {
        return false;
    }
    let mut identity = identify(protocol::ALL, &view);
    if !tally.keep_flows && tally.early.is_none() {
        content::slim(&mut identity);
    }
    let is_settled = identity.settled;
    memo.hidden = content::hidden(&view);
    memo.identity = Some(tally.share(identity));
    memo.is_settled = is_settled;
    if is_settled {
        flows.drop_opening(id);
    }
    is_settled
}

/// Probes are asked when a side speaks for the first time, when a side ends, and when the bytes have
/// grown by half: a long opening in small pieces costs a handful of rounds, not one a piece.
fn is_worth_asking(view: &View<'_>, memo: &mut Memo) -> bool {
    let (a, b) = (view.sides[Side::A], view.sides[Side::B]);
    let bytes = (a.bytes.len() + b.bytes.len()) as u32;
    let bit = |is_set: bool, at: u8| u8::from(is_set) << at;
    let sides = bit(!a.bytes.is_empty(), 0)
        | bit(!b.bytes.is_empty(), 1)
        | bit(!a.is_open(), 2)
        | bit(!b.is_open(), 3);
    if bytes == 0 {
        return false;
    }
    let is_known = memo.identity.as_ref().is_some_and(|identity| identity.is_known());
    let grew = bytes > memo.asked_bytes && (is_known || bytes >= memo.asked_bytes + memo.asked_bytes / 2);
    if sides == memo.asked_sides && !grew {
        return false;
    }
    memo.asked_sides = sides;
    memo.asked_bytes = bytes;
    true
}

impl Tally {
    fn new(policy: &Policy, options: &Options) -> Self {
        Self {
            outcome: Outcome {
                packets: 0,
                flows: 0,
                reasons: BTreeMap::new(),
                waived: 0,
                duplicates: 0,
                findings: options.max_of_a_reason.map_or_else(Findings::default, Findings::bounded),
                remarks: BTreeMap::new(),
                remarks_left_out: 0,
                rests: BTreeMap::new(),
                coverage: Coverage::new(policy),
                names: Names::default(),
                undecoded: BTreeMap::new(),
                evicted: 0,
                icmp_errors: 0,
                first_ns: None,
                last_ns: None,
                list: Vec::new(),
                list_left_out: 0,
                max_list: options.max_list.unwrap_or(MAX_LIST),
            },
            judge_all: options.judge_all,
            keep_flows: options.keep_flows,
            early: None,
            identities: HashSet::with_hasher(FixedState::with_seed(SEED)),
        }
    }

    /// The one copy of an identity that many flows have.
    fn share(&mut self, identity: Identity) -> Arc<Identity> {
        if let Some(known) = self.identities.get(&identity) {
            return Arc::clone(known);
        }
        let shared = Arc::new(identity);
        if self.identities.len() < MAX_IDENTITIES {
            self.identities.insert(Arc::clone(&shared));
        }
        shared
    }

    /// Tells of a flow where it is a finding graver than was told; how grave.
    fn tell(
        &mut self,
        policy: &Policy,
        flow: Flow,
        at_ns: Option<TimeNs>,
        told: Option<Severity>,
    ) -> Option<Severity> {
        let early = self.early.as_mut()?;
        let severity = flow.judgement.severity;
        let is_finding = matches!(flow.judgement.verdict(), Verdict::NotAllowed | Verdict::Undetermined);
        if !is_finding || told.is_some_and(|told| told >= severity) {
            return None;
        }
        let waiver = waiver::accepting(policy, &flow.record, &flow.judgement);
        early.certain.push(Certain { flow, waiver, at_ns, is_again: told.is_some() });
        Some(severity)
    }

    /// Judges a flow that ended and counts it.
    fn settle(&mut self, policy: &Policy, names: &Names, ended: Ended<Memo>) {
        let Ended { mut record, note: mut memo, .. } = ended;
        let identity = last_word(&record, &mut memo);
        if let Some(client) = identity.client {
            record.spoke_as_client(client);
        }
        let outcome = &mut self.outcome;
        outcome.flows += 1;
        outcome.duplicates += record.duplicates;
        let case = Case {
            policy,
            names,
            record: &record,
            identity: &identity,
            hidden: memo.hidden,
            judge_all: self.judge_all,
        };
        let judgement = judge(case);
        *outcome.reasons.entry(judgement.reason).or_default() += 1;
        outcome.coverage.count(&record, &judgement);
        outcome.remark(&record, &judgement);
        for &rest in &judgement.rests {
            *outcome.rests.entry(rest).or_default() += 1;
        }
        if self.keep_flows {
            outcome.list.push(Flow {
                record: record.clone(),
                identity: identity.clone(),
                hidden: memo.hidden,
                judgement: judgement.clone(),
            });
            // Sorting twice the length once in a while costs less than keeping order all the time.
            if outcome.list.len() >= outcome.max_list.saturating_mul(2) {
                outcome.sort_list();
            }
        }
        if self.early.is_some() {
            let (record, identity, judgement) = (record.clone(), identity.clone(), judgement.clone());
            self.tell(policy, Flow { record, identity, hidden: memo.hidden, judgement }, None, memo.told);
        }
        let outcome = &mut self.outcome;
        if matches!(judgement.verdict(), Verdict::NotAllowed | Verdict::Undetermined) {
            let waiver = waiver::accepting(policy, &record, &judgement);
            outcome.waived += u64::from(waiver.is_some());
            outcome.findings.count(&record, &identity, judgement, waiver);
        }
    }
}

/// What content proves of a flow that ended: nothing more will come.
fn last_word(record: &Record, memo: &mut Memo) -> Identity {
    if let Some(opening) = record.opening.as_deref() {
        memo.hidden = content::hidden(&opening.view());
        return identify(protocol::ALL, &opening.view());
    }
    memo.identity.take().map_or_else(Identity::default, Arc::unwrap_or_clone)
}

impl Outcome {
    fn remark(&mut self, record: &Record, judgement: &Judgement) {
        let (source, destination) = (judgement.initiator, judgement.initiator.other());
        for &(note, row) in &judgement.notes {
            let key = (note, row, record.ends[source].address, record.ends[destination].address);
            let tally = RemarkTally {
                flows: 1,
                example: (record.first_ns, record.first),
                ports: (record.ends[source].port, record.ends[destination].port),
                roles: [judgement.roles[source].clone(), judgement.roles[destination].clone()],
            };
            self.add_remark(key, tally);
        }
    }

    fn add_remark(&mut self, key: RemarkKey, tally: RemarkTally) {
        match self.remarks.get_mut(&key) {
            Some(mine) => mine.add(tally),
            None => {
                self.remarks.insert(key, tally);
            }
        }
        // What goes was never among the least, and comes back as new only to go again.
        if self.remarks.len() > MAX_REMARKS
            && let Some((_, gone)) = self.remarks.pop_last()
        {
            self.remarks_left_out += gone.flows;
        }
    }

    /// Adds the outcome of an audit over another share of the flows of the same frames.
    pub fn add_share(&mut self, other: Self) {
        self.flows += other.flows;
        for (reason, flows) in other.reasons {
            *self.reasons.entry(reason).or_default() += flows;
        }
        self.waived += other.waived;
        self.duplicates += other.duplicates;
        self.findings.add(other.findings);
        self.remarks_left_out += other.remarks_left_out;
        for (rest, flows) in other.rests {
            *self.rests.entry(rest).or_default() += flows;
        }
        self.list_left_out += other.list_left_out;
        for (key, tally) in other.remarks {
            self.add_remark(key, tally);
        }
        self.coverage.add(&other.coverage);
        self.evicted += other.evicted;
        self.icmp_errors += other.icmp_errors;
        self.list.extend(other.list);
        self.sort_list();
    }

    /// By first packet; of one frame's, carriers first, and of these the outermost. What has no place goes.
    fn sort_list(&mut self) {
        self.list.sort_by(|one, other| {
            let order = |flow: &Flow| {
                let record = &flow.record;
                let layers = record.layers.tunnel.len() + record.layers.vlan.len();
                let when = (record.first_ns, record.first);
                (when, record.carrier.is_none(), layers, record.transport, record.ends.0)
            };
            order(one).cmp(&order(other))
        });
        self.list_left_out += self.list.len().saturating_sub(self.max_list) as u64;
        self.list.truncate(self.max_list);
    }

    /// What is to be said of frames, by capture and reason.
    pub fn said_of_frames(&self) -> impl Iterator<Item = (u16, OfFrames)> + '_ {
        self.undecoded.iter().flat_map(|(&capture, undecoded)| {
            undecoded.iter().map(move |(reason, count)| {
                let is_decoded = reason.kind() == Kind::Note;
                (capture, OfFrames { reason: reason.to_string(), count, is_decoded })
            })
        })
    }

    /// Flows with this verdict.
    pub fn verdicts(&self, verdict: Verdict) -> u64 {
        self.reasons.iter().filter(|(reason, _)| reason.verdict() == verdict).map(|(_, flows)| flows).sum()
    }
}

impl RemarkTally {
    fn add(&mut self, other: Self) {
        self.flows += other.flows;
        if other.example < self.example {
            self.example = other.example;
            self.ports = other.ports;
            self.roles = other.roles;
        }
    }
}
