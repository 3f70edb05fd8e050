/*
 * users.c: the commands about accounts. Creating one needs no home and is submitted from here; everything else happens on the account's
 * home, where the console's question is parked until the account is loaded.
 */
#include "admin/commands.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "im/accounts_admin.h"
#include "im/presence.h"
#include "store/accounts.h"

enum { PATIENCE_MS = 60000 }; /* keys of a long batch may wait for their turn */

static void request_end_account(struct request *r, int err) {
    struct str text = STR_NONE;
    if (err == ERR_EXISTS) text = STR("The name is taken, or was: those of removed accounts stay reserved.");
    if (err == ERR_NOT_FOUND) text = STR("There is no such account.");
    if (err == ERR_INVALID) text = STR("This password cannot be used.");
    if (err == ERR_LIMIT) text = STR("The account has too many contacts.");
    request_end(r, err, text);
}

/* The third argument, or the default; false: the request was ended. */
static bool iterations_read(struct request *r, unsigned *out) {
    unsigned long long n = (unsigned long long)request_server(r)->options.iterations;
    struct str arg = request_arg(r, 2);
    if (arg.p && (!str_to_u64(arg, 1000000, &n) || n == 0)) {
        request_end(r, ERR_INVALID, STR("Iterations are a number from 1 to 1000000."));
        return false;
    }
    *out = (unsigned)n;
    return true;
}

static void on_created(struct turn *turn, void *arg, int err) {
    (void)turn;
    request_end_account(arg, err);
}

void command_user_add(struct turn *turn, struct request *r) {
    struct jid jid;
    unsigned iterations;
    if (!iterations_read(r, &iterations) || !command_address(turn, r, request_arg(r, 0), &jid)) return;
    account_create_submit(turn, request_server(r), jid_str(jid), request_arg(r, 1), iterations, on_created, r);
}

/* --- on the home --- */

static void on_done_there(struct turn *turn, void *arg, int err) {
    ask_return(turn, arg, err);
}

static void end_back(struct turn *turn, struct ask *ask) {
    (void)turn;
    request_end_account(ask->request, ask->err);
    ask_free(&ask);
}

static void ask_home(struct turn *turn, struct ask *ask) {
    ask_post(turn, ask, home_of(turn->shard->hub, ask_bare(ask)), PATIENCE_MS);
}

static void passwd_there(struct turn *turn, struct ask *ask) {
    struct account *a = account_need(turn, ask_bare(ask), &ask->call.msg);
    if (a) account_set_password(turn, a, NULL, ask_extra(ask), ask->number, on_done_there, ask);
}

void command_user_passwd(struct turn *turn, struct request *r) {
    struct jid jid;
    unsigned iterations;
    if (!iterations_read(r, &iterations) || !command_address(turn, r, request_arg(r, 0), &jid)) return;
    struct ask *ask = ask_new(r, jid_str(jid), request_arg(r, 1));
    ask->number = iterations;
    ask->there = passwd_there;
    ask->back = end_back;
    ask_home(turn, ask);
}

static void delete_there(struct turn *turn, struct ask *ask) {
    struct account *a = account_need(turn, ask_bare(ask), &ask->call.msg);
    if (a) account_remove(turn, a, on_done_there, ask);
}

void command_user_delete(struct turn *turn, struct request *r) {
    struct jid jid;
    if (!command_address(turn, r, request_arg(r, 0), &jid)) return;
    struct ask *ask = ask_new(r, jid_str(jid), STR_NONE);
    ask->there = delete_there;
    ask->back = end_back;
    ask_home(turn, ask);
}

/* --- two contacts: A's side, B's side, and then each shows itself to the other --- */

static void befriend_there(struct turn *turn, struct ask *ask) {
    struct account *a = account_need(turn, ask_bare(ask), &ask->call.msg);
    if (a) account_befriend(turn, a, jid_trusted(ask_extra(ask)), on_done_there, ask);
}

static void show_there(struct turn *turn, struct ask *ask) {
    struct account *a = account_need(turn, ask_bare(ask), &ask->call.msg);
    if (!a) return;
    if (a->id) presence_show(turn, a, jid_trusted(ask_extra(ask)));
    ask_return(turn, ask, 0);
}

