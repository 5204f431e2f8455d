//! Settings: defaults, then a TOML file, then the environment, then flags (the later wins).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use crate::access::settings::{AccessSettings, TlsSettings};
use crate::api::MOST_FOR_A_BODY;
use crate::door::bundle::BundleLimits;

/// The access log is kept at least so long (HSLF-FS 2016:40 4:9).
pub const LEAST_LOG_YEARS: u16 = 5;

/// Requests of one caller in a second, where callers are known, unless the settings say otherwise: more than a person or a
/// program at work needs.
const REQUESTS_PER_SECOND: u32 = 100;

/// What the command line and the environment may say; each outranks the file.
#[derive(Args, Clone, Debug, Default)]
pub struct Flags {
    /// Settings file (TOML)
    #[arg(long, env = "FASTKONTAKT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// sqlite://PATH or postgres://…
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database: Option<String>,
    /// Address and port to serve on
    #[arg(long, env = "FASTKONTAKT_BIND", value_name = "ADDR")]
    pub bind: Option<SocketAddr>,
    /// The origin that callers see, when a proxy stands before the service, e.g. https://fhir.example.se
    #[arg(long, env = "FASTKONTAKT_BASE_URL", value_name = "URL")]
    pub base_url: Option<String>,
    /// A directory of policy files (TOML) that add to or override the shipped ones
    #[arg(long, env = "FASTKONTAKT_POLICIES", value_name = "DIR")]
    pub policies: Option<PathBuf>,
    /// Log filter: error, warn, info, debug, or per module
    #[arg(long, env = "FASTKONTAKT_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// Serve without access control; loopback only
    #[arg(long)]
    pub open: bool,
}

/// The settings file. Unknown members are refused: a misspelt limit must not be ignored.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    database: Option<String>,
    bind: Option<SocketAddr>,
    base_url: Option<String>,
    policies: Option<PathBuf>,
    log: Option<String>,
    max_body_bytes: Option<usize>,
    max_depth: Option<usize>,
    max_transaction_entries: Option<usize>,
    max_batch_entries: Option<usize>,
    max_body_memory: Option<usize>,
    max_query_seconds: Option<u64>,
    requests_per_second: Option<u32>,
    require_if_match: Option<bool>,
    workers: Option<usize>,
    cors_origins: Option<Vec<String>>,
    log_years: Option<u16>,
    log_cut_nightly: Option<bool>,
    access: Option<AccessSettings>,
    tls: Option<TlsSettings>,
}

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Settings {
    pub database: String,
    pub bind: SocketAddr,
    pub base_url: Option<String>,
    pub policies: Option<PathBuf>,
    pub log: String,
    /// Serve without access control; loopback only.
    pub open: bool,
    /// Largest body, in bytes.
    pub max_body_bytes: usize,
    /// Deepest nesting of JSON.
    pub max_depth: usize,
    /// Most entries of a transaction: more keep other writers waiting.
    pub max_transaction_entries: usize,
    /// Most entries of a batch.
    pub max_batch_entries: usize,
    /// Memory for the bodies that are being received and read, together, in bytes; a body that is read is reckoned at sixteen
    /// times its length. More are refused with 503.
    pub max_body_memory: usize,
    /// How long a read may take, in seconds.
    pub max_query_seconds: u64,
    /// Requests of one caller in a second, twice as many at once; 0 = without bound.
    pub requests_per_second: u32,
    /// Whoever changes or deletes a resource must name its version (`If-Match`); else 428.
    pub require_if_match: bool,
    /// HTTP worker threads; by default as many as the machine has processors.
    pub workers: Option<usize>,
    /// Origins whose pages may call the service from a browser (CORS); none by default.
    pub cors_origins: Vec<String>,
    /// How many years the access log is kept: 5 or more (HSLF-FS 2016:40 4:9).
    pub log_years: u16,
    /// Take away every night what of the access log is older than that.
    pub log_cut_nightly: bool,
    /// Whose calls are answered; without it, only `open` serves.
    pub access: Option<AccessSettings>,
    /// HTTPS; without it, HTTP.
    pub tls: Option<TlsSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            database: "sqlite://fastkontakt.db".to_owned(),
            bind: SocketAddr::from(([127, 0, 0, 1], 8080)),
            base_url: None,
            policies: None,
            log: "info".to_owned(),
            open: false,
            max_body_bytes: 8 * 1024 * 1024,
            max_depth: 64,
            max_transaction_entries: BundleLimits::default().transaction,
            max_batch_entries: BundleLimits::default().batch,
            max_body_memory: 512 * 1024 * 1024,
            max_query_seconds: 20,
            requests_per_second: 0,
            require_if_match: false,
            workers: None,
            cors_origins: Vec::new(),
            log_years: LEAST_LOG_YEARS,
            log_cut_nightly: false,
            access: None,
            tls: None,
        }
    }
}

