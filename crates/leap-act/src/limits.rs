//! A named limit for everything that grows, with its reason. Limits of a service stand in its channel.

/// Characters of a title.
pub const TITLE: usize = 300;
/// Sentences of a message: more is a page, not a message.
pub const SENTENCES: usize = 20;
/// Characters of a sentence.
pub const SENTENCE: usize = 3_000;
/// Fields of a message.
pub const FIELDS: usize = 50;
/// Characters of a field's label.
pub const LABEL: usize = 100;
/// Characters of a field's value.
pub const VALUE: usize = 2_000;
/// Links of a message.
pub const LINKS: usize = 10;
/// Bytes of a link's address.
pub const ADDRESS: usize = 2_000;

/// Seconds before the first retry; doubled each time.
pub const RETRY_FIRST_SECONDS: i64 = 10;
/// The longest wait between two attempts, without jitter.
pub const RETRY_LONGEST_SECONDS: i64 = 3_600;
/// For so long a message is tried before it is a dead letter.
pub const RETRY_FOR_SECONDS: i64 = 86_400;

/// Failures in a row after which a destination is left alone for a while.
pub const BREAKER_FAILURES: u32 = 5;
/// Seconds of the first such while; doubled each time.
pub const BREAKER_FIRST_SECONDS: i64 = 60;
/// The longest such while.
pub const BREAKER_LONGEST_SECONDS: i64 = 900;

/// Redirects that are followed.
pub const REDIRECTS: usize = 3;
/// Bytes of an answer that are read; the rest is let go.
pub const ANSWER_BYTES: usize = 64 << 10;
/// Characters of an answer that are kept with a receipt.
pub const SAID: usize = 160;
/// Addresses of a host that are judged and tried.
pub const ADDRESSES: usize = 16;

/// Rows that are claimed at once.
pub const CLAIM_ROWS: usize = 50;
/// Seconds of a lease: longer than all attempts of one destination in one claim may take.
pub const LEASE_SECONDS: i64 = 900;
/// Destinations that are sent to at once.
pub const AT_ONCE: usize = 8;
