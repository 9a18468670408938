//! The links and codes that mails carry: derived from the keys, so that neither database nor outbox holds a usable one.

use data_encoding::BASE64URL_NOPAD;

use crate::{
    app::Settings,
    clock::Timestamp,
    ids::{InvitationId, ResetId, UserId},
    secret::{Keys, Secret},
};

/// The token of an invitation's link; another generation is another token (MODEL section 3).
pub fn invitation_token(keys: &Keys, id: InvitationId, generation: i64) -> Secret {
    keys.derived_token(
        "mst_inv_",
        "invitation",
        &[&id.raw().to_le_bytes(), &generation.to_le_bytes()],
    )
}

/// What only the mailed link carries: whoever has it reads the invited mailbox (MODEL C-15).
pub fn invitation_proof(keys: &Keys, id: InvitationId, generation: i64) -> String {
    let mac = keys.mac(
        "invitation-proof",
        &[&id.raw().to_le_bytes(), &generation.to_le_bytes()],
    );
    BASE64URL_NOPAD.encode(&mac[..16])
}

/// The link that a page may show for copying.
pub fn invitation(settings: &Settings, keys: &Keys, id: InvitationId, generation: i64) -> String {
    settings.link(&format!("/i/{}", invitation_token(keys, id, generation).expose()))
}

/// The link that is mailed, with the proof.
pub fn mailed_invitation(settings: &Settings, keys: &Keys, id: InvitationId, generation: i64) -> String {
    format!(
        "{}?p={}",
        invitation(settings, keys, id, generation),
        invitation_proof(keys, id, generation)
    )
}

/// The token of a password reset.
pub fn reset_token(keys: &Keys, id: ResetId, created_at: Timestamp) -> Secret {
    keys.derived_token(
        "mst_rst_",
        "reset",
        &[&id.raw().to_le_bytes(), &created_at.micros().to_le_bytes()],
    )
}

/// The link of a password reset.
pub fn reset(settings: &Settings, keys: &Keys, id: ResetId, created_at: Timestamp) -> String {
    settings.link(&format!("/reset/{}", reset_token(keys, id, created_at).expose()))
}

/// The eight digits that prove an address.
pub fn address_code(keys: &Keys, user: UserId, nonce: i64) -> Secret {
    let mac = keys.mac("address-code", &[&user.raw().to_le_bytes(), &nonce.to_le_bytes()]);
    let mut number = [0; 8];
    number.copy_from_slice(&mac[..8]);
    Secret::new(format!("{:08}", u64::from_le_bytes(number) % 100_000_000))
}
