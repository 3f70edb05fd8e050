/*
 * bind.c: resources. A client that names its user agent (SASL2) gets the same resource each time, made from its tag and a keyed hash,
 * so that others cannot link or guess the user agent; its earlier sessions end, hibernated ones too, but for one over a connection that
 * began later.
 */
#include "im/bind.h"

#include "base/codec.h"
#include "base/log.h"
#include "im/archive.h"
#include "im/copy.h"
#include "im/devices.h"
#include "im/handover.h"
#include "im/quiet.h"
#include "im/session.h"
#include "xmpp/ns.h"

enum { TAG_MAX = 64 };

static struct str random_resource(struct turn *turn) {
    char id[23];
    random_id(id);
    return arena_dup(turn->arena, str_of(id, 12));
}

/* Room for one more: the oldest session without a connection leaves, if there is one. */
static bool bind_make_room(struct turn *turn, struct account *a) {
    if (a->session_count < a->im->server->options.resources) return true;
    LIST_EACH (&a->sessions, at, after) {
        struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (s->stream) continue;
        session_end(turn, s, STREAM_ERR_NONE, STR_NONE);
        return true;
    }
    return false;
}

/* The same resource, or the same device under another. */
static bool bind_replaces(const struct session *s, struct str resource, uint64_t user_agent) {
    return str_eq(session_resource(s), resource) || (user_agent && s->user_agent == user_agent);
}

/* Would it end what its device uses now? */
static bool bind_is_stale(const struct stream *stream, struct str resource, uint64_t user_agent) {
    LIST_EACH (&stream->account->sessions, at, after) {
        const struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (bind_replaces(s, resource, user_agent) && stream_is_stale(stream, s)) return true;
    }
    return false;
}

static void bind_end_earlier(struct turn *turn, struct account *a, struct str resource, uint64_t user_agent) {
    LIST_EACH (&a->sessions, at, after) {
        struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (!bind_replaces(s, resource, user_agent)) continue;
        session_end(turn, s, STREAM_ERR_CONFLICT, STR("Signed in again from the same device."));
    }
}

static struct session *bind_resource(struct turn *turn, struct stream *stream, struct str resource,
                                     uint64_t user_agent) {
    struct account *a = stream->account;
    bind_end_earlier(turn, a, resource, user_agent);
    if (!bind_make_room(turn, a)) return NULL;
    struct session *s = session_new(turn, a, resource, stream);
    s->user_agent = user_agent;
    s->client = stream->adopt->client.client;
    stream_bound(stream, s);
    LOG(LOG_INFO, "bound", F_STR("session", session_full(s)));
    return s;
}

/* --- Bind 2 --- */

static struct str bind2_resource(struct turn *turn, const struct stream *stream, struct str tag, uint64_t user_agent) {
    struct str unique = random_resource(turn);
    if (user_agent) {
        struct str seed = ARENA_CONCAT(turn->arena, account_bare(stream->account), STR("\n"), tag, STR("\n"),
                                       str_of(&user_agent, sizeof user_agent));
        uint8_t hash[32];
        hmac(HASH_SHA256, str_of(stream->im->server->salt_secret, 16), seed, hash);
        unique = str_first(base64url_encode(turn->arena, str_of(hash, 9)), 12);
    }
    struct str clean;
    if (!str_some(tag) || tag.len > TAG_MAX || jid_prepare_resource(turn->arena, tag, &clean)) return unique;
    return ARENA_CONCAT(turn->arena, clean, STR("."), unique);
}

static void bound_edge(struct turn *turn, const struct account *a, struct xml_node *metadata, struct str name,
                       int64_t sequence) {
    struct xml_node *edge = xml_add(turn->arena, metadata, STR_NONE, name);
    xml_set(turn->arena, edge, STR("id"), archive_id(turn, a, sequence));
    xml_set(turn->arena, edge, STR("timestamp"), datetime_format(turn->arena, sequence));
}

