//! Bearer tokens: which are accepted, and how those that are not are answered.

use std::time::Duration;

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use crate::common::{Answer, TestApp, spawn};
use crate::issuer::*;
use crate::people::outcome;

/// Whoever is known may ask for it; it tells whether a token is accepted, whatever its bearer may read.
const ACCEPTED_AT: &str = "/fhir/r5/metadata";

fn status(app: &TestApp, token: &str) -> u16 {
    get(app, ACCEPTED_AT, token).status
}

/// Expects a refusal that tells what is wrong with the token in the header, and nothing of it in the body.
fn refused(app: &TestApp, token: &str, why: &str) {
    let answer = get(app, ACCEPTED_AT, token).expect(401);
    assert_eq!(
        answer.header("www-authenticate"),
        Some("Bearer realm=\"fastkontakt\", error=\"invalid_token\""),
        "{why}"
    );
    assert_outcome(&answer, "login");
    for part in token.split('.').filter(|part| part.len() > 8) {
        assert!(!answer.text.contains(part), "{why}: {}", answer.text);
    }
}

fn assert_outcome(answer: &Answer, code: &str) {
    let outcome = outcome(answer);
    assert_eq!(outcome["issue"][0]["code"], code);
    assert!(outcome["issue"][0]["diagnostics"].is_null(), "{outcome}");
    assert!(answer.header("x-request-id").is_some());
}

#[test]
fn without_a_token_only_what_is_open_to_all_is_answered() {
    let issuer = Issuer::start();
    let app = issuer.service();
    for path in [
        "/fhir/r5/metadata",
        "/fhir/r4/metadata",
        "/health/live",
        "/health/ready",
        "/riktlinje",
        "/openapi.json",
        "/fhir/r5/StructureDefinition",
        "/fhir/r5/CodeSystem/riktlinje",
    ] {
        app.get(path).expect(200);
    }
    for (method, path) in [
        ("GET", "/fhir/r5/Patient/anna"),
        ("GET", "/fhir/r5/Patient"),
        ("HEAD", "/fhir/r5/Patient/anna"),
        ("POST", "/fhir/r5/Patient/_search"),
        ("POST", "/fhir/r5/Patient"),
        ("PUT", "/fhir/r4/Patient/anna"),
        ("PATCH", "/fhir/r4/Patient/anna"),
        ("DELETE", "/fhir/r5/Patient/anna"),
        ("POST", "/fhir/r5"),
        ("GET", "/fhir/r5/"),
        ("GET", "/fhir/r5/_history"),
        ("GET", "/fhir/r5/Observation"),
        ("GET", "/fhir/r5/Patient/anna/$everything"),
        ("GET", "/fhir/r5/%6Detadata"),
        ("GET", "/fhir/r5/metadata/"),
        ("GET", "/fhir/r5/Patient?access_token=x"),
    ] {
        let answer = app.send(method, path, &[], (method == "POST").then_some(b"{}".as_slice()));
        assert_eq!(answer.status, 401, "{method} {path}");
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer realm=\"fastkontakt\""),
            "{method} {path}"
        );
        if method != "HEAD" {
            assert_outcome(&answer, "login");
        }
    }
    app.send("OPTIONS", "/fhir/r5/Patient/anna", &[], None).expect(204);
    app.get("/fhir/r3/metadata").expect(404);
    let metrics = app.get("/metrics").expect(200).text;
    assert!(
        metrics.contains(r#"interaction="authenticate",status="401""#),
        "{metrics}"
    );
}

#[test]
fn tokens_signed_by_every_algorithm_are_accepted() {
    for alg in ["RS256", "RS384", "PS256", "ES256", "ES384", "EdDSA"] {
        let issuer = Issuer::with_key(Key::new("k", alg));
        let app = issuer.service();
        let token = issuer.token(&medarbetare(&app, "user/*.rs"));
        assert_eq!(status(&app, &token), 200, "{alg}");
        assert_eq!(status(&app, &token), 200, "{alg}, remembered");
        let (rest, signature) = token.rsplit_once('.').unwrap();
        let first = if signature.starts_with('A') { 'B' } else { 'A' };
        refused(&app, &format!("{rest}.{first}{}", &signature[1..]), alg);
        let other = Key::new("k", if alg == "ES256" { "EdDSA" } else { "ES256" });
        refused(
            &app,
            &other.token(&medarbetare(&app, "user/*.rs")),
            "another key of the same name",
        );
    }
}

