/*
 * devices.c: Client Access Management (XEP-0494): which apps and devices have this account, and signing one out: its token dies, its sessions end,
 * those too that wait to be resumed, and it must ask for the password again (docs/decisions/010-fast.md). A client that does not
 * name itself is known as long as its session is.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/log.h"
#include "im/devices.h"
#include "im/feature.h"
#include "im/iq.h"
#include "im/session.h"
#include "xmpp/ns.h"

#define LIST_COST 10

struct devices_job {
    struct store_job job;
    struct account *account; /* a job of it: stays */
    struct iq_later *later;
    int64_t id, client;            /* client: to be signed out */
    uint32_t session, session_gen; /* or this session */
    struct client_row *rows;
    size_t count, cap;
};

static struct devices_job *devices_new(struct walk *walk) {
    struct devices_job *j = calloc(1, sizeof *j);
    CHECK(j != NULL);
    if (walk->session->stream) stream_charge(walk->session->stream, LIST_COST);
    j->job.slot = walk->account->slot;
    j->job.msg.bytes = sizeof *j;
    j->account = walk->account;
    j->id = walk->account->id;
    j->later = iq_defer(walk);
    account_job_begin(j->account);
    return j;
}

static void devices_submit(struct walk *walk, struct devices_job *j, enum store_kind kind,
                           int (*run)(struct db *, struct store_job *),
                           void (*done)(struct turn *, struct store_job *)) {
    j->job.kind = kind;
    j->job.run = run;
    j->job.done = done;
    store_submit(walk->im->server->store, walk->turn, &j->job);
}

static void devices_end(struct turn *turn, struct devices_job *j) {
    struct account *a = j->account;
    free(j->rows);
    free(j);
    account_job_end(turn, a);
}

/* --- ids: opaque, of a device or of the session of a client that has none --- */

static struct str device_id(struct arena *arena, int64_t client) {
    return base64url_encode(arena, str_of(&client, sizeof client));
}

static struct str session_id(struct arena *arena, const struct session *s) {
    struct str name = ARENA_CONCAT(arena, session_full(s), STR("\n"), str_of(&s->generation, sizeof s->generation));
    uint64_t hash = siphash(s->account->im->server->id_key, name.p, name.len);
    return ARENA_CONCAT(arena, STR("s."), base64url_encode(arena, str_of(&hash, sizeof hash)));
}

/* --- the list --- */

static bool row_take(void *arg, const struct client_row *row) {
    struct devices_job *j = arg;
    if (j->count == j->cap) {
        j->cap = j->cap ? j->cap * 2 : 8;
        j->rows = realloc(j->rows, j->cap * sizeof *j->rows);
        CHECK(j->rows != NULL);
    }
    j->rows[j->count++] = *row;
    return true;
}

/* Reader. */
static int list_run(struct db *db, struct store_job *job) {
    struct devices_job *j = (struct devices_job *)job;
    j->count = 0;
    return clients_each(db, j->id, row_take, j);
}

static void add_time(struct arena *arena, struct xml_node *parent, struct str name, int64_t us) {
    xml_add_text(arena, xml_add(arena, parent, NS_CAM, name), datetime_format(arena, us / 1000000 * 1000000));
}

/* What a device and a session without one have in common. */
static struct xml_node *client_add(struct arena *arena, struct xml_node *clients, struct str id, bool connected,
                                   bool current) {
    struct xml_node *el = xml_add(arena, clients, NS_CAM, STR("client"));
    xml_set(arena, el, STR("connected"), connected ? STR("true") : STR("false"));
    xml_set(arena, el, STR("id"), id);
    xml_set(arena, el, STR("type"), STR("session"));
    if (current) xml_add(arena, el, STR("urn:confab:devices:0"), STR("this"));
    return el;
}

static void client_finish(struct arena *arena, struct xml_node *el, bool has_token) {
    struct xml_node *auth = xml_add(arena, el, NS_CAM, STR("auth"));
    xml_add(arena, auth, NS_CAM, STR("password"));
    if (has_token) xml_add(arena, auth, NS_CAM, STR("fast"));
    xml_set(arena, xml_add(arena, el, NS_CAM, STR("permission")), STR("status"), STR("unrestricted"));
}

static const struct session *session_of(const struct account *a, int64_t client) {
    LIST_EACH ((struct link *)(uintptr_t)&a->sessions, at, after) {
        const struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (s->client == client) return s;
    }
    return NULL;
}

static void add_device(struct turn *turn, const struct account *a, struct xml_node *clients,
                       const struct client_row *row, const struct session *asks) {
    struct arena *arena = turn->arena;
    bool connected = session_of(a, row->client) != NULL;
    struct xml_node *el =
        client_add(arena, clients, device_id(arena, row->client), connected, asks && asks->client == row->client);
    add_time(arena, el, STR("first-seen"), row->first_us);
    add_time(arena, el, STR("last-seen"), connected ? turn->wall_us : row->seen_us);
    int64_t made_us = row->token_us > row->next_us ? row->token_us : row->next_us;
    client_finish(arena, el, made_us && turn->wall_us - made_us < a->im->server->options.token_ms * 1000);
    struct xml_node *agent = xml_add(arena, el, NS_CAM, STR("user-agent"));
    if (row->software[0]) xml_add_text(arena, xml_add(arena, agent, NS_CAM, STR("software")), str_c(row->software));
    if (row->device[0]) xml_add_text(arena, xml_add(arena, agent, NS_CAM, STR("device")), str_c(row->device));
}

