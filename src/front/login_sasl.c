/*
 * login_sasl.c: the proof: SASL (RFC 6120) and SASL2 (XEP-0388) by SCRAM and, if the operator wants it, PLAIN. Unknown names take the same
 * steps as known ones; failures are slowed, never locked out.
 */
#include <stdlib.h>

#include "base/codec.h"
#include "base/err.h"
#include "base/log.h"
#include "front/login_state.h"
#include "im/devices.h"

enum { FAILURES_MAX = 5, FAILURE_DELAY_MAX_MS = 5000 };

static const struct {
    const char *name;
    enum hash hash;
    bool plus;
} mechanisms[] = {
    [MECH_SCRAM_SHA_256_PLUS] = {"SCRAM-SHA-256-PLUS", HASH_SHA256, true},
    [MECH_SCRAM_SHA_256] = {"SCRAM-SHA-256", HASH_SHA256, false},
    [MECH_SCRAM_SHA_1_PLUS] = {"SCRAM-SHA-1-PLUS", HASH_SHA1, true},
    [MECH_SCRAM_SHA_1] = {"SCRAM-SHA-1", HASH_SHA1, false},
    [MECH_PLAIN] = {"PLAIN", HASH_SHA256, false},
};

/* --- offering --- */

/* PLAIN shows the password: under TLS only, and only if the operator wants it. */
bool login_offers(const struct login *l, enum mechanism m) {
    struct peer_facts facts;
    if (mechanisms[m].plus) return login_has_bindings(l);
    if (m != MECH_PLAIN) return true;
    l->peer->ops->facts(l->peer, &facts);
    return facts.tls && login_options(l)->sasl_plain;
}

void login_add_mechanisms(const struct login *l, struct arena *arena, struct xml_node *parent, struct str ns) {
    for (enum mechanism m = 0; m < MECHANISMS; m++) {
        if (login_offers(l, m))
            xml_add_text(arena, xml_add(arena, parent, ns, STR("mechanism")), str_c(mechanisms[m].name));
    }
}

const char *login_offered_after(const struct login *l, const char *after) {
    const char *next = NULL;
    for (enum mechanism m = 0; m < MECHANISMS; m++) {
        const char *name = mechanisms[m].name;
        if (strcmp(name, after) > 0 && (!next || strcmp(name, next) < 0) && login_offers(l, m)) next = name;
    }
    return next;
}

/* --- failing --- */

static const char *const sasl_conditions[] = {"", "malformed-request", "invalid-authzid", "not-authorized",
                                              "not-authorized"};

