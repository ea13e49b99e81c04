//! Plans as the site needs them: made from a text, kept, and applied by somebody else than who made them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use leap_book::Snapshot;
use leap_orient::org::propose::{Overrides, What};
use leap_orient::org::{Org, sources};
use leap_orient::reading::moves::Move;
use leap_terms::{Day, Digest, Fault, Month, TeamId};

use super::{Asked, Found, Orphan, Plan, PlannedMove, change_of, check, faults, make, resulting};
use crate::config::Files;
use crate::failure::Failure;
use crate::home::{Home, failed};
use crate::ownership::{Prospect, Target};
use crate::world::World;

/// Keeps a plan in the home, which has every plan that it made: one that comes back from elsewhere is compared with it.
pub(super) fn keep(home: &Home, plan: &Plan) -> Result<PathBuf, Failure> {
    let path = home.folder("plans")?.join(format!("{}.json", plan.id()));
    std::fs::write(&path, plan.text()).map_err(|error| failed("write", &path, &error))?;
    Ok(path)
}

/// A plan that was worked out, and is not applied.
pub(crate) struct PlanDraft {
    plan: Plan,
    /// What is allowed in the new state but probably not meant.
    pub(crate) warnings: Vec<Fault>,
}

impl PlanDraft {
    /// Plans what leads from the org in force to the state that some files say. Changes nothing.
    ///
    /// # Errors
    /// What is wrong with the files, each fault with its place; an org that is so already.
    pub(crate) async fn of(
        home: &Home,
        files: &Files,
        effective: Option<Day>,
        overrides: &Overrides,
    ) -> Result<PlanDraft, Failure> {
        let source = sources::read(files).map_err(faults)?;
        let name = files.first().map_or("org.yaml", |(name, _)| name);
        let title = format!("{name} ({})", source.format);
        let world = World::load(home, None).await?;
        let plan = make(home, &world, &title, source.states, effective, overrides, Asked::default()).await?;
        if plan.steps.is_empty() {
            return Err(Failure::usage("the org is already so; there is nothing to apply"));
        }
        Ok(PlanDraft { plan, warnings: source.warnings })
    }

    /// Keeps it in the home, also for the command line.
    pub(crate) fn keep(&self, home: &Home) -> Result<(), Failure> {
        keep(home, &self.plan).map(drop)
    }

    /// The plan.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }
}

/// Reads the text of a plan that this home made.
pub(crate) fn plan_of(text: &str) -> Result<Plan, Failure> {
    let plan: Plan =
        serde_json::from_str(text).map_err(|error| Failure::quality(format!("the plan is damaged: {error}")))?;
    check::sealed(&plan)?;
    Ok(plan)
}

impl Plan {
    /// What it was made from.
    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    /// Its text: what is sealed, kept and applied.
    pub(crate) fn as_text(&self) -> &str {
        self.text()
    }

    /// What somebody agrees to who saw it.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.text().as_bytes())
    }

    /// By what it is found on the command line.
    pub(crate) fn number(&self) -> String {
        self.id()
    }

    /// What happens on which day: what it is, to whom, and why it was recognised. People are counted and not named: how many
    /// join or leave a unit concerns its cost, who they are does not.
    pub(crate) fn findings(&self) -> Vec<(Day, Vec<[String; 3]>)> {
        let people = What::Transferred.to_string();
        let steps = self.steps.iter().map(|step| {
            let (named, counted): (Vec<&Found>, Vec<&Found>) = step.findings.iter().partition(|one| one.what != people);
            let mut words: Vec<[String; 3]> =
                named.into_iter().map(|one| [one.what.clone(), one.unit.to_string(), one.words.clone()]).collect();
            let mut units = BTreeMap::<&TeamId, u64>::new();
            for one in counted {
                *units.entry(&one.unit).or_default() += 1;
            }
            words.extend(units.into_iter().map(|(unit, count)| {
                let who = if count == 1 {
                    "1 person joins or leaves it".to_owned()
                } else {
                    format!("{count} people join or leave it")
                };
                [people.clone(), unit.to_string(), who]
            }));
            (step.reorg.effective, words)
        });
        steps.collect()
    }

    /// Direct effective cost that changes its place in the tree.
    pub(crate) fn moves(&self) -> Result<Vec<Move>, Failure> {
        self.moves.iter().map(PlannedMove::read).collect()
    }

    /// What names a unit that ends.
    pub(crate) fn orphans(&self) -> &[Orphan] {
        &self.orphans
    }

    /// Closed periods whose statements would no longer be what is known.
    pub(crate) fn restates(&self) -> &[Month] {
        &self.restates
    }

    /// The days on which it changes something, in their order.
    pub(crate) fn days(&self) -> Vec<Day> {
        let mut days: Vec<Day> = self.steps.iter().map(|step| step.reorg.effective).collect();
        days.sort_unstable();
        days.dedup();
        days
    }

    /// The org that it leads to from that of a world.
    ///
    /// # Errors
    /// That the plan does not fit this world.
    pub(crate) fn resulting_org(&self, world: &World) -> Result<Org, Failure> {
        Ok(resulting(world, self)?.org)
    }

    /// Refuses a plan of another world than the present one, with what came since.
    pub(crate) fn still_holds(&self, world: &World) -> Result<(), Failure> {
        check::fresh(world, self)
    }

    /// Applies it exactly, or refuses it as stale. The process has to hold the lock for writing.
    pub(crate) async fn apply(self, home: &Home) -> Result<Snapshot, Failure> {
        let world = World::load(home, None).await?;
        check::fresh(&world, &self)?;
        let resulting = resulting(&world, &self)?;
        check::follows(home, &world, &resulting.org, &self, true).await?;
        let (change, rules) = change_of(&world, &self, &resulting)?;
        let rules = rules.as_ref().unwrap_or(&world.rules);
        let target = Target { rules, org: &resulting.org, full: false, from_charges: false };
        let prospect = Prospect::of(home, &world, target)?;
        Ok(prospect.publish(home, &world, (rules, &resulting.org), change).await?.0)
    }
}
