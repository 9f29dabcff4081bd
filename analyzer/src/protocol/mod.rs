//! The door: every protocol, one file each, in one registry.

pub mod cursor;
pub mod probe;

mod agentx;
mod amqp;
mod ber;
mod cassandra;
mod dhcp;
mod dhcpv6;
mod dialogue;
pub mod dns;
mod elasticsearch;
mod ftp;
mod http;
mod http2;
mod imap;
mod kafka;
mod kafka_api;
mod kerberos;
mod ldap;
mod memcached;
mod mongodb;
mod mqtt;
mod mysql;
mod nats;
mod netbios_ns;
mod ntp;
mod onc_rpc;
mod openwire;
mod pekko;
mod pop3;
mod postgresql;
mod postgresql_messages;
mod rdp;
mod redis;
mod rtsp;
mod sides;
mod sip;
mod smb;
mod smtp;
mod snmp;
mod ssdp;
mod ssh;
mod stomp;
mod stun;
mod syslog;
mod tds;
mod tls;
mod tls_hello;
mod tlv;
mod wire_name;
mod zookeeper;

use crate::protocol::probe::Probe;

/// Every protocol that content can prove. Docs, tests, fuzzing and `explain` walk this list.
pub const ALL: &[&dyn Probe] = &[
    &agentx::Agentx,
    &amqp::Amqp,
    &cassandra::Cassandra,
    &dhcp::Dhcp,
    &dhcpv6::Dhcpv6,
    &dns::Dns,
    &elasticsearch::Elasticsearch,
    &ftp::Ftp,
    &http::Http,
    &http2::Http2,
    &imap::Imap,
    &kafka::Kafka,
    &kerberos::Kerberos,
    &ldap::Ldap,
    &memcached::Memcached,
    &mongodb::Mongodb,
    &mqtt::Mqtt,
    &mysql::Mysql,
    &nats::Nats,
    &netbios_ns::NetbiosNs,
    &ntp::Ntp,
    &onc_rpc::OncRpc,
    &openwire::Openwire,
    &pekko::Pekko,
    &pop3::Pop3,
    &postgresql::Postgresql,
    &rdp::Rdp,
    &redis::Redis,
    &rtsp::Rtsp,
    &sip::Sip,
    &smb::Smb,
    &smtp::Smtp,
    &snmp::Snmp,
    &ssdp::Ssdp,
    &ssh::Ssh,
    &stomp::Stomp,
    &stun::Stun,
    &syslog::Syslog,
    &tds::Tds,
    &tls::Tls,
    &zookeeper::Zookeeper,
];

/// The probe of that name.
pub fn by_name(name: &str) -> Option<&'static dyn Probe> {
    ALL.iter().copied().find(|probe| probe.name() == name)
}
