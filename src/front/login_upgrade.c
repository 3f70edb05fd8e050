/*
 * login_upgrade.c: SASL upgrade tasks (XEP-0480): a password that is stored with fewer iterations than new ones are, or not for the better hash,
 * is stored again, with the client's help. What must hold: only behind a proof of the password (never of a token) of the same account; what
 * replaces something has more iterations, and a weaker hash is never added; keys are stored together, after the last task, and before
 * success; a password changed meanwhile stays (decision 011).
 */
#include <stdlib.h>

#include "base/codec.h"
#include "base/err.h"
#include "base/log.h"
#include "front/login_state.h"

/* In the order in which they are done. */
static const struct {
    const char *name;
    enum hash hash;
    bool adds; /* where there is none of that hash */
} tasks[UPGRADES] = {
    {"UPGR-SCRAM-SHA-256", HASH_SHA256, true},
    {"UPGR-SCRAM-SHA-1", HASH_SHA1, false},
};

/* --- which --- */

void login_add_upgrades(const struct login *l, struct arena *arena, struct xml_node *authentication) {
    (void)l;
    for (unsigned t = 0; t < UPGRADES; t++)
        xml_add_text(arena, xml_add(arena, authentication, NS_SASL_UPGRADE, STR("upgrade")), str_c(tasks[t].name));
}

static uint8_t task_named(struct str name) {
    for (unsigned t = 0; t < UPGRADES; t++)
        if (str_eq(name, str_c(tasks[t].name))) return (uint8_t)(1u << t);
    return 0; /* not ours: it is not done */
}

/* With PLAIN the password is here, and nobody need be asked. */
void login_upgrades_asked(struct login *l, const struct xml_node *authenticate) {
    struct arena *arena = login_turn(l)->arena;
    l->upgrades = l->mechanism == MECH_PLAIN ? (1u << UPGRADES) - 1 : 0;
    if (!l->sasl2) return;
    for (const struct xml_node *el = xml_first_element(authenticate); el; el = xml_next_element(el))
        if (xml_is(el, NS_SASL_UPGRADE, STR("upgrade"))) l->upgrades |= task_named(xml_text(arena, el));
}

void login_upgrades_needed(struct login *l, const struct account_row *row) {
    for (unsigned t = 0; t < UPGRADES; t++) {
        uint32_t has = tasks[t].hash == HASH_SHA1 ? row->sha1.iterations : row->sha256.iterations;
        bool needed = has < login_options(l)->iterations && (has || tasks[t].adds);
        if (!needed) l->upgrades &= (uint8_t) ~(1u << t);
    }
}

/* --- storing --- */

struct upgrade_job {
    struct store_job job;
    struct login *login;
    int64_t account, generation;
    struct scram_keys keys[UPGRADES]; /* iterations 0: not of that hash */
    bool changed;
};

static int upgrade_run(struct db *db, struct store_job *job) {
    struct upgrade_job *j = (struct upgrade_job *)job;
    j->changed = false;
    for (unsigned t = 0; t < UPGRADES; t++) {
        if (!j->keys[t].iterations) continue;
        int err = accounts_upgrade_keys(db, j->account, j->generation, tasks[t].hash, &j->keys[t]);
        /* Not found: another device was faster, or the password is a new one. */
        if (err && err != ERR_NOT_FOUND) return err;
        j->changed |= !err;
    }
    return 0;
}

static void upgrade_done(struct turn *turn, struct store_job *job) {
    (void)turn;
    struct upgrade_job *j = (struct upgrade_job *)job;
    struct login *l = j->login;
    int err = job->result;
    bool changed = !err && j->changed;
    bytes_wipe(j, sizeof *j);
    free(j);
    l->jobs--;
    if (l->gone) {
        login_release(l);
    } else if (err && l->mechanism != MECH_PLAIN) {
        login_refuse(l, "temporary-auth-failure"); /* the task has failed, and says so */
    } else {
        if (changed) LOG(LOG_INFO, "keys-upgraded", F_C("account", l->bare));
        login_succeed(l, STR_NONE);
    }
}

static void login_store(struct login *l) {
    struct turn *turn = login_turn(l);
    struct upgrade_job *j = calloc(1, sizeof *j);
    CHECK(j != NULL);
    j->job.kind = STORE_WRITE;
    j->job.slot = slot_of(turn->shard->hub, str_c(l->bare));
    j->job.run = upgrade_run;
    j->job.done = upgrade_done;
    j->job.msg.bytes = (uint32_t)sizeof *j;
    j->login = l;
    j->account = l->account;
    j->generation = l->generation;
    if (l->upgraded) memcpy(j->keys, l->upgraded, sizeof j->keys);
    l->jobs++;
    l->step = STEP_WORK;
    store_submit(l->gate->server->store, turn, &j->job);
}

