//! A snapshot of a Kubernetes cluster, and the addresses that it puts in place of namespaces and labels.
//!
//! Source: Kubernetes API, core/v1 (Pod, Service) and discovery.k8s.io/v1 (EndpointSlice), as
//! `kubectl get pods,services,endpointslices -A -o json` writes them.
//! Left out: pods on their host's network (their address is the node's), and pods that ended.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use crate::net::Transport;
use crate::policy::site::{Binding, Label, Pods, ServicePort, Site};

/// What a snapshot holds that names need.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Snapshot {
    pods: Vec<Pod>,
    services: Vec<Service>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Pod {
    namespace: String,
    labels: BTreeMap<String, String>,
    addresses: BTreeSet<IpAddr>,
    /// Container ports by name.
    ports: BTreeMap<String, u16>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Service {
    namespace: String,
    name: String,
    labels: Vec<Label>,
    addresses: BTreeSet<IpAddr>,
    ports: Vec<Port>,
    /// Addresses behind it, by its endpoint slices.
    behind: BTreeSet<IpAddr>,
    /// Ports behind it, by the name of the service's port.
    targets: BTreeMap<String, u16>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Port {
    name: String,
    transport: Transport,
    port: u16,
    target: Option<Value>,
}

/// A selector as kubectl takes it; `None` where it is none, or has a set.
pub fn parse_selector(text: &str) -> Option<Vec<Label>> {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
    };
    let mut labels = Vec::new();
    for part in text.split(',').map(str::trim) {
        let (name, label) = if let Some((name, value)) = part.split_once("!=") {
            (name, Label::IsNot(name.trim().to_owned(), value.trim().to_owned()))
        } else if let Some((name, value)) = part.split_once('=') {
            let value = value.strip_prefix('=').unwrap_or(value);
            (name, Label::Is(name.trim().to_owned(), value.trim().to_owned()))
        } else if let Some(name) = part.strip_prefix('!') {
            (name, Label::HasNot(name.trim().to_owned()))
        } else {
            (part, Label::Has(part.to_owned()))
        };
        if !is_name(name.trim()) {
            return None;
        }
        labels.push(label);
    }
    Some(labels)
}

impl Label {
    fn fits(&self, labels: &BTreeMap<String, String>) -> bool {
        match self {
            Self::Is(name, value) => labels.get(name) == Some(value),
            Self::IsNot(name, value) => labels.get(name) != Some(value),
            Self::Has(name) => labels.contains_key(name),
            Self::HasNot(name) => !labels.contains_key(name),
        }
    }
}

/// The snapshot in `text`; `path` names it in messages.
///
/// # Errors
/// One line: that it is no JSON, or no list of Kubernetes objects.
pub fn parse_snapshot(text: &str, path: &str) -> Result<Snapshot, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        format!("{path}:{}:{}: expected a snapshot as JSON, found `{error}`", error.line(), error.column())
    })?;
    let items = value.get("items").and_then(Value::as_array).ok_or_else(|| {
        format!("{path}: expected a list of pods, services and endpointslices, found no items; write it with kubectl get pods,services,endpointslices -A -o json")
    })?;
    let mut snapshot = Snapshot::default();
    for item in items {
        match item.get("kind").and_then(Value::as_str) {
            Some("Pod") => snapshot.pods.extend(pod(item)),
            Some("Service") => snapshot.services.extend(service(item)),
            _ => {}
        }
    }
    for item in items.iter().filter(|item| item.get("kind").and_then(Value::as_str) == Some("EndpointSlice"))
    {
        snapshot.slice(item);
    }
    Ok(snapshot)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default().iter()
}

fn pairs(value: &Value, pointer: &str) -> BTreeMap<String, String> {
    let object = value.pointer(pointer).and_then(Value::as_object);
    let texts = object.into_iter().flatten();
    texts.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

fn port_number(value: &Value) -> Option<u16> {
    value.as_u64().and_then(|port| u16::try_from(port).ok())
}

fn addresses<'a>(texts: impl Iterator<Item = &'a str>) -> BTreeSet<IpAddr> {
    texts.filter_map(|text| text.parse::<IpAddr>().ok()).map(|address| address.to_canonical()).collect()
}

fn pod(item: &Value) -> Option<Pod> {
    let is_on_host = item.pointer("/spec/hostNetwork").and_then(Value::as_bool).unwrap_or(false);
    if is_on_host || matches!(text(item, "/status/phase"), "Succeeded" | "Failed") {
        return None;
    }
    let all = list(item, "/status/podIPs").map(|entry| text(entry, "/ip"));
    let containers = list(item, "/spec/containers").flat_map(|container| list(container, "/ports"));
    Some(Pod {
        namespace: text(item, "/metadata/namespace").to_owned(),
        labels: pairs(item, "/metadata/labels"),
        addresses: addresses(all.chain([text(item, "/status/podIP")])),
        ports: containers
            .filter_map(|port| {
                Some((text(port, "/name").to_owned(), port_number(port.get("containerPort")?)?))
            })
            .collect(),
    })
}

