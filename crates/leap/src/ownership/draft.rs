//! New rules, from a file or from a form: read, worked out, and then applied exactly as they were shown.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use leap_book::{ConfigFiles, ConfigKind, Snapshot};
use leap_orient::attribute::Engine;
use leap_orient::check;
use leap_orient::org::Org;
use leap_orient::predicate::Fields;
use leap_orient::rules::RuleSet;
use leap_terms::{Day, Digest, Fault, Month};

use super::{Prospect, Target, Touched, Weighed, findings, problem, runs};
use crate::config::{self, Files};
use crate::failure::Failure;
use crate::home::Home;
use crate::publish::Change;
use crate::versions::{self, Since, VersionFiles};
use crate::world::World;

/// Where new rules are.
#[derive(Clone, Copy)]
pub(crate) enum Source<'s> {
    /// A file; what it names lies beside it.
    File(&'s Path),
    /// A text that a person sent. What it names is taken from the newest version in force.
    Text(&'s str),
}

impl Source<'_> {
    /// What the audit trail calls it.
    pub(crate) fn title(&self, world: &World) -> Result<String, Failure> {
        match self {
            Source::File(path) => Ok(path.display().to_string()),
            Source::Text(_) => Ok(newest(world)?.map_or_else(|| NAME.to_owned(), |(name, _)| name)),
        }
    }

    fn load(&self, world: &World, org: &Org, fields: Fields) -> Result<(RuleSet, ConfigFiles), Failure> {
        let text = match self {
            Source::File(path) => return config::load_rules(path, org, fields),
            Source::Text(text) => *text,
        };
        let (name, beside) = newest(world)?.unwrap_or_else(|| (NAME.to_owned(), Files::new()));
        let read = |named: &str| -> Result<Vec<u8>, String> {
            let found = beside.iter().find(|(name, _)| name == named).map(|(_, bytes)| bytes.clone());
            found.ok_or_else(|| {
                format!(
                    "{} is not among the files in force; apply rules and file together: leap rules apply {name}",
                    named.escape_debug()
                )
            })
        };
        config::parse_rules(&name, (name.clone(), text.as_bytes().to_vec()), &read, org, fields)
    }
}

/// What a rules file is called in a home that has none.
const NAME: &str = "rules.yaml";

/// Name of the newest rules file in force, and the files that it may name.
fn newest(world: &World) -> Result<Option<(String, Files)>, Failure> {
    let Some(version) = versions::of(&world.config_files(ConfigKind::Rules))?.pop() else { return Ok(None) };
    let mut files = version.files.into_iter();
    Ok(files.next().map(|(name, _)| (name, files.collect())))
}

/// Rules as they would be in force.
pub(crate) struct Dated {
    /// All rules: those of before until the day, then the new ones, below settled claims.
    pub(crate) rules: RuleSet,
    /// What is allowed in the new rules but probably not meant.
    pub(crate) warnings: Vec<Fault>,
    /// The new rules alone: id and line.
    pub(super) own: BTreeSet<(String, Option<usize>)>,
    /// The new rules' files.
    pub(super) files: ConfigFiles,
    /// The files of all rules but claims, as the book keeps them.
    pub(super) all: ConfigFiles,
}

impl Dated {
    /// The rules in force with others from a day on, below settled claims.
    pub(super) fn of(world: &World, org: &Org, source: Source<'_>, since: Since) -> Result<Dated, Failure> {
        let claims = world.config(ConfigKind::Claims).map(|version| &version.files);
        let since = since.checked()?;
        let versions = versions::of(&world.config_files(ConfigKind::Rules))?;
        // Where all that is in force goes on until the day, it need not be read again.
        let goes_on = since.day.filter(|day| {
            let same_org = std::ptr::eq(org, &world.org);
            same_org && claims.is_none() && !versions.is_empty() && versions.iter().all(|version| version.from < *day)
        });
        let fields = goes_on.map(|_| world.rules.fields().clone()).unwrap_or_default();
        let (alone, files) = source.load(world, org, fields)?;
        let later = since.later("rules", &versions)?;
        let warnings = alone.warnings().to_vec();
        let own = alone.rules().iter().map(|rule| (rule.id.to_string(), rule.line)).collect();
        let mut dated = versions::with(&versions, files.files.clone(), since, later);
        if dated[0].from > Day::EARLIEST {
            // Before the first version nobody owns anything.
            let none = vec![("rules.yaml".to_owned(), b"rules: []\n".to_vec())];
            dated.insert(0, VersionFiles { from: Day::EARLIEST, files: none });
        }
        let all = versions::files(&dated);
        let rules = match goes_on {
            Some(day) => world.rules.followed_by(alone, day),
            None if dated.len() == 1 && claims.is_none() => alone,
            None => config::read_rules(&all.files, claims, org)?,
        };
        Ok(Dated { rules, warnings, own, files, all })
    }

