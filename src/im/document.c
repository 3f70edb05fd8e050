/*
 * document.c: one job for each request. On the account's home; the job itself on the store's threads. What must hold: an account stays in memory while
 * a job of it is out, and what a session has waiting to be written is its charge.
 */
#include "im/document.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "im/iq.h"
#include "im/session.h"
#include "xml/parser.h"

struct document_job {
    struct store_job job;
    struct account *account; /* stays: jobs > 0 */
    struct iq_later *later;  /* NULL: nobody waits */
    document_found found;    /* NULL: it writes */
    int64_t id, now_us, changed_us, max;
    enum document_kind kind;
    bool removes;
    struct buf xml;
    uint32_t session, session_gen, bytes; /* charged to that session; bytes 0: none */
    uint32_t name_len;
    char name[];
};

enum { FREE_BYTES = 8192 /* of an answer; what is beyond costs like stanzas of that size */ };

static int job_read(struct db *db, struct store_job *job) {
    struct document_job *j = (struct document_job *)job;
    buf_clear(&j->xml);
    return documents_find(db, j->id, j->kind, str_of(j->name, j->name_len), &j->xml, &j->changed_us);
}

static int job_write(struct db *db, struct store_job *job) {
    struct document_job *j = (struct document_job *)job;
    return documents_put(db, j->id, j->kind, str_of(j->name, j->name_len), j->removes ? STR_NONE : buf_str(&j->xml),
                         j->now_us, j->max);
}

static void job_free(struct turn *turn, struct document_job *j) {
    struct account *a = j->account;
    buf_free(&j->xml);
    free(j);
    account_job_end(turn, a);
}

static void read_done(struct turn *turn, struct store_job *job) {
    struct document_job *j = (struct document_job *)job;
    struct session *s = iq_later_session(turn, j->later);
    if (s && s->stream) stream_charge(s->stream, (uint32_t)(buf_len(&j->xml) / FREE_BYTES));
    j->found(turn, &j->later, job->result, str_of(j->name, j->name_len), buf_str(&j->xml), j->changed_us);
    CHECK(!j->later);
    job_free(turn, j);
}

static void write_done(struct turn *turn, struct store_job *job) {
    struct document_job *j = (struct document_job *)job;
    struct session *s = j->bytes ? session_at(j->account->im, j->session, j->session_gen) : NULL;
    if (s) session_discharge(s, j->bytes);
    if (!j->later) {
        if (job->result && job->result != ERR_NOT_FOUND) /* its account may have gone with its last session */
            LOG(LOG_ERROR, "document-not-written", F_STR("account", account_bare(j->account)),
                F_ERR("error", job->result));
    } else if (job->result) {
        iq_later_failed(turn, &j->later, job->result);
    } else {
        iq_later_answer(turn, &j->later, NULL);
    }
    job_free(turn, j);
}

static struct document_job *job_new(struct account *a, enum document_kind kind, struct str name, struct str xml) {
    struct document_job *j = msg_new(MSG_STORE_DONE, sizeof *j + name.len, xml.len);
    j->job.slot = a->slot;
    j->account = a;
    j->id = a->id;
    j->kind = kind;
    j->removes = !xml.p;
    buf_add_str(&j->xml, xml);
    j->name_len = (uint32_t)name.len;
    if (name.len) memcpy(j->name, name.p, name.len);
    return j;
}

static void job_submit(struct turn *turn, struct document_job *j) {
    j->job.kind = j->found ? STORE_READ : STORE_WRITE;
    j->job.run = j->found ? job_read : job_write;
    j->job.done = j->found ? read_done : write_done;
    account_job_begin(j->account);
    store_submit(j->account->im->server->store, turn, &j->job);
}

void document_get(struct walk *walk, enum document_kind kind, struct str name, document_found found) {
    struct document_job *j = job_new(walk->account, kind, name, STR_NONE);
    j->found = found;
    j->later = iq_defer(walk);
    job_submit(walk->turn, j);
}

void document_set(struct walk *walk, enum document_kind kind, struct str name, struct str xml, int64_t max) {
    struct document_job *j = job_new(walk->account, kind, name, xml);
    struct session *s = walk->session;
    j->later = iq_defer(walk);
    j->now_us = walk->turn->wall_us;
    j->max = max;
    if (s) {
        j->session = s->index;
        j->session_gen = s->generation;
        j->bytes = (uint32_t)(sizeof *j + name.len + xml.len);
        session_charge(s, j->bytes);
    }
    job_submit(walk->turn, j);
}

void document_note(struct turn *turn, struct account *a, enum document_kind kind, int64_t now_us) {
    struct document_job *j = job_new(a, kind, STR(""), STR(""));
    j->now_us = now_us;
    j->max = 1;
    job_submit(turn, j);
}

struct xml_node *document_tree(struct turn *turn, struct str xml) {
    return xml_parse_own(turn->arena, xml);
}

bool document_is_empty(const struct xml_node *el) {
    return !el->first && !el->attrs;
}
