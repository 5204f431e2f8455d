//! The invariants of HL7's definitions with severity error, one line each, as the snapshots of hl7.fhir.r4.core 4.0.1 and
//! hl7.fhir.r5.core 5.0.0 state them; each version has its own. A line for a new type goes in here, a check that is more
//! than "this demands that" into [`super::checks`]. Left out: what concerns documents, messages and search results of
//! others (bdl-9 to bdl-18), ppc-2 to ppc-5, whose expression names the code system "something", que-1a, which asks for a
//! status that no Questionnaire can have, and prov-2 and prov-3, which only the resources pointed at can tell.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::fhir::version::FhirVersion;

use super::checks;
use super::node::Node;

/// One invariant of one type.
pub struct Row {
    /// HL7's key: shown to the caller.
    pub id: &'static str,
    /// The types or backbone paths it is asked of.
    on: &'static [&'static str],
    of: Versions,
    rule: Rule,
    pub sv: &'static str,
    pub en: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Versions {
    R4,
    R5,
    Both,
}

enum Rule {
    /// The first element demands the second.
    Needs(&'static str, &'static str),
    NotBoth(&'static str, &'static str),
    /// At least one of them.
    AnyOf(&'static [&'static str]),
    /// While the first has one of these codes, none of the elements.
    Bars(&'static str, &'static [&'static str], &'static [&'static str]),
    /// Only while the first has one of these codes, any of the elements.
    OnlyFor(&'static str, &'static [&'static str], &'static [&'static str]),
    /// True when it holds.
    Check(fn(&Node<'_>) -> bool),
}

use Rule::{AnyOf, Bars, Check, Needs, NotBoth, OnlyFor};
use Versions::{Both, R4, R5};

impl Row {
    /// Whether the invariant holds for an element of its type.
    pub fn holds(&self, node: &Node<'_>) -> bool {
        match self.rule {
            Needs(this, that) => !node.has(this) || node.has(that),
            NotBoth(this, that) => !(node.has(this) && node.has(that)),
            AnyOf(names) => names.iter().any(|name| node.has(name)),
            Bars(name, codes, elements) => !node.is(name, codes) || !elements.iter().any(|element| node.has(element)),
            OnlyFor(name, codes, elements) => node.is(name, codes) || !elements.iter().any(|element| node.has(element)),
            Check(check) => check(node),
        }
    }
}

/// The invariants of a type or backbone path.
pub fn rows_of(version: FhirVersion, type_name: &str) -> &'static [&'static Row] {
    type ByType = HashMap<&'static str, Vec<&'static Row>>;
    static BY_TYPE: OnceLock<[ByType; 2]> = OnceLock::new();
    let by_type = BY_TYPE.get_or_init(|| {
        [R4, R5].map(|version| {
            let mut by_type = ByType::new();
            for row in ROWS.iter().filter(|row| row.of == version || row.of == Both) {
                for name in row.on {
                    by_type.entry(name).or_default().push(row);
                }
            }
            by_type
        })
    });
    by_type[version as usize].get(type_name).map_or(&[], Vec::as_slice)
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { id: "ext-1", on: &["Extension"], of: Both, rule: Check(checks::ext_1), sv: "En utvidgning har antingen ett värde eller egna utvidgningar, inte båda.", en: "An extension has either a value or extensions, not both." },
    Row { id: "ref-1", on: &["Reference"], of: Both, rule: Check(checks::ref_1), sv: "Det finns ingen innesluten resurs med det id som referensen anger.", en: "There is no contained resource with the id the reference names." },
    Row { id: "ref-2", on: &["Reference"], of: R5, rule: AnyOf(&["reference", "identifier", "display", "extension"]), sv: "En referens måste ha reference, identifier eller display.", en: "A reference must have reference, identifier or display." },
    Row { id: "per-1", on: &["Period"], of: Both, rule: Check(checks::per_1), sv: "Perioden börjar efter att den slutat.", en: "The period starts after its end." },
    Row { id: "cpt-2", on: &["ContactPoint"], of: Both, rule: Needs("value", "system"), sv: "En kontaktväg med värde måste ange vilket slag den är (system).", en: "A contact point with a value must have a system." },
    Row { id: "att-1", on: &["Attachment"], of: Both, rule: Needs("data", "contentType"), sv: "En bilaga med data måste ange contentType.", en: "An attachment with data must have a contentType." },
    Row { id: "qty-3", on: &["Quantity", "Age", "Count", "Distance", "Duration"], of: Both, rule: Needs("code", "system"), sv: "En enhetskod måste ha ett kodsystem.", en: "A unit code must have a system." },
    Row { id: "age-1", on: &["Age"], of: Both, rule: Check(checks::age_1), sv: "En ålder måste vara positiv och ha en UCUM-enhet.", en: "An age must be positive and have a UCUM unit." },
    Row { id: "cnt-3", on: &["Count"], of: Both, rule: Check(checks::cnt_3), sv: "Ett antal måste vara ett heltal med enheten 1.", en: "A count must be a whole number with the unit 1." },
    Row { id: "dis-1", on: &["Distance"], of: Both, rule: Check(checks::dis_1), sv: "En sträcka måste ha en UCUM-enhet.", en: "A distance must have a UCUM unit." },
    Row { id: "drt-1", on: &["Duration"], of: Both, rule: Check(checks::drt_1), sv: "En varaktighet med enhetskod måste ha ett värde och en UCUM-enhet.", en: "A duration with a unit code must have a value and a UCUM unit." },
    Row { id: "rng-2", on: &["Range"], of: Both, rule: Check(checks::rng_2), sv: "Det lägre värdet är högre än det högre.", en: "The low value is higher than the high value." },
    Row { id: "rat-1", on: &["Ratio"], of: Both, rule: Check(checks::rat_1), sv: "Täljare och nämnare måste finnas båda, eller ingen av dem med en utvidgning i stället.", en: "Numerator and denominator must both be present, or neither with an extension instead." },
    Row { id: "ratrng-1", on: &["RatioRange"], of: R5, rule: Check(checks::ratrng_1), sv: "Täljare och nämnare måste finnas, eller ingen av dem med en utvidgning i stället.", en: "Numerator and denominator must be present, or neither with an extension instead." },
    Row { id: "ratrng-2", on: &["RatioRange"], of: R5, rule: Check(checks::ratrng_2), sv: "Den lägre täljaren är högre än den högre.", en: "The low numerator is higher than the high numerator." },
    Row { id: "sdd-1", on: &["SampledData"], of: R5, rule: Check(checks::sdd_1), sv: "Mätserien måste ha antingen interval eller offsets.", en: "Sampled data must have either an interval or offsets." },
    Row { id: "av-1", on: &["Availability.availableTime"], of: R5, rule: Check(checks::av_1), sv: "Hela dagen (allDay) kan inte ha klockslag.", en: "All day cannot have times of day." },
    Row { id: "tim-1", on: &["Timing.repeat"], of: Both, rule: Needs("duration", "durationUnit"), sv: "Varaktighet kräver enhet.", en: "A duration needs its unit." },
    Row { id: "tim-2", on: &["Timing.repeat"], of: Both, rule: Needs("period", "periodUnit"), sv: "Period kräver enhet.", en: "A period needs its unit." },
    Row { id: "tim-4", on: &["Timing.repeat"], of: Both, rule: Check(checks::tim_4), sv: "Varaktigheten får inte vara negativ.", en: "The duration must not be negative." },
    Row { id: "tim-5", on: &["Timing.repeat"], of: Both, rule: Check(checks::tim_5), sv: "Perioden får inte vara negativ.", en: "The period must not be negative." },
    Row { id: "tim-6", on: &["Timing.repeat"], of: Both, rule: Needs("periodMax", "period"), sv: "periodMax kräver period.", en: "periodMax needs period." },
    Row { id: "tim-7", on: &["Timing.repeat"], of: Both, rule: Needs("durationMax", "duration"), sv: "durationMax kräver duration.", en: "durationMax needs duration." },
    Row { id: "tim-8", on: &["Timing.repeat"], of: Both, rule: Needs("countMax", "count"), sv: "countMax kräver count.", en: "countMax needs count." },
    Row { id: "tim-9", on: &["Timing.repeat"], of: Both, rule: Check(checks::tim_9), sv: "offset kräver when, och inte vid måltid (C, CM, CD, CV).", en: "offset needs when, and not at a meal (C, CM, CD, CV)." },
    Row { id: "tim-10", on: &["Timing.repeat"], of: Both, rule: NotBoth("timeOfDay", "when"), sv: "timeOfDay och when kan inte stå samtidigt.", en: "timeOfDay and when cannot stand together." },
    Row { id: "drq-1", on: &["DataRequirement.codeFilter"], of: Both, rule: Check(checks::drq_1), sv: "Antingen path eller searchParam, inte båda.", en: "Either path or searchParam, not both." },
    Row { id: "drq-2", on: &["DataRequirement.dateFilter"], of: Both, rule: Check(checks::drq_1), sv: "Antingen path eller searchParam, inte båda.", en: "Either path or searchParam, not both." },
    Row { id: "exp-1", on: &["Expression"], of: Both, rule: AnyOf(&["expression", "reference"]), sv: "Ett uttryck måste ha expression eller reference.", en: "An expression must have expression or reference." },
    Row { id: "exp-2", on: &["Expression"], of: R5, rule: Check(checks::exp_2), sv: "Uttryckets namn är inget giltigt variabelnamn.", en: "The expression's name is not a valid variable name." },
    Row { id: "trd-1", on: &["TriggerDefinition"], of: Both, rule: NotBoth("data", "timing[x]"), sv: "data och timing kan inte stå samtidigt.", en: "data and timing cannot stand together." },
    Row { id: "trd-2", on: &["TriggerDefinition"], of: Both, rule: Needs("condition", "data"), sv: "condition kräver data.", en: "condition needs data." },
    Row { id: "trd-3", on: &["TriggerDefinition"], of: Both, rule: Check(checks::trd_3), sv: "Utlösarens slag kräver ett element som saknas (name, timing eller data).", en: "The kind of trigger needs an element that is missing (name, timing or data)." },
    Row { id: "dos-1", on: &["Dosage"], of: R5, rule: Check(checks::dos_1), sv: "asNeededFor kan inte stå när asNeeded är falskt.", en: "asNeededFor cannot stand when asNeeded is false." },
    Row { id: "ctm-1", on: &["CareTeam.participant"], of: R4, rule: Check(checks::ctm_1_r4), sv: "onBehalfOf får bara anges när medlemmen är en Practitioner.", en: "onBehalfOf may only be given when the member is a Practitioner." },
    Row { id: "ctm-1", on: &["CareTeam.participant"], of: R5, rule: Check(checks::ctm_1_r5), sv: "onBehalfOf får bara anges när medlemmen är en Practitioner.", en: "onBehalfOf may only be given when the member is a Practitioner." },
    Row { id: "cpl-3", on: &["CarePlan.activity"], of: R4, rule: NotBoth("detail", "reference"), sv: "En aktivitet har antingen reference eller detail, inte båda.", en: "An activity has either reference or detail, not both." },
    Row { id: "pat-1", on: &["Patient.contact"], of: Both, rule: AnyOf(&["name", "telecom", "address", "organization"]), sv: "En kontaktperson måste ha namn, kontaktväg, adress eller organisation.", en: "A contact must have a name, telecom, address or organization." },
    Row { id: "org-1", on: &["Organization"], of: Both, rule: AnyOf(&["identifier", "name"]), sv: "En organisation måste ha namn eller identifierare.", en: "An organization must have a name or an identifier." },
    Row { id: "org-2", on: &["Address"], of: R4, rule: Check(checks::not_home_of_organization), sv: "En organisation kan inte ha en hemadress.", en: "An organization cannot have a home address." },
    Row { id: "org-3", on: &["ContactPoint"], of: R4, rule: Check(checks::not_home_of_organization), sv: "En organisation kan inte ha en kontaktväg hem.", en: "An organization cannot have a home telecom." },
    Row { id: "org-3", on: &["ExtendedContactDetail"], of: R5, rule: Check(checks::org_3_r5), sv: "En organisation kan inte ha en kontaktväg hem.", en: "An organization cannot have a home telecom." },
    Row { id: "org-4", on: &["ExtendedContactDetail"], of: R5, rule: Check(checks::org_4_r5), sv: "En organisation kan inte ha en hemadress.", en: "An organization cannot have a home address." },
    Row { id: "app-1", on: &["Appointment.participant"], of: Both, rule: AnyOf(&["type", "actor"]), sv: "En deltagare måste ha type eller actor.", en: "A participant must have a type or an actor." },
    Row { id: "app-2", on: &["Appointment"], of: Both, rule: Check(checks::app_2), sv: "Både start och slut måste anges, eller inget av dem.", en: "Both start and end must be given, or neither." },
    Row { id: "app-3", on: &["Appointment"], of: Both, rule: Check(checks::app_3), sv: "Bara föreslagna, avbokade eller köade bokningar kan sakna start och slut.", en: "Only proposed, cancelled or waitlisted appointments can lack start and end." },
    Row { id: "app-4", on: &["Appointment"], of: Both, rule: Check(checks::app_4), sv: "Avbokningsorsak hör bara till avbokade eller uteblivna bokningar.", en: "A cancellation reason belongs to cancelled or no-show appointments only." },
    Row { id: "app-5", on: &["Appointment"], of: R5, rule: Check(checks::app_5), sv: "Bokningen börjar efter att den slutat.", en: "The appointment starts after its end." },
    Row { id: "app-7", on: &["Appointment"], of: R5, rule: OnlyFor("status", &["cancelled", "noshow"], &["cancellationDate"]), sv: "Avbokningsdatum hör bara till avbokade eller uteblivna bokningar.", en: "A cancellation date belongs to cancelled or no-show appointments only." },
    Row { id: "con-1", on: &["Condition.stage"], of: Both, rule: AnyOf(&["summary", "assessment"]), sv: "Ett stadium måste ha summary eller assessment.", en: "A stage must have a summary or an assessment." },
    Row { id: "con-2", on: &["Condition.evidence"], of: R4, rule: AnyOf(&["code", "detail"]), sv: "Ett underlag måste ha code eller detail.", en: "Evidence must have code or detail." },
    Row { id: "con-4", on: &["Condition"], of: R4, rule: Check(checks::con_abated), sv: "Ett tillstånd som upphört måste vara inaktivt, utläkt eller i remission.", en: "A condition that has abated must be inactive, resolved or in remission." },
    Row { id: "con-3", on: &["Condition"], of: R5, rule: Check(checks::con_abated), sv: "Ett tillstånd som upphört måste vara inaktivt, utläkt eller i remission.", en: "A condition that has abated must be inactive, resolved or in remission." },
    Row { id: "con-5", on: &["Condition"], of: R4, rule: Check(checks::con_5), sv: "Ett felregistrerat tillstånd får inte ha klinisk status.", en: "A condition entered in error must not have a clinical status." },
    Row { id: "ppc-1", on: &["Consent"], of: R4, rule: AnyOf(&["policy", "policyRule"]), sv: "Ett samtycke måste ha policy eller policyRule.", en: "A consent must have a policy or a policyRule." },
    Row { id: "gol-1", on: &["Goal.target"], of: Both, rule: Needs("detail[x]", "measure"), sv: "Ett målvärde kräver att det sägs vad som mäts (measure).", en: "A target detail needs a measure." },
    Row { id: "prr-1", on: &["ServiceRequest"], of: Both, rule: Needs("orderDetail", "code"), sv: "orderDetail kräver code.", en: "orderDetail needs code." },
    Row { id: "bdystr-1", on: &["ServiceRequest"], of: R5, rule: NotBoth("bodySite", "bodyStructure"), sv: "bodySite och bodyStructure kan inte stå samtidigt.", en: "bodySite and bodyStructure cannot stand together." },
    Row { id: "tsk-1", on: &["Task"], of: R5, rule: Check(checks::tsk_1), sv: "restriction kräver koden fulfill och focus.", en: "restriction needs the code fulfill and a focus." },
    Row { id: "inv-1", on: &["Task"], of: Both, rule: Check(checks::tsk_dates), sv: "Uppgiften är senast ändrad innan den skrevs.", en: "The task was last modified before it was authored." },
    Row { id: "enc-1", on: &["Encounter.participant"], of: R5, rule: AnyOf(&["type", "actor"]), sv: "En deltagare måste ha type eller actor.", en: "A participant must have a type or an actor." },
    Row { id: "enc-2", on: &["Encounter.participant"], of: R5, rule: Check(checks::enc_2), sv: "En deltagare som är patienten eller en grupp får inte ha type.", en: "A participant who is the patient or a group cannot have a type." },
    Row { id: "que-2", on: &["Questionnaire"], of: Both, rule: Check(checks::que_2), sv: "Varje linkId får stå bara en gång i frågeformuläret.", en: "Each linkId may stand only once in the questionnaire." },
    Row { id: "que-1", on: &["Questionnaire.item"], of: R4, rule: Check(checks::que_1), sv: "En grupp måste ha frågor under sig.", en: "A group must have items beneath it." },
    Row { id: "que-1", on: &["Questionnaire.item"], of: R4, rule: Bars("type", &["display"], &["item"]), sv: "En ren text (display) får inte ha något under sig.", en: "A display item cannot have items beneath it." },
    Row { id: "que-1c", on: &["Questionnaire.item"], of: R5, rule: Bars("type", &["display"], &["item"]), sv: "En ren text (display) får inte ha något under sig.", en: "A display item cannot have items beneath it." },
    Row { id: "que-3", on: &["Questionnaire.item"], of: Both, rule: Bars("type", &["display"], &["code"]), sv: "En ren text (display) får inte ha kod.", en: "A display item cannot have a code." },
    Row { id: "que-4", on: &["Questionnaire.item"], of: Both, rule: NotBoth("answerOption", "answerValueSet"), sv: "answerOption och answerValueSet kan inte stå samtidigt.", en: "answerOption and answerValueSet cannot stand together." },
    Row { id: "que-5", on: &["Questionnaire.item"], of: R4, rule: OnlyFor("type", &["choice", "open-choice", "decimal", "integer", "date", "dateTime", "time", "string", "quantity"], &["answerOption", "answerValueSet"]), sv: "Frågor av detta slag kan inte ha givna svar (answerOption, answerValueSet).", en: "Questions of this type cannot have given answers (answerOption, answerValueSet)." },
    Row { id: "que-5", on: &["Questionnaire.item"], of: R5, rule: OnlyFor("type", &["coding", "decimal", "integer", "date", "dateTime", "time", "string", "quantity"], &["answerOption", "answerValueSet"]), sv: "Frågor av detta slag kan inte ha givna svar (answerOption, answerValueSet).", en: "Questions of this type cannot have given answers (answerOption, answerValueSet)." },
    Row { id: "que-6", on: &["Questionnaire.item"], of: Both, rule: Bars("type", &["display"], &["required", "repeats"]), sv: "En ren text (display) får varken ha required eller repeats.", en: "A display item can have neither required nor repeats." },
    Row { id: "que-7", on: &["Questionnaire.item.enableWhen"], of: Both, rule: Check(checks::que_7), sv: "Villkoret exists måste ha ett booleskt svar (answerBoolean).", en: "The operator exists must have a boolean answer (answerBoolean)." },
    Row { id: "que-8", on: &["Questionnaire.item"], of: Both, rule: Bars("type", &["group", "display"], &["initial"]), sv: "Grupper och rena texter (display) får inte ha startvärden.", en: "Groups and display items cannot have initial values." },
    Row { id: "que-9", on: &["Questionnaire.item"], of: Both, rule: Bars("type", &["display"], &["readOnly"]), sv: "En ren text (display) får inte ha readOnly.", en: "A display item cannot have readOnly." },
    Row { id: "que-10", on: &["Questionnaire.item"], of: R4, rule: OnlyFor("type", &["boolean", "decimal", "integer", "string", "text", "url", "open-choice"], &["maxLength"]), sv: "maxLength hör bara till enkla svar.", en: "maxLength belongs to simple answers only." },
    Row { id: "que-10", on: &["Questionnaire.item"], of: R5, rule: Check(checks::que_10_r5), sv: "maxLength hör bara till enkla svar.", en: "maxLength belongs to simple answers only." },
    Row { id: "que-11", on: &["Questionnaire.item"], of: Both, rule: NotBoth("answerOption", "initial"), sv: "answerOption och initial kan inte stå samtidigt.", en: "answerOption and initial cannot stand together." },
    Row { id: "que-12", on: &["Questionnaire.item"], of: Both, rule: Check(checks::que_12), sv: "Fler än ett villkor (enableWhen) kräver enableBehavior.", en: "More than one enableWhen needs enableBehavior." },
    Row { id: "que-13", on: &["Questionnaire.item"], of: Both, rule: Check(checks::que_13), sv: "Flera startvärden kräver att frågan får upprepas (repeats).", en: "Several initial values need a question that repeats." },
    Row { id: "qrs-1", on: &["QuestionnaireResponse.item"], of: Both, rule: NotBoth("answer", "item"), sv: "Något som besvaras kan inte ha både answer och item.", en: "An item cannot have both answer and item." },
    Row { id: "qrs-2", on: &["QuestionnaireResponse.item", "QuestionnaireResponse.item.answer"], of: R5, rule: Check(checks::qrs_2), sv: "Alla svar på en fråga måste stå i samma item.", en: "All answers to one question must stand in one item." },
    Row { id: "prov-1", on: &["Provenance.agent"], of: R5, rule: Check(checks::prov_1), sv: "Den som gjort något kan inte ha gjort det för sig själv (who, onBehalfOf).", en: "Who and onBehalfOf cannot be the same." },
    Row { id: "grp-1", on: &["Group"], of: R4, rule: Check(checks::grp_1), sv: "Bara en faktisk grupp kan ha medlemmar.", en: "Only an actual group can have members." },
    Row { id: "dev-1", on: &["Device"], of: R5, rule: Check(checks::dev_1), sv: "Bara ett av namnen kan vara det som visas.", en: "Only one of the names can be the one displayed." },
    Row { id: "vsd-1", on: &["ValueSet.compose.include"], of: Both, rule: AnyOf(&["system", "valueSet"]), sv: "Ett urval måste ha system eller valueSet.", en: "A selection must have a system or a valueSet." },
    Row { id: "vsd-2", on: &["ValueSet.compose.include"], of: Both, rule: Needs("concept", "system"), sv: "Koder och filter kräver system.", en: "Concepts and filters need a system." },
    Row { id: "vsd-2", on: &["ValueSet.compose.include"], of: Both, rule: Needs("filter", "system"), sv: "Koder och filter kräver system.", en: "Concepts and filters need a system." },
    Row { id: "vsd-3", on: &["ValueSet.compose.include"], of: Both, rule: NotBoth("concept", "filter"), sv: "concept och filter kan inte stå samtidigt.", en: "concept and filter cannot stand together." },
    Row { id: "vsd-6", on: &["ValueSet.expansion.contains"], of: Both, rule: AnyOf(&["code", "display"]), sv: "En rad måste ha code eller display.", en: "A line must have a code or a display." },
    Row { id: "vsd-9", on: &["ValueSet.expansion.contains"], of: Both, rule: Check(checks::vsd_9), sv: "En rad som inte är abstrakt måste ha code.", en: "A line that is not abstract must have a code." },
    Row { id: "vsd-10", on: &["ValueSet.expansion.contains"], of: Both, rule: Needs("code", "system"), sv: "En kod kräver system.", en: "A code needs a system." },
    Row { id: "vsd-11", on: &["ValueSet.compose.include.concept.designation"], of: R5, rule: Needs("additionalUse", "use"), sv: "additionalUse kräver use.", en: "additionalUse needs use." },
    Row { id: "inv-1", on: &["Parameters.parameter"], of: Both, rule: Check(checks::par_1), sv: "En parameter har exakt ett av value, resource och part.", en: "A parameter has exactly one of value, resource and part." },
    Row { id: "bdl-1", on: &["Bundle"], of: Both, rule: OnlyFor("type", &["searchset", "history"], &["total"]), sv: "total hör bara till sökning och historik.", en: "total belongs to searches and history only." },
    Row { id: "bdl-2", on: &["Bundle"], of: Both, rule: Check(checks::bdl_2), sv: "entry.search hör bara till sökning.", en: "entry.search belongs to searches only." },
    Row { id: "bdl-3", on: &["Bundle"], of: R4, rule: Check(checks::bdl_3_r4), sv: "entry.request måste finnas i batch, transaction och history, och bara där.", en: "entry.request is required in batch, transaction and history, and there only." },
    Row { id: "bdl-4", on: &["Bundle"], of: R4, rule: Check(checks::bdl_4_r4), sv: "entry.response måste finnas i svar och historik, och bara där.", en: "entry.response is required in responses and history, and there only." },
    Row { id: "bdl-3a", on: &["Bundle"], of: R5, rule: Check(checks::bdl_3a), sv: "Posterna måste ha resource och får varken ha request eller response.", en: "The entries must have a resource and neither request nor response." },
    Row { id: "bdl-3b", on: &["Bundle"], of: R5, rule: Check(checks::bdl_3b), sv: "Posterna i en historik måste ha request och response, och resource efter metoden.", en: "The entries of a history must have request and response, and a resource according to the method." },
    Row { id: "bdl-3c", on: &["Bundle"], of: R5, rule: Check(checks::bdl_3c), sv: "Posterna måste ha request, och resource just vid POST, PUT och PATCH.", en: "The entries must have a request, and a resource exactly with POST, PUT and PATCH." },
    Row { id: "bdl-3d", on: &["Bundle"], of: R5, rule: Check(checks::bdl_3d), sv: "Posterna i ett svar måste ha response.", en: "The entries of a response must have a response." },
    Row { id: "bdl-5", on: &["Bundle.entry"], of: Both, rule: AnyOf(&["resource", "request", "response"]), sv: "En post måste ha resource, request eller response.", en: "An entry must have a resource, request or response." },
    Row { id: "bdl-7", on: &["Bundle"], of: Both, rule: Check(checks::bdl_7), sv: "Två poster har samma fullUrl.", en: "Two entries have the same fullUrl." },
    Row { id: "bdl-8", on: &["Bundle.entry"], of: Both, rule: Check(checks::bdl_8), sv: "fullUrl får inte peka på en viss version.", en: "fullUrl must not point to a version." },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::elements::elements;

    #[test]
    fn every_line_names_a_type_and_elements_that_exist() {
        for version in FhirVersion::ALL {
            let tables = elements(version);
            let own = if version == FhirVersion::R4 { R4 } else { R5 };
            for row in ROWS.iter().filter(|row| row.of == own || row.of == Both) {
                for name in row.on {
                    let table = tables
                        .type_(name)
                        .unwrap_or_else(|| panic!("{version} {}: {name}", row.id));
                    let names = match row.rule {
                        Needs(this, that) | NotBoth(this, that) => vec![this, that],
                        AnyOf(names) => names.to_vec(),
                        Bars(name, _, names) | OnlyFor(name, _, names) => [&[name], names].concat(),
                        Check(_) => vec![],
                    };
                    for element in names {
                        let exists = match element.strip_suffix("[x]") {
                            Some(stem) => table.iter().any(|(_, e)| e.choice.as_deref() == Some(stem)),
                            None => table.get(element).is_some(),
                        };
                        assert!(exists, "{version} {}: {name}.{element}", row.id);
                    }
                }
            }
        }
    }
}
