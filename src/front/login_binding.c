/*
 * login_binding.c: what ties a proof to the TLS that it came through: channel bindings (RFC 9266, RFC 5929), which of them are announced
 * (XEP-0440), and what lets a client see that its offer was not tampered with (XEP-0474, XEP-0515). Behind a proxy TLS is not ours to bind to.
 */
#include "front/c2s.h"
#include "base/codec.h"
#include "front/login_state.h"

/* In the order of octets, as XEP-0474 hashes them. */
static const char *const binding_names[] = {
    [BINDING_EXPORTER] = "tls-exporter",
    [BINDING_END_POINT] = "tls-server-end-point",
    [BINDING_UNIQUE] = "tls-unique",
};

static const struct tls *login_tls(const struct login *l) {
    struct peer_facts facts;
    l->peer->ops->facts(l->peer, &facts);
    return facts.tls && !facts.address.proxied ? conn_tls(c2s_conn(l->peer)) : NULL;
}

void login_look_at_tls(struct login *l) {
    const struct tls *tls = login_tls(l);
    l->bindings = 0;
    if (tls && tls_has_exporter(tls)) l->bindings |= 1u << BINDING_EXPORTER | 1u << BINDING_UNIQUE;
    if (tls && tls_has_server_end_point(tls)) l->bindings |= 1u << BINDING_END_POINT;
}

bool login_has_binding(const struct login *l, enum binding binding) {
    return (l->bindings >> binding & 1) != 0;
}

struct str login_binding(const struct login *l, enum binding binding) {
    const struct tls *tls = login_tls(l);
    uint8_t data[64];
    size_t len = 32;
    if (!tls) return STR_NONE;
    bool ok = binding == BINDING_EXPORTER    ? tls_exporter(tls, data)
              : binding == BINDING_END_POINT ? tls_server_end_point(tls, data, &len)
                                             : tls_unique(tls, data, &len);
    return ok ? arena_dup(login_turn(l)->arena, str_of(data, len)) : STR_NONE;
}

bool login_binding_named(const struct login *l, struct str name, enum binding *out) {
    for (enum binding b = 0; b < BINDINGS_TAKEN; b++) {
        if (!str_eq(name, str_c(binding_names[b])) || !login_has_binding(l, b)) continue;
        *out = b;
        return true;
    }
    return false;
}

bool login_has_bindings(const struct login *l) {
    return l->bindings != 0;
}

void login_add_bindings(const struct login *l, struct arena *arena, struct xml_node *features) {
    if (!login_has_bindings(l)) return;
    struct xml_node *all = xml_add(arena, features, NS_SASL_CB, STR("sasl-channel-binding"));
    for (enum binding b = 0; b < BINDINGS; b++) {
        if (!login_has_binding(l, b)) continue;
        struct xml_node *one = xml_add(arena, all, NS_SASL_CB, STR("channel-binding"));
        xml_set(arena, one, STR("type"), str_c(binding_names[b]));
    }
}

/* --- against downgrades --- */

static void joined_add(struct buf *out, const char *name, bool *first) {
    if (!*first) BUF_ADD_LIT(out, "\x1e");
    *first = false;
    buf_add_str(out, str_c(name));
}

/* What is offered here, as a number: it depends on little. */
static unsigned offer_of(const struct login *l) {
    return (login_has_binding(l, BINDING_EXPORTER) ? 1u : 0u) | (login_has_binding(l, BINDING_END_POINT) ? 2u : 0u) |
           (login_offers(l, MECH_PLAIN) ? 4u : 0u);
}

static void offer_hash(const struct login *l, enum hash hash, char out[48]) {
    struct buf offered = BUF_INIT;
    bool first = true;
    for (const char *name, *after = ""; (name = login_offered_after(l, after)); after = name)
        joined_add(&offered, name, &first);
    first = true;
    for (enum binding b = 0; b < BINDINGS; b++) {
        if (!login_has_binding(l, b)) continue;
        if (first) BUF_ADD_LIT(&offered, "\x1f");
        joined_add(&offered, binding_names[b], &first);
    }
    uint8_t digest[HASH_LEN_MAX];
    hash_bytes(hash, buf_str(&offered), digest);
    buf_free(&offered);
    struct str h = base64_encode(login_turn(l)->arena, str_of(digest, hash_len(hash)));
    memcpy(out, h.p, h.len);
    out[h.len] = '\0';
}

/* ",h=...,t=...": what was offered on this connection, and the version of its TLS. */
struct str login_extensions(const struct login *l, enum hash hash) {
    char *h = l->gate->offered[hash][offer_of(l)];
    if (!h[0]) offer_hash(l, hash, h);
    struct peer_facts facts;
    l->peer->ops->facts(l->peer, &facts);
    struct str version = !facts.tls_version                          ? STR("")
                         : strcmp(facts.tls_version, "TLSv1.3") == 0 ? STR(",t=0304")
                                                                     : STR(",t=0303");
    return ARENA_CONCAT(login_turn(l)->arena, STR(",h="), str_c(h), version);
}
