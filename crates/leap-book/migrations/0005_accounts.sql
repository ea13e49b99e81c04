-- Fifth form: people who log in, their roles, sessions and tokens. Secrets are kept as digests, passwords as argon2.
--
-- Roles are what holds now; who gave and took them when stands in the audit trail, which leap doctor compares.

CREATE TABLE account (
    name TEXT NOT NULL PRIMARY KEY,
    shown TEXT NOT NULL,
    password TEXT,
    issuer TEXT,
    subject TEXT,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT,
    CONSTRAINT account_has_one_identity UNIQUE (issuer, subject),
    CONSTRAINT account_identity_is_whole CHECK ((issuer IS NULL) = (subject IS NULL))
);

-- An empty unit is the whole company.
CREATE TABLE account_role (
    account TEXT NOT NULL REFERENCES account (name),
    role TEXT NOT NULL,
    unit TEXT NOT NULL,
    PRIMARY KEY (account, role, unit)
);

CREATE TABLE session (
    digest TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (name),
    opened_at BIGINT NOT NULL,
    authenticated_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE INDEX session_of ON session (account);

-- An empty unit: all that the person reads.
CREATE TABLE token (
    digest TEXT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL CONSTRAINT token_number_once UNIQUE,
    account TEXT NOT NULL REFERENCES account (name),
    label TEXT NOT NULL,
    unit TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    revoked_at BIGINT
);
