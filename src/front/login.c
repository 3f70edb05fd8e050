/*
 * login.c: from a connection's first byte to a verified proof, on a gate. It ends with the connection pushed to the account's home together
 * with the proof (im/stream.h), with its end, or with an account made (XEP-0077) and the same stream going on. What must hold: nothing that a
 * stranger sends costs more than its bytes and, rarely, one key derivation on a worker; a failed attempt tells nothing about whether the name exists.
 */
#include "front/login.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/log.h"
#include "front/c2s.h"
#include "front/relay.h"
#include "front/throttle.h"
#include "im/accounts_admin.h"
#include "im/stream.h"
#include "store/accounts.h"
#include "xml/writer.h"
#include "xmpp/form.h"
#include "xmpp/ns.h"
#include "xmpp/sasl.h"

enum { FAILURES_MAX = 5, FAILURE_DELAY_MAX_MS = 5000, MINUTE_MS = 60000, FORM_MS = 5 * MINUTE_MS };

enum login_step {
    STEP_IDLE,      /* between requests */
    STEP_LOOKUP,    /* the store looks for the credentials */
    STEP_CHALLENGE, /* the client's proof is awaited */
    STEP_WORK,      /* a worker derives keys */
    STEP_DELAY,     /* an answer waits for its time */
    STEP_DONE,      /* proven: on the way to its home */
};

enum mechanism { MECH_SCRAM_SHA_256, MECH_SCRAM_SHA_1, MECH_PLAIN, MECHANISMS };

static const char *const mechanism_names[] = {"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"};

struct login {
    struct link link; /* in gate->logins */
    struct gate *gate;
    struct peer *peer;
    struct loop_timer timer; /* the time it may take; or of a delayed answer */
    struct loop_deferred handover;
    int64_t deadline_ms;
    enum login_step step;
    enum mechanism mechanism;
    bool gone;                               /* its connection: it waits for its job alone */
    bool opened, sasl2, tls_wanted, filling; /* filling in the form of a new account */
    uint8_t failures;
    unsigned jobs;
    struct scram scram;
    struct scram_keys keys;
    int64_t generation;  /* 0: nobody */
    char *bare;          /* whom it wants to be; malloc'd */
    char *from;          /* the stream's `from`, if it had one; malloc'd */
    char *request;       /* <authenticate/>, serialised; malloc'd */
    char *success;       /* SASL data of the success; malloc'd */
    struct str password; /* PLAIN: wiped after use */
    char lang[12];
};

static struct turn *login_turn(const struct login *l) {
    return shard_turn(l->gate->place);
}

static const struct options *login_options(const struct login *l) {
    return &l->gate->server->options;
}

/* --- life --- */

static void login_forget_attempt(struct login *l) {
    scram_done(&l->scram);
    l->scram = (struct scram){0};
    bytes_wipe(&l->keys, sizeof l->keys);
    if (l->password.p) bytes_wipe((char *)(uintptr_t)l->password.p, l->password.len);
    free((char *)(uintptr_t)l->password.p);
    l->password = STR_NONE;
    free(l->bare);
    free(l->request);
    free(l->success);
    l->bare = l->request = l->success = NULL;
    l->generation = 0;
}

