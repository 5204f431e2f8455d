//! What an operator says about access, in the sections `[access]` and `[tls]` of the settings file; docs/access.md explains it.

use std::path::PathBuf;

use serde::Deserialize;

use super::scope::{Context, Scope};
use crate::hsa::{in_capitals, is_hsa_id};

/// `[access]`: whose tokens are accepted, and what is read of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessSettings {
    /// The authorization servers whose tokens are accepted.
    pub issuers: Vec<IssuerSettings>,
    /// Programs that call by themselves: which vårdgivare each acts for.
    pub systems: Vec<SystemSettings>,
    /// Where the claims stand.
    pub claims: ClaimsSettings,
    /// What `.well-known/smart-configuration` tells of the authorization server.
    pub smart: Option<SmartSettings>,
    /// How much the clocks of issuer and service may differ, in seconds.
    pub clock_skew: u32,
    /// The longest token that is read, in bytes.
    pub max_token_bytes: usize,
    /// How many verified tokens are remembered.
    pub token_cache: usize,
}

/// `[[access.issuers]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerSettings {
    /// `iss` of its tokens, exactly.
    pub issuer: String,
    /// `aud` of the tokens that are meant for this service: one of these.
    #[serde(deserialize_with = "one_or_many")]
    pub audience: Vec<String>,
    /// HSA-ids of the vårdgivare that it speaks for; by default whichever its tokens name.
    #[serde(default, deserialize_with = "one_or_many")]
    pub vardgivare: Vec<String>,
    /// Whether its tokens may be those of patients and who acts for them, who read the whole record, whoever keeps it; by default
    /// when it speaks for no vårdgivare in particular.
    pub patients: Option<bool>,
    /// Where its keys are (RFC 7517).
    pub jwks_url: Option<String>,
    /// A file with its keys; read again when it changes.
    pub jwks_file: Option<PathBuf>,
    /// PEM file with the certificates that vouch for the server of `jwks_url`; by default those that browsers trust.
    pub ca_file: Option<PathBuf>,
    /// `client_id` of the programs that review the whole access log, of all vårdgivare and of those who were not let in; with a
    /// scope on AuditEvent. Others review what concerns their own vårdgivare.
    #[serde(default)]
    pub reviewers: Vec<String>,
    /// Accept only these algorithms; by default all that fit the key.
    #[serde(default)]
    pub algorithms: Vec<String>,
    /// How often the keys are fetched, in seconds.
    #[serde(default = "jwks_refresh")]
    pub jwks_refresh: u32,
    /// The shortest time between two fetches, in seconds, however many unknown keys are named.
    #[serde(default = "jwks_pause")]
    pub jwks_pause: u32,
}

const fn jwks_refresh() -> u32 {
    600
}

const fn jwks_pause() -> u32 {
    30
}

/// `[[access.systems]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemSettings {
    /// `client_id` of its tokens.
    pub client: Option<String>,
    /// The issuer of those tokens; needed when there are several issuers.
    pub issuer: Option<String>,
    /// HSA-id of the system: what its client certificate has as serialNumber.
    pub hsa_id: Option<String>,
    /// HSA-id of the vårdgivare it acts for.
    pub vardgivare: String,
    /// HSA-id of the vårdenhet it acts for; without it, all units of the vårdgivare.
    pub vardenhet: Option<String>,
    /// What its client certificate alone gives, e.g. `system/*.rs`.
    pub scopes: Option<String>,
    /// It keeps the catalogue of everybody: it writes the organizations, staff and assignments of all vårdgivare.
    #[serde(default)]
    pub catalogue: bool,
}

/// `[access.claims]`: where each claim stands, the first that is there counts. `a.b` leads into nested claims.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimsSettings {
    #[serde(deserialize_with = "one_or_many")]
    pub scope: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    pub client: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    pub hsa_id: Vec<String>,
    /// What the HSA-id is of.
    #[serde(deserialize_with = "one_or_many")]
    pub hsa_id_type: Vec<String>,
    /// The values of `hsa_id_type` that mean a person.
    #[serde(deserialize_with = "one_or_many")]
    pub person_types: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    pub vardenhet: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    pub vardgivare: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    pub profession: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    pub uppdrag: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    pub fhir_user: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    pub patient: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    pub purpose: Vec<String>,
}