fn service(item: &Value) -> Option<Service> {
    let all = list(item, "/spec/clusterIPs").filter_map(Value::as_str);
    let outside = list(item, "/spec/externalIPs").filter_map(Value::as_str);
    let balanced = list(item, "/status/loadBalancer/ingress").map(|entry| text(entry, "/ip"));
    let labels = pairs(item, "/spec/selector");
    let ports = list(item, "/spec/ports").filter_map(|port| {
        let transport = match text(port, "/protocol") {
            "" => "tcp".to_owned(),
            name => name.to_ascii_lowercase(),
        };
        Some(Port {
            name: text(port, "/name").to_owned(),
            transport: Transport::from_name(&transport)?,
            port: port_number(port.get("port")?)?,
            target: port.get("targetPort").cloned(),
        })
    });
    Some(Service {
        namespace: text(item, "/metadata/namespace").to_owned(),
        name: text(item, "/metadata/name").to_owned(),
        labels: labels.into_iter().map(|(name, value)| Label::Is(name, value)).collect(),
        // A headless service says `None`, which is no address.
        addresses: addresses(all.chain([text(item, "/spec/clusterIP")]).chain(outside).chain(balanced)),
        ports: ports.collect(),
        behind: BTreeSet::new(),
        targets: BTreeMap::new(),
    })
}

impl Snapshot {
    fn slice(&mut self, item: &Value) {
        let namespace = text(item, "/metadata/namespace");
        let of = item.pointer("/metadata/labels").and_then(|labels| labels.get("kubernetes.io/service-name"));
        let Some(name) = of.and_then(Value::as_str) else { return };
        let mut services = self.services.iter_mut();
        let Some(service) = services.find(|service| service.name == name && service.namespace == namespace)
        else {
            return;
        };
        let behind = list(item, "/endpoints").flat_map(|endpoint| list(endpoint, "/addresses"));
        service.behind.extend(addresses(behind.filter_map(Value::as_str)));
        for port in list(item, "/ports") {
            if let Some(number) = port.get("port").and_then(port_number) {
                service.targets.insert(text(port, "/name").to_owned(), number);
            }
        }
    }

    fn pods_of(&self, wanted: &Pods) -> impl Iterator<Item = &Pod> {
        self.pods_by(&wanted.namespace, &wanted.labels)
    }

    fn pods_by(&self, namespace: &str, labels: &[Label]) -> impl Iterator<Item = &Pod> {
        self.pods.iter().filter(move |pod| {
            pod.namespace == namespace && labels.iter().all(|label| label.fits(&pod.labels))
        })
    }

    /// The addresses of these pods, and of the services that have such pods behind them and no others.
    fn addresses_of(&self, wanted: &Pods) -> BTreeSet<IpAddr> {
        let mut found: BTreeSet<IpAddr> =
            self.pods_of(wanted).flat_map(|pod| pod.addresses.iter().copied()).collect();
        let pods = found.clone();
        for service in self.services.iter().filter(|service| service.namespace == wanted.namespace) {
            let behind = self.behind(service);
            if !behind.is_empty() && behind.is_subset(&pods) {
                found.extend(&service.addresses);
            }
        }
        found
    }

    fn behind(&self, service: &Service) -> BTreeSet<IpAddr> {
        if !service.behind.is_empty() || service.labels.is_empty() {
            return service.behind.clone();
        }
        let pods = self.pods_by(&service.namespace, &service.labels);
        pods.flat_map(|pod| pod.addresses.iter().copied()).collect()
    }

    /// The port of the pods behind a service's port.
    fn target(&self, service: &Service, port: &Port) -> u16 {
        if let Some(&target) = service.targets.get(&port.name) {
            return target;
        }
        match &port.target {
            Some(Value::String(name)) if !service.labels.is_empty() => {
                let mut pods = self.pods_by(&service.namespace, &service.labels);
                pods.find_map(|pod| pod.ports.get(name).copied()).unwrap_or(port.port)
            }
            Some(target) => port_number(target).unwrap_or(port.port),
            None => port.port,
        }
    }

    /// Puts addresses in place of the site's bindings by pods. The roles for which there are none, by name.
    pub fn bind(&self, site: &mut Site) -> Vec<String> {
        let mut empty = Vec::new();
        for (role, bindings) in &mut site.roles {
            let had = bindings.len();
            self.expand(bindings);
            if had > 0 && bindings.is_empty() {
                empty.push(role.clone());
            }
        }
        for ends in site.rows.values_mut() {
            self.expand(&mut ends.source);
            self.expand(&mut ends.destination);
        }
        site.services = self.service_ports();
        empty
    }