void login_refuse(struct login *l, const char *condition) {
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

void login_fail(struct login *l) {
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

void login_refuse_late(struct login *l) {
    l->peer->ops->resume(l->peer);
    login_refuse(l, "not-authorized");
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
    struct client_row client;
    bool found;
    struct str password; /* PLAIN: borrowed from the login, which waits */
    enum hash hash;
    bool proven;
    struct scram_keys keys;
    uint8_t upgrades; /* to be derived when it is proven */
    unsigned iterations;
    struct scram_keys *upgraded; /* as login.upgraded */
    char bare[];
};

static int lookup_run(struct db *db, struct store_job *job) {
    struct lookup_job *j = (struct lookup_job *)job;
    int err = accounts_find(db, str_c(j->bare), &j->row);
    j->found = err == 0 && !j->row.deleted;
    if (err == ERR_NOT_FOUND) return 0;
    return err || !j->client.client ? err : clients_find(db, j->row.id, &j->client);
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
    if (j->proven && j->upgrades) j->upgraded = upgrades_derive(j->upgrades, j->iterations, j->password);
    return 0;
}

static void work_done(struct turn *turn, struct store_job *job) {
    (void)turn;
    struct lookup_job *j = (struct lookup_job *)job;
    struct login *l = j->login;
    l->jobs--;
    bool proven = j->proven;
    upgrades_forget(&l->upgraded);
    l->upgraded = j->upgraded;
    bytes_wipe(&j->keys, sizeof j->keys);
    free(j);
    if (l->gone) {
        login_release(l);
    } else {
        login_after_work(l, proven);
    }
}

static int forget_run(struct db *db, struct store_job *job) {
    struct lookup_job *j = (struct lookup_job *)job;
    int err = clients_remove(db, j->row.id, j->client.client);
    return err == ERR_NOT_FOUND ? 0 : err;
}

static void forget_done(struct turn *turn, struct store_job *job) {
    (void)turn;
    struct login *l = ((struct lookup_job *)job)->login;
    l->jobs--;
    free(job);
    if (l->gone) {
        login_release(l);
    } else {
        login_refuse(l, "credentials-expired");
    }
}

static void login_submit(struct login *l, struct lookup_job *j, enum store_kind kind) {
    struct turn *turn = login_turn(l);
    j->job.kind = kind;
    j->job.slot = slot_of(turn->shard->hub, str_c(l->bare));
    j->job.run = kind == STORE_READ ? lookup_run : kind == STORE_WRITE ? forget_run : work_run;
    j->job.done = kind == STORE_READ ? lookup_done : kind == STORE_WRITE ? forget_done : work_done;
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
    j->client = l->client;
    return j;
}

void login_find(struct login *l, struct str name, struct str authzid) {
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
        l->looked_us = turn->wall_us;
        login_submit(l, lookup_new(l), STORE_READ);
    }
}

static void login_challenge(struct login *l) {
    struct arena *arena = login_turn(l)->arena;
    struct xml_node *challenge = xml_new(arena, l->sasl2 ? NS_SASL2 : NS_SASL, STR("challenge"));
    xml_add_text(arena, challenge,
                 base64_encode(arena, scram_challenge(&l->scram, arena, &l->keys, login_extensions(l, l->scram.hash))));
    login_write(l, challenge);
    l->step = STEP_CHALLENGE;
}

static void login_after_lookup(struct login *l, const struct lookup_job *j) {
    enum hash hash = mechanisms[l->mechanism].hash;
    /* PLAIN does with what there is. */
    if (l->mechanism == MECH_PLAIN && !j->row.sha256.iterations && j->row.sha1.iterations) hash = HASH_SHA1;
    l->client = j->client;
    l->account = j->found ? j->row.id : 0;
    if (l->fast) {
        l->generation = j->found ? j->row.generation : 0;
        login_fast_check(l);
        return;
    }
    const struct scram_keys *keys = hash == HASH_SHA1 ? &j->row.sha1 : &j->row.sha256;
    if (j->found && keys->iterations) {
        l->keys = *keys;
        l->generation = j->row.generation;
        login_upgrades_needed(l, &j->row);
    } else { /* nobody: the same steps, and no proof will do */
        scram_fake(hash, l->gate->server->salt_secret, str_c(l->bare), &l->keys);
        l->keys.iterations = (uint32_t)login_options(l)->iterations;
        l->generation = 0;
        l->upgrades = 0;
    }
    if (l->mechanism != MECH_PLAIN) {
        login_challenge(l);
        return;
    }
    struct lookup_job *work = lookup_new(l);
    work->password = l->password;
    work->keys = l->keys;
    work->hash = hash;
    work->upgrades = l->upgrades;
    work->iterations = (unsigned)login_options(l)->iterations;
    l->step = STEP_WORK;
    login_submit(l, work, STORE_WORK);
}

/* The password is right; but a device that was signed out has to ask a person for it: it is told so once (decision 010). */
static void login_proven(struct login *l, struct str data) {
    if (!l->client.signed_out) {
        login_upgrade(l, data);
        return;
    }
    struct lookup_job *j = lookup_new(l);
    j->row.id = l->account;
    login_submit(l, j, STORE_WRITE);
    l->step = STEP_WORK;
}

static void login_after_work(struct login *l, bool proven) {
    if (proven && l->generation) {
        login_proven(l, STR_NONE);
    } else {
        login_fail(l);
    }
}

static void login_scram_first(struct login *l, struct str message) {
    struct turn *turn = login_turn(l);
    char nonce[23];
    struct str name, authzid;
    random_id(nonce);
    l->scram.hash = mechanisms[l->mechanism].hash;
    l->scram.plus_offered = login_has_bindings(l);
    l->scram.plus_chosen = mechanisms[l->mechanism].plus;
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
    struct str server_final, data = STR_NONE;
    enum binding binding;
    if (l->scram.plus_chosen && login_binding_named(l, scram_binding_type(&l->scram), &binding))
        data = login_binding(l, binding);
    enum sasl_error error = scram_final(&l->scram, login_turn(l)->arena, &l->keys, message, data, &server_final);
    if (error == SASL_MALFORMED) {
        login_refuse(l, "malformed-request");
    } else if (error || l->generation == 0) {
        login_fail(l);
    } else {
        login_proven(l, server_final);
    }
}

/* The text of an element as bytes; "=" stands for none (RFC 6120 6.4.2). */
static bool sasl_data(struct login *l, struct str text, struct str *out) {
    *out = STR("");
    return str_eq(text, STR("=")) || base64_decode(login_turn(l)->arena, text, out) == 0;
}

static bool login_choose(struct login *l, struct str name) {
    for (enum mechanism m = 0; m < MECHANISMS; m++) {
        if (!login_offers(l, m) || !str_eq(name, str_c(mechanisms[m].name))) continue;
        l->mechanism = m;
        return true;
    }
    return false;
}

static bool login_choose_fast(struct login *l, const struct xml_node *el) {
    return l->sasl2 && login_fast_named(l, xml_attr(el, STR("mechanism")));
}

void login_auth(struct login *l, const struct xml_node *el) {
    struct arena *arena = login_turn(l)->arena;
    l->sasl2 = str_eq(el->ns, NS_SASL2);
    struct str text = l->sasl2 ? xml_child_text(arena, el, NS_SASL2, STR("initial-response")) : xml_text(arena, el);
    struct str message;
    bool is_fast = false;
    if (!login_is_secret(l)) {
        login_refuse(l, "encryption-required");
    } else if (l->step != STEP_IDLE) {
        login_end(l, STREAM_ERR_POLICY_VIOLATION, STR("One attempt at a time."));
    } else if (!login_choose(l, xml_attr(el, STR("mechanism"))) && !(is_fast = login_choose_fast(l, el))) {
        login_refuse(l, "invalid-mechanism");
    } else if (!str_some(text)) {
        login_refuse(l, "malformed-request"); /* our mechanisms all begin with the client */
    } else if (!sasl_data(l, text, &message)) {
        login_refuse(l, "incorrect-encoding");
    } else {
        struct str request = l->sasl2 ? xml_string(arena, el, STR_NONE) : STR_NONE;
        l->request = request.p ? strndup(request.p, request.len) : NULL;
        l->client.client = l->sasl2 ? device_of(l->gate->server, el) : 0;
        if (is_fast) {
            login_fast(l, el, message);
            return;
        }
        login_upgrades_asked(l, el);
        (l->mechanism == MECH_PLAIN ? login_plain : login_scram_first)(l, message);
    }
}

void login_response(struct login *l, const struct xml_node *el) {
    struct str message;
    if (l->step != STEP_CHALLENGE) {
        login_end(l, STREAM_ERR_POLICY_VIOLATION, STR("No response was asked for."));
    } else if (!sasl_data(l, xml_text(login_turn(l)->arena, el), &message)) {
        login_refuse(l, "incorrect-encoding");
    } else {
        login_proof(l, message);
    }
}

void login_abort(struct login *l, const struct xml_node *el) {
    (void)el;
    if (l->step != STEP_CHALLENGE && l->step != STEP_TASK && l->step != STEP_TASK_DATA) {
        login_end(l, STREAM_ERR_POLICY_VIOLATION, STR("Nothing to abort."));
    } else {
        login_refuse(l, "aborted");
    }
}
