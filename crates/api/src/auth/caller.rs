//! Who is asking.

use super::Role;
use super::access::ACCOUNT_READERS;
use overround_domain::ids::UserId;
use sha2::{Digest, Sha256};
use std::time::Duration;
use uuid::Builder;

/// The authenticated caller of a request.
#[derive(Debug, Clone)]
pub struct Caller {
    user_id: UserId,
    roles: Vec<Role>,
    as_staff: bool,
    is_machine: bool,
    expires_at_s: u64,
}

impl Caller {
    /// The caller that the identity provider `issuer` knows as `subject`.
    pub fn new(issuer: &str, subject: &str, roles: Vec<Role>) -> Self {
        Self {
            user_id: user_id_of(issuer, subject),
            roles,
            as_staff: false,
            is_machine: false,
            expires_at_s: 0,
        }
    }

    /// The user.
    pub const fn user_id(&self) -> UserId {
        self.user_id
    }

    /// The caller as a machine client, or as a person.
    #[must_use]
    pub fn being_machine(self, is_machine: bool) -> Self {
        Self { is_machine, ..self }
    }

    /// Whether the caller is a machine client: one whose token names it as its own subject.
    pub const fn is_machine(&self) -> bool {
        self.is_machine
    }

    /// The caller with the end of their token, in seconds since the epoch.
    #[must_use]
    pub fn until(self, expires_at_s: u64) -> Self {
        Self { expires_at_s, ..self }
    }

    /// How long their token still holds.
    pub fn expires_in(&self) -> Duration {
        Duration::from_secs(self.expires_at_s.saturating_sub(jsonwebtoken::get_current_timestamp()))
    }

    /// The user as the author of an act: what acts without an account are keyed by.
    pub fn actor(&self) -> String {
        self.user_id.to_string()
    }

    /// Whether the caller has one of these roles.
    pub fn has_any(&self, roles: &[Role]) -> bool {
        self.roles.iter().any(|role| roles.contains(role))
    }

    /// Whether the caller has any role at all.
    pub const fn has_role(&self) -> bool {
        !self.roles.is_empty()
    }

    /// The caller on a route that takes `roles`: with one of the house's among them they reach what
    /// is anybody's there, else only what is their own.
    #[must_use]
    pub fn admitted_by(self, roles: &[Role]) -> Self {
        let as_staff = self.is_staff_among(roles);
        Self { as_staff, ..self }
    }

    fn is_staff_among(&self, roles: &[Role]) -> bool {
        self.roles.iter().any(|role| *role != Role::Player && roles.contains(role))
    }

    /// Whether the caller may read an account of that user's, where a route alone does not say so.
    pub fn may_read_account_of(&self, owner: UserId) -> bool {
        self.is_staff_among(ACCOUNT_READERS) || (self.has_any(ACCOUNT_READERS) && owner == self.user_id)
    }

    /// Whether this route lets the caller reach what is not their own.
    pub const fn is_staff(&self) -> bool {
        self.as_staff
    }
}

/// The user that the identity provider `issuer` knows as `subject`: a UUIDv8 (RFC 9562) of SHA-256
/// over both, so that every process derives the same id and no table is needed.
pub fn user_id_of(issuer: &str, subject: &str) -> UserId {
    let digest = Sha256::new().chain_update(issuer).chain_update("\n").chain_update(subject).finalize();
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(digest) {
        *to = from;
    }
    UserId::from_uuid(Builder::from_custom_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_known_by_issuer_and_subject() {
        let user = user_id_of("https://id.example", "alice");
        assert_eq!(user, user_id_of("https://id.example", "alice"));
        assert_ne!(user, user_id_of("https://id.example", "bob"));
        assert_ne!(user, user_id_of("https://other.example", "alice"));
        assert_eq!(user.uuid().get_version_num(), 8);
    }
}
