//! `/riktlinje`: every rule with its source and its severity in every policy, in Swedish, for whoever answers for a unit.
//! Made from the catalogue and the policies of the running service; nothing is fetched from elsewhere, so the page can be
//! saved and printed. Called by `api`.

use std::fmt::Write;

use serde_json::Value;

use crate::riktlinje::catalogue::all;
use crate::riktlinje::policy::NATIONELL;
use crate::riktlinje::{Policies, Policy, Rule, Severity};

/// The families of rules in the order of the guideline: letters, name, what they are about.
const FAMILIES: [(&str, &str, &str); 12] = [
    (
        "FK",
        "Alla fasta kontakter",
        "Prövas när en fast kontakt registreras eller ändras.",
    ),
    (
        "FVK",
        "Fast vårdkontakt",
        "Prövas när en fast vårdkontakt registreras eller ändras, också en med övergripande samordningsansvar.",
    ),
    (
        "FLK",
        "Fast läkarkontakt",
        "Prövas när en fast läkarkontakt registreras eller ändras.",
    ),
    (
        "FOK",
        "Fast omsorgskontakt",
        "Prövas när en fast omsorgskontakt registreras eller ändras.",
    ),
    (
        "DOK",
        "Dokumenterad överenskommelse",
        "Prövas när en överenskommelse, tidigare patientkontrakt, upprättas eller ändras.",
    ),
    (
        "MVP",
        "Medicinsk vårdplan",
        "Prövas när en medicinsk vårdplan upprättas eller ändras.",
    ),
    (
        "SIP",
        "Samordnad individuell plan",
        "Prövas när en SIP, eller en plan vid utskrivning, upprättas eller ändras.",
    ),
    (
        "IP",
        "Andra individuella planer",
        "Prövas när en habiliterings- eller rehabiliteringsplan upprättas eller ändras.",
    ),
    (
        "PAT",
        "Patientens hela bild",
        "Vårdgivarens skyldigheter mot patienten. De hindrar ingen registrering; de visas i riktlinjekontrollen och i enhetens arbetslista.",
    ),
    (
        "UTS",
        "Utskrivning från sluten vård",
        "Visas i riktlinjekontrollen och i enhetens arbetslista; en utskrivning hindras aldrig.",
    ),
    ("LIST", "Läkarens lista", "Visas i enhetens arbetslista."),
    (
        "ID",
        "Identiteter",
        "Prövas när personer, personal och enheter registreras eller ändras.",
    ),
];

/// The parameters in Swedish, by their names in a policy file; a test holds the list against the policies'.
const PARAMETERS: [(&str, &str); 17] = [
    (
        "flest-fasta-vardkontakter",
        "Högsta antal aktiva fasta vårdkontakter per patient (FVK-03)",
    ),
    (
        "livshotande-lakare-raknas-inte",
        "Läkaren vid livshotande tillstånd räknas inte med i antalet (FVK-03)",
    ),
    (
        "livshotande-koder",
        "Diagnoskoder som i sig är livshotande (FVK-01, PAT-03)",
    ),
    (
        "behandlande-roller",
        "Behandlande roller används bredvid de fasta kontakterna",
    ),
    ("konsultverksamheter", "Konsultverksamheter, HSA-id (FK-08)"),
    (
        "specialistkoder",
        "Specialiteter som gör en specialist, utöver befattningarna (FLK-02)",
    ),
    (
        "psykiatri-far-ha-lakarkontakt",
        "Psykiatrin får ha den fasta läkarkontakten i hemsjukvård (FLK-03)",
    ),
    (
        "insatser-som-kraver-lakarkontakt",
        "Insatser som kräver fast läkarkontakt (PAT-01)",
    ),
    (
        "grupper-for-overenskommelse",
        "Grupper som bör ha en överenskommelse (PAT-04)",
    ),
    (
        "signal-vid-overenskommelse",
        "Den fasta vårdkontakten får en signal när någon annan upprättar en överenskommelse",
    ),
    ("fragor", "Frågor som hör till överenskommelsen (DOK-08)"),
    ("invanare-per-specialist", "Invånare per specialist (LIST-01)"),
    ("invanare-per-st-lakare", "Invånare per ST-läkare (LIST-01)"),
    ("dagar-till-utsedd", "Dagar från begäran till utsedd kontakt (PAT-08)"),
    ("dagar-efter-utskrivning", "Dagar som en utskrivning följs upp (UTS)"),
    (
        "dagar-avbojt-erbjudande",
        "Dagar som ett avböjt erbjudande respekteras (PAT-01 till PAT-04)",
    ),
    (
        "manader-mellan-omprovningar",
        "Månader mellan omprövningar av fast vårdkontakt (PAT-06)",
    ),
];

