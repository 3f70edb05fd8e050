/*
 * devices.c: what a sign-in changes about its device. What must hold: a sign-in waits for no write, and most write nothing; a token
 * is good until a later one was used; who was signed out while its sign-in was on its way is out.
 */
#include "im/devices.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/log.h"
#include "im/session.h"
#include "xmpp/ns.h"

#define SECOND_US ((int64_t)1000000)
#define SEEN_US (3600 * SECOND_US) /* no finer: "last active" of people, and a commit an hour */

enum { ID_MAX = 256, RENEW_PART = 4 /* of its time; then there is a new one */ };

int64_t device_of(const struct server *server, const struct xml_node *request) {
    const struct xml_node *agent = xml_child(request, NS_SASL2, STR("user-agent"));
    struct str id = agent ? xml_attr(agent, STR("id")) : STR_NONE;
    if (!str_some(id) || id.len > ID_MAX) return 0;
    int64_t hash = (int64_t)siphash(server->id_key, id.p, id.len);
    return hash ? hash : 1;
}

struct str device_token_of(struct arena *arena, const struct server *server, const struct ht_purpose *purpose) {
    return ht_token(arena, server->token_key, purpose);
}

/* --- writing --- */

struct device_job {
    struct store_job job;
    struct account *account; /* a job of it: stays */
    int64_t id, max, forget_us;
    struct client_row row;
};

/* Writer. */
static int put_run(struct db *db, struct store_job *job) {
    struct device_job *j = (struct device_job *)job;
    return clients_put(db, j->id, &j->row, j->max, j->forget_us);
}

static int seen_run(struct db *db, struct store_job *job) {
    struct device_job *j = (struct device_job *)job;
    return clients_seen(db, j->id, j->row.client, j->row.seen_us);
}

static void device_written(struct turn *turn, struct store_job *job) {
    struct device_job *j = (struct device_job *)job;
    struct account *a = j->account;
    if (job->result == ERR_NOT_FOUND) {
        device_end(turn, a, j->row.client); /* signed out while it signed in */
    } else if (job->result) {
        LOG(LOG_WARN, "device-not-written", F_STR("account", account_bare(a)), F_ERR("error", job->result));
    }
    free(j);
    account_job_end(turn, a);
}

static void device_write(struct turn *turn, struct account *a, const struct client_row *row,
                         int (*run)(struct db *db, struct store_job *job)) {
    const struct options *o = &a->im->server->options;
    struct device_job *j = calloc(1, sizeof *j);
    CHECK(j != NULL);
    j->job.kind = STORE_WRITE;
    j->job.slot = a->slot;
    j->job.run = run;
    j->job.done = device_written;
    j->job.msg.bytes = sizeof *j;
    j->account = a;
    j->id = a->id;
    j->max = o->clients;
    j->forget_us = turn->wall_us - o->client_ms * 1000;
    j->row = *row;
    account_job_begin(a);
    store_submit(a->im->server->store, turn, &j->job);
}

/* --- signing in --- */

/* At most CLIENT_NAME_MAX - 1 bytes of it, whole characters. True when it is another than before; one that is not told leaves the old. */
static bool name_note(struct str name, char known[CLIENT_NAME_MAX]) {
    size_t len = 0;
    uint32_t c;
    for (size_t n; (n = utf8_next(str_from(name, len), &c)) && len + n < CLIENT_NAME_MAX;) len += n;
    if (len == 0 || str_eq(str_first(name, len), str_c(known))) return false;
    memcpy(known, name.p, len);
    known[len] = '\0';
    return true;
}

static bool names_note(struct arena *arena, const struct xml_node *request, struct client_row *row) {
    const struct xml_node *agent = xml_child(request, NS_SASL2, STR("user-agent"));
    if (!agent) return false;
    bool software = name_note(xml_child_text(arena, agent, NS_SASL2, STR("software")), row->software);
    bool device = name_note(xml_child_text(arena, agent, NS_SASL2, STR("device")), row->device);
    return software || device;
}

static bool seen_note(struct client_row *row, int64_t now_us) {
    if (row->known && now_us - row->seen_us < SEEN_US) return false;
    row->seen_us = now_us;
    return true;
}

static bool is_true(struct str value) {
    return str_eq(value, STR("true")) || str_eq(value, STR("1"));
}

