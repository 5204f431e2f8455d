//! The mark on a contact that is replaced (extension `ersatt-av`): by whom, from when, and what the service changed then. As long as
//! that stands as it was written it is the service's own to take back; what its own unit has changed since is not.

use fastkontakt_model::date::FhirDate;
use fastkontakt_model::facts::{CareTeam, CareTeamStatus, Extension};
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::codes::{
    BYTE, ERSATT_AV_ATERKALLAD, ERSATT_AV_FRAN, ERSATT_AV_KONTAKT, ERSATT_AV_TIDIGARE_ORSAK, ERSATT_AV_TIDIGARE_SLUT,
    EXT_AVSLUTSORSAK, EXT_ERSATT_AV, EXT_ERSATT_FRAN,
};
use super::effect::Avslut;
use super::giltighet::ersatt_fran;

/// How a contact stands replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Marked, as another vårdgivare's (`ersatt-fran`).
    Markt,
    /// It got an end, or one that is earlier.
    Slutad,
    /// It had not begun.
    Inaktiv,
}

impl Form {
    /// `None`: it does not stand as it was written when it was replaced from that day.
    fn of(fran: Date, status: Status, byte: bool, markt: bool, days: (Option<Date>, Option<Date>)) -> Option<Form> {
        match (status, days) {
            (Status::Active, _) if markt => Some(Form::Markt),
            (Status::Active, (_, end)) if byte && end.is_some() && end == fran.yesterday().ok() => Some(Form::Slutad),
            (Status::Inactive, (Some(start), _)) if byte && !markt && start >= fran => Some(Form::Inaktiv),
            _ => None,
        }
    }
}

enum Status {
    /// An absent one too.
    Active,
    Inactive,
    Other,
}

/// What the mark on a contact says.
pub struct Marke<'k> {
    extension: &'k Extension,
    /// Replaced from this day on.
    pub fran: Date,
    pub form: Option<Form>,
}

impl<'k> Marke<'k> {
    /// The mark of a contact that has one.
    pub fn of(kontakt: &'k CareTeam) -> Option<Marke<'k>> {
        let extension = kontakt.head.extensions.get(EXT_ERSATT_AV)?;
        let fran = extension.nested.date(ERSATT_AV_FRAN)?.first_day();
        let status = match kontakt.status {
            None | Some(CareTeamStatus::Active) => Status::Active,
            Some(CareTeamStatus::Inactive) => Status::Inactive,
            Some(_) => Status::Other,
        };
        let byte = kontakt.head.extensions.code(EXT_AVSLUTSORSAK) == Some(BYTE);
        let days = (kontakt.period.first_day(), kontakt.period.last_day());
        Some(Marke {
            extension,
            fran,
            form: Form::of(fran, status, byte, ersatt_fran(kontakt).is_some(), days),
        })
    }

    /// The ids of the contacts that replace it.
    pub fn av(&self) -> impl Iterator<Item = &'k str> {
        let said = self.extension.nested.all(ERSATT_AV_KONTAKT);
        said.filter_map(|said| match said.value.as_ref()?.reference()?.type_and_id()? {
            ("CareTeam", id) => Some(id),
            _ => None,
        })
    }

    /// The end that the contact had before, when it was given an earlier one.
    pub fn tidigare_slut(&self) -> Option<Date> {
        self.extension
            .nested
            .date(ERSATT_AV_TIDIGARE_SLUT)
            .map(|end| end.last_day())
    }

    /// The replacement came to nothing, and the contact was not to be had back.
    pub fn ar_aterkallad(&self) -> bool {
        self.extension.nested.date(ERSATT_AV_ATERKALLAD).is_some()
    }
}

/// Replaces a contact: it ends so, from that day, by these.
pub fn ersatt(members: &mut Map<String, Value>, av: &[String], fran: Date, avslut: Avslut) {
    let part = |url: &str, (name, value): (&str, Value)| {
        let mut part = json!({ "url": url });
        part[name] = value;
        part
    };
    let by = |id: &String| json!({ "reference": format!("CareTeam/{id}") });
    let mut said: Vec<Value> = av
        .iter()
        .map(|id| part(ERSATT_AV_KONTAKT, ("valueReference", by(id))))
        .collect();
    said.push(part(ERSATT_AV_FRAN, ("valueDate", json!(fran.to_string()))));
    if let Avslut::Slutar(_) = avslut
        && let Some(end) = members.get("period").and_then(|period| period.get("end"))
    {
        said.push(part(ERSATT_AV_TIDIGARE_SLUT, ("valueDateTime", end.clone())));
    }
    if !matches!(avslut, Avslut::ErsattFran(_))
        && let Some(reason) = taken(members, EXT_AVSLUTSORSAK)
    {
        said.push(part(
            ERSATT_AV_TIDIGARE_ORSAK,
            ("valueCode", reason["valueCode"].clone()),
        ));
    }
    set_extension(members, EXT_ERSATT_AV, ("extension", Value::Array(said)));
    match avslut {
        Avslut::Slutar(day) => {
            end_period(members, day);
            set_extension(members, EXT_AVSLUTSORSAK, ("valueCode", json!(BYTE)));
        }
        Avslut::Inaktiv => {
            members.insert("status".to_owned(), json!("inactive"));
            set_extension(members, EXT_AVSLUTSORSAK, ("valueCode", json!(BYTE)));
        }
        Avslut::ErsattFran(day) => set_extension(members, EXT_ERSATT_FRAN, ("valueDate", json!(day.to_string()))),
    }
}