static struct scram_keys *upgrades_new(void) {
    struct scram_keys *keys = calloc(UPGRADES, sizeof *keys);
    CHECK(keys != NULL);
    return keys;
}

void upgrades_forget(struct scram_keys **keys) {
    if (*keys) bytes_wipe(*keys, UPGRADES * sizeof **keys);
    free(*keys);
    *keys = NULL;
}

struct scram_keys *upgrades_derive(uint8_t due, unsigned iterations, struct str password) {
    struct scram_keys *out = upgrades_new();
    for (unsigned t = 0; t < UPGRADES; t++) {
        uint8_t salt[SASL_SALT_LEN];
        if (!(due & (1u << t))) continue;
        random_bytes(salt, sizeof salt);
        int err = scram_derive(tasks[t].hash, password, salt, iterations, &out[t]);
        CHECK(!err); /* it was derived before, to be proven */
    }
    return out;
}

/* --- asking --- */

/* The task that is under way, or comes next. */
static unsigned login_task(const struct login *l) {
    unsigned t = 0;
    while (!(l->upgrades & (1u << t))) t++;
    return t;
}

/* What the mechanism adds stands in the first <continue/>, in place of <success/> (XEP-0388). */
static void login_continue(struct login *l, struct str data) {
    struct arena *arena = login_turn(l)->arena;
    struct xml_node *el = xml_new(arena, NS_SASL2, STR("continue"));
    if (data.p) xml_add_text(arena, xml_add(arena, el, NS_SASL2, STR("additional-data")), base64_encode(arena, data));
    struct xml_node *list = xml_add(arena, el, NS_SASL2, STR("tasks"));
    xml_add_text(arena, xml_add(arena, list, NS_SASL2, STR("task")), str_c(tasks[login_task(l)].name));
    login_write(l, el);
    l->step = STEP_TASK;
}

void login_upgrade(struct login *l, struct str data) {
    if (!l->upgrades) {
        login_succeed(l, data);
    } else if (l->mechanism == MECH_PLAIN) {
        login_store(l);
    } else {
        login_continue(l, data);
    }
}

void login_next(struct login *l, const struct xml_node *el) {
    struct arena *arena = login_turn(l)->arena;
    if (l->step != STEP_TASK) {
        login_end(l, STREAM_ERR_POLICY_VIOLATION, STR("No task is to be done."));
        return;
    }
    unsigned t = login_task(l);
    if (!str_eq(xml_attr(el, STR("task")), str_c(tasks[t].name))) {
        login_refuse(l, "invalid-mechanism");
        return;
    }
    if (!l->upgraded) l->upgraded = upgrades_new();
    struct scram_keys *keys = &l->upgraded[t];
    keys->iterations = (uint32_t)login_options(l)->iterations;
    keys->salt_len = SASL_SALT_LEN;
    random_bytes(keys->salt, keys->salt_len);
    struct xml_node *data = xml_new(arena, NS_SASL2, STR("task-data"));
    struct xml_node *salt = xml_add(arena, data, NS_SCRAM_UPGRADE, STR("salt"));
    xml_set(arena, salt, STR("iterations"), arena_printf(arena, "%u", keys->iterations));
    xml_add_text(arena, salt, base64_encode(arena, str_of(keys->salt, keys->salt_len)));
    login_write(l, data);
    l->step = STEP_TASK_DATA;
}

void login_task_data(struct login *l, const struct xml_node *el) {
    struct arena *arena = login_turn(l)->arena;
    if (l->step != STEP_TASK_DATA) {
        login_end(l, STREAM_ERR_POLICY_VIOLATION, STR("No data of a task was asked for."));
        return;
    }
    unsigned t = login_task(l);
    const struct xml_node *hash = xml_child(el, NS_SCRAM_UPGRADE, STR("hash"));
    struct str salted;
    if (!hash) {
        login_refuse(l, "malformed-request");
    } else if (base64_decode(arena, xml_text(arena, hash), &salted)) {
        login_refuse(l, "incorrect-encoding");
    } else if (salted.len != hash_len(tasks[t].hash)) {
        login_refuse(l, "malformed-request");
    } else {
        scram_keys_from(tasks[t].hash, (const uint8_t *)salted.p, &l->upgraded[t]);
        bytes_wipe((char *)(uintptr_t)salted.p, salted.len);
        l->upgrades &= (uint8_t) ~(1u << t);
        if (l->upgrades) {
            login_continue(l, STR_NONE);
        } else {
            login_store(l);
        }
    }
}