    fn expand(&self, bindings: &mut Vec<Binding>) {
        let expanded = std::mem::take(bindings).into_iter().flat_map(|binding| match &binding.pods {
            None => vec![binding],
            Some(pods) => {
                let each = self.addresses_of(pods).into_iter().map(|address| Binding {
                    network: Some(IpNet::from(address)),
                    pods: None,
                    ..binding.clone()
                });
                each.collect()
            }
        });
        *bindings = expanded.collect();
    }

    fn service_ports(&self) -> Vec<ServicePort> {
        let mut ports = Vec::new();
        for service in &self.services {
            for port in &service.ports {
                let target = self.target(service, port);
                for &address in service.addresses.iter().filter(|_| target != port.port) {
                    ports.push(ServicePort { address, transport: port.transport, port: port.port, target });
                }
            }
        }
        ports
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: &str = r#"{"kind": "List", "items": [
        {"kind": "Pod", "metadata": {"namespace": "gim", "name": "gim-0", "labels": {"app": "gim"}},
         "spec": {"containers": [{"ports": [{"name": "http", "containerPort": 8080}]}]},
         "status": {"phase": "Running", "podIP": "10.244.3.7", "podIPs": [{"ip": "10.244.3.7"}, {"ip": "fd00::7"}]}},
        {"kind": "Pod", "metadata": {"namespace": "gim", "name": "done", "labels": {"app": "gim"}},
         "spec": {}, "status": {"phase": "Succeeded", "podIP": "10.244.3.8"}},
        {"kind": "Pod", "metadata": {"namespace": "gim", "name": "agent", "labels": {"app": "gim"}},
         "spec": {"hostNetwork": true}, "status": {"phase": "Running", "podIP": "192.168.0.1"}},
        {"kind": "Pod", "metadata": {"namespace": "other", "name": "gim-0", "labels": {"app": "gim"}},
         "spec": {}, "status": {"phase": "Running", "podIP": "10.244.9.9"}},
        {"kind": "Service", "metadata": {"namespace": "gim", "name": "gim"},
         "spec": {"selector": {"app": "gim"}, "clusterIP": "10.96.0.10", "clusterIPs": ["10.96.0.10"],
                  "ports": [{"name": "web", "port": 80, "targetPort": "http", "protocol": "TCP"}]}},
        {"kind": "Service", "metadata": {"namespace": "gim", "name": "mixed"},
         "spec": {"clusterIP": "10.96.0.11", "ports": [{"port": 81, "targetPort": 8081}]}},
        {"kind": "EndpointSlice", "metadata": {"namespace": "gim", "labels": {"kubernetes.io/service-name": "mixed"}},
         "endpoints": [{"addresses": ["10.244.3.7"]}, {"addresses": ["10.244.5.5"]}], "ports": [{"name": "", "port": 8082}]}
    ]}"#;

    fn check(selector: &str, expect: &[&str]) {
        let snapshot = parse_snapshot(CLUSTER, "pods.json").unwrap();
        let pods = Pods { namespace: "gim".to_owned(), labels: parse_selector(selector).unwrap() };
        let found: Vec<String> = snapshot.addresses_of(&pods).iter().map(ToString::to_string).collect();
        assert_eq!(found, expect, "{selector}");
    }

    #[test]
    fn running_pods_and_services_with_only_them_behind_fill_a_role() {
        check("app=gim", &["10.96.0.10", "10.244.3.7", "fd00::7"]);
        check("app=gim,tier!=test", &["10.96.0.10", "10.244.3.7", "fd00::7"]);
        check("app, !tier", &["10.96.0.10", "10.244.3.7", "fd00::7"]);
        check("app=other", &[]);
    }

    #[test]
    fn a_service_port_is_known_by_name_and_by_slice() {
        let ports = parse_snapshot(CLUSTER, "pods.json").unwrap().service_ports();
        let ports: Vec<String> =
            ports.iter().map(|port| format!("{}:{} {}", port.address, port.port, port.target)).collect();
        assert_eq!(ports, ["10.96.0.10:80 8080", "10.96.0.11:81 8082"]);
    }

    #[test]
    fn a_selector_with_a_set_and_a_file_without_items_are_refused() {
        assert_eq!(parse_selector("app in (a,b)"), None);
        let refused = parse_snapshot("{}", "pods.json").unwrap_err();
        assert!(refused.starts_with("pods.json: expected a list"), "{refused}");
    }
}