/// Makes a replaced contact what it was before; the ids of those that replaced it. A mark whose writing no longer stands is taken away alone.
pub fn tillbaka(members: &mut Map<String, Value>) -> Vec<String> {
    let Some(mark) = taken(members, EXT_ERSATT_AV) else {
        return Vec::new();
    };
    let said = |url: &'static str| {
        let all = mark["extension"].as_array().into_iter().flatten();
        all.filter(move |it| it["url"] == url)
    };
    let first = |url: &'static str, value: &str| said(url).next().map(|it| it[value].clone());
    let day = |text: &Value| text.as_str().and_then(FhirDate::parse);
    let form = first(ERSATT_AV_FRAN, "valueDate")
        .as_ref()
        .and_then(day)
        .and_then(|fran| {
            let status = match members.get("status").map(Value::as_str) {
                None | Some(Some("active")) => Status::Active,
                Some(Some("inactive")) => Status::Inactive,
                _ => Status::Other,
            };
            let code = |url: &str, value: &str| extension(members, url).map(|it| it[value].clone());
            let byte = code(EXT_AVSLUTSORSAK, "valueCode").is_some_and(|code| code == BYTE);
            let period = |end: &str| members.get("period").and_then(|period| day(&period[end]));
            let days = (
                period("start").map(|start| start.first_day()),
                period("end").map(|end| end.last_day()),
            );
            let markt = extension(members, EXT_ERSATT_FRAN).is_some();
            Form::of(fran.first_day(), status, byte, markt, days)
        });
    let Some(form) = form else { return Vec::new() };
    match form {
        Form::Markt => {
            taken(members, EXT_ERSATT_FRAN);
        }
        Form::Inaktiv => {
            members.insert("status".to_owned(), json!("active"));
        }
        Form::Slutad => give_back_end(members, first(ERSATT_AV_TIDIGARE_SLUT, "valueDateTime")),
    }
    if form != Form::Markt {
        taken(members, EXT_AVSLUTSORSAK);
        if let Some(reason) = first(ERSATT_AV_TIDIGARE_ORSAK, "valueCode") {
            set_extension(members, EXT_AVSLUTSORSAK, ("valueCode", reason));
        }
    }
    let ids =
        said(ERSATT_AV_KONTAKT).filter_map(|it| it["valueReference"]["reference"].as_str()?.strip_prefix("CareTeam/"));
    ids.map(str::to_owned).collect()
}

/// Notes on the mark that the replacement came to nothing.
pub fn notera_aterkallad(members: &mut Map<String, Value>, dag: Date) {
    let Some(Value::Array(extensions)) = members.get_mut("extension") else {
        return;
    };
    let mark = extensions.iter_mut().find(|it| it["url"] == EXT_ERSATT_AV);
    if let Some(Value::Object(mark)) = mark {
        set_extension(mark, ERSATT_AV_ATERKALLAD, ("valueDate", json!(dag.to_string())));
    }
}

fn give_back_end(members: &mut Map<String, Value>, end: Option<Value>) {
    let Some(Value::Object(period)) = members.get_mut("period") else {
        return;
    };
    match end {
        Some(end) => period.insert("end".to_owned(), end),
        None => period.shift_remove("end"),
    };
    if period.is_empty() {
        members.shift_remove("period");
    }
}

fn end_period(members: &mut Map<String, Value>, day: Date) {
    let period = members.entry("period").or_insert_with(|| json!({}));
    if let Value::Object(period) = period {
        period.insert("end".to_owned(), json!(day.to_string()));
        period.shift_remove("_end");
    }
}

fn extension<'m>(members: &'m Map<String, Value>, url: &str) -> Option<&'m Value> {
    let extensions = members.get("extension")?.as_array()?;
    extensions.iter().find(|extension| extension["url"] == url)
}

/// Takes the extension of that url away.
fn taken(members: &mut Map<String, Value>, url: &str) -> Option<Value> {
    let Some(Value::Array(extensions)) = members.get_mut("extension") else {
        return None;
    };
    let at = extensions.iter().position(|extension| extension["url"] == url);
    let found = at.map(|at| extensions.remove(at));
    if extensions.is_empty() {
        members.shift_remove("extension");
    }
    found
}

/// Puts the extension in the place of one of the same url.
fn set_extension(members: &mut Map<String, Value>, url: &str, (name, value): (&str, Value)) {
    let extensions = members.entry("extension").or_insert_with(|| json!([]));
    if let Value::Array(extensions) = extensions {
        extensions.retain(|extension| extension["url"] != url);
        let mut extension = json!({ "url": url });
        extension[name] = value;
        extensions.push(extension);
    }
}
