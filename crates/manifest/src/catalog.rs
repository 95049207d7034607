//! The service catalog: what is run, who answers for it, and what it needs.

use model::{Service, Tier};
use workflow::yaml::{self, Fields, Node, at};

use crate::ManifestError;

/// Services as people declare them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// The services, by name.
    pub services: Vec<CatalogService>,
}

/// One declared service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogService {
    /// `service.name` of OpenTelemetry.
    pub name: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// How much depends on it.
    pub tier: Tier,
    /// Services it calls.
    pub depends_on: Vec<String>,
    /// The host that runs it.
    pub host: Option<String>,
}

impl CatalogService {
    /// The service as far as the catalog knows it.
    #[must_use]
    pub fn to_service(&self) -> Service {
        Service {
            name: self.name.clone(),
            owner: self.owner.clone(),
            tier: self.tier,
            depends_on: self.depends_on.clone(),
            version: None,
            config_revision: None,
            instances: Vec::new(),
            host: self.host.clone(),
            memory_limit_bytes: None,
            disk_limit_bytes: None,
            health: model::Health::Unknown,
        }
    }
}

impl Catalog {
    /// Reads one catalog file.
    ///
    /// # Errors
    /// The file is wrong, names a service twice, or a dependency that is not declared.
    pub fn parse(file: &str, text: &str) -> Result<Self, ManifestError> {
        let root = yaml::read(file, text, 1)?;
        let mut fields = Fields::open(file, "a catalog", &root)?;
        let list = yaml::list(file, "`services`", fields.require("services")?)?;
        fields.finish()?;
        let mut services: Vec<CatalogService> = Vec::new();
        let mut places = Vec::new();
        for item in list {
            let mut fields = Fields::open(file, "a service", item)?;
            let name = fields.require_text("name")?.to_owned();
            let fine = (1..=100).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
            if !fine {
                return Err(fields
                    .error("name", "`name` must be 1 to 100 letters, digits, dots, dashes and underscores"));
            }
            if services.iter().any(|s| s.name == name) {
                return Err(fields.error("name", format!("`{name}` is declared twice; keep one")));
            }
            let owner = fields.text("owner")?.map(str::to_owned);
            let tier = match fields.text("tier")? {
                None | Some("standard") => Tier::Standard,
                Some("internal") => Tier::Internal,
                Some("critical") => Tier::Critical,
                Some(other) => {
                    let message = format!(
                        "`tier` cannot be `{}`; use internal, standard or critical",
                        yaml::clip(other)
                    );
                    return Err(fields.error("tier", message));
                }
            };
            let mut depends_on = Vec::new();
            if let Some(place) = fields.get("depends_on") {
                for item in yaml::list(file, "`depends_on`", place)? {
                    let needed = yaml::text(file, "a dependency", item)?;
                    places.push((needed, item));
                    depends_on.push(needed.to_owned());
                }
            }
            let host = match fields.get("host").map(|p| (p, &p.value)) {
                None | Some((_, Node::Null)) => None,
                Some((place, _)) => Some(yaml::text(file, "`host`", place)?.to_owned()),
            };
            fields.finish()?;
            services.push(CatalogService { name, owner, tier, depends_on, host });
        }
        for (needed, place) in places {
            if services.iter().all(|s| s.name != needed) {
                let hint = yaml::suggest(needed, services.iter().map(|s| s.name.as_str()))
                    .map_or_else(|| "declare it too".to_owned(), |s| format!("did you mean `{s}`?"));
                return Err(at(
                    file,
                    place,
                    format!("`{}` is not declared here; {hint}", yaml::clip(needed)),
                ));
            }
        }
        services.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { services })
    }

    /// The service of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&CatalogService> {
        self.services.iter().find(|s| s.name == name)
    }
}