const STYLE: &str = include_str!("page.css");

/// The page as an HTML document.
pub fn riktlinje(policies: &Policies) -> String {
    let mut page = String::new();
    write(&mut page, policies).map_or_else(|_| String::new(), |()| page)
}

fn write(page: &mut String, policies: &Policies) -> std::fmt::Result {
    // The national one first: the others differ from it.
    let national = policies.all().filter(|policy| policy.name == NATIONELL);
    let regional = policies.all().filter(|policy| policy.name != NATIONELL);
    let policies: Vec<&Policy> = national.chain(regional).collect();
    let (count, judged) = (all().count(), all().filter(|rule| rule.is_checked()).count());
    write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"sv\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Riktlinjens regler – Fastkontakt</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>Riktlinjens regler</h1>\n\
         <p>Så prövar den här tjänsten fasta kontakter, överenskommelser och planer. Reglerna kommer ur regionernas \
         riktlinjer, nationella specifikationer och lag. Sidan är gjord av tjänstens egna regler: det som står här är \
         det som gäller. {judged} av {count} regler prövas i den här versionen.</p>\n</header>\n"
    )?;
    contents(page)?;
    page.push_str("<main>\n");
    severities(page)?;
    sources(page, &policies)?;
    for (family, name, about) in FAMILIES {
        let rules: Vec<&Rule> = all().filter(|rule| rule.family() == family).collect();
        section(page, &rules, (family, name, about), &policies)?;
    }
    parameters(page, &policies)?;
    page.push_str("</main>\n");
    writeln!(
        page,
        "<footer><p>Fastkontakt {}. Samma regler finns i maskinläsbar form som <code>CodeSystem/riktlinje</code>.</p></footer>\n\
         </body>\n</html>",
        env!("CARGO_PKG_VERSION")
    )
}

fn contents(page: &mut String) -> std::fmt::Result {
    page.push_str("<nav aria-label=\"Innehåll\">\n<ul>\n");
    page.push_str("<li><a href=\"#allvarlighet\">Så läser du sidan</a></li>\n");
    page.push_str("<li><a href=\"#kallor\">Riktlinjerna</a></li>\n");
    for (family, name, _) in FAMILIES {
        writeln!(page, "<li><a href=\"#{family}\">{name} ({family})</a></li>")?;
    }
    page.push_str("<li><a href=\"#parametrar\">Regionernas val</a></li>\n</ul>\n</nav>\n");
    Ok(())
}

fn severities(page: &mut String) -> std::fmt::Result {
    page.push_str(
        "<section id=\"allvarlighet\">\n<h2>Så läser du sidan</h2>\n\
         <p>Varje regel har en allvarlighetsgrad, som kan skilja mellan regionerna. Enhetens region avgör vilken som gäller.</p>\n<dl>\n",
    );
    for (severity, meaning) in [
        (
            Some(Severity::Error),
            "Riktlinjen säger ”ska”, eller lagen kräver det. Registreringen tas inte emot förrän felet är rättat. Att avsluta en kontakt hindras aldrig.",
        ),
        (
            Some(Severity::Warning),
            "Riktlinjen säger ”bör”, eller kravet är en annan regions. Registreringen tas emot, och avvikelsen berättas. Saknas ett underlag som regeln behöver blir det också en varning.",
        ),
        (Some(Severity::Information), "Värt att veta. Registreringen tas emot."),
        (None, "Regeln gäller inte här."),
    ] {
        writeln!(page, "<div><dt>{}</dt><dd>{meaning}</dd></div>", badge(severity))?;
    }
    page.push_str(
        "</dl>\n<p>Regler märkta <em>när den är aktiv</em> gäller kontakter och planer i kraft; för utkast berättas samma sak \
         som upplysning. Ett fel som redan fanns när något ändras blir en varning.</p>\n</section>\n",
    );
    Ok(())
}

fn sources(page: &mut String, policies: &[&Policy]) -> std::fmt::Result {
    page.push_str(
        "<section id=\"kallor\">\n<h2>Riktlinjerna</h2>\n<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">Region</th>\
         <th scope=\"col\">Dokument</th><th scope=\"col\">Version</th><th scope=\"col\">Gäller från</th>\
         <th scope=\"col\">Ses över</th></tr></thead>\n<tbody>\n",
    );
    for policy in policies {
        let source = &policy.source;
        let day = |day: Option<jiff::civil::Date>| day.map_or_else(|| "–".to_owned(), |day| day.to_string());
        let text = |text: &Option<String>| text.as_deref().map_or_else(|| "–".to_owned(), escaped);
        writeln!(
            page,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td class=\"day\">{}</td><td class=\"day\">{}</td></tr>",
            escaped(&policy.title),
            text(&source.document),
            text(&source.version),
            day(source.valid_from),
            day(source.review),
        )?;
    }
    page.push_str("</tbody>\n</table></div>\n</section>\n");
    Ok(())
}

