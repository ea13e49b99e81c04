//! Stories about the book, told once and played on SQLite and on PostgreSQL.
//!
//! PostgreSQL is started from the machine's own package in a folder of its own; without one its stories are skipped.

mod acting;
mod approvals;
mod claims;
mod damage;
mod database;
mod decided;
mod history;
mod postgres;
mod samples;
mod sending;
mod statements;
mod stories;
mod traces;
mod trail;

use database::Database;

/// One test per story on SQLite, and one for all of them on PostgreSQL, which takes a second to start.
macro_rules! stories {
    ($($module:ident :: $story:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                $module::$story(&Database::sqlite()).await;
            }
        )*

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn every_story_holds_on_postgresql() {
            let Some(server) = postgres::Server::start() else {
                println!("skipped: no PostgreSQL");
                return;
            };
            let database = Database::postgres(&server);
            $(
                println!("story: {}", stringify!($story));
                $module::$story(&database).await;
            )*
        }
    };
}

stories![
    stories::what_is_published_reads_back_at_each_snapshot,
    stories::a_superseded_delivery_stays_readable_at_the_older_snapshot,
    stories::a_stale_parent_is_refused,
    stories::of_two_racing_writers_one_wins,
    stories::a_book_opened_by_many_at_once_is_made_once,
    stories::an_appending_source_holds_several_deliveries_per_scope,
    stories::the_ledger_knows_refused_and_unchanged_deliveries,
    stories::a_redelivered_old_state_becomes_current_again,
    stories::what_cannot_be_right_is_refused_and_leaves_no_trace,
    stories::rules_and_org_keep_every_version,
    stories::a_reverted_attribution_brings_the_same_file_back,
    stories::quarantined_rows_wait_until_they_are_replayed,
    stories::large_lists_go_in_at_once,
    stories::any_text_comes_back,
    stories::a_reader_sees_the_old_world_or_the_new_one,
    trail::an_honest_trail_verifies,
    trail::tampering_is_found,
    trail::every_event_that_is_touched_is_named,
    trail::what_is_written_after_a_cut_hides_nothing,
    trail::a_rewritten_trail_differs_from_its_checkpoints,
    trail::a_signed_checkpoint_is_compared_as_it_was_exported,
    history::a_book_of_the_first_edition_is_upgraded,
    history::every_kind_of_configuration_is_pinned_by_snapshots,
    history::what_was_known_on_a_day_is_the_newest_snapshot_until_then,
    history::a_snapshot_before_its_parent_is_refused,
    history::reorgs_are_recorded_with_their_snapshot_and_reverted_once,
    history::residuals_burn_down_snapshot_by_snapshot,
    claims::a_claim_is_asked_escalated_and_accepted_with_a_publish,
    claims::a_claim_is_answered_once,
    claims::claims_that_say_too_little_are_refused,
    claims::of_two_answers_at_once_one_counts,
    claims::claims_are_found_by_what_people_ask_for,
    approvals::an_approval_is_asked_for_and_answered_once,
    statements::a_period_is_closed_reopened_and_restated,
    statements::of_two_closers_one_wins,
    statements::a_restatement_needs_a_reason_and_a_second_person,
    statements::a_statement_comes_back_to_the_byte,
    traces::traces_are_live_until_replaced_and_their_logs_are_remembered,
    traces::series_of_metrics_are_replaced_and_forgotten,
    traces::replaced_files_of_a_stream_are_forgotten_after_their_time,
    acting::a_plan_is_performed_as_a_whole,
    acting::what_cannot_be_done_leaves_nothing,
    acting::of_two_who_perform_one_plan_one_does,
    acting::nothing_is_done_while_the_kill_switch_is_on,
    acting::forecasts_are_frozen_and_scored_later,
    acting::the_check_finds_acts_that_were_changed,
    acting::a_backup_holds_what_was_done,
    decided::an_incident_is_opened_once_resolved_and_reopened,
    decided::a_waiver_is_granted_by_somebody_else_who_saw_it,
    decided::waivers_that_say_too_little_are_refused,
    sending::a_message_is_tried_until_it_is_sent_or_dead,
    sending::who_lost_the_lease_decides_nothing_but_that_it_was_sent,
    sending::messages_become_a_digest_in_one_transaction,
    sending::messages_of_a_thread_go_out_in_their_order,
    sending::who_holds_them_all_makes_a_digest_of_messages,
    sending::what_is_held_on_purpose_begins_anew_and_answers_are_recorded,
    sending::of_many_who_claim_each_message_goes_to_one,
    sending::nothing_is_lost_and_nothing_is_seen_twice,
    sending::a_schedule_is_held_by_one_until_its_lease_ends,
    sending::of_many_who_would_lead_one_does,
    damage::a_newer_schema_is_refused,
    damage::another_editions_schema_is_refused,
    damage::a_database_of_something_else_is_refused,
    damage::the_check_finds_what_does_not_fit,
    damage::the_check_finds_history_that_was_changed,
    damage::a_backup_is_an_equal_book,
    damage::a_backup_holds_the_history_too,
    damage::a_locked_book_says_so,
    damage::a_damaged_file_says_so,
    damage::an_unreachable_book_says_so,
];
