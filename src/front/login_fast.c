/*
 * login_fast.c: signing in with a token (XEP-0484): one message, one lookup, two HMACs. The token is derived from what the account's row and
 * the client's say, so it dies with either. A token that fits but is too old is told apart; all else looks like a wrong password.
 */
#include <stdlib.h>

#include "base/log.h"
#include "front/login_state.h"
#include "im/devices.h"

static bool ht_is_offered(const struct login *l, enum ht_mechanism mechanism) {
    if (login_options(l)->token_ms == 0) return false;
    return mechanism == HT_NONE || login_has_binding(l, mechanism == HT_EXPR ? BINDING_EXPORTER : BINDING_END_POINT);
}

void login_add_fast(const struct login *l, struct arena *arena, struct xml_node *parent) {
    if (login_options(l)->token_ms == 0) return;
    struct xml_node *fast = xml_add(arena, parent, NS_FAST, STR("fast"));
    for (enum ht_mechanism m = 0; m < HT_MECHANISMS; m++) {
        if (ht_is_offered(l, m)) xml_add_text(arena, xml_add(arena, fast, NS_FAST, STR("mechanism")), ht_name(m));
    }
}

bool login_fast_named(struct login *l, struct str name) {
    return ht_named(name, &l->ht) && ht_is_offered(l, l->ht);
}

static struct str ht_binding(const struct login *l) {
    if (l->ht == HT_NONE) return STR("");
    return login_binding(l, l->ht == HT_EXPR ? BINDING_EXPORTER : BINDING_END_POINT);
}

/* count guards early data of TLS (section 3.4), which is not taken here: it is only looked at. */
static bool fast_is_right(const struct xml_node *fast) {
    unsigned long long count;
    struct str text = fast ? xml_attr(fast, STR("count")) : STR_NONE;
    return fast && (!text.p || str_to_u64(text, UINT32_MAX, &count));
}

void login_fast(struct login *l, const struct xml_node *el, struct str message) {
    struct str name, proof;
    if (!fast_is_right(xml_child(el, NS_FAST, STR("fast"))) || !ht_read(message, &name, &proof)) {
        login_refuse(l, "malformed-request");
        return;
    }
    memcpy(l->proof, proof.p, sizeof l->proof);
    l->fast = true;
    login_find(l, name, STR_NONE);
}

/* Whether the proof is of the token made then; 0: of none, in the same time. */
static bool ht_fits(struct login *l, int64_t made_us, struct str *out_token) {
    const struct ht_purpose purpose = {l->account, l->generation, l->client.client, made_us, l->ht};
    struct str token = device_token_of(login_turn(l)->arena, l->gate->server, &purpose);
    struct str binding = ht_binding(l);
    bool fits = binding.p && ht_check(token, binding, str_of(l->proof, sizeof l->proof));
    if (!fits || made_us == 0) return false;
    *out_token = token;
    return true;
}

void login_fast_check(struct login *l) {
    struct turn *turn = login_turn(l);
    struct str token = STR_NONE;
    bool next = ht_fits(l, l->client.next_us, &token), now = ht_fits(l, l->client.token_us, &token);
    bool may = l->generation && l->client.known && !l->client.signed_out;
    if (!may || !(next || now)) {
        login_fail(l);
        return;
    }
    l->token_us = next ? l->client.next_us : l->client.token_us;
    if (turn->wall_us - l->token_us >= login_options(l)->token_ms * 1000) {
        LOG(LOG_INFO, "token-expired", F_C("account", l->bare));
        login_refuse(l, "credentials-expired");
        return;
    }
    uint8_t answer[HT_PROOF_LEN];
    ht_answer(token, ht_binding(l), answer);
    login_succeed(l, str_of(answer, sizeof answer));
}