/// `[access.smart]` (hl7.org/fhir/smart-app-launch/conformance.html).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmartSettings {
    pub token_endpoint: String,
    pub authorization_endpoint: Option<String>,
    pub introspection_endpoint: Option<String>,
    pub revocation_endpoint: Option<String>,
    pub registration_endpoint: Option<String>,
    pub management_endpoint: Option<String>,
    /// The OpenID Connect issuer and its keys, when clients are to learn who is logged in (`sso-openid-connect`).
    pub issuer: Option<String>,
    pub jwks_uri: Option<String>,
    /// By default `client_credentials`, and `authorization_code` where there is an authorization endpoint.
    pub grant_types: Option<Vec<String>>,
    /// How clients show at the token endpoint who they are.
    #[serde(default = "asymmetric")]
    pub token_endpoint_auth_methods: Vec<String>,
    /// Scopes that clients may ask for.
    #[serde(default = "usual_scopes")]
    pub scopes: Vec<String>,
    /// What the authorization server can do, beside the permissions that this service understands.
    #[serde(default)]
    pub capabilities: Vec<String>,
}

fn asymmetric() -> Vec<String> {
    vec!["private_key_jwt".to_owned()]
}

fn usual_scopes() -> Vec<String> {
    let scopes = [
        "openid",
        "fhirUser",
        "launch/patient",
        "patient/*.rs",
        "user/*.cruds",
        "system/*.cruds",
    ];
    scopes.map(str::to_owned).to_vec()
}

/// `[tls]`: HTTPS, with client certificates when there is a `client_ca`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// PEM file with the service's certificate and what leads from it to a root.
    pub certificate: PathBuf,
    /// PEM file with its private key.
    pub key: PathBuf,
    /// PEM file with the certificates that vouch for client certificates.
    pub client_ca: Option<PathBuf>,
    /// PEM file with their revocation lists.
    pub client_crl: Option<PathBuf>,
    /// Refuse connections without a client certificate.
    #[serde(default)]
    pub client_required: bool,
}

impl Default for AccessSettings {
    fn default() -> Self {
        AccessSettings {
            issuers: Vec::new(),
            systems: Vec::new(),
            claims: ClaimsSettings::default(),
            smart: None,
            clock_skew: 60,
            max_token_bytes: 16 * 1024,
            token_cache: 10_000,
        }
    }
}

impl Default for ClaimsSettings {
    /// What tokens of Inera's call them, and the specifications of OAuth and SMART.
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        ClaimsSettings {
            scope: names(&["scope", "scp"]),
            client: names(&["client_id", "azp"]),
            hsa_id: names(&["hsaid", "employeeHsaId"]),
            hsa_id_type: names(&["hsaid_type"]),
            person_types: names(&["person", "employee", "medarbetare"]),
            vardenhet: names(&["vardenhet_hsaid", "healthCareUnitHsaId"]),
            vardgivare: names(&["vardgivare_hsaid", "healthCareProviderHsaId", "organization_hsaid"]),
            profession: names(&["profession"]),
            uppdrag: names(&["uppdrag", "commissionHsaId", "commissionName"]),
            fhir_user: names(&["fhirUser"]),
            patient: names(&["patient"]),
            purpose: names(&["purpose_of_use"]),
        }
    }
}

/// A text, or a list of texts.
fn one_or_many<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(from)? {
        OneOrMany::One(text) => vec![text],
        OneOrMany::Many(texts) => texts,
    })
}

/// The algorithms that tokens may be signed by. HMAC is not among them: the keys that we read are public.
pub const ALGORITHMS: [&str; 9] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
];

impl AccessSettings {
    /// Why these settings cannot be used, told to the operator: the setting, and what is wrong with it.
    /// `client_certificates`: callers may show a certificate.
    pub fn fault(&self, client_certificates: bool) -> Option<(&'static str, String)> {
        self.fault_of_issuers()
            .or_else(|| self.fault_of_systems(client_certificates))
            .or_else(|| self.fault_of_numbers())
            .or_else(|| self.smart.as_ref().and_then(SmartSettings::fault))
            .or_else(|| {
                let nobody = self.issuers.is_empty() && !client_certificates;
                nobody.then(|| {
                    let reason = "names nobody: add [[access.issuers]], or [tls] with client_ca and [[access.systems]]";
                    ("access", reason.to_owned())
                })
            })
    }