/// Why the settings cannot be used, told to the operator.
#[derive(Debug)]
pub enum ConfigError {
    Unreadable {
        file: PathBuf,
        reason: String,
    },
    Malformed {
        file: PathBuf,
        reason: String,
    },
    /// A value that cannot be used.
    Unusable {
        setting: &'static str,
        reason: String,
    },
    /// Without access control only loopback may be served.
    NotLoopback {
        bind: SocketAddr,
    },
    /// Nobody is told of who may call, so it must be said that everybody may.
    OpenNotSaid,
    /// It is said that everybody may call, and who may.
    OpenWithAccess,
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ConfigError::Unreadable { file, reason } => write!(f, "cannot read {}: {reason}", file.display()),
            ConfigError::Malformed { file, reason } => write!(f, "{}: {reason}", file.display()),
            ConfigError::Unusable { setting, reason } => write!(f, "the setting {setting} {reason}"),
            ConfigError::NotLoopback { bind } => write!(
                f,
                "refusing to serve on {bind}: without access control only a loopback address (127.0.0.1, [::1]) is served"
            ),
            ConfigError::OpenNotSaid => write!(
                f,
                "refusing to serve without access control: name those who may call in [access] of the settings file (see \
                 docs/access.md), or say --open to serve everybody, on loopback only"
            ),
            ConfigError::OpenWithAccess => write!(
                f,
                "refusing to serve: --open serves everybody, but the settings file has [access]; leave one of them out"
            ),
        }
    }
}

impl std::error::Error for ConfigError {}

impl Settings {
    /// Puts defaults, file, environment and flags together (clap has already laid flags over the environment).
    pub fn new(flags: &Flags) -> Result<Settings, ConfigError> {
        let file = flags.config.as_deref().map_or(Ok(File::default()), read)?;
        let default = Settings::default();
        let settings = Settings {
            database: flags.database.clone().or(file.database).unwrap_or(default.database),
            bind: flags.bind.or(file.bind).unwrap_or(default.bind),
            base_url: flags.base_url.clone().or(file.base_url),
            policies: flags.policies.clone().or(file.policies),
            log: flags.log.clone().or(file.log).unwrap_or(default.log),
            open: flags.open,
            max_body_bytes: file.max_body_bytes.unwrap_or(default.max_body_bytes),
            max_depth: file.max_depth.unwrap_or(default.max_depth),
            max_transaction_entries: file.max_transaction_entries.unwrap_or(default.max_transaction_entries),
            max_batch_entries: file.max_batch_entries.unwrap_or(default.max_batch_entries),
            max_body_memory: file.max_body_memory.unwrap_or(default.max_body_memory),
            max_query_seconds: file.max_query_seconds.unwrap_or(default.max_query_seconds),
            requests_per_second: file.requests_per_second.unwrap_or(match flags.open {
                true => default.requests_per_second,
                false => REQUESTS_PER_SECOND,
            }),
            require_if_match: file.require_if_match.unwrap_or(default.require_if_match),
            workers: file.workers.or(default.workers),
            cors_origins: file.cors_origins.unwrap_or(default.cors_origins),
            log_years: file.log_years.unwrap_or(default.log_years),
            log_cut_nightly: file.log_cut_nightly.unwrap_or(default.log_cut_nightly),
            access: file.access,
            tls: file.tls,
        };
        settings.require_usable()?;
        Ok(settings)
    }

    fn require_usable(&self) -> Result<(), ConfigError> {
        let unusable = |setting, reason: &str| {
            let reason = reason.to_owned();
            Err(ConfigError::Unusable { setting, reason })
        };
        if self.workers == Some(0) {
            return unusable("workers", "must be 1 or more");
        }
        if self.log_years < LEAST_LOG_YEARS {
            return unusable(
                "log_years",
                "must be 5 or more: so long the law demands that the access log is kept",
            );
        }
        if self.max_body_bytes == 0 {
            return unusable("max_body_bytes", "must be 1 or more");
        }
        if self.max_body_memory / MOST_FOR_A_BODY < self.max_body_bytes {
            return unusable("max_body_memory", "must be twenty-eight times max_body_bytes or more");
        }
        if self.max_query_seconds == 0 {
            return unusable("max_query_seconds", "must be 1 or more");
        }
        if self.max_transaction_entries == 0 {
            return unusable("max_transaction_entries", "must be 1 or more");
        }
        if self.max_batch_entries == 0 {
            return unusable("max_batch_entries", "must be 1 or more");
        }
        if self.max_depth < 8 {
            return unusable("max_depth", "must be 8 or more: ordinary resources nest that deep");
        }
        let is_origin = |url: &str| {
            let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            rest.is_some_and(|rest| {
                !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>?#".contains(&b))
            })
        };
        if self.base_url.as_deref().is_some_and(|url| !is_origin(url)) {
            return unusable("base_url", "must be a URL such as https://fhir.example.se");
        }
        // An origin has no path: with one it would match nothing, silently.
        let is_bare = |origin: &String| is_origin(origin) && origin.matches('/').count() == 2;
        if !self.cors_origins.iter().all(is_bare) {
            return unusable(
                "cors_origins",
                "must list origins such as https://portal.example.se, without a path",
            );
        }
        let tls = self.tls.as_ref();
        let client_certificates = tls.is_some_and(|tls| tls.client_ca.is_some());
        if tls.is_some_and(|tls| tls.client_required || tls.client_crl.is_some()) && !client_certificates {
            return unusable(
                "tls",
                "asks for client certificates: set client_ca, the file of those who vouch for them",
            );
        }
        match self
            .access
            .as_ref()
            .and_then(|access| access.fault(client_certificates))
        {
            Some((setting, reason)) => Err(ConfigError::Unusable { setting, reason }),
            None => Ok(()),
        }
    }

