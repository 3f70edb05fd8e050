/*
 * export.c: GET of an export: the account as a document (store/pie.h), without what proves its password. A reader writes a piece when the one before has
 * left, so a slow client holds one piece; how long it will be nobody knows, so it is chunked: what breaks off is seen to be broken off. On the
 * shard that has the connection.
 */
#include "im/export.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "front/route.h"
#include "im/media.h"
#include "store/pie.h"

enum { AT_ONCE = 16 }; /* in the whole server */

struct exporting {
    struct store_job job;
    struct server *server;
    struct web_conn *w; /* NULL: gone */
    struct pie_export *export;
    struct buf out;
    bool busy, is_begun, more;
};

static void exporting_free(struct exporting *e) {
    atomic_fetch_sub(&e->server->exports, 1);
    pie_export_free(&e->export);
    buf_free(&e->out);
    free(e);
}

static void head_add(struct buf *head) {
    BUF_ADD_LIT(head, "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
                      "Content-Security-Policy: default-src 'none'; sandbox\r\n");
}

static void answer(struct web_conn *w, struct turn *turn, int status, struct str text) {
    struct buf out = BUF_INIT;
    route_head(w, turn, status, text.len + 1, &out);
    head_add(&out);
    if (status == 405) BUF_ADD_LIT(&out, "Allow: GET, HEAD\r\n");
    if (status == 503) BUF_ADD_LIT(&out, "Retry-After: 60\r\n");
    BUF_ADD_LIT(&out, "Content-Type: text/plain; charset=utf-8\r\n\r\n");
    if (!route_head_only(w)) {
        buf_add_str(&out, text);
        buf_add_char(&out, '\n');
    }
    route_write(w, buf_str(&out));
    buf_free(&out);
    route_end(w);
}

/* Reader thread. */
static int export_run(struct db *db, struct store_job *job) {
    struct exporting *e = (struct exporting *)job;
    buf_clear(&e->out);
    return pie_export_next(db, e->export, &e->out, &e->more);
}

static void head_write(struct turn *turn, struct exporting *e) {
    struct buf head = BUF_INIT;
    e->is_begun = true;
    route_head(e->w, turn, 200, UINT64_MAX, &head);
    head_add(&head);
    BUF_ADD_LIT(&head, "Content-Type: application/xml; charset=utf-8\r\nContent-Disposition: attachment\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n");
    route_write(e->w, buf_str(&head));
    buf_free(&head);
}

static void piece_write(struct exporting *e) {
    struct buf chunk = BUF_INIT;
    if (buf_len(&e->out)) buf_printf(&chunk, "%zx\r\n", buf_len(&e->out));
    buf_add_str(&chunk, buf_str(&e->out));
    if (buf_len(&e->out)) BUF_ADD_LIT(&chunk, "\r\n");
    if (!e->more) BUF_ADD_LIT(&chunk, "0\r\n\r\n");
    route_write_now(e->w, buf_str(&chunk));
    buf_free(&chunk);
    buf_free(&e->out); /* while it leaves there is one copy */
}

static void export_end(struct exporting *e) {
    route_end(e->w);
    exporting_free(e);
}

static void export_failed(struct turn *turn, struct exporting *e, int err) {
    bool is_over = err == ERR_NOT_FOUND || err == ERR_DENIED;
    if (!is_over) LOG(LOG_ERROR, "export-failed", F_ERR("error", err));
    if (e->is_begun)
        route_break(e->w);
    else
        answer(e->w, turn, is_over ? 403 : 503, is_over ? STR("This address has ended.") : STR("Not now. Try again."));
    exporting_free(e);
}

static void export_done(struct turn *turn, struct store_job *job) {
    struct exporting *e = (struct exporting *)job;
    e->busy = false;
    if (!e->w) {
        exporting_free(e);
        return;
    }
    if (job->result) {
        export_failed(turn, e, job->result);
        return;
    }
    if (!e->is_begun) head_write(turn, e);
    bool head_only = route_head_only(e->w);
    if (!head_only) piece_write(e);
    if (head_only || !e->more)
        export_end(e);
    else
        route_ask_drain(e->w);
}

static void export_go_on(struct turn *turn, struct exporting *e) {
    if (e->busy) return;
    e->busy = true;
    e->job.kind = STORE_READ;
    e->job.run = export_run;
    e->job.done = export_done;
    store_submit(e->server->store, turn, &e->job);
}

static void on_body(struct turn *turn, void *route, struct str bytes) {
    (void)turn;
    (void)route;
    (void)bytes;
}

static void on_drained(struct turn *turn, void *route) {
    export_go_on(turn, route);
}

static void on_gone(struct turn *turn, void *route) {
    (void)turn;
    struct exporting *e = route;
    e->w = NULL;
    if (!e->busy) exporting_free(e);
}

static const struct route_ops export_ops = {on_body, on_drained, on_gone};

/* Of requests that are answered at once. */
static void on_nothing(struct turn *turn, void *route) {
    (void)turn;
    (void)route;
}
static const struct route_ops at_once = {.gone = on_nothing, .drained = on_nothing};

static void refuse(struct exchange *x, int status, struct str text) {
    answer(route_hold(x, &at_once, NULL), x->turn, status, text);
}

static void export_start(struct exchange *x, const struct export_right *right) {
    if (atomic_fetch_add(&x->server->exports, 1) >= AT_ONCE) {
        atomic_fetch_sub(&x->server->exports, 1);
        refuse(x, 503, STR("Too many at once. Try again in a minute."));
        return;
    }
    struct exporting *e = msg_new(MSG_STORE_DONE, sizeof *e, 0);
    e->server = x->server;
    struct pie_export_options options = {.domain = x->server->options.domain,
                                         .only = right->bare,
                                         .blobs = x->server->media ? x->server->media->blobs : NULL,
                                         .generation = right->generation};
    e->export = pie_export_new(&options);
    e->w = route_hold(x, &export_ops, e);
    export_go_on(x->turn, e);
}

bool export_route(struct exchange *x) {
    const struct http_request *r = x->request;
    struct export_right right;
    if (!str_starts(r->path, STR("/export/"))) return false;
    struct str rest = str_from(r->path, sizeof "/export/" - 1);
    if (r->method != HTTP_GET && r->method != HTTP_HEAD) {
        refuse(x, 405, STR("That is not done here."));
        return true;
    }
    if (r->minor == 0 || r->content_length > 0 || r->chunked) {
        x->keep_alive = false;
        refuse(x, 400, STR("HTTP/1.1, and no body, please."));
        return true;
    }
    int err = export_read(x->server, x->turn->arena, rest, x->turn->wall_us, &right);
    if (err)
        refuse(x, err == ERR_DENIED ? 403 : 404,
               err == ERR_DENIED ? STR("This address has ended.") : STR("There is nothing at this address."));
    else
        export_start(x, &right);
    return true;
}