    fn fault_of_issuers(&self) -> Option<(&'static str, String)> {
        let fault = |reason: String| Some(("access.issuers", reason));
        for (number, issuer) in self.issuers.iter().enumerate() {
            let name = &issuer.issuer;
            if name.is_empty() || self.issuers[..number].iter().any(|other| other.issuer == *name) {
                return fault(format!("names the issuer \"{name}\" twice, or not at all"));
            }
            if issuer.audience.is_empty() || issuer.audience.iter().any(String::is_empty) {
                return fault(format!(
                    "needs an audience for {name}: the \"aud\" of tokens that are meant for this service"
                ));
            }
            if let Some(id) = issuer.vardgivare.iter().find(|id| !is_hsa_id(&in_capitals(id))) {
                return fault(format!(
                    "has the vardgivare \"{id}\" for {name}: it is no HSA-id, such as SE2321000164-1000"
                ));
            }
            match (&issuer.jwks_url, &issuer.jwks_file) {
                (Some(url), None) if is_safe_url(url) => {}
                (Some(url), None) => {
                    return fault(format!(
                        "has jwks_url \"{url}\": it must be https (http on loopback only)"
                    ));
                }
                (None, Some(_)) => {}
                _ => return fault(format!("needs either jwks_url or jwks_file for {name}")),
            }
            if let Some(unknown) = issuer
                .algorithms
                .iter()
                .find(|name| !ALGORITHMS.contains(&name.as_str()))
            {
                return fault(format!(
                    "has the algorithm \"{unknown}\": use some of {}",
                    ALGORITHMS.join(", ")
                ));
            }
            if issuer.jwks_refresh == 0 || issuer.jwks_pause == 0 {
                return fault("has jwks_refresh or jwks_pause 0: it must be 1 second or more".to_owned());
            }
        }
        None
    }

    fn fault_of_systems(&self, client_certificates: bool) -> Option<(&'static str, String)> {
        let fault = |reason: String| Some(("access.systems", reason));
        for (number, system) in self.systems.iter().enumerate() {
            let name = system.client.as_ref().or(system.hsa_id.as_ref());
            let Some(name) = name else {
                return fault("needs client (of a token) or hsa_id (of a client certificate)".to_owned());
            };
            let ids = [
                Some(&system.vardgivare),
                system.vardenhet.as_ref(),
                system.hsa_id.as_ref(),
            ];
            if let Some(id) = ids.into_iter().flatten().find(|id| !is_hsa_id(&in_capitals(id))) {
                return fault(format!(
                    "has \"{id}\" for {name}: it is no HSA-id, such as SE2321000164-1A2B"
                ));
            }
            if system.client.is_some() && system.issuer.is_none() && self.issuers.len() > 1 {
                return fault(format!("needs the issuer of the client {name}: there are several"));
            }
            let unknown = |issuer: &String| self.issuers.iter().all(|known| known.issuer != *issuer);
            if let Some(issuer) = system.issuer.as_ref().filter(|issuer| unknown(issuer)) {
                return fault(format!(
                    "names the issuer \"{issuer}\" for {name}, which is not in [[access.issuers]]"
                ));
            }
            if system.hsa_id.is_some() && system.client.is_none() && !client_certificates {
                return fault(format!(
                    "has hsa_id for {name}, but no client certificates are asked for: set [tls] client_ca"
                ));
            }
            if system.client.is_none() && system.scopes.is_none() {
                return fault(format!("needs scopes for {name}: what its certificate gives"));
            }
            let same = |other: &&SystemSettings| {
                let by_token =
                    system.client.is_some() && (&system.client, &system.issuer) == (&other.client, &other.issuer);
                let id = |of: &SystemSettings| of.hsa_id.as_deref().map(in_capitals);
                let by_certificate = system.scopes.is_some() && other.scopes.is_some() && id(system).is_some();
                by_token || (by_certificate && id(system) == id(other))
            };
            if self.systems[..number].iter().find(same).is_some() {
                return fault(format!("names {name} twice"));
            }
            let is_system = |scope: &str| Scope::read(scope).is_some_and(|scope| scope.context == Context::System);
            let scopes = system.scopes.as_deref().unwrap_or_default().split_ascii_whitespace();
            if let Some(scope) = scopes.into_iter().find(|scope| !is_system(scope)) {
                return fault(format!(
                    "has the scope \"{scope}\" for {name}: write system/[type].[cruds]"
                ));
            }
        }
        None
    }

    fn fault_of_numbers(&self) -> Option<(&'static str, String)> {
        if self.clock_skew > 600 {
            return Some(("access.clock_skew", "must be 600 seconds or less".to_owned()));
        }
        if !(512..=65_536).contains(&self.max_token_bytes) {
            return Some(("access.max_token_bytes", "must be 512 to 65536".to_owned()));
        }
        if self.token_cache == 0 {
            return Some(("access.token_cache", "must be 1 or more".to_owned()));
        }
        None
    }
}

