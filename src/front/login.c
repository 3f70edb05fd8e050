/*
 * login.c: from a connection's first byte to a verified proof, on a gate: the stream around it; the proof is in login_sasl.c, what its keys may be in need of
 * in login_upgrade.c, an account made in login_register.c. It ends with the connection pushed to the account's home together with the proof (im/stream.h), with its end, or
 * with an account made (XEP-0077) and the same stream going on. What must hold: nothing that a stranger sends costs more than its bytes
 * and, rarely, one key derivation on a worker; a failed attempt tells nothing about whether the name exists.
 */
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "front/c2s.h"
#include "front/login_state.h"
#include "front/relay.h"
#include "im/stream.h"

/* --- life --- */

void login_forget_attempt(struct login *l) {
    scram_done(&l->scram);
    l->scram = (struct scram){0};
    bytes_wipe(&l->keys, sizeof l->keys);
    upgrades_forget(&l->upgraded);
    l->upgrades = 0;
    if (l->password.p) bytes_wipe((char *)(uintptr_t)l->password.p, l->password.len);
    free((char *)(uintptr_t)l->password.p);
    l->password = STR_NONE;
    free(l->bare);
    free(l->request);
    free(l->success);
    l->bare = l->request = l->success = NULL;
    l->generation = l->account = l->token_us = 0;
    l->fast = false;
    l->client = (struct client_row){0};
    bytes_wipe(l->proof, sizeof l->proof);
}

void login_release(struct login *l) {
    if (!l->gone || l->jobs > 0) return;
    login_forget_attempt(l);
    free(l->from);
    free(l);
}

static void login_leave(struct login *l) {
    if (l->gone) return;
    l->gone = true;
    list_remove(&l->link);
    loop_timer_cancel(l->gate->place->loop, &l->timer);
    loop_undefer(l->gate->place->loop, &l->handover);
    atomic_fetch_sub(&l->gate->server->unauthenticated, 1);
    login_release(l);
}

void login_end(struct login *l, enum stream_error error, struct str text) {
    struct peer *peer = l->peer;
    if (error) {
        LOG(LOG_INFO, "login-ended", F_STR("error", stream_error_name(error)), F_STR("why", text));
    }
    login_leave(l);
    peer->ops->close(peer, error, text);
}

void login_write(struct login *l, const struct xml_node *el) {
    struct buf out = BUF_INIT;
    xml_write(&out, el, STR_NONE, true);
    l->peer->ops->write(l->peer, buf_str(&out));
    buf_free(&out);
}

/* --- features --- */

bool login_is_secret(const struct login *l) {
    struct peer_facts facts;
    l->peer->ops->facts(l->peer, &facts);
    if (facts.tls) return true;
    return login_options(l)->plaintext == PLAINTEXT_LOOPBACK && !facts.address.proxied &&
           net_address_is_loopback(&facts.address);
}

static void add_sasl2(const struct login *l, struct arena *arena, struct xml_node *features) {
    struct xml_node *authentication = xml_add(arena, features, NS_SASL2, STR("authentication"));
    login_add_mechanisms(l, arena, authentication, NS_SASL2);
    struct xml_node *inner = xml_add(arena, authentication, NS_SASL2, STR("inline"));
    struct xml_node *bind = xml_add(arena, inner, NS_BIND2, STR("bind"));
    struct xml_node *bind_inline = xml_add(arena, bind, NS_BIND2, STR("inline"));
    xml_set(arena, xml_add(arena, bind_inline, NS_BIND2, STR("feature")), STR("var"), NS_SM);
    xml_set(arena, xml_add(arena, bind_inline, NS_BIND2, STR("feature")), STR("var"), NS_CARBONS);
    xml_set(arena, xml_add(arena, bind_inline, NS_BIND2, STR("feature")), STR("var"), NS_CSI);
    xml_add(arena, inner, NS_SM, STR("sm"));
    login_add_fast(l, arena, inner);
    login_add_upgrades(l, arena, authentication);
}

static void login_features(struct login *l) {
    struct arena *arena = login_turn(l)->arena;
    struct xml_node *features = xml_new(arena, NS_STREAM, STR("features"));
    struct peer_facts facts;
    l->peer->ops->facts(l->peer, &facts);
    bool is_secret = login_is_secret(l);
    login_look_at_tls(l);
    if (!facts.tls && !facts.websocket) {
        struct xml_node *starttls = xml_add(arena, features, NS_TLS, STR("starttls"));
        if (!is_secret) xml_add(arena, starttls, NS_TLS, STR("required"));
    }
    if (is_secret) {
        login_add_mechanisms(l, arena, xml_add(arena, features, NS_SASL, STR("mechanisms")), NS_SASL);
        add_sasl2(l, arena, features);
        login_add_bindings(l, arena, features);
        if (login_options(l)->registration == REGISTRATION_OPEN)
            xml_add(arena, features, NS_REGISTER_FEATURE, STR("register"));
    }
    struct xml_node *limits = xml_add(arena, features, NS_LIMITS, STR("limits"));
    xml_add_text(arena, xml_add(arena, limits, NS_LIMITS, STR("max-bytes")),
                 arena_printf(arena, "%lld", (long long)login_options(l)->stanza_bytes_unauthenticated));
    login_write(l, features);
}

