//! The rules about plans: DOK, MVP, SIP, IP.

use super::Check::Plan;
use super::Rule;
use super::kallor::{gavleborg, halland, orebro};
use crate::riktlinje::finding::Severity::{Error, Information, Warning};
use crate::riktlinje::plan::Planer;
use crate::riktlinje::{dok, ip, mvp, sip};

pub(super) static RULES: &[Rule] = &[
    // Dokumenterad överenskommelse.
    Rule::new("DOK-01", Warning, orebro!("9.1"))
        .active()
        .underlag()
        .demands(
            "Varje åtagande säger vad som ska göras, av vem och när.",
            "Every åtagande says what is to be done, by whom and when.",
        )
        .check(Plan(Planer::Overenskommelse, dok::dok_01)),
    Rule::new("DOK-02", Warning, orebro!("9.1"))
        .active()
        .underlag()
        .demands(
            "Överenskommelsen visar både vad patienten och vad vården ska göra.",
            "The överenskommelse shows both what the patient and what the care provider will do.",
        )
        .check(Plan(Planer::Overenskommelse, dok::dok_02)),
    Rule::new("DOK-03", Warning, concat!(orebro!("9.1"), "; ", gavleborg!("nuläge")))
        .active()
        .underlag()
        .demands(
            "Överenskommelsen visar vem patienten kan vända sig till.",
            "The överenskommelse shows whom the patient can turn to.",
        )
        .check(Plan(Planer::Overenskommelse, dok::dok_03)),
    Rule::new(
        "DOK-04",
        Warning,
        concat!(orebro!("9.1"), "; ", gavleborg!("handlingsplan"), "; ", halland!("1.3")),
    )
    .active()
    .underlag()
    .demands(
        "Överenskommelsen har en överenskommen tid för nästa kontakt, eller skälet till att ingen är bokad.",
        "The överenskommelse has an agreed time for the next contact, or the reason why none is booked.",
    )
    .check(Plan(Planer::Overenskommelse, dok::dok_04)),
    Rule::new("DOK-05", Warning, concat!(orebro!("9.1"), "; ", halland!("1.2")))
        .active()
        .underlag()
        .demands(
            "Vården och patienten utformar överenskommelsen tillsammans.",
            "The care provider and the patient make the överenskommelse together.",
        )
        .check(Plan(Planer::Overenskommelse, dok::dok_05)),
    Rule::new("DOK-06", Warning, orebro!("9.1"))
        .active()
        .demands(
            "Överenskommelsen är tillgänglig för patienten.",
            "The överenskommelse is open to the patient.",
        )
        .check(Plan(Planer::Overenskommelse, dok::dok_06)),
    Rule::new("DOK-07", Information, gavleborg!("syfte"))
        .active()
        .underlag()
        .demands(
            "Överenskommelsen säger vad som är viktigt för patienten.",
            "The överenskommelse tells what matters to the patient.",
        )
        .check(Plan(Planer::Overenskommelse, dok::dok_07)),
    Rule::new("DOK-08", Information, gavleborg!("handlingsplan"))
        .active()
        .underlag()
        .demands(
            "Regionens frågor till patienten är besvarade.",
            "The region's questions to the patient have been answered.",
        )
        .check(Plan(Planer::Overenskommelse, dok::dok_08)),
    Rule::new("DOK-09", Information, gavleborg!("sammanhållen planering"))
        .active()
        .patient()
        .demands("Patientens planer hänger ihop.", "The patient's plans are linked.")
        .check(Plan(Planer::Overenskommelse, dok::dok_09)),
    // Medicinsk vårdplan.
    Rule::new("MVP-01", Warning, orebro!("9.2"))
        .active()
        .underlag()
        .demands(
            "En medicinsk vårdplan har fyra delar: prognos; vårdnivå, inriktning och direktkontakt; handlingsplan vid \
         försämring; uppföljning.",
            "A medicinsk vårdplan has four parts: prognosis; level and direction of care with direct contact; plan of \
         action for deterioration; follow-up.",
        )
        .check(Plan(Planer::MedicinskVardplan, mvp::mvp_01)),
    Rule::new("MVP-02", Warning, orebro!("9.2, 8.4"))
        .active()
        .underlag()
        .demands(
            "En läkare ansvarar för den medicinska vårdplanen.",
            "A physician is responsible for the medicinsk vårdplan.",
        )
        .check(Plan(Planer::MedicinskVardplan, mvp::mvp_02)),
    Rule::new("MVP-03", Warning, orebro!("9.2"))
        .active()
        .underlag()
        .demands(
            "Den medicinska vårdplanen upprättas med patientens delaktighet.",
            "The medicinsk vårdplan is made with the patient's participation.",
        )
        .check(Plan(Planer::MedicinskVardplan, mvp::mvp_03)),
    Rule::new("MVP-04", Warning, orebro!("9.2"))
        .active()
        .demands(
            "Uppföljningen säger när och av vem planen ska följas upp.",
            "The follow-up says when and by whom the plan is to be reviewed.",
        )
        .check(Plan(Planer::MedicinskVardplan, mvp::mvp_04)),
    Rule::new("MVP-05", Information, orebro!("9.2"))
        .active()
        .underlag()
        .demands(
            "Dokumentationen omfattar eventuella beslut om behandlingsbegränsningar.",
            "Any decisions to limit treatment are documented.",
        )
        .check(Plan(Planer::MedicinskVardplan, mvp::mvp_05)),
    // Samordnad individuell plan and other individual plans.
    Rule::new("SIP-01", Error, concat!(orebro!("9.3"), "; HSL (2017:30) 16 kap. 4 §"))
        .active()
        .underlag()
        .patient()
        .demands(
            "En SIP förutsätter den enskildes samtycke.",
            "A SIP requires the individual's consent.",
        )
        .check(Plan(Planer::Sip, sip::sip_01)),
    Rule::new("SIP-02", Error, "HSL (2017:30) 16 kap. 4 § 1")
        .active()
        .underlag()
        .demands(
            "Av planen framgår vilka insatser som behövs.",
            "The plan shows which insatser are needed.",
        )
        .check(Plan(Planer::Sip, sip::sip_02)),
    Rule::new("SIP-03", Error, "HSL (2017:30) 16 kap. 4 § 2")
        .active()
        .underlag()
        .demands(
            "Av planen framgår vilka insatser respektive huvudman svarar för.",
            "The plan shows which insatser each huvudman is responsible for.",
        )
        .check(Plan(Planer::Sip, sip::sip_03)),
    Rule::new("SIP-04", Warning, "HSL (2017:30) 16 kap. 4 § 3")
        .active()
        .underlag()
        .demands(
            "Av planen framgår vilka åtgärder någon annan än regionen eller kommunen vidtar.",
            "The plan shows the measures taken by others than the region and the kommun.",
        )
        .check(Plan(Planer::Sip, sip::sip_04)),
    Rule::new("SIP-05", Error, "HSL (2017:30) 16 kap. 4 § 4")
        .active()
        .underlag()
        .demands(
            "Av planen framgår vem av huvudmännen som har det övergripande ansvaret.",
            "The plan shows which huvudman has the overall responsibility.",
        )
        .check(Plan(Planer::Sip, sip::sip_05)),
    Rule::new("SIP-06", Warning, orebro!("1.1.3"))
        .active()
        .underlag()
        .demands(
            "Planen upprättas tillsammans med den enskilde när det är möjligt.",
            "The plan is made together with the individual when possible.",
        )
        .check(Plan(Planer::Sip, sip::sip_06)),
    Rule::new("SIP-07", Warning, orebro!("7.5"))
        .active()
        .patient()
        .demands(
            "En fast vårdkontakt med samordningsansvar sammankallar till SIP.",
            "A fast vårdkontakt with responsibility for coordination convenes the SIP.",
        )
        .check(Plan(Planer::Sip, sip::sip_07)),
    Rule::new("SIP-08", Information, concat!(halland!("1.2"), "; ", orebro!("7.5")))
        .active()
        .underlag()
        .patient()
        .demands(
            "Patienten har en gemensam plan, med en tid för uppföljning.",
            "The patient has one common plan, with a time for follow-up.",
        )
        .check(Plan(Planer::Sip, sip::sip_08)),
    Rule::new("IP-01", Error, concat!(orebro!("1.1.3"), "; HSL (2017:30) 8 kap. 7 §"))
        .active()
        .underlag()
        .demands(
            "Av den individuella planen framgår planerade och beslutade insatser.",
            "The individual plan shows planned and decided insatser.",
        )
        .check(Plan(Planer::Individuell, ip::ip_01)),
    Rule::new("IP-02", Warning, orebro!("1.1.3"))
        .active()
        .underlag()
        .demands(
            "Den individuella planen upprättas i samverkan med patienten.",
            "The individual plan is made in collaboration with the patient.",
        )
        .check(Plan(Planer::Individuell, ip::ip_02)),
];