impl SmartSettings {
    fn fault(&self) -> Option<(&'static str, String)> {
        let others = [
            &self.authorization_endpoint,
            &self.introspection_endpoint,
            &self.revocation_endpoint,
            &self.registration_endpoint,
            &self.management_endpoint,
            &self.issuer,
            &self.jwks_uri,
        ];
        let mut all = std::iter::once(&self.token_endpoint).chain(others.into_iter().flatten());
        let unsafe_url = all.find(|url| !is_safe_url(url))?;
        Some((
            "access.smart",
            format!("has \"{unsafe_url}\": it must be https (http on loopback only)"),
        ))
    }
}

/// What is fetched or told over a network must not be changed on the way; loopback is no network.
fn is_safe_url(url: &str) -> bool {
    let plain = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic());
    if let Some(rest) = url.strip_prefix("https://") {
        return plain(rest);
    }
    let Some(rest) = url.strip_prefix("http://").filter(|rest| plain(rest)) else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    matches!(host, "127.0.0.1" | "localhost" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> AccessSettings {
        toml::from_str(text).expect("settings")
    }

    const ISSUER: &str = r#"
        [[issuers]]
        issuer = "https://idp.example.se"
        audience = "https://fhir.example.se"
        jwks_url = "https://idp.example.se/jwks"
    "#;

    #[test]
    fn the_least_that_is_needed_is_an_issuer_its_audience_and_its_keys() {
        let settings = read(ISSUER);
        assert_eq!(settings.fault(false), None);
        assert_eq!(settings.issuers[0].audience, ["https://fhir.example.se"]);
        assert_eq!(settings.claims.hsa_id, ["hsaid", "employeeHsaId"]);
    }

    #[test]
    fn what_cannot_be_used_is_told() {
        let with = |more: &str| format!("{ISSUER}{more}");
        let cases = [
            (String::new(), "access", "names nobody"),
            (
                ISSUER.replace("https://idp.example.se/jwks", "http://idp.example.se/jwks"),
                "access.issuers",
                "https",
            ),
            (
                ISSUER.replace("https://idp.example.se/jwks", "http://localhost@evil.example.se/"),
                "access.issuers",
                "https",
            ),
            (
                ISSUER.replace("jwks_url", "ca_file"),
                "access.issuers",
                "jwks_url or jwks_file",
            ),
            (with("algorithms = [\"HS256\"]"), "access.issuers", "HS256"),
            (with("algorithms = [\"none\"]"), "access.issuers", "none"),
            (with("vardgivare = [\"Region\"]"), "access.issuers", "no HSA-id"),
            (with(ISSUER), "access.issuers", "twice"),
            (
                ISSUER.replace("\"https://fhir.example.se\"", "[]"),
                "access.issuers",
                "audience",
            ),
            (
                with("[[systems]]\nclient = \"a\"\nvardgivare = \"Region\""),
                "access.systems",
                "no HSA-id",
            ),
            (
                with("[[systems]]\nvardgivare = \"SE2321000164-A\""),
                "access.systems",
                "client",
            ),
            (
                with("[[systems]]\nhsa_id = \"SE2321000164-S\"\nvardgivare = \"SE2321000164-A\""),
                "access.systems",
                "client_ca",
            ),
            (
                with("[[systems]]\nclient = \"a\"\nvardgivare = \"SE2321000164-A\"\nscopes = \"user/*.rs\""),
                "access.systems",
                "system/",
            ),
            (with("[smart]\ntoken_endpoint = \"ftp://x\""), "access.smart", "https"),
            (
                format!("max_token_bytes = 100\n{ISSUER}"),
                "access.max_token_bytes",
                "512",
            ),
            (format!("clock_skew = 3600\n{ISSUER}"), "access.clock_skew", "600"),
        ];
        for (text, setting, part) in cases {
            let (told, reason) = read(&text).fault(false).expect("a fault");
            assert_eq!(told, setting, "{reason}");
            assert!(reason.contains(part), "{reason}");
        }
        assert!(
            toml::from_str::<AccessSettings>("clok_skew = 1").is_err(),
            "a misspelt setting is refused"
        );
    }

    #[test]
    fn loopback_alone_may_be_fetched_without_tls() {
        for url in [
            "http://127.0.0.1:9000/jwks",
            "http://localhost/jwks",
            "http://[::1]:1/",
            "https://x.example.se",
        ] {
            assert!(is_safe_url(url), "{url}");
        }
        for url in [
            "http://idp.example.se",
            "http://127.0.0.1.example.se/",
            "https://",
            "file:///x",
            "http://localhost@x/",
            "x",
        ] {
            assert!(!is_safe_url(url), "{url}");
        }
    }
}