/* A exists when the other side is asked; does B, before A's side is written? */
static void exists_there(struct turn *turn, struct ask *ask) {
    struct account *a = account_need(turn, ask_bare(ask), &ask->call.msg);
    if (a) ask_return(turn, ask, a->id ? 0 : ERR_NOT_FOUND);
}

static void befriend_next(struct turn *turn, struct ask *ask);

/* Step after step, each about one of the two. */
static const struct {
    void (*there)(struct turn *turn, struct ask *ask);
    bool other; /* about the second address */
} befriend_steps[] = {
    {exists_there, true}, {befriend_there, false}, {befriend_there, true}, {show_there, false}, {show_there, true}};
enum { BEFRIEND_STEPS = sizeof befriend_steps / sizeof *befriend_steps };

static void befriend_step(struct turn *turn, struct request *r, struct str first, struct str second, uint32_t step) {
    bool other = befriend_steps[step].other;
    struct ask *ask = ask_new(r, other ? second : first, other ? first : second);
    ask->at = step;
    ask->there = befriend_steps[step].there;
    ask->back = befriend_next;
    ask_home(turn, ask);
}

static void befriend_next(struct turn *turn, struct ask *ask) {
    if (ask->err || ask->at + 1 == BEFRIEND_STEPS) {
        end_back(turn, ask);
        return;
    }
    bool other = befriend_steps[ask->at].other;
    struct str mine = ask_bare(ask), theirs = ask_extra(ask);
    befriend_step(turn, ask->request, other ? theirs : mine, other ? mine : theirs, ask->at + 1);
    ask_free(&ask);
}

void command_contact_add(struct turn *turn, struct request *r) {
    struct jid first, second;
    if (!command_address(turn, r, request_arg(r, 0), &first) || !command_address(turn, r, request_arg(r, 1), &second))
        return;
    if (jid_eq(first, second)) {
        request_end(r, ERR_INVALID, STR("These are the same."));
        return;
    }
    befriend_step(turn, r, jid_str(first), jid_str(second), 0);
}

/* --- the list, page by page --- */

enum { PAGE_ROWS = 500 };

struct list_job {
    struct store_job job;
    struct request *request;
    struct buf out, last;
    unsigned rows;
};

static bool list_row(void *arg, struct str bare, const struct account_row *row) {
    struct list_job *l = arg;
    buf_clear(&l->last);
    buf_add_str(&l->last, bare);
    if (!row->deleted) {
        buf_add_str(&l->out, bare);
        buf_add_char(&l->out, '\n');
    }
    return ++l->rows < PAGE_ROWS;
}

/* Reader thread. */
static int list_run(struct db *db, struct store_job *job) {
    struct list_job *l = (struct list_job *)job;
    struct buf after = l->last; /* `last` moves on meanwhile */
    l->last = (struct buf)BUF_INIT;
    l->rows = 0;
    buf_clear(&l->out);
    int err = accounts_each(db, buf_str(&after), list_row, l);
    buf_free(&after);
    return err;
}

static struct list_job **list_of(struct request *r) {
    return request_memory(r);
}

static void list_end(struct request *r, int err) {
    struct list_job *l = *list_of(r);
    buf_free(&l->out);
    buf_free(&l->last);
    free(l);
    request_end(r, err, STR_NONE);
}

static void list_more(struct turn *turn, struct request *r) {
    if (request_is_wanted(r)) {
        store_submit(request_server(r)->store, turn, &(*list_of(r))->job);
    } else {
        list_end(r, 0);
    }
}

static void list_done(struct turn *turn, struct store_job *job) {
    struct list_job *l = (struct list_job *)job;
    struct request *r = l->request;
    request_write(r, buf_str(&l->out));
    if (job->result || l->rows < PAGE_ROWS) {
        list_end(r, job->result);
    } else {
        request_when_drained(turn, r, list_more);
    }
}

void command_user_list(struct turn *turn, struct request *r) {
    struct list_job *l = calloc(1, sizeof *l);
    CHECK(l != NULL);
    l->request = r;
    l->job.kind = STORE_READ;
    l->job.run = list_run;
    l->job.done = list_done;
    l->job.msg.bytes = sizeof *l;
    *list_of(r) = l;
    list_more(turn, r);
}