fn section(
    page: &mut String,
    rules: &[&Rule],
    (family, name, about): (&str, &str, &str),
    policies: &[&Policy],
) -> std::fmt::Result {
    writeln!(page, "<section id=\"{family}\">\n<h2>{name}</h2>\n<p>{about}</p>")?;
    page.push_str("<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">Regel</th><th scope=\"col\">Krav</th>");
    for policy in policies {
        write!(page, "<th scope=\"col\">{}</th>", escaped(&policy.title))?;
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for rule in rules {
        let id = rule.id;
        write!(
            page,
            "<tr id=\"{id}\"><th scope=\"row\"><a href=\"#{id}\">{id}</a></th><td>{}",
            escaped(rule.sv)
        )?;
        let mut notes = vec![format!("Källa: {}.", escaped(rule.source))];
        notes.extend(rule.active.then(|| "Gäller när den är aktiv.".to_owned()));
        notes.extend(
            (rule.patient && rule.is_judged_on_writes())
                .then(|| "Ser på patientens alla kontakter och planer.".to_owned()),
        );
        notes.extend((!rule.is_checked()).then(|| "<strong>Prövas inte ännu.</strong>".to_owned()));
        write!(page, "<p class=\"note\">{}</p></td>", notes.join(" "))?;
        for policy in policies {
            write!(page, "<td>{}</td>", badge(policy.severity(rule)))?;
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table></div>\n</section>\n");
    Ok(())
}

fn badge(severity: Option<Severity>) -> String {
    let (class, name) = match severity {
        Some(Severity::Error) => ("error", "Fel"),
        Some(Severity::Warning) => ("warning", "Varning"),
        Some(Severity::Information) => ("information", "Upplysning"),
        None => ("off", "Gäller inte"),
    };
    format!("<span class=\"badge {class}\">{name}</span>")
}

fn parameters(page: &mut String, policies: &[&Policy]) -> std::fmt::Result {
    page.push_str(
        "<section id=\"parametrar\">\n<h2>Regionernas val</h2>\n<p>Det som riktlinjerna lämnar till regionen.</p>\n\
         <div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">Val</th>",
    );
    for policy in policies {
        write!(page, "<th scope=\"col\">{}</th>", escaped(&policy.title))?;
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    let chosen: Vec<_> = policies.iter().map(|policy| policy.parameters.listed()).collect();
    for (at, (name, _, _)) in chosen.first().into_iter().flatten().enumerate() {
        let label = PARAMETERS
            .iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, label)| label);
        write!(page, "<tr><th scope=\"row\">{label} <code>{name}</code></th>")?;
        for values in &chosen {
            write!(page, "<td>{}</td>", shown(&values[at].2))?;
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table></div>\n</section>\n");
    Ok(())
}

/// A parameter's value for the reader.
fn shown(value: &Value) -> String {
    match value {
        Value::Bool(true) => "ja".to_owned(),
        Value::Bool(false) => "nej".to_owned(),
        Value::Array(items) if !items.is_empty() => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Null | Value::Array(_) => "–".to_owned(),
        Value::String(text) => escaped(text),
        // A code of a code system.
        Value::Object(_) => escaped(value["code"].as_str().unwrap_or_default()),
        Value::Number(number) => number.to_string(),
    }
}

/// Policies are an operator's files: nothing of them is taken for markup.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_and_every_parameter_is_on_the_page_once() {
        let policies = Policies::shipped();
        let page = riktlinje(&policies);
        for rule in all() {
            let anchor = format!("<tr id=\"{}\">", rule.id);
            assert_eq!(page.matches(&anchor).count(), 1, "{anchor}");
            assert!(page.contains(&escaped(rule.source)), "{}", rule.id);
        }
        let known: Vec<&str> = PARAMETERS.iter().map(|(name, _)| *name).collect();
        let listed = policies.nationell().parameters.listed();
        let named: Vec<&str> = listed.iter().map(|(name, _, _)| name.as_str()).collect();
        assert_eq!(known, named);
    }

    #[test]
    fn what_an_operator_writes_is_no_markup() {
        assert_eq!(escaped("<b>\"&"), "&lt;b&gt;&quot;&amp;");
    }
}
