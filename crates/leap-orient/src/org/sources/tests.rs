//! Each source's rules, told by small files.

use super::*;
use leap_terms::TeamId;

fn files(list: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    list.iter().map(|(file, text)| ((*file).to_owned(), text.as_bytes().to_vec())).collect()
}

fn one(text: &str) -> Source {
    read(&files(&[("f", text)])).unwrap_or_else(|faults| panic!("{}", leap_terms::fault::list(&faults)))
}

fn fails(text: &str) -> String {
    leap_terms::fault::list(&read(&files(&[("f", text)])).expect_err(text))
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn team(id: &str) -> TeamId {
    TeamId::new(id).unwrap()
}

/// A state in one line per unit: id, parent, lead, head count, cost center.
fn shown(state: &OrgState) -> Vec<String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let row = |(id, unit): (&TeamId, &crate::org::UnitState)| {
        let parent = text(&unit.parent.as_ref().map(TeamId::to_string));
        let heads = text(&unit.head_count.map(|count| count.to_string()));
        format!("{id} < {parent} lead {} heads {heads} cost center {}", text(&unit.lead), text(&unit.cost_center))
    };
    state.units.iter().map(row).collect()
}

const STAFF: &str = "Employee ID;Manager ID;Cost Centre;Team;Effective Date;Name
e-1;;100;Shop;2026-01-01;Ada
e-2;e-1;110;Payments;2026-01-01;Ben
e-3;e-2;110;Payments;2026-01-01;Cy
e-4;e-1;120;Search;2026-01-01;Di
e-3;e-4;120;Search;2026-07-01;Cy
e-5;e-4;120;search;2026-07-01;Ed
";

#[test]
fn each_format_is_told_by_its_content() {
    assert_eq!(one("units: [{id: a}]").format, Format::Units);
    assert_eq!(one(STAFF).format, Format::Hr);
    assert_eq!(one("\u{feff}kind: Group\nmetadata: {name: a}\n").format, Format::Backstage);
    assert_eq!(one("workinggroups:\n- {dir: wg-x}\n").format, Format::Kubernetes);
    assert!(fails("a: b\n").contains("no organisation is recognised"), "{}", fails("a: b\n"));
    assert!(fails("").contains("no organisation is recognised"));
    let mixed = read(&files(&[("a", "units: []"), ("b", STAFF)])).unwrap_err();
    assert_eq!(mixed[0].message, "b is HR CSV, a is org.yaml");
    let latin = read(&[("f".to_owned(), b"units:\n- {id: caf\xe9}".to_vec())]).unwrap_err();
    assert_eq!(
        latin[0].to_string(),
        "f:2: the text is not UTF-8: a wrong byte on line 2\n  help: save the file as UTF-8"
    );
    assert!(read(&[]).is_err());
}

#[test]
fn an_org_file_with_dates_becomes_dated_states() {
    let text = "units:\n- {id: acme}\n- {id: old, parent: acme, effective: {until: 2026-07-01}, successor: new}\n\
                - {id: new, parent: acme, effective: {from: 2026-07-01}}\n";
    let source = one(text);
    let days: Vec<Option<Day>> = source.states.iter().map(|(day, _)| *day).collect();
    assert_eq!(days, [None, Some(day("2026-07-01"))]);
    assert_eq!(source.states[0].1.units.keys().map(TeamId::as_str).collect::<Vec<_>>(), ["acme", "old"]);
    let later = &source.states[1].1;
    assert_eq!(later.units[&team("old")].successor, Some(team("new")), "declared, because it ends on that day");
    assert_eq!(later.units[&team("new")].successor, None);
    assert_eq!(one("units: [{id: a, lead: u1, head_count: 3, cost_center: '7'}]").states.len(), 1);
}

#[test]
fn hr_rows_become_one_state_per_date_with_leads_and_head_counts() {
    let source = one(STAFF);
    assert_eq!(source.states.len(), 2);
    assert_eq!(source.states[0].0, Some(day("2026-01-01")));
    assert_eq!(
        shown(&source.states[0].1),
        [
            "Payments < Shop lead e-2 heads 2 cost center 110",
            "Search < Shop lead e-4 heads 1 cost center 120",
            "Shop < - lead e-1 heads 1 cost center 100"
        ]
    );
    let later = &source.states[1].1;
    assert_eq!(later.units[&team("Search")].head_count, Some(3), "a transfer, a hire, and search is Search");
    assert_eq!(later.people["e-3"], team("Search"));
    assert_eq!(later.people.len(), 5);
    let warnings: Vec<&str> = source.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(
        warnings,
        [
            "the column 'Name' is not read",
            "row 7, column team: 'search' is read as 'Search', the spelling of earlier rows"
        ]
    );
    assert!(!format!("{source:?}").contains("Ada"), "names of people are never kept");
}

