/* im.c: what one shard's heart consists of, and which messages it understands. */
#include "im/im.h"

#include <stdlib.h>

#include "base/check.h"
#include "im/account.h"
#include "im/caps.h"
#include "im/debt.h"
#include "im/feature.h"
#include "im/router.h"
#include "im/seats.h"
#include "im/session.h"

static void on_store_done(struct turn *turn, struct msg *msg) {
    struct store_job *job = (struct store_job *)msg;
    job->done(turn, job);
}

static void on_call(struct turn *turn, struct msg *msg) {
    struct msg_call *call = (struct msg_call *)msg;
    call->run(turn, call);
}

const msg_handler im_handlers[MSG_TYPES] = {
    [MSG_STORE_DONE] = on_store_done, [MSG_ADOPT] = stream_adopt,        [MSG_STANZA] = router_on_stanza,
    [MSG_FAN] = router_on_fan,        [MSG_DECIDED] = router_on_decided, [MSG_CALL] = on_call,
    [MSG_SEATS] = seats_on_msg,
};

struct im *im_new(struct server *server, struct shard *shard) {
    struct im *im = calloc(1, sizeof *im);
    CHECK(im != NULL);
    im->shard = shard;
    im->server = server;
    list_init(&im->idle_accounts);
    list_init(&im->streams);
    list_init(&im->crowd);
    list_init(&im->debt_queue);
    shard->box.waiting.high = (uint64_t)server->options.shard_waiting;
    shard->hub->relieved = streams_relieved;
    im->ids = block_cipher_new(server->id_key);
    im->caps = caps_new(im);
    im->seats = seats_new();
    im->sweep.fire = accounts_sweep;
    shard->im = im;
    loop_timer_set(shard->loop, &im->sweep, loop_now_ms(shard->loop) + 1000);
    return im;
}

void im_show(struct im *im) {
    struct im_shown *s = &im->shown;
    const struct {
        atomic_uint_fast64_t *to;
        uint64_t value;
    } counts[] = {
        {&s->sessions, im->session_count},
        {&s->accounts, map_count(&im->accounts)},
        {&s->stanzas_in, im->stanzas_in},
        {&s->stanzas_out, im->stanzas_out},
        {&s->messages_kept, im->messages_kept},
        {&s->messages_delivered, im->messages_delivered},
        {&s->logins, im->logins},
        {&s->resumes, im->resumes},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        atomic_store_explicit(counts[i].to, counts[i].value, memory_order_relaxed);
    }
}

/* After the thread has ended: what is still in memory is dropped. */
void im_free(struct im **im) {
    if (!*im) return;
    accounts_free(*im);
    debts_free(*im);
    for (const struct feature *const *f = features; *f; f++) {
        if ((*f)->stop) (*f)->stop(*im);
    }
    seats_free(&(*im)->seats);
    caps_free(&(*im)->caps);
    buf_free(&(*im)->scratch);
    block_cipher_free(&(*im)->ids);
    free((*im)->sessions);
    free((*im)->session_gens);
    free(*im);
    *im = NULL;
}
