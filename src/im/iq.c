/*
 * iq.c: requests and their answers. A request to the server or to oneself is handled on the requester's home, one to another account on
 * that account's home. What must hold (promise 6): every request is answered exactly once; our own requests have ids that nobody
 * can guess, and only the client that was asked can answer them.
 */
#include "im/iq.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "im/account.h"
#include "im/caps.h"
#include "im/feature.h"
#include "im/router.h"
#include "im/session.h"
#include "xmpp/ns.h"

struct xml_node *iq_result_of(struct walk *walk) {
    struct xml_node *result = iq_result(walk->turn->arena, &walk->stanza);
    if (!jid_some(walk->stanza.to)) xml_set(walk->turn->arena, result, STR("from"), STR_NONE);
    return result;
}

void iq_answer(struct walk *walk, struct xml_node *payload) {
    struct xml_node *result = iq_result_of(walk);
    if (payload) xml_append(result, payload);
    router_answer(walk, result);
}

void iq_refuse(struct walk *walk, enum stanza_error error, struct str text) {
    router_refuse(walk, error, text);
}

enum stanza_error iq_error_of(int err) {
    switch (err) {
    case ERR_FULL:
    case ERR_LIMIT:
        return STANZA_ERR_RESOURCE_CONSTRAINT;
    case ERR_NOT_FOUND:
        return STANZA_ERR_ITEM_NOT_FOUND;
    case ERR_EXISTS:
        return STANZA_ERR_CONFLICT;
    case ERR_DENIED:
        return STANZA_ERR_NOT_ALLOWED;
    case ERR_INVALID:
        return STANZA_ERR_BAD_REQUEST;
    default:
        return STANZA_ERR_INTERNAL_SERVER_ERROR;
    }
}

/* --- later --- */

struct iq_later {
    uint32_t session, session_gen;
    bool remote; /* the requester has another home: answer by its address */
    uint16_t from_len, to_len;
    uint32_t id_len;
    char text[]; /* from, to, id */
};

struct iq_later *iq_defer(struct walk *walk) {
    struct str from = jid_str(walk->stanza.from), to = jid_str(walk->stanza.to), id = walk->stanza.id;
    struct iq_later *l = calloc(1, sizeof *l + from.len + to.len + id.len);
    CHECK(l != NULL);
    l->session = walk->origin.session;
    l->session_gen = walk->origin.session_gen;
    l->remote = walk->direction == IN;
    l->from_len = (uint16_t)from.len;
    l->to_len = (uint16_t)to.len;
    l->id_len = (uint32_t)id.len;
    char *at = l->text;
    if (from.len) memcpy(at, from.p, from.len);
    at += from.len;
    if (to.len) memcpy(at, to.p, to.len);
    at += to.len;
    if (id.len) memcpy(at, id.p, id.len);
    return l;
}

struct session *iq_later_session(struct turn *turn, const struct iq_later *l) {
    return l->remote ? NULL : session_at(im_of(turn), l->session, l->session_gen);
}

static void later_stanza(struct iq_later *l, struct stanza *out) {
    *out = (struct stanza){.kind = STANZA_IQ, .type = IQ_GET};
    out->from = jid_trusted(str_of(l->text, l->from_len));
    if (l->to_len) out->to = jid_trusted(str_of(l->text + l->from_len, l->to_len));
    out->id = str_of(l->text + l->from_len + l->to_len, l->id_len);
}

/* `child`: bytes at its end; empty: none. */
static void later_send_with(struct turn *turn, struct iq_later **later, struct xml_node *el, struct str child) {
    struct iq_later *l = *later;
    *later = NULL;
    struct session *s = l->remote ? NULL : session_at(im_of(turn), l->session, l->session_gen);
    if (l->remote) {
        router_send_with(turn, el, jid_trusted(str_of(l->text, l->from_len)), child);
    } else if (s && !str_some(child)) {
        session_send_node(turn, s, el);
    } else if (s) {
        struct wire *empty = wire_from(el), *wire = wire_with_child(empty, child);
        session_send(turn, s, wire, 0);
        wire_unref(&empty);
        wire_unref(&wire);
    }
    free(l);
}

static void later_send(struct turn *turn, struct iq_later **later, struct xml_node *el) {
    later_send_with(turn, later, el, STR_NONE);
}

void iq_later_answer(struct turn *turn, struct iq_later **later, struct xml_node *payload) {
    struct stanza stanza;
    later_stanza(*later, &stanza);
    struct xml_node *result = iq_result(turn->arena, &stanza);
    if (payload) xml_append(result, payload);
    later_send(turn, later, result);
}

void iq_later_answer_bytes(struct turn *turn, struct iq_later **later, struct str payload) {
    struct stanza stanza;
    later_stanza(*later, &stanza);
    later_send_with(turn, later, iq_result(turn->arena, &stanza), payload);
}

void iq_later_refuse_with(struct turn *turn, struct iq_later **later, enum stanza_error error, struct str text,
                          struct xml_node *detail) {
    struct stanza stanza;
    later_stanza(*later, &stanza);
    struct xml_node *reply = stanza_error_reply(turn->arena, &stanza, error, text);
    if (detail) xml_append(xml_child(reply, NS_CLIENT, STR("error")), detail);
    later_send(turn, later, reply);
}

void iq_later_refuse(struct turn *turn, struct iq_later **later, enum stanza_error error, struct str text) {
    iq_later_refuse_with(turn, later, error, text, NULL);
}

void iq_later_failed(struct turn *turn, struct iq_later **later, int err) {
    iq_later_refuse(turn, later, iq_error_of(err), STR_NONE);
}

/* --- dispatch --- */

void iq_dispatch(struct walk *walk) {
    if (stanza_is_answer(&walk->stanza)) {
        iq_on_answer(walk); /* or to a request that was never sent: dropped */
        return;
    }
    const struct iq_handler *handler = feature_iq_handler(walk->stanza.type, walk->target, walk->stanza.payload);
    if (handler) {
        handler->run(walk);
    } else {
        iq_refuse(walk, STANZA_ERR_SERVICE_UNAVAILABLE, STR_NONE);
    }
}

/* --- our own requests: pings, with an id that only that session's client has seen --- */

static struct str ping_id(struct turn *turn, const struct session *s) {
    uint8_t plain[16] = {0}, id[16];
    memcpy(plain, &s->index, 4);
    memcpy(plain + 4, &s->generation, 4);
    memcpy(plain + 8, &s->since_us, 8);
    plain[15] ^= 0x80; /* never an archive id */
    block_encrypt(im_of(turn)->ids, plain, id);
    return base64url_encode(turn->arena, str_of(id, sizeof id));
}

void iq_ping(struct turn *turn, struct session *s) {
    struct xml_node *iq = xml_new(turn->arena, NS_CLIENT, STR("iq"));
    xml_set(turn->arena, iq, STR("type"), STR("get"));
    xml_set(turn->arena, iq, STR("id"), ping_id(turn, s));
    xml_set(turn->arena, iq, STR("from"), server_domain(im_of(turn)));
    xml_add(turn->arena, iq, NS_PING, STR("ping"));
    session_asked_proof(s);
    session_send_node(turn, s, iq);
}

bool iq_on_answer(struct walk *walk) {
    struct session *s = walk->session;
    if (caps_on_answer(walk)) return true;
    if (!s || !str_eq(walk->stanza.id, ping_id(walk->turn, s))) return false;
    if (s->stream) s->stream->asked = false;
    session_proven(walk->turn, s);
    return true;
}