#[test]
fn who_leaves_has_a_row_without_team() {
    let head = "employee,manager,cost_centre,team,effective_date\n";
    let rows = "1,,c,A,2026-01-01\n2,1,c,A,2026-01-01\n3,1,c,A,2026-01-01\n";
    let source = one(&format!("{head}{rows}2,1,c,,2026-02-01\n"));
    assert_eq!(source.states[1].1.people.keys().collect::<Vec<_>>(), ["1", "3"]);
    let silent = one(&format!("{head}{rows}1,,c,A,2026-02-01\n2,1,c,B,2026-02-01\n"));
    assert_eq!(silent.states[1].1.people.len(), 3, "who has no row stays");
    assert!(silent.warnings[0].message.contains("1 of 3 employees have no row on 2026-02-01, 3 first"));
}

#[test]
fn several_heads_follow_the_documented_rule() {
    let head = "employee,manager,cost_centre,team\n";
    let lead = |rows: &str| shown(&one(&format!("{head}{rows}")).states[0].1);
    // All report to one person outside: that person leads from above.
    assert_eq!(lead("1,,c,Top\n2,1,c,A\n3,1,c,A\n")[0], "A < Top lead 1 heads 2 cost center c");
    // One head has most people below.
    assert_eq!(lead("1,,c,Top\n9,1,c,Else\n2,1,c,A\n3,2,c,A\n4,9,c,A\n")[0], "A < Top lead 2 heads 3 cost center c");
    // Several managers of one team.
    assert_eq!(lead("1,,c,Top\n9,1,c,Top\n2,1,c,A\n4,9,c,A\n")[0], "A < Top lead - heads 2 cost center c");
    // Else a contradiction, which parent_team resolves.
    let rows = "1,,c,Top\n9,1,c,Else\n2,1,c,A\n4,9,c,A\n";
    assert_eq!(
        fails(&format!("{head}{rows}")),
        "f:4: row 4, column manager: team 'A' has several leads: 2 (reports to 1), 4 (reports to 9); help: let them report to one of them, or add the column parent_team"
    );
    let declared = "employee,manager,team,parent_team,department\n1,,Top,,\n9,1,Else,,\n2,1,A,Else,\n4,9,A,Else,\n";
    assert_eq!(shown(&one(declared).states[0].1)[0], "A < Else lead - heads 2 cost center -");
    let departments = "employee,manager,team,department\n1,,Finance,Finance\n2,1,Tax,Finance\n";
    assert_eq!(
        shown(&one(departments).states[0].1),
        ["Finance < - lead 1 heads 1 cost center -", "Tax < Finance lead 2 heads 1 cost center -"]
    );
}