    /// The rules in force, to be asked again.
    pub(super) fn in_force(world: &World) -> Result<Dated, Failure> {
        let files = world.config_files(ConfigKind::Rules);
        if files.is_empty() {
            return Err(Failure::usage("no rules are in force; name a file: leap rules apply rules.yaml"));
        }
        let newest = versions::of(&files)?.pop().map(|version| version.files).unwrap_or_default();
        Ok(Dated {
            rules: world.rules.clone(),
            warnings: Vec::new(),
            own: BTreeSet::new(),
            files: ConfigFiles { files: newest },
            all: ConfigFiles { files },
        })
    }

    /// True when that is what holds already.
    pub(super) fn is_in_force(&self, world: &World) -> bool {
        world.config_digest(ConfigKind::Rules) == Some(self.all.digest())
    }

    /// Shadowed and dead rules among the new ones.
    pub(super) fn findings(&self, home: &Home, world: &World, org: &Org) -> Result<Vec<check::RuleFinding>, Failure> {
        let engine = Engine::new(&self.rules, org);
        let mut findings = findings(&self.rules, org, &runs(home, world, &self.rules, &engine)?);
        // What is the matter with rules of other days is no reason to speak against these.
        findings.retain(|finding| self.own.contains(&(finding.rule.to_string(), finding.line)));
        Ok(findings)
    }

    /// What is published with them.
    pub(super) fn change(&self, cause: String) -> Change {
        Change {
            cause,
            configs: BTreeMap::from([(ConfigKind::Rules, ConfigFiles { files: self.all.files.clone() })]),
            ..Change::default()
        }
    }
}

/// New rules, worked out and not applied.
pub(crate) struct RulesDraft {
    world: World,
    dated: Dated,
    title: String,
    day: Option<Day>,
    prospect: Prospect,
    /// What changes hands, where that was asked for.
    pub(crate) weighed: Weighed,
    /// Closed periods whose statements would no longer be what is known.
    pub(crate) closed: Vec<Month>,
}

impl RulesDraft {
    /// Works out what new rules would change. Changes nothing.
    ///
    /// # Errors
    /// What is wrong with the rules, each fault with line and remedy; rules that are in force already; other rules that
    /// begin later, where `since` does not say what becomes of them.
    pub(crate) async fn of(home: &Home, source: Source<'_>, since: Since) -> Result<RulesDraft, Failure> {
        let world = World::load(home, None).await?;
        let dated = Dated::of(&world, &world.org, source, since)?;
        if dated.is_in_force(&world) {
            return Err(Failure::usage("these rules are in force already; nothing was changed"));
        }
        let title = source.title(&world)?;
        let target = Target { rules: &dated.rules, org: &world.org, full: false, from_charges: false };
        let prospect = Prospect::of(home, &world, target)?;
        let weighed = prospect.weighed(home, &world, &dated.rules)?;
        let statements = home.book.statements(None).await.map_err(problem)?;
        let closed: BTreeSet<Month> = statements
            .into_iter()
            .filter(|statement| statement.binding && weighed.periods.contains(&statement.period))
            .map(|statement| statement.period)
            .collect();
        Ok(RulesDraft { world, dated, title, day: since.day, prospect, weighed, closed: closed.into_iter().collect() })
    }

    /// How much was looked at, and how much changes.
    pub(crate) fn touched(&self) -> Touched {
        self.prospect.touched()
    }

    /// What is allowed but probably not meant.
    pub(crate) fn warnings(&self) -> &[Fault] {
        &self.dated.warnings
    }

    /// Rules that do nothing, or name nobody. Asks every rule for every key.
    pub(crate) fn findings(&self, home: &Home) -> Result<Vec<check::RuleFinding>, Failure> {
        self.dated.findings(home, &self.world, &self.world.org)
    }

    /// What somebody agrees to who saw this: the world, the rules, what changes hands and which statements differ.
    pub(crate) fn digest(&self) -> Digest {
        let text = format!(
            "{}|{}|{:?}|{:?}",
            self.world.digest_text(),
            self.dated.all.digest(),
            self.weighed.moves,
            self.closed
        );
        Digest::of(text.as_bytes())
    }

    /// Applies them. The process has to hold the lock for writing since before they were worked out.
    pub(crate) async fn apply(self, home: &Home) -> Result<(Snapshot, Touched), Failure> {
        let RulesDraft { world, dated, title, day, prospect, .. } = self;
        let change = dated.change(cause(&title, day));
        prospect.publish(home, &world, (&dated.rules, &world.org), change).await
    }

    /// Leaves it.
    pub(crate) fn discard(self) -> Result<(), Failure> {
        self.prospect.discard()
    }
}

/// What the audit trail says of new rules.
pub(super) fn cause(title: &str, day: Option<Day>) -> String {
    format!("rules apply {title}{}", day.map_or_else(String::new, |day| format!(" from {day}")))
}
