//! The tables as diesel sees them, for both backends; what the columns mean stands in migrations/sqlite.

use diesel::{allow_tables_to_appear_in_same_query, table};

table! {
    meta (name) {
        name -> Text,
        value -> Text,
    }
}

table! {
    patient_key (key) {
        key -> BigInt,
        id -> Text,
    }
}

table! {
    resource (key) {
        key -> BigInt,
        kind -> SmallInt,
        id -> Text,
        patient -> BigInt,
        current -> BigInt,
        version -> BigInt,
        last_updated -> BigInt,
        deleted -> Bool,
        hallare -> BigInt,
        dold -> Bool,
        skyddad -> Bool,
        allman -> Bool,
    }
}

table! {
    hallare (key) {
        key -> BigInt,
        namn -> Text,
    }
}

table! {
    hallare_enhet (hsa_id, hallare) {
        hsa_id -> Text,
        hallare -> BigInt,
    }
}

table! {
    ratt (patient, slag, hsa_id, resource, low) {
        patient -> BigInt,
        slag -> SmallInt,
        hsa_id -> Text,
        resource -> BigInt,
        low -> BigInt,
        high -> BigInt,
    }
}

table! {
    history (seq) {
        seq -> BigInt,
        patient -> BigInt,
        resource -> BigInt,
        version -> BigInt,
        last_updated -> BigInt,
        deleted -> Bool,
        caller -> Text,
        interaction -> Text,
        request_id -> Text,
        body -> Text,
        kind -> SmallInt,
        dold -> Bool,
        flyttad -> Bool,
    }
}

table! {
    index_token (patient, resource, param, value, system) {
        patient -> BigInt,
        resource -> BigInt,
        kind -> SmallInt,
        param -> Text,
        system -> BigInt,
        value -> Text,
    }
}

table! {
    index_reference (patient, resource, param, target_id, target_kind, target_url) {
        patient -> BigInt,
        resource -> BigInt,
        kind -> SmallInt,
        param -> Text,
        target_kind -> Text,
        target_id -> Text,
        target_url -> Text,
    }
}

table! {
    index_date (patient, resource, param, low, high) {
        patient -> BigInt,
        resource -> BigInt,
        kind -> SmallInt,
        param -> Text,
        low -> BigInt,
        high -> BigInt,
    }
}

table! {
    index_string (patient, resource, param, folded, exact) {
        patient -> BigInt,
        resource -> BigInt,
        kind -> SmallInt,
        param -> Text,
        folded -> Text,
        exact -> BigInt,
        rest -> Text,
    }
}

table! {
    index_quantity (patient, resource, param, low, high, system, code, unit) {
        patient -> BigInt,
        resource -> BigInt,
        kind -> SmallInt,
        param -> Text,
        low -> Text,
        high -> Text,
        system -> BigInt,
        code -> Text,
        unit -> Text,
    }
}

table! {
    outbox (seq) {
        seq -> BigInt,
        attempts -> BigInt,
        next_attempt -> BigInt,
    }
}

table! {
    audit (seq) {
        seq -> BigInt,
        at -> BigInt,
        caller -> Text,
        purpose -> Text,
        interaction -> Text,
        outcome -> Text,
        request_id -> Text,
        resources -> Text,
        capacity -> Text,
        who -> Text,
        unit -> Text,
        provider -> Text,
        client -> Text,
        emergency -> Text,
        patients -> Text,
        keepers -> Text,
    }
}

table! {
    audit_patient (patient, audit) {
        patient -> BigInt,
        audit -> BigInt,
    }
}

table! {
    audit_chain (n) {
        n -> BigInt,
        audit -> BigInt,
        hash -> Text,
    }
}

table! {
    audit_anchor (n) {
        n -> BigInt,
        audit -> BigInt,
        hash -> Text,
        at -> BigInt,
    }
}

table! {
    // PostgreSQL only.
    audit_waiting (audit) {
        audit -> BigInt,
    }
}

table! {
    kontroll_ko (seq, patient) {
        seq -> BigInt,
        patient -> BigInt,
        resource -> BigInt,
        efter -> BigInt,
    }
}

table! {
    kontroll (patient, policy) {
        patient -> BigInt,
        policy -> BigInt,
        fynd -> Text,
    }
}

table! {
    kontroll_rad (enhet, regel, allvarlighet, patient) {
        enhet -> BigInt,
        regel -> Text,
        allvarlighet -> SmallInt,
        patient -> BigInt,
        policy -> BigInt,
    }
}

table! {
    kontroll_beroende (patient, kalla) {
        patient -> BigInt,
        kalla -> BigInt,
    }
}

table! {
    kontroll_dag (patient) {
        patient -> BigInt,
        dag -> BigInt,
    }
}

table! {
    kontroll_lakare (enhet, lakare, patient) {
        enhet -> BigInt,
        lakare -> BigInt,
        patient -> BigInt,
        typ -> SmallInt,
    }
}

allow_tables_to_appear_in_same_query!(
    meta,
    patient_key,
    resource,
    history,
    index_token,
    index_reference,
    index_date,
    index_string,
    index_quantity,
    outbox,
    audit,
    audit_patient,
    audit_chain,
    audit_anchor,
    audit_waiting,
    kontroll_ko,
    kontroll,
    kontroll_rad,
    kontroll_beroende,
    kontroll_dag,
    kontroll_lakare,
    hallare,
    hallare_enhet,
    ratt,
);
