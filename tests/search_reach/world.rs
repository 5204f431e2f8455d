//! A small random world: people, units, contacts, plans, visits, questions and answers that refer to each other.

use super::*;

/// A small generator with a seed, so that a failure comes again.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// Mostly to a resource that is there, by its own address or under our base; sometimes elsewhere, or by number alone.
    pub(super) fn reference(&mut self, kinds: &[&str]) -> Value {
        let (kind, id) = (self.pick(kinds), self.below(5));
        match self.below(8) {
            0 => json!({"reference": format!("{OWN}/{kind}/{id}")}),
            1 => json!({"reference": format!("{OTHER}/{kind}/{id}")}),
            2 => json!({"type": kind, "identifier": {"system": PERSONNUMMER, "value": format!("{id}")}}),
            3 => json!({"reference": format!("{kind}/{id}"), "identifier": {"value": "9"}}),
            _ => json!({"reference": format!("{kind}/{id}")}),
        }
    }

    /// An address, perhaps with a version; `refers`: as it stands in what refers.
    pub(super) fn canonical(&mut self, refers: bool) -> String {
        let address = self.pick(&["https://a/q", "https://a/r", "https://a/q/r"]);
        let version = self.pick(&["", "|1", "|1.2"]);
        let part = if refers { self.pick(&["", "", "#del"]) } else { "" };
        format!("{address}{version}{part}")
    }

    pub(super) fn resource(&mut self, kind: ResourceType, id: &str) -> Value {
        let mut made = json!({"resourceType": kind.name(), "id": id});
        if self.below(3) > 0 {
            made["identifier"] =
                json!([{"system": self.pick(&[PERSONNUMMER, "http://s"]), "value": format!("{}", self.below(4))}]);
        }
        let status = self.pick(&["active", "inactive"]);
        for link in LINKS.iter().filter(|link| link.kind == kind && !link.shares) {
            if self.below(4) == 0 {
                continue;
            }
            if link.is_canonical() {
                made[link.path] = json!(self.canonical(true));
                continue;
            }
            let one = self.reference(link.targets);
            match link.path.split_once('.') {
                Some((outer, inner)) => made[outer] = json!([{ inner: one }, { inner: self.reference(link.targets) }]),
                None if link.many => made[link.path] = json!([one, self.reference(link.targets)]),
                None => made[link.path] = one,
            }
        }
        match kind {
            Patient | Practitioner => {
                made["gender"] = json!(self.pick(&["male", "female"]));
                made["birthDate"] = json!(format!("19{}-01-01", 50 + self.below(4)));
            }
            Questionnaire => {
                let canonical = self.canonical(false);
                let (address, version) = canonical.split_once('|').unwrap_or((&canonical, ""));
                made["url"] = json!(address);
                if !version.is_empty() {
                    made["version"] = json!(version);
                }
                made["title"] = json!(self.pick(&["Sömn", "Smärta"]));
                made["status"] = json!(status);
            }
            CareTeam | CarePlan | Encounter | QuestionnaireResponse => made["status"] = json!(status),
            _ => made["active"] = json!(status == "active"),
        }
        made
    }

    /// A name and value that end in a parameter of the type at the end of `steps` references from `kind`.
    pub(super) fn condition(&mut self, kind: ResourceType, steps: usize) -> (String, String) {
        if steps == 0 {
            let (name, value) = match self.below(7) {
                0 | 1 => (
                    "identifier",
                    self.pick(&["1", "2,3", "http://s|1", "urn:oid:1.2.752.129.2.1.3.1|2"]),
                ),
                2 => ("identifier:missing", self.pick(&["true", "false"])),
                3 => ("_id", self.pick(&["1", "2,3"])),
                4 => (
                    "_lastUpdated",
                    self.pick(&["ge2025-01-03", "lt2025-01-02", "2025-01-01"]),
                ),
                _ => match kind {
                    Patient | Practitioner => match self.below(3) {
                        0 if kind == Patient => ("birthdate", self.pick(&["1950-01-01", "ge1952"])),
                        1 => ("gender", self.pick(&["male", "female", "male,female"])),
                        _ => ("gender:not", "male"),
                    },
                    Questionnaire => match self.below(3) {
                        0 => ("title", self.pick(&["sömn", "sm", "x"])),
                        1 => ("url", self.pick(&["https://a/q", "https://a/r"])),
                        _ => ("status", "active"),
                    },
                    CareTeam | CarePlan | Encounter | QuestionnaireResponse => match self.below(4) {
                        0 => ("status", "active"),
                        1 => ("status:not", "active"),
                        2 => (
                            "patient",
                            self.pick(&["1", "Patient/2,Patient/3", "https://vi.se/fhir/r5/Patient/1"]),
                        ),
                        _ => ("patient:identifier", self.pick(&["1", "9"])),
                    },
                    _ => ("active", self.pick(&["true", "false"])),
                },
            };
            return (name.to_owned(), value.to_owned());
        }
        let forwards: Vec<&Link> = LINKS.iter().filter(|link| link.kind == kind).collect();
        let backwards: Vec<&Link> = LINKS
            .iter()
            .filter(|link| link.targets.contains(&kind.name()))
            .collect();
        let back = forwards.is_empty() || (!backwards.is_empty() && self.below(2) == 0);
        if back {
            let link = backwards[self.below(backwards.len())];
            let (rest, value) = self.condition(link.kind, steps - 1);
            return (format!("_has:{}:{}:{rest}", link.kind, link.code), value);
        }
        let link = forwards[self.below(forwards.len())];
        let known: Vec<&str> = link.targets.iter().copied().filter(|name| *name != "Group").collect();
        let target = self.pick(&known);
        let kind = ResourceType::from_name(target).expect("a type of ours");
        let (rest, value) = self.condition(kind, steps - 1);
        match self.below(2) {
            0 => (format!("{}.{rest}", link.code), value),
            _ => (format!("{}:{target}.{rest}", link.code), value),
        }
    }
}

