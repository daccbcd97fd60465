//! Names of claims that mean something to whoever reads a token, so that none is ever filled from outside.

/// Whether a claim of this name has a meaning of its own, in a token or in an answer to introspection.
pub(super) fn is_registered(name: &str) -> bool {
    REGISTERED.iter().any(|(_, names)| names.contains(&name))
}

/// By where the meaning comes from: the registries "JSON Web Token Claims" (RFC 7519 §10.1) and "OAuth Token Introspection Response"
/// (RFC 7662 §3.1) of IANA, what we write ourselves, and what resource servers of well-known platforms authorise by. Names that a mapping
/// cannot have anyhow (`...`, `vct#integrity`) are left out.
const REGISTERED: [(&str, &[&str]); 33] = [
    ("RFC 7519, JWT", &["iss", "sub", "aud", "exp", "nbf", "iat", "jti"]),
    (
        "OpenID Connect Core 1.0, about a person",
        &[
            "name",
            "given_name",
            "family_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "email",
            "email_verified",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "phone_number",
            "phone_number_verified",
            "address",
            "updated_at",
        ],
    ),
    (
        "OpenID Connect Core 1.0, about a sign-in",
        &["azp", "nonce", "auth_time", "at_hash", "c_hash", "s_hash", "acr", "amr", "sub_jwk", "_claim_names", "_claim_sources"],
    ),
    ("OpenID Connect Session, Front-Channel and Back-Channel Logout 1.0", &["sid", "events"]),
    (
        "OpenID Connect for Identity Assurance 1.0",
        &[
            "verified_claims",
            "place_of_birth",
            "nationalities",
            "birth_family_name",
            "birth_given_name",
            "birth_middle_name",
            "salutation",
            "title",
            "msisdn",
            "also_known_as",
        ],
    ),
    (
        "OpenID Federation 1.0",
        &[
            "jwks",
            "metadata",
            "metadata_policy",
            "metadata_policy_crit",
            "constraints",
            "crit",
            "authority_hints",
            "trust_anchor",
            "trust_anchor_hints",
            "trust_chain",
            "trust_marks",
            "trust_mark_issuers",
            "trust_mark_owners",
            "trust_mark_type",
            "delegation",
            "logo_uri",
            "ref_uri",
            "source_endpoint",
        ],
    ),
    ("RFC 7800, proof of possession", &["cnf"]),
    ("RFC 8055 and RFC 8946, calls over SIP", &["sip_from_tag", "sip_date", "sip_callid", "sip_cseq_num", "sip_via_branch", "div", "opt"]),
    ("RFC 8225, RFC 8443, RFC 8588, RFC 9027 and RFC 9475, PASSporT", &["orig", "dest", "mky", "rph", "attest", "origid", "sph", "msgi"]),
    ("RFC 8688 and RFC 9795, calls and who makes them", &["jcard", "rcd", "rcdi", "crn"]),
    ("RFC 8417 and RFC 9493, security events", &["toe", "txn", "sub_id"]),
    ("RFC 8485, vectors of trust", &["vot", "vtm"]),
    ("RFC 8693, token exchange", &["act", "may_act", "scope", "client_id"]),
    ("RFC 9447, ACME, and ETSI GS NFV-SEC 022", &["atc", "at_use_nbf"]),
    ("RFC 9068, access tokens", &["roles", "groups", "entitlements"]),
    ("RFC 9200, ACE", &["ace_profile", "cnonce", "exi"]),
    ("RFC 9246, signing of URIs for CDNs", &["cdniv", "cdnicrit", "cdniip", "cdniuc", "cdniets", "cdnistt", "cdnistd"]),
    ("RFC 9321, signature validation tokens", &["sig_val_claims"]),
    ("RFC 9396, authorization details", &["authorization_details"]),
    ("RFC 9449, DPoP", &["htm", "htu", "ath"]),
    ("RFC 9560, RDAP", &["rdap_allowed_purposes", "rdap_dnt_allowed"]),
    ("RFC 9701, signed answers to introspection", &["token_introspection"]),
    ("RFC 9901 and SD-JWT VC, selective disclosure", &["_sd", "_sd_alg", "sd_hash", "vct"]),
    ("Verifiable Credentials, and Token Status List", &["vc", "vp", "status", "status_list", "ttl"]),
    (
        "RFC 9711, EAT",
        &[
            "eat_nonce",
            "ueid",
            "sueids",
            "oemid",
            "hwmodel",
            "hwversion",
            "oemboot",
            "dbgstat",
            "location",
            "eat_profile",
            "submods",
            "uptime",
            "bootcount",
            "bootseed",
            "dloas",
            "swname",
            "swversion",
            "manifests",
            "measurements",
            "measres",
            "intuse",
        ],
    ),
    ("CTA-5007-B, Common Access Token", &["geohash"]),
    (
        "3GPP TS 29.510, 5G network functions",
        &[
            "consumerPlmnId",
            "consumerSnpnId",
            "producerPlmnId",
            "producerSnpnId",
            "producerSnssaiList",
            "producerNsiList",
            "producerNfSetId",
            "producerNfServiceSetId",
            "sourceNfInstanceId",
            "analyticsIdList",
        ],
    ),
    ("RFC 7662, introspection", &["active", "username", "token_type"]),
    ("User-Managed Access 2.0, introspection", &["permissions"]),
    ("what we write ourselves", &["root_jti", "ancestors", "rvk"]),
    ("Entra ID", &["appid", "azpacr", "idtyp", "oid", "scp", "tid", "unique_name", "upn", "uti", "ver", "wids"]),
    ("Cognito and Okta", &["cid", "token_use"]),
    ("Keycloak and others", &["authorities", "authorization", "realm_access", "resource_access", "role", "scopes", "typ"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_elsewhere_is_never_filled_from_outside() {
        let registered = "iss sub aud exp nbf iat jti name given_name family_name middle_name nickname preferred_username profile picture \
            website email email_verified gender birthdate zoneinfo locale phone_number phone_number_verified address updated_at azp nonce \
            auth_time at_hash c_hash acr amr sub_jwk cnf sip_from_tag sip_date sip_callid sip_cseq_num sip_via_branch orig dest mky events \
            toe txn rph sid vot vtm attest origid act scope client_id may_act jcard at_use_nbf div opt vc vp sph ace_profile cnonce exi \
            roles groups entitlements token_introspection eat_nonce ueid sueids oemid hwmodel hwversion oemboot dbgstat location \
            eat_profile submods uptime bootcount bootseed dloas swname swversion manifests measurements measres intuse cdniv cdnicrit \
            cdniip cdniuc cdniets cdnistt cdnistd sig_val_claims authorization_details verified_claims place_of_birth nationalities \
            birth_family_name birth_given_name birth_middle_name salutation title msisdn also_known_as htm htu ath atc sub_id rcd rcdi crn \
            msgi _claim_names _claim_sources rdap_allowed_purposes rdap_dnt_allowed geohash _sd _sd_alg sd_hash vct status status_list ttl";
        for (names, why) in [
            (registered, "the registry of JWT claims"),
            ("active scope client_id username token_type exp iat nbf sub aud iss jti permissions", "answers to introspection"),
            ("root_jti ancestors rvk", "ours"),
            (
                "scopes scp tid oid appid wids uti ver upn idtyp cid token_use realm_access resource_access role authorities typ",
                "platforms",
            ),
        ] {
            for name in names.split_whitespace() {
                assert!(is_registered(name), "{why}: {name}");
            }
        }
        for (names, why) in [
            ("commit namespace build_id sha ref repository environment team cost_center", "what workloads are about"),
            ("Sub ISS Given_Name", "case counts in the names of claims"),
            ("subject name_ e x", "part of a name is another"),
        ] {
            for name in names.split_whitespace() {
                assert!(!is_registered(name), "{why}: {name}");
            }
        }
    }

    #[test]
    fn a_name_stands_in_the_list_once_and_could_be_written() {
        let mut seen = std::collections::BTreeSet::new();
        for name in REGISTERED.iter().flat_map(|(_, names)| *names) {
            assert!(seen.insert(name), "{name} stands twice");
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{name} cannot be the name of a mapping");
        }
    }
}