/* What was made before the token that is used now is good no more. */
static bool token_used(struct client_row *row, const struct msg_adopt *m, bool invalidates) {
    if (!m->token_us) return false;
    if (invalidates) {
        row->token_us = row->next_us = 0;
        return true;
    }
    if (m->token_us != row->next_us) return false;
    row->token_us = row->next_us;
    row->next_us = 0;
    return true;
}

/* Asked for, or the one that is used has lived a part of its time. */
static bool token_due(const struct server *server, const struct xml_node *request, struct msg_adopt *m, int64_t now_us,
                      bool invalidates) {
    const struct xml_node *asked = xml_child(request, NS_FAST, STR("request-token"));
    int64_t life_us = server->options.token_ms * 1000;
    if (life_us == 0) return false;
    if (asked) return ht_named(xml_attr(asked, STR("mechanism")), &m->mechanism);
    return m->token_us && !invalidates && now_us - m->token_us > life_us / RENEW_PART;
}

static bool token_make(struct client_row *row, struct msg_adopt *m, int64_t now_us) {
    int64_t newest_us = row->token_us > row->next_us ? row->token_us : row->next_us;
    if (m->token_us > newest_us) newest_us = m->token_us;
    m->new_token_us = row->next_us = now_us > newest_us ? now_us : newest_us + 1;
    return true;
}

void device_signs_in(struct turn *turn, struct stream *stream, const struct xml_node *request) {
    struct msg_adopt *m = stream->adopt;
    struct client_row *row = &m->client;
    if (row->client == 0) return;
    const struct server *server = stream->im->server;
    const struct xml_node *fast = xml_child(request, NS_FAST, STR("fast"));
    bool invalidates = fast && is_true(xml_attr(fast, STR("invalidate")));
    bool changed = names_note(turn->arena, request, row);
    if (seen_note(row, turn->wall_us)) changed = true;
    if (token_used(row, m, invalidates)) changed = true;
    if (token_due(server, request, m, turn->wall_us, invalidates)) changed = token_make(row, m, turn->wall_us);
    if (!changed) return;
    row->seen_us = turn->wall_us; /* it may have made room meanwhile: it comes back as the newest */
    device_write(turn, stream->account, row, put_run);
}

struct xml_node *device_token(struct turn *turn, const struct stream *stream) {
    const struct msg_adopt *m = stream->adopt;
    if (!m->new_token_us) return NULL;
    const struct server *server = stream->im->server;
    const struct ht_purpose purpose = {stream->account->id, stream->account->generation, m->client.client,
                                       m->new_token_us, m->mechanism};
    struct xml_node *token = xml_new(turn->arena, NS_FAST, STR("token"));
    int64_t expiry_us = m->new_token_us + server->options.token_ms * 1000;
    xml_set(turn->arena, token, STR("expiry"), datetime_format(turn->arena, expiry_us / SECOND_US * SECOND_US));
    xml_set(turn->arena, token, STR("token"), device_token_of(turn->arena, server, &purpose));
    return token;
}

/* --- leaving --- */

void device_leaves(struct turn *turn, struct session *s) {
    struct account *a = s->account;
    if (!s->client || !a->id || a->im->stopping || turn->wall_us - s->since_us < SEEN_US) return;
    const struct client_row row = {.client = s->client, .seen_us = turn->wall_us};
    device_write(turn, a, &row, seen_run);
}

static bool streams_end_one(struct turn *turn, const struct account *a, int64_t client) {
    LIST_EACH (&a->im->streams, at, after) {
        struct stream *stream = CONTAINER_OF(at, struct stream, in_im);
        if (stream->account != a || stream->session || !stream->adopt || stream->adopt->client.client != client)
            continue;
        stream_fail(turn, stream, STREAM_ERR_NOT_AUTHORIZED, STR("This device was signed out."));
        return true;
    }
    return false;
}

void device_end(struct turn *turn, struct account *a, int64_t client) {
    /* Ending one may end others: each time from the beginning. */
    for (bool more = true; more;) {
        more = false;
        LIST_EACH (&a->sessions, at, after) {
            struct session *s = CONTAINER_OF(at, struct session, in_account);
            if (s->client != client || s->ending) continue;
            session_end(turn, s, STREAM_ERR_NOT_AUTHORIZED, STR("This device was signed out."));
            more = true;
            break;
        }
    }
    while (streams_end_one(turn, a, client)) {}
}
