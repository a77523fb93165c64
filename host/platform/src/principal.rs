//! Who acts, in which role, where: what a route's authorisation looks at.

use std::fmt;
use std::str::FromStr;

use heptad_model::Actor;
use heptad_model::id::{CustomerId, PublisherId, TenantId};

/// What a person or a program is to the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Runs the platform: tenants, publishers, review.
    Operator,
    /// Makes plugins.
    Publisher,
    /// A merchant who decides: plugins, grants, tokens, staff.
    Owner,
    /// Works in a merchant's shop.
    Staff,
    /// A storefront's server.
    Shop,
    /// A shopper, by a short token that the storefront's server mints.
    Customer,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 6] = [Self::Operator, Self::Publisher, Self::Owner, Self::Staff, Self::Shop, Self::Customer];

    /// The word in the database and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Publisher => "publisher",
            Self::Owner => "owner",
            Self::Staff => "staff",
            Self::Shop => "shop",
            Self::Customer => "customer",
        }
    }

    /// Whether the role is held in this scope: an operator's is the platform, a publisher's its own, the others' a tenant.
    pub const fn fits(self, scope: Scope) -> bool {
        match self {
            Self::Operator => matches!(scope, Scope::Platform),
            Self::Publisher => matches!(scope, Scope::Publisher(_)),
            Self::Owner | Self::Staff | Self::Shop | Self::Customer => matches!(scope, Scope::Tenant(_)),
        }
    }

    /// Whether a person may hold the role; the others are for tokens alone.
    pub const fn is_personal(self) -> bool {
        matches!(self, Self::Operator | Self::Publisher | Self::Owner | Self::Staff)
    }

    /// Whether this role, in the same scope (an operator: anywhere), may make tokens of the other.
    pub const fn may_mint(self, wanted: Self) -> bool {
        match self {
            Self::Operator => true,
            Self::Publisher => matches!(wanted, Self::Publisher),
            Self::Owner => matches!(wanted, Self::Owner | Self::Staff | Self::Shop | Self::Customer),
            Self::Shop => matches!(wanted, Self::Customer),
            Self::Staff | Self::Customer => false,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or_else(|| format!("`{text}` is not a role"))
    }
}

/// Where a role is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The platform as a whole.
    Platform,
    /// One publisher.
    Publisher(PublisherId),
    /// One tenant.
    Tenant(TenantId),
}

impl fmt::Display for Scope {
    /// The id, or nothing for the platform: as it stands in the database.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => Ok(()),
            Self::Publisher(id) => id.fmt(f),
            Self::Tenant(id) => id.fmt(f),
        }
    }
}

impl FromStr for Scope {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match (text.is_empty(), TenantId::parse(text), PublisherId::parse(text)) {
            (true, ..) => Ok(Self::Platform),
            (_, Ok(id), _) => Ok(Self::Tenant(id)),
            (.., Ok(id)) => Ok(Self::Publisher(id)),
            _ => Err(format!("`{text}` is not the scope of a role")),
        }
    }
}

/// Who acts, in one role in one scope. Made from a token or a session, never from what a request says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who, for audit rows and idempotency keys.
    pub actor: Actor,
    /// In which role.
    pub role: Role,
    /// Where.
    pub scope: Scope,
    /// The shopper, for the role customer alone.
    pub customer: Option<CustomerId>,
}

impl Principal {
    /// The operator as a command of the binary, which proves itself by its access to the database.
    pub fn system(word: &str) -> Self {
        Self { actor: Actor::System(word.to_owned()), role: Role::Operator, scope: Scope::Platform, customer: None }
    }

    /// The tenant that it acts for.
    pub const fn tenant(&self) -> Option<TenantId> {
        match self.scope {
            Scope::Tenant(id) => Some(id),
            Scope::Platform | Scope::Publisher(_) => None,
        }
    }

    /// The publisher that it acts for.
    pub const fn publisher(&self) -> Option<PublisherId> {
        match self.scope {
            Scope::Publisher(id) => Some(id),
            Scope::Platform | Scope::Tenant(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use heptad_model::Env;

    use super::*;

    #[test]
    fn roles_and_scopes_read_back() {
        let env = Env::fixed(0);
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
        }
        for scope in
            [Scope::Platform, Scope::Tenant(TenantId::generate(&env)), Scope::Publisher(PublisherId::generate(&env))]
        {
            assert_eq!(scope.to_string().parse(), Ok(scope));
            assert_eq!(
                Role::ALL.iter().filter(|role| role.fits(scope)).count(),
                if scope.to_string().starts_with("ten") { 4 } else { 1 }
            );
        }
    }

    #[test]
    fn nobody_but_the_operator_mints_above_itself() {
        for by in Role::ALL {
            for wanted in Role::ALL {
                let expected = match (by, wanted) {
                    (Role::Operator, _) | (Role::Publisher, Role::Publisher) | (Role::Shop, Role::Customer) => true,
                    (Role::Owner, wanted) => !matches!(wanted, Role::Operator | Role::Publisher),
                    _ => false,
                };
                assert_eq!(by.may_mint(wanted), expected, "{by} {wanted}");
            }
        }
    }
}