#[test]
fn every_mistake_of_an_hr_file_names_row_column_rule_and_remedy() {
    let head = "employee,manager,cost_centre,team,effective_date\n";
    let fault = |rows: &str| fails(&format!("{head}{rows}"));
    assert_eq!(
        fault("1,,c,A,2026-01-01\n1,,c,A,2026-01-01\n"),
        "f:3: row 3, column employee: 1 has a row on 2026-01-01 already: row 2; help: leave one of the two rows out"
    );
    assert_eq!(
        fault("1,,c,A,2026-01-01\n1,,c,B,2026-01-01\n"),
        "f:3: row 3, column team: 1 has two teams on 2026-01-01: A on row 2 and B; help: an employee has one team on a date; leave the other row out"
    );
    assert_eq!(
        fault("1,9,c,A,2026-01-01\n2,1,c,A,2026-02-01\n"),
        "f:2: row 2, column manager: the manager 9 of 1 is no employee on 2026-01-01; help: give the manager a row of that date or before, or name the present manager in a row of the employee"
    );
    assert_eq!(
        fault("1,2,c,A,2026-01-01\n2,1,c,A,2026-01-01\n"),
        "f:2: row 2, column manager: a cycle of managers on 2026-01-01: 1 → 2 → 1; help: one of these managers is wrong"
    );
    assert_eq!(
        fault("1,,c,A,01/02/2026\n"),
        "f:2: row 2, column effective_date: '01/02/2026' is no day such as 2026-09-16; help: write year-month-day"
    );
    // One line per row, however much is wrong with it; ten rows are enough to see what is wrong with the file.
    assert_eq!(
        fault("1,,c,A,2026-01-01\n,1,c,A,yesterday\n"),
        "f:3: row 3, column employee: no employee; help: each row needs an employee id; column effective_date: 'yesterday' is no day such as 2026-09-16; help: write year-month-day"
    );
    assert_eq!(fault("1,,c,A,\"1\n2\"\n").lines().count(), 1, "a cell of several lines");
    let many = fault(&(1..=25).map(|employee| format!("{employee},,c,A,{employee}.1.2026\n")).collect::<String>());
    let lines: Vec<&str> = many.lines().collect();
    assert_eq!(lines.len(), 11, "{many}");
    assert!(lines[9].starts_with("f:11: row 11, column effective_date: '10.1.2026' is no day"), "{many}");
    assert_eq!(lines[10], "… and 15 more");
    let ten = fault(&(1..=10).map(|employee| format!("{employee},,c,A,never\n")).collect::<String>());
    assert_eq!((ten.lines().count(), ten.contains("more")), (10, false), "{ten}");
    assert!(fault("1,,c,residual:x,2026-01-01\n").contains("row 2, column team: 'residual:x' is no team id"));
    assert!(fault(",,c,A,2026-01-01\n").contains("row 2, column employee: no employee"));
    assert!(fault("1,,c,A\n").contains("row 2 has 4 cells, the header has 5"));
    assert!(fails("employee,team\n1,A\n").contains("the column manager is missing"));
    assert!(
        fails("employee,manager,team,Employee ID\n").contains("the columns 'employee' and 'Employee ID' mean the same")
    );
    let parents = "employee,manager,team,parent_team\n1,,A,X\n2,1,A,Y\n";
    assert!(fails(parents).contains("row 3, column parent_team: team 'A' has two parents: X on row 2 and Y"));
    let crossed = "employee,manager,team\n0,,C\n1,0,A\n2,1,B\n3,2,B\n4,3,A\n5,3,A\n6,4,A\n7,5,A\n8,4,A\n";
    assert!(fails(crossed).contains("a cycle of teams: A → B → A"), "{}", fails(crossed));
}

#[test]
fn backstage_users_give_people_and_head_counts() {
    let groups = "kind: Group\nmetadata: {name: acme}\nspec: {type: organization, children: [infra]}\n---\n\
                  kind: Group\nmetadata: {name: infra}\nspec: {type: team, profile: {displayName: Infra}, children: [], members: [cy]}\n---\n\
                  kind: Group\nmetadata: {name: shop, namespace: eu}\nspec: {type: team, parent: 'group:default/acme', children: []}\n";
    let users = "kind: User\nmetadata: {name: ada, title: Ada L}\nspec: {memberOf: [infra, acme]}\n---\n\
                 kind: User\nmetadata: {name: ben}\nspec: {memberOf: ['group:eu/shop', infra]}\n---\n\
                 kind: User\nmetadata: {name: eve}\nspec: {memberOf: [ghosts]}\n---\nkind: Location\nmetadata: {name: l}\n";
    let source = read(&files(&[("groups.yaml", groups), ("users.yaml", users)])).unwrap();
    let state = &source.states[0].1;
    assert_eq!(
        shown(state),
        [
            "acme < - lead - heads 0 cost center -",
            "eu/shop < acme lead - heads 1 cost center -",
            "infra < acme lead - heads 2 cost center -"
        ]
    );
    assert_eq!(state.units[&team("infra")].name, "Infra");
    assert!(state.units[&team("eu/shop")].aliases.contains("group:eu/shop"));
    assert_eq!(state.people["ada"], team("infra"), "the lower of two groups");
    assert_eq!(source.warnings.len(), 2, "ben has two, eve's exists nowhere: {:?}", source.warnings);
}

#[test]
fn a_backstage_group_has_one_parent() {
    let group = |name: &str, spec: &str| format!("kind: Group\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n---\n");
    let conflict = format!("{}{}{}", group("a", "children: [c]"), group("b", ""), group("c", "parent: b"));
    assert!(fails(&conflict).contains("group 'c' has two parents: 'b' (parent of 'c') and 'a' (children of 'a')"));
    let both = format!("{}{}{}", group("a", "children: [c]"), group("b", "children: [c]"), group("c", ""));
    assert!(fails(&both).contains("two parents: 'a' (children of 'a') and 'b' (children of 'b')"));
    let cycle = format!("{}{}", group("a", "parent: b"), group("b", "parent: a"));
    assert!(fails(&cycle).contains("a cycle of groups: a → b → a"));
    let unknown = format!("{}{}", group("infra", ""), group("b", "parent: infr"));
    assert!(fails(&unknown).contains("unknown parent 'infr'") && fails(&unknown).contains("did you mean infra?"));
    let twice = format!("{}{}", group("a", ""), group("a", ""));
    assert!(fails(&twice).contains("two groups are called 'a'"));
}