/// A reference parameter, as the naive evaluation knows it.
pub(super) struct Link {
    pub(super) kind: ResourceType,
    pub(super) code: &'static str,
    pub(super) path: &'static str,
    pub(super) targets: &'static [&'static str],
    pub(super) many: bool,
    /// Reads an element that another parameter reads too.
    pub(super) shares: bool,
}

impl Link {
    /// Names a Questionnaire by its canonical address.
    pub(super) fn is_canonical(&self) -> bool {
        self.code == "questionnaire"
    }
}

pub(super) const fn link(
    kind: ResourceType,
    code: &'static str,
    path: &'static str,
    targets: &'static [&'static str],
    (many, shares): (bool, bool),
) -> Link {
    Link {
        kind,
        code,
        path,
        targets,
        many,
        shares,
    }
}

pub(super) const LINKS: &[Link] = &[
    link(CareTeam, "subject", "subject", &["Group", "Patient"], (false, false)),
    link(CareTeam, "patient", "subject", &["Patient"], (false, true)),
    link(
        CareTeam,
        "participant",
        "participant.member",
        &[
            "CareTeam",
            "Organization",
            "Patient",
            "Practitioner",
            "PractitionerRole",
        ],
        (true, false),
    ),
    link(CarePlan, "patient", "subject", &["Patient"], (false, false)),
    link(CarePlan, "care-team", "careTeam", &["CareTeam"], (true, false)),
    link(CarePlan, "part-of", "partOf", &["CarePlan"], (true, false)),
    link(Encounter, "patient", "subject", &["Patient"], (false, false)),
    link(
        Encounter,
        "service-provider",
        "serviceProvider",
        &["Organization"],
        (false, false),
    ),
    link(
        PractitionerRole,
        "practitioner",
        "practitioner",
        &["Practitioner"],
        (false, false),
    ),
    link(
        PractitionerRole,
        "organization",
        "organization",
        &["Organization"],
        (false, false),
    ),
    link(Organization, "partof", "partOf", &["Organization"], (false, false)),
    link(
        Patient,
        "organization",
        "managingOrganization",
        &["Organization"],
        (false, false),
    ),
    link(
        Patient,
        "general-practitioner",
        "generalPractitioner",
        &["Organization", "Practitioner", "PractitionerRole"],
        (true, false),
    ),
    link(
        QuestionnaireResponse,
        "patient",
        "subject",
        &["Patient"],
        (false, false),
    ),
    link(
        QuestionnaireResponse,
        "questionnaire",
        "questionnaire",
        &["Questionnaire"],
        (false, false),
    ),
];

pub(super) struct Kept {
    pub(super) kind: ResourceType,
    pub(super) id: String,
    pub(super) last_updated: i64,
    pub(super) resource: Value,
    pub(super) entries: Vec<IndexEntry>,
}

/// Writes a version; `None` deletes.
pub(super) fn put(
    session: &mut Session,
    (kind, id, number): (ResourceType, &str, i64),
    last_updated: i64,
    resource: Option<&Value>,
) -> Result<(), StoreError> {
    let entries = resource.map(|resource| index(kind, resource)).unwrap_or_default();
    let patient = resource.and_then(|resource| patient_of(kind, resource));
    let body = resource.map(Value::to_string).unwrap_or_default();
    session
        .put(&NewVersion {
            last_updated: Timestamp::from_microsecond(last_updated).expect("a time"),
            deleted: resource.is_none(),
            patient: patient.as_deref(),
            index: &entries,
            ..version(kind, id, number, &body)
        })
        .map(|_| ())
}

/// In the order of their making; some are deleted.
pub(super) fn world(store: &Store, random: &mut Random) -> Vec<Kept> {
    let mut all = Vec::new();
    let write = |session: &mut Session, random: &mut Random, all: &mut Vec<Kept>| {
        for number in 0..120 {
            let kind = KINDS[number % KINDS.len()];
            let id = format!("{}", number / KINDS.len());
            let resource = random.resource(kind, &id);
            let last_updated = 1_735_689_600_000_000 + random.below(4) as i64 * 86_400_000_000;
            put(session, (kind, &id, 1), last_updated, Some(&resource))?;
            if random.below(8) == 0 {
                put(session, (kind, &id, 2), last_updated, None)?;
                continue;
            }
            let entries = index(kind, &resource);
            all.push(Kept {
                kind,
                id,
                last_updated,
                resource,
                entries,
            });
        }
        Ok::<(), StoreError>(())
    };
    let (seed, made) = (random.0, std::sync::mpsc::channel());
    store
        .write_blocking(move |session| {
            let (mut random, mut all) = (Random(seed), Vec::new());
            write(session, &mut random, &mut all)?;
            made.0.send((random.0, all)).expect("the world is awaited");
            Ok::<(), StoreError>(())
        })
        .expect("the world is written");
    let (seed, written) = made.1.recv().expect("the world");
    random.0 = seed;
    all.extend(written);
    all
}