    /// Safe by default: without access control the service is open only when that is said, and only on loopback.
    pub fn require_safe_bind(&self) -> Result<(), ConfigError> {
        match (self.open, &self.access) {
            (true, Some(_)) => Err(ConfigError::OpenWithAccess),
            (true, None) if !self.bind.ip().is_loopback() => Err(ConfigError::NotLoopback { bind: self.bind }),
            (false, None) => Err(ConfigError::OpenNotSaid),
            _ => Ok(()),
        }
    }
}

fn read(file: &Path) -> Result<File, ConfigError> {
    let text = std::fs::read_to_string(file).map_err(|error| ConfigError::Unreadable {
        file: file.to_owned(),
        reason: error.to_string(),
    })?;
    toml::from_str(&text).map_err(|error| ConfigError::Malformed {
        file: file.to_owned(),
        reason: error.to_string().trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_outrank_the_file_and_the_file_outranks_defaults() {
        let folder = std::env::temp_dir().join(format!("fastkontakt-config-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("settings.toml");
        std::fs::write(
            &file,
            "bind = \"127.0.0.1:9000\"\nlog = \"warn\"\nmax_body_bytes = 1000\n",
        )
        .unwrap();
        let flags = Flags {
            config: Some(file.clone()),
            log: Some("debug".to_owned()),
            ..Flags::default()
        };
        let settings = Settings::new(&flags).unwrap();
        assert_eq!(settings.bind.port(), 9000);
        assert_eq!(settings.log, "debug");
        assert_eq!(settings.max_body_bytes, 1000);
        assert_eq!(settings.database, "sqlite://fastkontakt.db");

        std::fs::write(&file, "max_body_byte = 1000\n").unwrap();
        let error = Settings::new(&flags).unwrap_err().to_string();
        assert!(error.contains("max_body_byte"), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn without_access_control_only_loopback_is_served_and_only_when_said() {
        let mut settings = Settings::default();
        assert!(matches!(settings.require_safe_bind(), Err(ConfigError::OpenNotSaid)));
        settings.open = true;
        assert!(settings.require_safe_bind().is_ok());
        settings.bind = SocketAddr::from(([0, 0, 0, 0], 8080));
        assert!(matches!(
            settings.require_safe_bind(),
            Err(ConfigError::NotLoopback { .. })
        ));
        settings.access = Some(AccessSettings::default());
        assert!(matches!(settings.require_safe_bind(), Err(ConfigError::OpenWithAccess)));
        settings.open = false;
        assert!(settings.require_safe_bind().is_ok(), "with access control, any address");
    }

    #[test]
    fn access_and_tls_are_sections_of_the_file() {
        let read = |text: &str| -> Result<Settings, ConfigError> {
            let file = std::env::temp_dir().join(format!("fastkontakt-access-{}.toml", uuid::Uuid::new_v4()));
            std::fs::write(&file, text).unwrap();
            let settings = Settings::new(&Flags {
                config: Some(file.clone()),
                ..Flags::default()
            });
            std::fs::remove_file(file).unwrap();
            settings
        };
        let issuer = "[[access.issuers]]\nissuer = \"https://idp.example.se\"\naudience = \"a\"\n";
        let settings = read(&format!("{issuer}jwks_file = \"keys.json\"\n")).unwrap();
        assert_eq!(settings.access.unwrap().issuers[0].audience, ["a"]);
        assert_eq!(settings.requests_per_second, REQUESTS_PER_SECOND);
        let unbound = read(&format!("requests_per_second = 0\n{issuer}jwks_file = \"keys.json\"\n")).unwrap();
        assert_eq!(unbound.requests_per_second, 0);
        let open = Flags {
            open: true,
            ..Flags::default()
        };
        assert_eq!(Settings::new(&open).unwrap().requests_per_second, 0);
        for (text, part) in [
            (issuer.to_owned(), "jwks_url or jwks_file"),
            (format!("{issuer}jwks_file = \"k\"\njwks = \"x\"\n"), "jwks"),
            ("[access]\n".to_owned(), "[[access.issuers]]"),
            (
                "[tls]\ncertificate = \"c\"\nkey = \"k\"\nclient_required = true\n".to_owned(),
                "client_ca",
            ),
        ] {
            let told = read(&text).unwrap_err().to_string();
            assert!(told.contains(part), "{told}");
        }
    }
}