static void add_session(struct turn *turn, struct xml_node *clients, const struct session *s,
                        const struct session *asks) {
    struct arena *arena = turn->arena;
    struct xml_node *el = client_add(arena, clients, session_id(arena, s), true, s == asks);
    add_time(arena, el, STR("first-seen"), s->since_us);
    add_time(arena, el, STR("last-seen"), turn->wall_us);
    client_finish(arena, el, false);
}

static void list_done(struct turn *turn, struct store_job *job) {
    struct devices_job *j = (struct devices_job *)job;
    if (job->result) {
        iq_later_failed(turn, &j->later, job->result);
        devices_end(turn, j);
        return;
    }
    struct xml_node *clients = xml_new(turn->arena, NS_CAM, STR("clients"));
    const struct session *asks = iq_later_session(turn, j->later);
    for (size_t i = 0; i < j->count; i++) add_device(turn, j->account, clients, &j->rows[i], asks);
    LIST_EACH (&j->account->sessions, at, after) {
        const struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (s->client == 0) add_session(turn, clients, s, asks);
    }
    iq_later_answer(turn, &j->later, clients);
    devices_end(turn, j);
}

static void on_list(struct walk *walk) {
    devices_submit(walk, devices_new(walk), STORE_READ, list_run, list_done);
}

/* --- signing out --- */

/* Writer. */
static int out_run(struct db *db, struct store_job *job) {
    struct devices_job *j = (struct devices_job *)job;
    return clients_sign_out(db, j->id, j->client);
}

static void out_done(struct turn *turn, struct store_job *job) {
    struct devices_job *j = (struct devices_job *)job;
    if (job->result) {
        iq_later_failed(turn, &j->later, job->result);
    } else {
        LOG(LOG_INFO, "device-signed-out", F_STR("account", account_bare(j->account)));
        j->account->signed_out_us = turn->wall_us;
        iq_later_answer(turn, &j->later, NULL); /* first: it may be the one that asks */
        device_end(turn, j->account, j->client);
    }
    devices_end(turn, j);
}

static int nothing_run(struct db *db, struct store_job *job) {
    (void)db;
    (void)job;
    return 0;
}

/* In a turn of its own: it may be the session that asks. */
static void session_out_done(struct turn *turn, struct store_job *job) {
    struct devices_job *j = (struct devices_job *)job;
    iq_later_answer(turn, &j->later, NULL);
    struct session *s = session_at(j->account->im, j->session, j->session_gen);
    if (s) session_end(turn, s, STREAM_ERR_NOT_AUTHORIZED, STR("This device was signed out."));
    devices_end(turn, j);
}

static bool session_sign_out(struct walk *walk, struct str id) {
    LIST_EACH (&walk->account->sessions, at, after) {
        const struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (s->client || !str_eq(session_id(walk->turn->arena, s), id)) continue;
        struct devices_job *j = devices_new(walk);
        j->session = s->index;
        j->session_gen = s->generation;
        devices_submit(walk, j, STORE_READ, nothing_run, session_out_done);
        return true;
    }
    return false;
}

static void on_revoke(struct walk *walk) {
    struct str id = xml_attr(walk->stanza.payload, STR("id")), bytes;
    int64_t client = 0;
    if (base64url_decode(walk->turn->arena, id, &bytes) == 0 && bytes.len == sizeof client)
        memcpy(&client, bytes.p, sizeof client);
    if (!str_some(id)) {
        iq_refuse(walk, STANZA_ERR_BAD_REQUEST, STR("Which one?"));
    } else if (client) {
        struct devices_job *j = devices_new(walk);
        j->client = client;
        devices_submit(walk, j, STORE_WRITE, out_run, out_done);
    } else if (!session_sign_out(walk, id)) {
        iq_refuse(walk, STANZA_ERR_ITEM_NOT_FOUND, STR_NONE);
    }
}

static const struct str devices_disco[] = {STR_INIT("urn:xmpp:cam:0"), {NULL, 0}};

static const struct iq_handler devices_iq[] = {
    {IQ_GET, TO(SELF) | TO(SERVER), STR_INIT("urn:xmpp:cam:0"), STR_INIT("list"), on_list},
    {IQ_SET, TO(SELF) | TO(SERVER), STR_INIT("urn:xmpp:cam:0"), STR_INIT("revoke"), on_revoke},
    {0, 0, {NULL, 0}, {NULL, 0}, NULL},
};

const struct feature feature_devices = {
    .name = "devices",
    .spec = "XEP-0494, XEP-0484",
    .version = "0.1.0, 0.2.0",
    .text = "The apps and devices of an account; signing one out. Tokens to come back in one round trip.",
    .disco = devices_disco,
    .iq = devices_iq,
    .session_ended = device_leaves,
};