#[test]
fn a_token_is_for_this_service_from_this_issuer_and_now() {
    let issuer = Issuer::start();
    let app = issuer.service();
    let with = |more: Value| {
        let mut all = medarbetare(&app, "user/*.rs");
        for (name, value) in more.as_object().unwrap() {
            match value {
                Value::Null => drop(all.as_object_mut().unwrap().remove(name)),
                value => all[name] = value.clone(),
            }
        }
        issuer.token(&all)
    };
    let now = now(&app);
    for good in [
        json!({}),
        json!({ "aud": ["https://other.example.se", AUDIENCE] }),
        json!({ "exp": now - 30 }),
        json!({ "exp": now as f64 + 10.5 }),
        json!({ "nbf": now + 30 }),
    ] {
        assert_eq!(status(&app, &with(good.clone())), 200, "{good}");
    }
    for (bad, why) in [
        (json!({ "aud": "https://other.example.se" }), "another audience"),
        (json!({ "aud": [] }), "an empty audience"),
        (json!({ "aud": null }), "no audience"),
        (json!({ "aud": format!("{AUDIENCE}/") }), "nearly the audience"),
        (json!({ "iss": "https://evil.example.org" }), "another issuer"),
        (json!({ "iss": null }), "no issuer"),
        (json!({ "iss": format!("{ISSUER}/") }), "nearly the issuer"),
        (json!({ "exp": now - 61 }), "expired"),
        (json!({ "exp": null }), "never expires"),
        (json!({ "exp": "tomorrow" }), "a time that is none"),
        (json!({ "nbf": now + 61 }), "not valid yet"),
        (
            json!({ "cnf": { "jkt": "x" } }),
            "bound to a key that cannot be checked",
        ),
        (json!({ "cnf": {} }), "bound to nothing"),
    ] {
        refused(&app, &with(bad), why);
    }
}

#[test]
fn no_token_has_a_public_key_taken_for_a_secret_or_no_signature_for_a_good_one() {
    let issuer = Issuer::with_key(Key::new("k", "RS256"));
    let app = issuer.service();
    let claims = medarbetare(&app, "user/*.rs");
    let secrets = [
        issuer.key.modulus(),
        issuer.key.jwk().to_string().into_bytes(),
        Vec::new(),
    ];
    for secret in secrets {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let signed = unsigned(&json!({ "alg": "HS256", "kid": "k" }), &claims);
        let tag = hmac::sign(&key, signed.as_bytes());
        refused(
            &app,
            &format!("{signed}.{}", encoded(tag.as_ref())),
            "HS256 with the public key",
        );
    }
    for alg in ["none", "None", "NONE", "", "RS1", "RSA-OAEP"] {
        let signed = unsigned(&json!({ "alg": alg, "kid": "k" }), &claims);
        refused(&app, &format!("{signed}."), alg);
    }
    let good = issuer.token(&claims);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    refused(&app, &format!("{signed}."), "no signature");
    // The key of the attacker in the header is not looked at.
    let own = Key::new("k", "ES256");
    for header in [
        json!({ "alg": "ES256", "jwk": own.jwk() }),
        json!({ "alg": "ES256", "kid": "k", "jwk": own.jwk() }),
        json!({ "alg": "ES256", "kid": "k", "jku": "http://127.0.0.1:1/jwks" }),
        json!({ "alg": "RS256", "kid": "../../k" }),
    ] {
        refused(&app, &own.token_with(&header, &claims), &header.to_string());
    }
    // Another's claims under a good signature.
    let header = json!({ "alg": "RS256", "typ": "at+jwt", "kid": "k" });
    let others = unsigned(&header, &medarbetare(&app, "user/*.cruds"));
    refused(&app, &format!("{others}.{signature}"), "a signature of other claims");
    for header in [
        json!({ "alg": "RS256", "kid": "k", "typ": "dpop+jwt" }),
        json!({ "alg": "RS256", "kid": "k", "typ": "logout+jwt" }),
        json!({ "alg": "RS256", "kid": "k", "crit": ["exp"] }),
        json!({ "alg": "RS256", "kid": "k", "crit": ["b64"], "b64": false }),
        json!({ "alg": "RS256", "kid": "k", "b64": false }),
    ] {
        refused(&app, &issuer.key.token_with(&header, &claims), &header.to_string());
    }
    for header in [
        json!({ "alg": "RS256" }),
        json!({ "alg": "RS256", "kid": "k", "typ": "JWT" }),
    ] {
        assert_eq!(status(&app, &issuer.key.token_with(&header, &claims)), 200, "{header}");
    }
    assert_eq!(status(&app, &good), 200);
}