static void on_timer(struct loop_timer *timer, int64_t now_ms) {
    struct login *l = CONTAINER_OF(timer, struct login, timer);
    if (l->step == STEP_DELAY) {
        loop_timer_set(l->gate->place->loop, timer, l->deadline_ms > now_ms ? l->deadline_ms : now_ms + 1000);
        login_refuse_late(l);
        return;
    }
    login_end(l, STREAM_ERR_CONNECTION_TIMEOUT, STR("Signing in took too long."));
}

/* --- succeeding --- */

static void on_handover(struct loop_deferred *deferred) {
    struct login *l = CONTAINER_OF(deferred, struct login, handover);
    struct turn *turn = login_turn(l);
    struct str bare = str_c(l->bare), success = str_of(l->success, l->success_len), request = str_c(l->request);
    size_t lang_len = strlen(l->lang);
    struct msg_adopt *m = msg_new(MSG_ADOPT, sizeof *m + bare.len + success.len + request.len + lang_len, 0);
    struct shard *home = home_of(turn->shard->hub, bare);
    char *at = m->text;
    m->bare = str_of(memcpy(at, bare.p, bare.len), bare.len);
    at += bare.len;
    if (success.p) m->success = str_of(memcpy(at, success.p, success.len), success.len);
    at += success.len;
    if (request.p) m->inline_request = str_of(memcpy(at, request.p, request.len), request.len);
    at += request.len;
    m->lang = str_of(memcpy(at, l->lang, lang_len), lang_len);
    m->generation = l->generation;
    m->since_ms = l->since_ms;
    m->sasl2 = l->sasl2;
    m->looked_us = l->looked_us;
    m->client = l->client;
    m->token_us = l->token_us;
    m->mechanism = l->ht;
    m->new_token_us = 0;
    struct peer *peer = l->peer;
    bool relays = login_options(l)->relay;
    login_leave(l);
    c2s_detach(peer);
    m->peer = relays ? relay_new(turn, peer, home) : peer;
    shard_post(home, &m->msg);
}

static char *heap_copy(struct str bytes) {
    char *copy = malloc(bytes.len + 1);
    CHECK(copy != NULL);
    memcpy(copy, bytes.p, bytes.len);
    return copy;
}

void login_succeed(struct login *l, struct str data) {
    l->success = data.p ? heap_copy(data) : NULL;
    l->success_len = data.len;
    l->step = STEP_DONE;
    /* Nothing more is read here; the hand-over is the last thing of this turn, outside of the connection's callbacks. */
    l->peer->ops->pause(l->peer);
    l->handover.run = on_handover;
    loop_defer(l->gate->place->loop, &l->handover);
}

/* --- STARTTLS --- */

static void login_starttls(struct login *l, const struct xml_node *el) {
    (void)el;
    struct peer_facts facts;
    l->peer->ops->facts(l->peer, &facts);
    if (facts.tls || facts.websocket || l->step != STEP_IDLE) {
        login_end(l, STREAM_ERR_POLICY_VIOLATION, STR("No TLS here and now."));
        return;
    }
    struct arena *arena = login_turn(l)->arena;
    login_write(l, xml_new(arena, NS_TLS, STR("proceed")));
    struct tls_context *ctx = front_tls(l->gate->front);
    l->opened = false;
    c2s_start_tls(l->peer, ctx);
    tls_context_unref(&ctx);
}

/* --- events --- */

static const struct {
    struct str ns, name;
    void (*run)(struct login *l, const struct xml_node *el);
} login_elements[] = {
    {STR_INIT("urn:xmpp:sasl:2"), STR_INIT("authenticate"), login_auth},
    {STR_INIT("urn:xmpp:sasl:2"), STR_INIT("response"), login_response},
    {STR_INIT("urn:xmpp:sasl:2"), STR_INIT("next"), login_next},
    {STR_INIT("urn:xmpp:sasl:2"), STR_INIT("task-data"), login_task_data},
    {STR_INIT("urn:xmpp:sasl:2"), STR_INIT("abort"), login_abort},
    {STR_INIT("urn:ietf:params:xml:ns:xmpp-sasl"), STR_INIT("auth"), login_auth},
    {STR_INIT("urn:ietf:params:xml:ns:xmpp-sasl"), STR_INIT("response"), login_response},
    {STR_INIT("urn:ietf:params:xml:ns:xmpp-sasl"), STR_INIT("abort"), login_abort},
    {STR_INIT("urn:ietf:params:xml:ns:xmpp-tls"), STR_INIT("starttls"), login_starttls},
    {STR_INIT("jabber:client"), STR_INIT("iq"), login_iq},
};