/* What the archive holds (XEP-0313 section 6); empty when it is. */
static void bound_metadata(struct turn *turn, const struct account *a, struct xml_node *bound) {
    struct xml_node *metadata = xml_add(turn->arena, bound, NS_MAM, STR("metadata"));
    if (a->archive_first == 0) return;
    bound_edge(turn, a, metadata, STR("start"), a->archive_first);
    bound_edge(turn, a, metadata, STR("end"), a->archive_newest);
}

struct xml_node *bind2(struct turn *turn, struct stream *stream, const struct xml_node *request,
                       const struct xml_node *bind) {
    uint64_t user_agent = (uint64_t)device_of(stream->im->server, request);
    struct str tag = xml_child_text(turn->arena, bind, NS_BIND2, STR("tag"));
    struct str resource = bind2_resource(turn, stream, tag, user_agent);
    if (bind_is_stale(stream, resource, user_agent)) {
        stream_fail(turn, stream, STREAM_ERR_CONFLICT, STR("Signed in again from the same device."));
        return NULL;
    }
    struct session *s = bind_resource(turn, stream, resource, user_agent);
    if (!s) {
        stream_fail(turn, stream, STREAM_ERR_RESOURCE_CONSTRAINT, STR("Too many devices are signed in."));
        return NULL;
    }
    s->modern = handover_all(turn, stream->account); /* it catches up by the archive */
    struct xml_node *bound = xml_new(turn->arena, NS_BIND2, STR("bound"));
    bound_metadata(turn, stream->account, bound);
    const struct xml_node *enable = xml_child(bind, NS_SM, STR("enable"));
    if (enable) xml_append(bound, sm_enable(turn, s, enable));
    if (xml_child(bind, NS_CARBONS, STR("enable"))) copy_enable(s);
    if (xml_child(bind, NS_CSI, STR("inactive"))) quiet_begin(s);
    return bound;
}

/* --- RFC 6120 --- */

static void bind_refuse(struct turn *turn, struct stream *stream, const struct stanza *stanza,
                        enum stanza_error error) {
    struct xml_node *reply = stanza_error_reply(turn->arena, stanza, error, STR_NONE);
    xml_set(turn->arena, reply, STR("to"), STR_NONE);
    stream_write(turn, stream, reply);
}

static void bind_answer(struct turn *turn, struct stream *stream, const struct stanza *stanza) {
    struct str asked = xml_child_text(turn->arena, stanza->payload, NS_BIND, STR("resource"));
    struct str resource = random_resource(turn);
    if (str_some(asked) && jid_prepare_resource(turn->arena, asked, &resource)) {
        bind_refuse(turn, stream, stanza, STANZA_ERR_BAD_REQUEST);
        return;
    }
    if (bind_is_stale(stream, resource, 0)) {
        bind_refuse(turn, stream, stanza, STANZA_ERR_CONFLICT);
        return;
    }
    struct session *s = bind_resource(turn, stream, resource, 0);
    if (!s) {
        bind_refuse(turn, stream, stanza, STANZA_ERR_RESOURCE_CONSTRAINT);
        return;
    }
    struct xml_node *result = xml_new(turn->arena, NS_CLIENT, STR("iq"));
    xml_set(turn->arena, result, STR("type"), STR("result"));
    xml_set(turn->arena, result, STR("id"), stanza->id);
    struct xml_node *bind = xml_add(turn->arena, result, NS_BIND, STR("bind"));
    xml_add_text(turn->arena, xml_add(turn->arena, bind, NS_BIND, STR("jid")), session_full(s));
    stream_write(turn, stream, result);
}

bool bind_iq(struct turn *turn, struct stream *stream, const struct xml_node *el) {
    struct stanza stanza;
    if (!xml_is(el, NS_CLIENT, STR("iq"))) return false;
    if (stanza_read(turn->arena, el, &stanza) != STANZA_ERR_NONE || stanza.type != IQ_SET) return false;
    if (!stream->opened || !xml_is(stanza.payload, NS_BIND, STR("bind"))) return false;
    bind_answer(turn, stream, &stanza);
    return true;
}
