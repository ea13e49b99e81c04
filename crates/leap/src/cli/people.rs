//! What may be typed about people who log in.

use clap::{Args, Subcommand};

use super::ListArgs;

#[derive(Subcommand, Debug)]
pub(crate) enum UserCommand {
    /// Give somebody a login. The first user is an administrator; from then on the site asks everybody to log in.
    Add(UserAddArgs),
    /// Who may log in, with which roles.
    List(ListArgs),
    /// Give a role: viewer, team-lead, steward, approver or administrator; with @UNIT for that unit and those below it.
    Grant(UserRoleArgs),
    /// Take a role. Open sessions of the person end.
    Revoke(UserRoleArgs),
    /// Set a password. Open sessions of the person end.
    Password(UserPasswordArgs),
    /// Say as whom somebody is known at the OpenID provider. Open sessions of the person end.
    Identity(UserIdentityArgs),
    /// Shut somebody out: sessions and tokens end at once.
    Disable(UserNameArgs),
    /// Let somebody in again.
    Enable(UserNameArgs),
}

#[derive(Args, Debug)]
pub(crate) struct UserAddArgs {
    /// What the person logs in with: a-z, 0-9 and . - _ @.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// What others read. Default: the name.
    #[arg(long, value_name = "TEXT")]
    pub(crate) shown: Option<String>,
    /// A role, such as viewer, team-lead@payments or administrator; may be repeated.
    #[arg(long = "role", value_name = "ROLE[@UNIT]", required = true)]
    pub(crate) roles: Vec<String>,
    /// What the OpenID provider calls this person (its `sub`); then no password is asked for.
    #[arg(long, value_name = "SUB")]
    pub(crate) subject: Option<String>,
    /// Read the password from standard input instead of asking on the terminal.
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

#[derive(Args, Debug)]
pub(crate) struct UserIdentityArgs {
    /// The user.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// What the OpenID provider calls this person (its `sub`).
    #[arg(long, value_name = "SUB", required_unless_present = "none", conflicts_with = "none")]
    pub(crate) subject: Option<String>,
    /// Known at no provider any more.
    #[arg(long)]
    pub(crate) none: bool,
}

#[derive(Args, Debug)]
pub(crate) struct UserRoleArgs {
    /// The user.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The role, such as team-lead@payments.
    #[arg(value_name = "ROLE[@UNIT]")]
    pub(crate) role: String,
}

#[derive(Args, Debug)]
pub(crate) struct UserPasswordArgs {
    /// The user.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Read the password from standard input instead of asking on the terminal.
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

#[derive(Args, Debug)]
pub(crate) struct UserNameArgs {
    /// The user.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

#[derive(Subcommand, Debug)]
pub(crate) enum TokenCommand {
    /// Make a token for a program: it reads what a user reads, and does nothing else. Its secret is printed once.
    Add(TokenAddArgs),
    /// Tokens, when they end and when they were last used.
    List(ListArgs),
    /// End a token at once.
    Revoke(TokenRevokeArgs),
}

#[derive(Args, Debug)]
pub(crate) struct TokenAddArgs {
    /// Whose rights it has.
    #[arg(long, value_name = "NAME")]
    pub(crate) user: String,
    /// What it is for.
    #[arg(long = "for", value_name = "TEXT")]
    pub(crate) purpose: String,
    /// Only this unit and those below it.
    #[arg(long, value_name = "UNIT")]
    pub(crate) unit: Option<String>,
    /// Days after which it ends by itself, 366 at most.
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    pub(crate) days: u32,
}

#[derive(Args, Debug)]
pub(crate) struct TokenRevokeArgs {
    /// Its number, as `leap token list` shows it.
    #[arg(value_name = "NUMBER")]
    pub(crate) number: i64,
}