#[test]
fn sigs_of_any_layout_become_units_below_kubernetes() {
    let text = "as_of: '2020-01-01'\ncommit: abc\nsigs:\n- dir: sig-apps\n  name: Apps\n  mission_statement: m\n  leads:\n    \
                tech_leads: [u3]\n    chairs: [u1, u2]\n  subprojects:\n  - name: workloads\n    owners:\n    \
                - https://raw.githubusercontent.com/kubernetes-incubator/apps/master/pkg/OWNERS\n    \
                - https://github.com/oracle/x/blob/main/OWNERS\nusergroups: []\ncommittees:\nsubgroups: []\n";
    let source = one(text);
    assert_eq!(source.states[0].0, Some(day("2020-01-01")));
    let state = &source.states[0].1;
    let ids: Vec<&str> = state.units.keys().map(TeamId::as_str).collect();
    assert_eq!(ids, ["kubernetes", "sig-apps", "sig-apps/workloads"]);
    let sig = &state.units[&team("sig-apps")];
    assert_eq!((sig.kind.as_str(), sig.lead.as_deref(), sig.head_count), ("sig", Some("u1"), None));
    let owned: Vec<&str> = state.units[&team("sig-apps/workloads")].evidence.iter().map(String::as_str).collect();
    assert_eq!(owned, ["apps/pkg", "oracle/x"]);
    assert_eq!(source.warnings.len(), 1);
    assert!(source.warnings[0].message.contains("unknown list 'subgroups'"));
    let upstream = "workinggroups:\n- dir: wg-x\n  name: X\n  charter_link: c\n  leadership:\n    chairs:\n    - github: ada\n      \
                    name: Ada L\n      company: Acme\n    emeritus_leads:\n    - github: old\n";
    let source = one(upstream);
    assert_eq!(source.states[0].0, None);
    let wg = &source.states[0].1.units[&team("wg-x")];
    assert_eq!((wg.kind.as_str(), wg.lead.as_deref()), ("workinggroup", Some("ada")));
    assert_eq!(wg.evidence.iter().collect::<Vec<_>>(), ["lead ada"]);
    assert!(!format!("{source:?}").contains("Ada L"));
    let old = one("sigs:\n- dir: sig-x\n  leads:\n  - {name: Ada L, github: ada}\n  - {name: Ben, github: ben}\n");
    assert_eq!(old.states[0].1.units[&team("sig-x")].lead.as_deref(), Some("ada"));
}

#[test]
fn every_mistake_of_a_sigs_file_has_its_message() {
    assert!(fails("sigs:\n- name: x\n").contains("f:2:3: a sig without dir"), "{}", fails("sigs:\n- name: x\n"));
    assert!(fails("sigs:\n- dir: a\n- dir: a\n").contains("two groups are called 'a'"));
    assert!(fails("sigs: 3\n").contains("sigs must be a list, found 3"));
    assert!(fails("as_of: soon\nsigs: []\n").contains("as_of: 'soon' is no day"));
    assert!(fails("sigs:\n- {dir: a, subprojects: [{owners: []}]}\n").contains("a sub-project of a has no name"));
    let twice = one("sigs:\n- {dir: a, subprojects: [{name: b, owners: [x]}, {name: b, owners: [y]}]}\n");
    assert_eq!(twice.states[0].1.units[&team("a/b")].evidence.len(), 2);
    assert!(twice.warnings[0].message.contains("two sub-projects of a group are called 'a/b': read as one"));
    let same = read(&files(&[("a", "as_of: 2020-01-01\nsigs: []"), ("b", "as_of: 2020-01-01\nsigs: []")])).unwrap_err();
    assert!(same[0].message.contains("two files have the date 2020-01-01: a and b"), "{}", same[0]);
}

#[test]
fn the_states_of_an_hr_file_become_a_history() {
    let mut org = crate::org::Org::default();
    for (day, state) in one(STAFF).states {
        let day = day.unwrap();
        let proposal = crate::org::propose::propose(&org, day, &state, &Default::default()).unwrap();
        org = org.with(&proposal.reorg).unwrap();
        assert_eq!(org.state(day), state, "nothing is renamed, so nothing differs");
    }
    assert_eq!(org.people()["e-3"].len(), 2, "one transfer");
    let heads = |on: &str| org.unit(&team("Search")).unwrap().on(day(on)).unwrap().head_count;
    assert_eq!((heads("2026-06-30"), heads("2026-07-01")), (Some(1), Some(3)));
}