static void on_element(struct turn *turn, void *owner, struct xml_node *el, size_t len) {
    (void)turn;
    (void)len;
    struct login *l = owner;
    if (!l->opened) {
        login_end(l, STREAM_ERR_NOT_AUTHORIZED, STR("Open the stream first."));
        return;
    }
    for (size_t i = 0; i < sizeof login_elements / sizeof *login_elements; i++) {
        if (!xml_is(el, login_elements[i].ns, login_elements[i].name)) continue;
        login_elements[i].run(l, el);
        return;
    }
    bool is_stanza = str_eq(el->ns, NS_CLIENT);
    login_end(l, is_stanza ? STREAM_ERR_NOT_AUTHORIZED : STREAM_ERR_UNSUPPORTED_STANZA_TYPE, STR_NONE);
}

static void login_remember(struct login *l, const struct xml_node *header) {
    struct str from = xml_attr(header, STR("from"));
    struct str lang = xml_attr_ns(header, XML_NS_XML, STR("lang"));
    free(l->from);
    l->from = str_some(from) ? strndup(from.p, from.len) : NULL;
    if (lang.len >= sizeof l->lang) lang = STR_NONE;
    if (lang.len) memcpy(l->lang, lang.p, lang.len);
    l->lang[lang.len] = 0;
}

static bool login_from_is_ours(const struct login *l) {
    struct jid jid;
    return !l->from || (jid_parse(login_turn(l)->arena, str_c(l->from), &jid) == 0 &&
                        str_eq(jid_domain(jid), login_options(l)->domain));
}

static void on_header(struct turn *turn, void *owner, const struct xml_node *header, struct str default_ns) {
    struct login *l = owner;
    bool again = l->opened;
    char id[23];
    random_id(id);
    if (!again) {
        login_remember(l, header);
        l->peer->ops->open(l->peer, str_c(id), str_c(l->lang));
        l->opened = true;
    }
    struct str to = xml_attr(header, STR("to")), version = xml_attr(header, STR("version")), domain;
    bool is_stream = xml_is(header, NS_STREAM, STR("stream")) || xml_is(header, NS_FRAMING, STR("open"));
    if (again) {
        login_end(l, STREAM_ERR_NOT_WELL_FORMED, STR("The stream is open already."));
    } else if (!str_eq(header->ns, NS_STREAM) && !str_eq(header->ns, NS_FRAMING)) {
        login_end(l, STREAM_ERR_INVALID_NAMESPACE, STR_NONE);
    } else if (!is_stream) {
        login_end(l, STREAM_ERR_BAD_FORMAT, STR_NONE);
    } else if (!str_eq(default_ns, NS_CLIENT)) {
        login_end(l, STREAM_ERR_INVALID_NAMESPACE, STR_NONE);
    } else if (!str_starts(version, STR("1."))) {
        login_end(l, STREAM_ERR_UNSUPPORTED_VERSION, STR_NONE);
    } else if (!str_some(to) || jid_prepare_domain(turn->arena, to, &domain) ||
               !str_eq(domain, login_options(l)->domain)) {
        login_end(l, STREAM_ERR_HOST_UNKNOWN, STR_NONE);
    } else if (!login_from_is_ours(l)) {
        login_end(l, STREAM_ERR_INVALID_FROM, STR_NONE);
    } else {
        login_features(l);
    }
}

static void on_end(struct turn *turn, void *owner) {
    (void)turn;
    login_end(owner, STREAM_ERR_NONE, STR_NONE);
}

static void on_bad(struct turn *turn, void *owner, enum xml_error error) {
    (void)turn;
    login_end(owner, stream_error_of_xml(error), STR_NONE);
}

static void on_drained(struct turn *turn, void *owner) {
    (void)turn;
    (void)owner;
}

static void on_secure(struct turn *turn, void *owner) {
    (void)turn;
    (void)owner;
}

static void on_lost(struct turn *turn, void *owner, int err) {
    (void)turn;
    struct login *l = owner;
    struct peer *peer = l->peer;
    LOG(LOG_DEBUG, "login-lost", F_ERR("error", err));
    login_leave(l);
    peer->ops->drop(peer);
}

static const struct peer_events login_events = {on_header, on_element, on_end, on_bad, on_drained, on_secure, on_lost};

void login_start(struct turn *turn, struct gate *gate, struct peer *peer) {
    struct login *l = calloc(1, sizeof *l);
    CHECK(l != NULL);
    l->gate = gate;
    l->peer = peer;
    l->timer.fire = on_timer;
    l->since_ms = turn->now_ms;
    l->deadline_ms = l->since_ms + gate->server->options.unauthenticated_ms;
    list_append(&gate->logins, &l->link);
    loop_timer_set(gate->place->loop, &l->timer, l->deadline_ms);
    atomic_fetch_add(&gate->server->unauthenticated, 1);
    peer->ops->attach(peer, turn, &login_events, l);
}

void logins_close(struct turn *turn, struct gate *gate) {
    (void)turn;
    LIST_EACH (&gate->logins, at, after) {
        login_end(CONTAINER_OF(at, struct login, link), STREAM_ERR_SYSTEM_SHUTDOWN, STR_NONE);
    }
}