/* Freed when its connection has gone and no job of its is at the store. */
static void login_release(struct login *l) {
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

static void login_end(struct login *l, enum stream_error error, struct str text) {
    struct peer *peer = l->peer;
    if (error) {
        LOG(LOG_INFO, "login-ended", F_STR("error", stream_error_name(error)), F_STR("why", text));
    }
    login_leave(l);
    peer->ops->close(peer, error, text);
}

static void login_write(struct login *l, const struct xml_node *el) {
    struct buf out = BUF_INIT;
    xml_write(&out, el, STR_NONE, true);
    l->peer->ops->write(l->peer, buf_str(&out));
    buf_free(&out);
}

/* --- features --- */

static bool login_is_secret(const struct login *l) {
    struct peer_facts facts;
    l->peer->ops->facts(l->peer, &facts);
    if (facts.tls) return true;
    return login_options(l)->plaintext == PLAINTEXT_LOOPBACK && !facts.address.proxied &&
           net_address_is_loopback(&facts.address);
}

/* PLAIN shows the password: under TLS only, and only if the operator wants it. */
static bool login_offers(const struct login *l, enum mechanism m) {
    struct peer_facts facts;
    if (m != MECH_PLAIN) return true;
    l->peer->ops->facts(l->peer, &facts);
    return facts.tls && login_options(l)->sasl_plain;
}

static void add_mechanisms(const struct login *l, struct arena *arena, struct xml_node *parent, struct str ns) {
    for (enum mechanism m = 0; m < MECHANISMS; m++) {
        if (login_offers(l, m))
            xml_add_text(arena, xml_add(arena, parent, ns, STR("mechanism")), str_c(mechanism_names[m]));
    }
}

static void add_sasl2(const struct login *l, struct arena *arena, struct xml_node *features) {
    struct xml_node *authentication = xml_add(arena, features, NS_SASL2, STR("authentication"));
    add_mechanisms(l, arena, authentication, NS_SASL2);
    struct xml_node *inner = xml_add(arena, authentication, NS_SASL2, STR("inline"));
    struct xml_node *bind = xml_add(arena, inner, NS_BIND2, STR("bind"));
    struct xml_node *bind_inline = xml_add(arena, bind, NS_BIND2, STR("inline"));
    xml_set(arena, xml_add(arena, bind_inline, NS_BIND2, STR("feature")), STR("var"), NS_SM);
    xml_add(arena, inner, NS_SM, STR("sm"));
}

static void login_features(struct login *l) {
    struct arena *arena = login_turn(l)->arena;
    struct xml_node *features = xml_new(arena, NS_STREAM, STR("features"));
    struct peer_facts facts;
    l->peer->ops->facts(l->peer, &facts);
    bool is_secret = login_is_secret(l);
    if (!facts.tls && !facts.websocket) {
        struct xml_node *starttls = xml_add(arena, features, NS_TLS, STR("starttls"));
        if (!is_secret) xml_add(arena, starttls, NS_TLS, STR("required"));
    }
    if (is_secret) {
        add_mechanisms(l, arena, xml_add(arena, features, NS_SASL, STR("mechanisms")), NS_SASL);
        add_sasl2(l, arena, features);
        if (login_options(l)->registration == REGISTRATION_OPEN)
            xml_add(arena, features, NS_REGISTER_FEATURE, STR("register"));
    }
    struct xml_node *limits = xml_add(arena, features, NS_LIMITS, STR("limits"));
    xml_add_text(arena, xml_add(arena, limits, NS_LIMITS, STR("max-bytes")),
                 arena_printf(arena, "%lld", (long long)login_options(l)->stanza_bytes_unauthenticated));
    login_write(l, features);
}

/* --- failing --- */

static const char *const sasl_conditions[] = {"", "malformed-request", "invalid-authzid", "not-authorized",
                                              "not-authorized"};

static void login_refuse(struct login *l, const char *condition) {
    struct arena *arena = login_turn(l)->arena;
    struct xml_node *failure = xml_new(arena, l->sasl2 ? NS_SASL2 : NS_SASL, STR("failure"));
    xml_add(arena, failure, NS_SASL, str_c(condition));
    login_write(l, failure);
    login_forget_attempt(l);
    l->step = STEP_IDLE;
    if (++l->failures >= FAILURES_MAX) login_end(l, STREAM_ERR_POLICY_VIOLATION, STR("Too many attempts."));
}

/* The more failures lately, of this account or from around this address, the later the answer. */
static int64_t login_penalty_ms(struct login *l) {
    struct turn *turn = login_turn(l);
    struct peer_facts facts;
    char name[40];
    if (!login_options(l)->rates) return 0;
    l->peer->ops->facts(l->peer, &facts);
    struct str prefix = throttle_prefix(name, 'f', &facts.address, true);
    int64_t by_prefix = throttle_count(l->gate->throttle, prefix, MINUTE_MS, turn->now_ms) / 1000;
    struct str account = ARENA_CONCAT(turn->arena, STR("a:"), str_c(l->bare));
    int64_t by_account = throttle_count(l->gate->throttle, account, MINUTE_MS, turn->now_ms) / 1000;
    int64_t over = by_prefix - login_options(l)->failures_per_minute;
    int64_t delay = (over > 0 ? over * 250 : 0) + (by_account > 3 ? (by_account - 3) * 250 : 0);
    return delay > FAILURE_DELAY_MAX_MS ? FAILURE_DELAY_MAX_MS : delay;
}

static void login_fail(struct login *l) {
    struct turn *turn = login_turn(l);
    LOG(LOG_INFO, "login-failed", F_C("account", l->bare ? l->bare : ""));
    int64_t delay_ms = login_penalty_ms(l);
    if (delay_ms == 0) {
        login_refuse(l, "not-authorized");
        return;
    }
    l->step = STEP_DELAY;
    l->peer->ops->pause(l->peer);
    loop_timer_set(l->gate->place->loop, &l->timer, turn->now_ms + delay_ms);
}

static void on_timer(struct loop_timer *timer, int64_t now_ms) {
    struct login *l = CONTAINER_OF(timer, struct login, timer);
    if (l->step == STEP_DELAY) {
        loop_timer_set(l->gate->place->loop, timer, l->deadline_ms > now_ms ? l->deadline_ms : now_ms + 1000);
        l->peer->ops->resume(l->peer);
        login_refuse(l, "not-authorized");
        return;
    }
    login_end(l, STREAM_ERR_CONNECTION_TIMEOUT, STR("Signing in took too long."));
}

/* --- succeeding --- */

static void on_handover(struct loop_deferred *deferred) {
    struct login *l = CONTAINER_OF(deferred, struct login, handover);
    struct turn *turn = login_turn(l);
    struct str bare = str_c(l->bare), success = str_c(l->success), request = str_c(l->request);
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
    m->sasl2 = l->sasl2;
    struct peer *peer = l->peer;
    bool relays = login_options(l)->relay;
    login_leave(l);
    c2s_detach(peer);
    m->peer = relays ? relay_new(turn, peer, home) : peer;
    shard_post(home, &m->msg);
}

static void login_succeed(struct login *l, struct str data) {
    l->success = data.p ? strndup(data.p, data.len) : NULL;
    l->step = STEP_DONE;
    /* Nothing more is read here; the hand-over is the last thing of this turn, outside of the connection's callbacks. */
    l->peer->ops->pause(l->peer);
    l->handover.run = on_handover;
    loop_defer(l->gate->place->loop, &l->handover);
}

/* --- SASL --- */

/* Whom the stream said it was must be whom it proves to be. */
static bool login_from_fits(const struct login *l, struct str bare) {
    struct jid jid;
    if (!l->from) return true;
    return jid_parse(login_turn(l)->arena, str_c(l->from), &jid) == 0 && str_eq(jid_bare_str(jid), bare);
}

struct lookup_job {
    struct store_job job;
    struct login *login;
    struct account_row row;
    bool found;
    struct str password; /* PLAIN: borrowed from the login, which waits */
    enum hash hash;
    bool proven;
    struct scram_keys keys;
    char bare[];
};

static int lookup_run(struct db *db, struct store_job *job) {
    struct lookup_job *j = (struct lookup_job *)job;
    int err = accounts_find(db, str_c(j->bare), &j->row);
    j->found = err == 0 && !j->row.deleted;
    return err == ERR_NOT_FOUND ? 0 : err;
}

static void login_after_lookup(struct login *l, const struct lookup_job *j);
static void login_after_work(struct login *l, bool proven);

static void lookup_done(struct turn *turn, struct store_job *job) {
    (void)turn;
    struct lookup_job *j = (struct lookup_job *)job;
    struct login *l = j->login;
    l->jobs--;
    if (l->gone) {
        login_release(l);
    } else if (job->result) {
        login_refuse(l, "temporary-auth-failure");
    } else {
        login_after_lookup(l, j);
    }
    bytes_wipe(&j->row, sizeof j->row);
    free(j);
}

static int work_run(struct db *db, struct store_job *job) {
    (void)db;
    struct lookup_job *j = (struct lookup_job *)job;
    j->proven = scram_check_password(j->hash, &j->keys, j->password);
    return 0;
}

static void work_done(struct turn *turn, struct store_job *job) {
    (void)turn;
    struct lookup_job *j = (struct lookup_job *)job;
    struct login *l = j->login;
    l->jobs--;
    bool proven = j->proven;
    bytes_wipe(&j->keys, sizeof j->keys);
    free(j);
    if (l->gone) {
        login_release(l);
    } else {
        login_after_work(l, proven);
    }
}

static void login_submit(struct login *l, struct lookup_job *j, enum store_kind kind) {
    struct turn *turn = login_turn(l);
    j->job.kind = kind;
    j->job.slot = slot_of(turn->shard->hub, str_c(l->bare));
    j->job.run = kind == STORE_READ ? lookup_run : work_run;
    j->job.done = kind == STORE_READ ? lookup_done : work_done;
    j->job.msg.bytes = (uint32_t)(sizeof *j + strlen(l->bare) + 1);
    j->login = l;
    l->jobs++;
    store_submit(l->gate->server->store, turn, &j->job);
}

static struct lookup_job *lookup_new(const struct login *l) {
    size_t len = strlen(l->bare) + 1;
    struct lookup_job *j = calloc(1, sizeof *j + len);
    CHECK(j != NULL);
    memcpy(j->bare, l->bare, len);
    return j;
}

/* `name` as the client wrote it, and on whose behalf it wants to act. */
static void login_find(struct login *l, struct str name, struct str authzid) {
    struct turn *turn = login_turn(l);
    struct str local;
    if (jid_prepare_local(turn->arena, name, &local)) {
        login_refuse(l, "not-authorized");
        return;
    }
    struct str bare = ARENA_CONCAT(turn->arena, local, STR("@"), login_options(l)->domain);
    l->bare = strndup(bare.p, bare.len);
    struct jid asked;
    if (str_some(authzid) && (jid_parse(turn->arena, authzid, &asked) || !str_eq(jid_str(asked), bare))) {
        login_refuse(l, "invalid-authzid");
    } else if (!login_from_fits(l, bare)) {
        login_refuse(l, "invalid-authzid");
    } else {
        l->step = STEP_LOOKUP;
        login_submit(l, lookup_new(l), STORE_READ);
    }
}

static enum hash mechanism_hash(enum mechanism m) {
    return m == MECH_SCRAM_SHA_1 ? HASH_SHA1 : HASH_SHA256;
}

static void login_challenge(struct login *l) {
    struct arena *arena = login_turn(l)->arena;
    struct xml_node *challenge = xml_new(arena, l->sasl2 ? NS_SASL2 : NS_SASL, STR("challenge"));
    xml_add_text(arena, challenge, base64_encode(arena, scram_challenge(&l->scram, arena, &l->keys)));
    login_write(l, challenge);
    l->step = STEP_CHALLENGE;
}

static void login_after_lookup(struct login *l, const struct lookup_job *j) {
    enum hash hash = mechanism_hash(l->mechanism);
    const struct scram_keys *keys = hash == HASH_SHA1 ? &j->row.sha1 : &j->row.sha256;
    if (j->found && keys->iterations) {
        l->keys = *keys;
        l->generation = j->row.generation;
    } else { /* nobody: the same steps, and no proof will do */
        scram_fake(hash, l->gate->server->salt_secret, str_c(l->bare), &l->keys);
        l->keys.iterations = (uint32_t)login_options(l)->iterations;
        l->generation = 0;
    }
    if (l->mechanism != MECH_PLAIN) {
        login_challenge(l);
        return;
    }
    struct lookup_job *work = lookup_new(l);
    work->password = l->password;
    work->keys = l->keys;
    work->hash = hash;
    l->step = STEP_WORK;
    login_submit(l, work, STORE_WORK);
}

static void login_after_work(struct login *l, bool proven) {
    if (proven && l->generation) {
        login_succeed(l, STR_NONE);
    } else {
        login_fail(l);
    }
}

static void login_scram_first(struct login *l, struct str message) {
    struct turn *turn = login_turn(l);
    char nonce[23];
    struct str name, authzid;
    random_id(nonce);
    l->scram.hash = mechanism_hash(l->mechanism);
    enum sasl_error error = scram_first(&l->scram, turn->arena, message, nonce, &name, &authzid);
    if (error) {
        login_refuse(l, sasl_conditions[error]);
    } else {
        login_find(l, name, authzid);
    }
}

static void login_plain(struct login *l, struct str message) {
    struct str authzid, name, password;
    enum sasl_error error = plain_read(message, &authzid, &name, &password);
    if (error) {
        login_refuse(l, sasl_conditions[error]);
        return;
    }
    l->password = str_of(strndup(password.p, password.len), password.len);
    login_find(l, name, authzid);
}

static void login_proof(struct login *l, struct str message) {
    struct str server_final;
    enum sasl_error error = scram_final(&l->scram, login_turn(l)->arena, &l->keys, message, STR_NONE, &server_final);
    if (error == SASL_MALFORMED) {
        login_refuse(l, "malformed-request");
    } else if (error || l->generation == 0) {
        login_fail(l);
    } else {
        login_succeed(l, server_final);
    }
}

/* The text of an element as bytes; "=" stands for none (RFC 6120 6.4.2). */
static bool sasl_data(struct login *l, struct str text, struct str *out) {
    *out = STR("");
    return str_eq(text, STR("=")) || base64_decode(login_turn(l)->arena, text, out) == 0;
}

static bool login_choose(struct login *l, struct str name) {
    for (enum mechanism m = 0; m < MECHANISMS; m++) {
        if (!login_offers(l, m) || !str_eq(name, str_c(mechanism_names[m]))) continue;
        l->mechanism = m;
        return true;
    }
    return false;
}

static void login_auth(struct login *l, const struct xml_node *el) {
    struct arena *arena = login_turn(l)->arena;
    l->sasl2 = str_eq(el->ns, NS_SASL2);
    struct str text = l->sasl2 ? xml_child_text(arena, el, NS_SASL2, STR("initial-response")) : xml_text(arena, el);
    struct str message;
    if (!login_is_secret(l)) {
        login_refuse(l, "encryption-required");
    } else if (l->step != STEP_IDLE) {
        login_end(l, STREAM_ERR_POLICY_VIOLATION, STR("One attempt at a time."));
    } else if (!login_choose(l, xml_attr(el, STR("mechanism")))) {
        login_refuse(l, "invalid-mechanism");
    } else if (!str_some(text)) {
        login_refuse(l, "malformed-request"); /* our mechanisms all begin with the client */
    } else if (!sasl_data(l, text, &message)) {
        login_refuse(l, "incorrect-encoding");
    } else {
        struct str request = l->sasl2 ? xml_string(arena, el, STR_NONE) : STR_NONE;
        l->request = request.p ? strndup(request.p, request.len) : NULL;
        (l->mechanism == MECH_PLAIN ? login_plain : login_scram_first)(l, message);
    }
}

static void login_response(struct login *l, const struct xml_node *el) {
    struct str message;
    if (l->step != STEP_CHALLENGE) {
        login_end(l, STREAM_ERR_POLICY_VIOLATION, STR("No response was asked for."));
    } else if (!sasl_data(l, xml_text(login_turn(l)->arena, el), &message)) {
        login_refuse(l, "incorrect-encoding");
    } else {
        login_proof(l, message);
    }
}

static void login_abort(struct login *l, const struct xml_node *el) {
    (void)el;
    if (l->step != STEP_CHALLENGE) {
        login_end(l, STREAM_ERR_POLICY_VIOLATION, STR("Nothing to abort."));
    } else {
        login_refuse(l, "aborted");
    }
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

/* --- registration (XEP-0077) before sign-in --- */

struct registering {
    struct login *login;
    char *id;
};

static void register_refuse(struct login *l, const struct stanza *s, enum stanza_error error, struct str text) {
    struct xml_node *reply = stanza_error_reply(login_turn(l)->arena, s, error, text);
    login_write(l, reply);
}

static void register_result(struct login *l, struct str id, struct xml_node *payload) {
    struct arena *arena = login_turn(l)->arena;
    struct xml_node *result = xml_new(arena, NS_CLIENT, STR("iq"));
    xml_set(arena, result, STR("type"), STR("result"));
    xml_set(arena, result, STR("id"), id);
    if (payload) xml_append(result, payload);
    login_write(l, result);
}

static void register_field(struct arena *arena, struct xml_node *x, const char *type, const char *name,
                           const char *label) {
    struct xml_node *field = form_add(arena, x, str_c(type), str_c(name), STR_NONE);
    xml_set(arena, field, STR("label"), str_c(label));
    xml_add(arena, field, NS_DATA, STR("required"));
}

/* A person reads the form and thinks of a name and a password while the stream stands (in Gajim): once, more time than a program needs. */
static void register_patience(struct login *l) {
    int64_t until_ms = login_turn(l)->now_ms + FORM_MS;
    if (l->filling || until_ms < l->deadline_ms) return;
    l->filling = true;
    l->deadline_ms = until_ms;
    loop_timer_set(l->gate->place->loop, &l->timer, l->deadline_ms);
}

/* Both the plain fields and a data form (section 4): there are clients that know only the one (Dino: only the form). */
static void register_form(struct login *l, const struct stanza *s) {
    struct arena *arena = login_turn(l)->arena;
    struct xml_node *query = xml_new(arena, NS_REGISTER, STR("query"));
    struct str instructions = STR("Choose a name and a password.");
    xml_add_text(arena, xml_add(arena, query, STR_NONE, STR("instructions")), instructions);
    xml_add(arena, query, STR_NONE, STR("username"));
    xml_add(arena, query, STR_NONE, STR("password"));
    struct xml_node *x = form_new(arena, STR("form"), NS_REGISTER);
    xml_add_text(arena, xml_add(arena, x, NS_DATA, STR("instructions")), instructions);
    register_field(arena, x, "text-single", "username", "Name");
    register_field(arena, x, "text-private", "password", "Password");
    xml_append(query, x);
    register_result(l, s->id, query);
    register_patience(l);
}

/* What the visitor filled in: the form if there is one (it goes before the plain fields, section 4), STR_NONE where nothing is. */
static struct str register_value(struct arena *arena, const struct xml_node *query, struct str name) {
    const struct xml_node *x = xml_child(query, NS_DATA, STR("x"));
    if (!x) return xml_child_text(arena, query, NS_REGISTER, name);
    struct str type = form_type(arena, x);
    if (!str_eq(xml_attr(x, STR("type")), STR("submit")) || (type.p && !str_eq(type, NS_REGISTER))) return STR_NONE;
    return form_value(arena, form_field(x, name));
}

static void on_registered(struct turn *turn, void *arg, int err) {
    struct registering *r = arg;
    struct login *l = r->login;
    l->jobs--;
    if (l->gone) {
        login_release(l);
    } else {
        struct stanza s = {.kind = STANZA_IQ, .type = IQ_SET, .id = arena_dup(turn->arena, str_c(r->id))};
        l->step = STEP_IDLE;
        if (err == 0) {
            register_result(l, s.id, NULL);
        } else if (err == ERR_EXISTS) {
            register_refuse(l, &s, STANZA_ERR_CONFLICT, STR("That name is taken."));
        } else if (err == ERR_INVALID) {
            register_refuse(l, &s, STANZA_ERR_NOT_ACCEPTABLE, STR("That password cannot be used."));
        } else {
            register_refuse(l, &s, STANZA_ERR_INTERNAL_SERVER_ERROR, STR_NONE);
        }
    }
    free(r->id);
    free(r);
}

/* Rates: by address and in all, each hour. */
static bool register_may(struct login *l) {
    const struct options *o = login_options(l);
    struct peer_facts facts;
    char name[40];
    if (!o->rates) return true;
    l->peer->ops->facts(l->peer, &facts);
    int64_t now_ms = login_turn(l)->now_ms, hour_ms = 60 * MINUTE_MS;
    struct str prefix = throttle_prefix(name, 'r', &facts.address, false);
    if ((throttle_look(l->gate->throttle, STR("r"), hour_ms, now_ms) + 500) / 1000 >= o->registrations_total_per_hour)
        return false;
    if ((throttle_look(l->gate->throttle, prefix, hour_ms, now_ms) + 500) / 1000 >= o->registrations_per_hour)
        return false;
    throttle_count(l->gate->throttle, STR("r"), hour_ms, now_ms);
    throttle_count(l->gate->throttle, prefix, hour_ms, now_ms);
    return true;
}

static void register_set(struct login *l, const struct stanza *s) {
    struct turn *turn = login_turn(l);
    struct str name = register_value(turn->arena, s->payload, STR("username"));
    struct str password = register_value(turn->arena, s->payload, STR("password"));
    struct str bare;
    int err = str_some(name) && str_some(password) ? registration_check(l->gate->server, turn->arena, name, &bare)
                                                   : ERR_INVALID;
    if (l->step != STEP_IDLE) {
        register_refuse(l, s, STANZA_ERR_UNEXPECTED_REQUEST, STR_NONE);
    } else if (err == ERR_DENIED) {
        register_refuse(l, s, STANZA_ERR_CONFLICT, STR("That name is reserved."));
    } else if (err) {
        register_refuse(l, s, STANZA_ERR_NOT_ACCEPTABLE, STR("A name and a password are needed."));
    } else if (!register_may(l)) {
        register_refuse(l, s, STANZA_ERR_RESOURCE_CONSTRAINT, STR("Too many new accounts. Try again later."));
    } else {
        struct registering *r = calloc(1, sizeof *r);
        CHECK(r != NULL);
        r->login = l;
        r->id = strndup(s->id.p, s->id.len);
        l->step = STEP_WORK;
        l->jobs++;
        account_create_submit(turn, l->gate->server, bare, password, (unsigned)login_options(l)->iterations,
                              on_registered, r);
    }
}

static void login_iq(struct login *l, const struct xml_node *el) {
    struct turn *turn = login_turn(l);
    struct stanza s;
    enum stanza_error error = stanza_read(turn->arena, el, &s);
    s.from = s.to = JID_NONE;
    bool is_register = !error && s.payload && xml_is(s.payload, NS_REGISTER, STR("query"));
    if (!is_register || stanza_is_answer(&s) || !login_is_secret(l)) {
        login_end(l, STREAM_ERR_NOT_AUTHORIZED, STR("Sign in first."));
    } else if (login_options(l)->registration != REGISTRATION_OPEN) {
        register_refuse(l, &s, STANZA_ERR_NOT_ALLOWED, STR("This server does not take registrations."));
    } else if (s.type == IQ_GET) {
        register_form(l, &s);
    } else {
        register_set(l, &s);
    }
}

/* --- events --- */

static const struct {
    struct str ns, name;
    void (*run)(struct login *l, const struct xml_node *el);
} login_elements[] = {
    {STR_INIT("urn:xmpp:sasl:2"), STR_INIT("authenticate"), login_auth},
    {STR_INIT("urn:xmpp:sasl:2"), STR_INIT("response"), login_response},
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
    l->deadline_ms = turn->now_ms + gate->server->options.unauthenticated_ms;
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