/// Readers differ in which of two values they take.
#[test]
fn a_token_says_everything_once() {
    let issuer = Issuer::start();
    let app = issuer.service();
    let claims = medarbetare(&app, "user/*.rs").to_string();
    let header = r#"{"alg":"ES256","kid":"k1"}"#;
    assert_eq!(status(&app, &issuer.key.token_of(header, &claims)), 200);
    let rest = claims.strip_prefix('{').unwrap();
    for twice in [
        format!(r#"{{"scope":"user/*.cruds",{rest}"#),
        format!(r#"{{"organization_hsaid":"SE2321000172-B",{rest}"#),
        format!(r#"{{"sc\u006fpe":"user/*.cruds",{rest}"#),
        format!(r#"{{"uppdrag":{{"a":1,"a":2}},{rest}"#),
        format!("{claims} x"),
    ] {
        refused(&app, &issuer.key.token_of(header, &twice), &twice);
    }
    let header = r#"{"alg":"ES256","kid":"k1","kid":"k1"}"#;
    refused(&app, &issuer.key.token_of(header, &claims), header);
}

#[test]
fn a_key_is_for_no_other_algorithm_than_it_says() {
    let issuer = Issuer::with_key(Key::new("k", "PS256"));
    let mut jwk = issuer.key.jwk();
    jwk["alg"] = json!("RS256");
    issuer.answer(&json!({ "keys": [jwk] }).to_string());
    let app = issuer.service();
    refused(
        &app,
        &issuer.token(&medarbetare(&app, "user/*.rs")),
        "the key says RS256",
    );
    let narrowed = Issuer::with_key(Key::new("k", "RS256"));
    let app = narrowed.service_with(|settings| {
        settings.access.as_mut().unwrap().issuers[0].algorithms = vec!["PS256".to_owned()];
    });
    refused(
        &app,
        &narrowed.token(&medarbetare(&app, "user/*.rs")),
        "the operator says PS256",
    );
}

#[test]
fn an_issuer_speaks_for_itself_alone() {
    let issuer = Issuer::start();
    let other = Issuer::with_key(Key::new("k2", "ES256"));
    let mut settings = other.access().issuers;
    settings[0].issuer = "https://idp2.example.se".to_owned();
    let app = issuer.service_with(|all| {
        let access = all.access.as_mut().unwrap();
        access.issuers.append(&mut settings);
        access.systems = toml::from_str::<fastkontakt::access::settings::AccessSettings>(&format!(
            "[[systems]]\nclient = \"klient\"\nissuer = \"{ISSUER}\"\nvardgivare = \"{VARDGIVARE}\""
        ))
        .unwrap()
        .systems;
    });
    let mut claims = medarbetare(&app, "user/*.rs");
    assert_eq!(status(&app, &issuer.token(&claims)), 200);
    refused(&app, &other.token(&claims), "the other's key");
    claims["iss"] = json!("https://idp2.example.se");
    assert_eq!(status(&app, &other.token(&claims)), 200);
    refused(&app, &issuer.token(&claims), "the one's key");
    // What the operator says of the one's client is not said of the other's of the same name.
    let mut program = system(&app, "system/*.rs");
    program.as_object_mut().unwrap().remove("organization_hsaid");
    assert_eq!(status(&app, &issuer.token(&program)), 200);
    program["iss"] = json!("https://idp2.example.se");
    assert_eq!(status(&app, &other.token(&program)), 403);
}

#[test]
fn what_is_no_token_is_refused_whatever_its_size() {
    let issuer = Issuer::start();
    let app = issuer.service();
    for text in ["", "x", "a.b.c", "...", "eyJhbGciOiJFUzI1NiJ9.."] {
        let answer = app.send(
            "GET",
            ACCEPTED_AT,
            &[("Authorization", &format!("Bearer {text}"))],
            None,
        );
        assert_eq!(answer.status, 401, "{text}");
    }
    for header in ["Basic YTpi", "Bearer", "Token x"] {
        app.send("GET", ACCEPTED_AT, &[("Authorization", header)], None)
            .expect(401);
    }
    let mut large = medarbetare(&app, "user/*.rs");
    large["padding"] = json!("x".repeat(20_000));
    refused(&app, &issuer.token(&large), "larger than is read");
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let token = format!(
        "{}.{}.AAAA",
        encoded(br#"{"alg":"ES256","kid":"k1"}"#),
        encoded(deep.as_bytes())
    );
    refused(&app, &token, "nested deep");
    let token = issuer.token(&medarbetare(&app, "user/*.rs"));
    let both = format!("Bearer {token}");
    let twice = [("Authorization", both.as_str()), ("Authorization", both.as_str())];
    app.send("GET", ACCEPTED_AT, &twice, None).expect(401);
    let lower = format!("bearer {token}");
    app.send("GET", ACCEPTED_AT, &[("Authorization", &lower)], None)
        .expect(200);
    // A token in the address is not looked at.
    app.get(&format!("/fhir/r5/Patient/anna?access_token={token}"))
        .expect(401);
}

#[test]
fn who_works_in_care_never_reads_as_the_patient_however_she_is_told() {
    let issuer = Issuer::start();
    let app = issuer.service();
    let mut claims = patientanvandare(&app, "anna", "patient/*.rs");
    for user in [
        "https://x.example.se/Practitioner/p/",
        "https://x.example.se/Practitioner/p/_history/1",
        "practitioner/p",
        "https://x.example.se/Practitioner/p?y=/z",
    ] {
        claims["fhirUser"] = json!(user);
        refused(&app, &issuer.token(&claims), user);
    }
    claims["fhirUser"] = json!("https://x.example.se/fhir/r5/Patient/anna");
    assert_eq!(status(&app, &issuer.token(&claims)), 200);
    claims["hsaid"] = json!("SE2321000164-P1");
    for kind in ["person", "function", "x"] {
        claims["hsaid_type"] = json!(kind);
        assert_eq!(status(&app, &issuer.token(&claims)), 403, "{kind}");
    }
}

#[test]
fn a_good_token_that_says_too_little_is_forbidden() {
    let issuer = Issuer::start();
    let app = issuer.service();
    let without = |mut claims: Value, name: &str| {
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    let staff = medarbetare(&app, "user/*.rs");
    let patient = patientanvandare(&app, "anna", "patient/*.rs");
    for (claims, why) in [
        (medarbetare(&app, "openid fhirUser"), "no scope for resources"),
        (medarbetare(&app, "user/CareTeam.sr"), "a malformed scope"),
        (without(staff.clone(), "scope"), "no scopes"),
        (without(staff.clone(), "hsaid"), "user/ without an HSA-id"),
        (without(staff.clone(), "vardenhet_hsaid"), "user/ without a unit"),
        (without(staff, "organization_hsaid"), "user/ without a vårdgivare"),
        (without(patient, "patient"), "patient/ without a patient"),
        (
            without(system(&app, "system/*.rs"), "organization_hsaid"),
            "system/ without a vårdgivare",
        ),
    ] {
        let answer = get(&app, ACCEPTED_AT, &issuer.token(&claims)).expect(403);
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer realm=\"fastkontakt\", error=\"insufficient_scope\""),
            "{why}"
        );
        assert_outcome(&answer, "forbidden");
    }
    for claims in [
        patientanvandare(&app, "anna", "patient/*.rs"),
        system(&app, "system/*.rs"),
    ] {
        assert_eq!(status(&app, &issuer.token(&claims)), 200);
    }
}

#[test]
fn a_rotated_key_is_taken_in_and_an_old_one_let_go() {
    let issuer = Issuer::start();
    let app = issuer.service();
    let claims = medarbetare(&app, "user/*.rs");
    let old = issuer.token(&claims);
    assert_eq!(status(&app, &old), 200);
    let new = Key::new("k2", "EdDSA");
    refused(&app, &new.token(&claims), "not published yet");
    issuer.publish(&[&new]);
    let before = issuer.fetches();
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(status(&app, &new.token(&claims)), 200, "an unknown key makes us look");
    assert_eq!(issuer.fetches(), before + 1);
    refused(&app, &old, "its key is gone, though the token was remembered");
}

#[test]
fn a_new_key_under_an_old_name_or_none_is_taken_in() {
    let issuer = Issuer::start();
    let app = issuer.service();
    let claims = medarbetare(&app, "user/*.rs");
    assert_eq!(status(&app, &issuer.token(&claims)), 200);
    let new = Key::new("k1", "ES256");
    issuer.publish(&[&new]);
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(status(&app, &new.token_with(&json!({ "alg": "ES256" }), &claims)), 200);
    assert_eq!(status(&app, &new.token(&claims)), 200);
    refused(&app, &issuer.token(&claims), "the old key");
}

#[test]
fn keys_that_are_old_are_fetched_before_they_are_used_unless_the_issuer_is_away() {
    let issuer = Issuer::start();
    let app = issuer.service_with(|settings| settings.access.as_mut().unwrap().issuers[0].jwks_refresh = 1);
    let claims = medarbetare(&app, "user/*.rs");
    let token = issuer.token(&claims);
    assert_eq!(status(&app, &token), 200);
    issuer.go_down();
    std::thread::sleep(Duration::from_millis(2200));
    assert_eq!(status(&app, &token), 200, "the issuer is away");
    issuer.publish(&[&issuer.key]);
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(status(&app, &token), 200, "it is back");
    // The fetch beside that request has been done by now.
    std::thread::sleep(Duration::from_millis(2200));
    issuer.publish(&[&Key::new("k2", "ES256")]);
    refused(&app, &token, "its key was let go while nobody called");
}

#[test]
fn unknown_keys_do_not_make_us_ask_the_issuer_again_and_again() {
    let issuer = Issuer::start();
    let app = issuer.service_with(|settings| settings.access.as_mut().unwrap().issuers[0].jwks_pause = 60);
    let claims = medarbetare(&app, "user/*.rs");
    assert_eq!(status(&app, &issuer.token(&claims)), 200);
    for number in 0..20 {
        refused(
            &app,
            &Key::new(&format!("x{number}"), "ES256").token(&claims),
            "unknown key",
        );
    }
    assert_eq!(issuer.fetches(), 1);
}

#[test]
fn known_keys_stay_while_the_issuer_is_out_of_reach() {
    let issuer = Issuer::start();
    let app = issuer.service();
    let claims = medarbetare(&app, "user/*.rs");
    assert_eq!(status(&app, &issuer.token(&claims)), 200);
    for bad in ["<html>503</html>", "{}"] {
        issuer.answer(bad);
        std::thread::sleep(Duration::from_millis(1100));
        refused(
            &app,
            &Key::new("k2", "ES256").token(&claims),
            "the issuer answers nonsense",
        );
        assert_eq!(status(&app, &issuer.token(&claims)), 200);
    }
    issuer.go_down();
    std::thread::sleep(Duration::from_millis(1100));
    refused(&app, &Key::new("k2", "ES256").token(&claims), "the issuer is down");
    assert_eq!(
        status(&app, &issuer.key.token(&medarbetare(&app, "user/CareTeam.rs"))),
        200
    );
}

#[test]
fn a_service_that_never_reached_its_issuer_says_try_again_and_recovers() {
    let issuer = Issuer::start();
    issuer.go_down();
    let app = issuer.service();
    let token = issuer.token(&medarbetare(&app, "user/*.rs"));
    let answer = get(&app, ACCEPTED_AT, &token).expect(503);
    assert!(answer.header("retry-after").is_some());
    app.get(ACCEPTED_AT).expect(200);
    issuer.publish(&[&issuer.key]);
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(status(&app, &token), 200);
}

#[test]
fn keys_in_a_file_are_read_again_when_it_changes() {
    let file = std::env::temp_dir().join(format!("fastkontakt-jwks-{}.json", uuid::Uuid::new_v4()));
    let (first, second) = (Key::new("a", "ES256"), Key::new("b", "ES256"));
    std::fs::write(&file, json!({ "keys": [first.jwk()] }).to_string()).unwrap();
    let issuer = Issuer::start();
    let app = issuer.service_with(|settings| {
        let issuer = &mut settings.access.as_mut().unwrap().issuers[0];
        issuer.jwks_url = None;
        issuer.jwks_file = Some(file.clone());
    });
    let claims = medarbetare(&app, "user/*.rs");
    assert_eq!(status(&app, &first.token(&claims)), 200);
    std::fs::write(&file, json!({ "keys": [second.jwk()] }).to_string()).unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(status(&app, &second.token(&claims)), 200);
    refused(&app, &first.token(&claims), "gone from the file");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(
        status(&app, &second.token(&claims)),
        200,
        "the file is away, the keys stay"
    );
}

#[test]
fn smart_configuration_tells_where_tokens_come_from() {
    let issuer = Issuer::start();
    let app = issuer.service_with(|settings| {
        let smart = r#"
            token_endpoint = "https://idp.example.se/token"
            authorization_endpoint = "https://idp.example.se/auth"
            capabilities = ["launch-standalone", "permission-v2"]
        "#;
        settings.access.as_mut().unwrap().smart = Some(toml::from_str(smart).unwrap());
    });
    for version in ["r5", "r4"] {
        let path = format!("/fhir/{version}/.well-known/smart-configuration");
        let answer = app
            .send("GET", &path, &[("Accept", "application/fhir+xml")], None)
            .expect(200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let document = answer.json();
        assert_eq!(document["token_endpoint"], "https://idp.example.se/token");
        assert_eq!(document["authorization_endpoint"], "https://idp.example.se/auth");
        assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(
            document["grant_types_supported"],
            json!(["authorization_code", "client_credentials"])
        );
        let capabilities = document["capabilities"].as_array().unwrap();
        for capability in ["permission-v2", "launch-standalone"] {
            assert!(capabilities.contains(&json!(capability)), "{document}");
        }
        assert!(document.get("revocation_endpoint").is_none());
        app.send("HEAD", &path, &[], None).expect(200);
        let statement = app.get(&format!("/fhir/{version}/metadata")).expect(200).json();
        let security = &statement["rest"][0]["security"];
        assert_eq!(security["service"][0]["coding"][0]["code"], "SMART-on-FHIR");
        let uris = security["extension"][0]["extension"].as_array().unwrap();
        assert!(uris.contains(&json!({ "url": "token", "valueUri": "https://idp.example.se/token" })));
    }
    app.get("/fhir/r3/.well-known/smart-configuration").expect(404);
}

#[test]
fn in_open_mode_there_is_no_authorization_server_and_no_token_is_looked_at() {
    let app = spawn();
    app.get("/fhir/r5/.well-known/smart-configuration").expect(404);
    assert!(app.get("/fhir/r5/metadata").expect(200).json()["rest"][0]["security"].is_null());
    get(&app, "/fhir/r5/Patient", "whatever").expect(200);
}

#[test]
fn without_settings_of_access_nobody_is_known() {
    let app = crate::common::spawn_with(|settings| settings.open = false);
    app.get("/fhir/r5/Patient").expect(401);
    app.get("/fhir/r5/metadata").expect(200);
}

#[test]
fn a_page_of_another_origin_learns_that_a_token_is_needed() {
    let issuer = Issuer::start();
    let origin = "https://portal.example.se";
    let app = issuer.service_with(|settings| settings.cors_origins = vec![origin.to_owned()]);
    let ask = [
        ("Origin", origin),
        ("Access-Control-Request-Method", "GET"),
        ("Access-Control-Request-Headers", "authorization,x-nodoppning"),
    ];
    app.send("OPTIONS", "/fhir/r5/Patient/anna", &ask, None).expect(200);
    let answer = app
        .send("GET", "/fhir/r5/Patient/anna", &[("Origin", origin)], None)
        .expect(401);
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    let exposed = answer
        .header("access-control-expose-headers")
        .unwrap_or_default()
        .to_lowercase();
    assert!(exposed.contains("www-authenticate"), "{exposed}");
    let statement = app.get("/fhir/r5/metadata").json();
    assert_eq!(statement["rest"][0]["security"]["cors"], true);
}

#[test]
fn nodoppning_is_said_once_by_staff_and_has_a_reason() {
    let issuer = Issuer::start();
    let app = issuer.service();
    let staff = format!("Bearer {}", issuer.token(&medarbetare(&app, "user/*.rs")));
    let patient = format!(
        "Bearer {}",
        issuer.token(&patientanvandare(&app, "anna", "patient/*.rs"))
    );
    let said = |token: &str, reason: &str| {
        app.send(
            "GET",
            "/fhir/r5/metadata",
            &[("Authorization", token), ("X-Nodoppning", reason)],
            None,
        )
        .status
    };
    assert_eq!(said(&staff, "Patient/anna medvetsl%C3%B6s%20vid%20inkomst"), 200);
    assert_eq!(said(&patient, "Patient/anna medvetsl%C3%B6s"), 400);
    let long = format!("Patient/anna {}", "x".repeat(501));
    let reasons = ["", ".", "%E2%80%8B", "%FF", "%zz", "abc%0Aabc"].map(|reason| format!("Patient/anna {reason}"));
    let others = [
        "medvetsl%C3%B6s",
        "CareTeam/anna medvetsl%C3%B6s",
        "Patient/ medvetsl%C3%B6s",
        "",
        long.as_str(),
    ];
    for bad in others.into_iter().chain(reasons.iter().map(String::as_str)) {
        assert_eq!(said(&staff, bad), 400, "{bad}");
    }
}

#[test]
fn who_is_known_is_answered_by_the_decision() {
    let issuer = Issuer::start();
    let app = issuer.service();
    let send = |method: &str, path: &str, claims: &Value, body: Option<&Value>| {
        let bearer = format!("Bearer {}", issuer.token(claims));
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/fhir+json"),
        ];
        let body = body.map(Value::to_string);
        app.send(method, path, &headers, body.as_deref().map(str::as_bytes))
    };
    let program = system(&app, "system/*.cruds");
    for (id, hsa, above) in [("vg", VARDGIVARE, None), ("vc", VARDENHET, Some("Organization/vg"))] {
        let mut unit = json!({
            "resourceType": "Organization", "id": id, "name": id,
            "identifier": [{ "system": "urn:oid:1.2.752.129.2.1.4.1", "value": hsa }],
        });
        if let Some(above) = above {
            unit["partOf"] = json!({ "reference": above });
        }
        send("PUT", &format!("/fhir/r5/Organization/{id}"), &program, Some(&unit)).expect(201);
    }
    for id in ["anna", "berta"] {
        let person = json!({
            "resourceType": "Patient", "id": id, "managingOrganization": { "reference": "Organization/vc" },
        });
        send("PUT", &format!("/fhir/r5/Patient/{id}"), &program, Some(&person)).expect(201);
    }
    let anna = patientanvandare(&app, "anna", "patient/Patient.rs");
    let staff = medarbetare(&app, "user/Patient.rs");
    let mut elsewhere = staff.clone();
    elsewhere["vardenhet_hsaid"] = json!("SE2321000032-VC");
    elsewhere["organization_hsaid"] = json!("SE2321000032-VG");
    let read = |path: &str, claims: &Value| send("GET", path, claims, None).status;
    for path in ["/fhir/r5/Patient/anna", "/fhir/r4/Patient/anna"] {
        assert_eq!(read(path, &anna), 200);
        assert_eq!(read(path, &staff), 200);
        assert_eq!(read(path, &elsewhere), 404, "of another vårdgivare, without consent");
    }
    assert_eq!(read("/fhir/r5/Patient/berta", &anna), 404, "not her own");
    assert_eq!(
        read("/fhir/r5/Patient/berta", &system(&app, "system/CareTeam.rs")),
        403,
        "the scope is for another type"
    );
    let change = send(
        "PUT",
        "/fhir/r5/Patient/anna",
        &staff,
        Some(&json!({ "resourceType": "Patient", "id": "anna" })),
    );
    assert_eq!(change.status, 403, "a scope to read");
    assert_eq!(
        change.header("www-authenticate"),
        Some("Bearer realm=\"fastkontakt\", error=\"insufficient_scope\"")
    );
}

#[test]
fn who_tries_token_after_token_is_told_to_wait() {
    let issuer = Issuer::start();
    let app = issuer.service_with(|settings| settings.requests_per_second = 1);
    let answers: Vec<Answer> = (0..6).map(|_| get(&app, ACCEPTED_AT, "a.b.c")).collect();
    assert_eq!(answers[0].status, 401);
    let last = answers.last().unwrap();
    assert_eq!(last.status, 429);
    assert!(last.header("retry-after").is_some());
    // One who is known is counted by herself.
    assert_eq!(status(&app, &issuer.token(&medarbetare(&app, "user/*.rs"))), 200);
}
