/*
 * media.c: /upload/SECRET/NAME and /files/ID/NAME. The name decorates: what counts is the id before it. Answers say why in one line of text, and tell nobody
 * more about an address than that it is none.
 */
#include "front/media.h"

#include "base/check.h"
#include "base/err.h"

#define EXPOSED "upload-offset, upload-length, upload-complete, content-range, accept-ranges, etag, content-length"

void media_headers(struct buf *out) {
    BUF_ADD_LIT(out, "Access-Control-Allow-Origin: *\r\n"
                     "Access-Control-Expose-Headers: " EXPOSED "\r\n"
                     "Cross-Origin-Resource-Policy: cross-origin\r\n");
}

void media_answer(struct web_conn *w, struct turn *turn, int status, struct str more, struct str text) {
    struct buf head = BUF_INIT;
    bool empty = status == 204 || status == 304;
    struct str line = str_some(text) ? ARENA_CONCAT(turn->arena, text, STR("\n")) : STR("");
    route_head(w, turn, status, empty ? UINT64_MAX : line.len, &head);
    media_headers(&head);
    if (str_some(line)) BUF_ADD_LIT(&head, "Content-Type: text/plain; charset=utf-8\r\n");
    BUF_ADD_LIT(&head, "Cache-Control: no-store\r\nContent-Security-Policy: default-src 'none'; sandbox\r\n");
    buf_add_str(&head, more);
    BUF_ADD_LIT(&head, "\r\n");
    if (!empty && !route_head_only(w)) buf_add_str(&head, line);
    route_write(w, buf_str(&head));
    buf_free(&head);
    route_end(w);
}

/* Of requests that are answered at once. */
static void on_nothing(struct turn *turn, void *route) {
    (void)turn;
    (void)route;
}
static const struct route_ops at_once = {.gone = on_nothing, .drained = on_nothing};

static void answer_now(struct exchange *x, int status, struct str more, struct str text) {
    media_answer(route_hold(x, &at_once, NULL), x->turn, status, more, text);
}

/* By an address that expires, if that is wanted: the lasting one sends on to it, the same way for everybody. */
static void serve_file(struct exchange *x, struct str id) {
    struct arena *arena = x->turn->arena;
    int64_t now_us = x->turn->wall_us, until_us = 0;
    int err = media_is_signed(&x->server->options)
                  ? media_signed_read(x->server, arena, id, x->request->query, now_us, &id, &until_us)
                  : 0;
    if (err == ERR_NOT_FOUND) {
        struct str name = str_from(x->request->path, sizeof "/files/" + SLOT_ID_LEN);
        struct str url = media_signed_url(x->server, arena, id, name, now_us);
        struct str more = arena_printf(arena, "Location: %.*s\r\n", STR_FMT(url));
        if (url.p)
            answer_now(x, 302, more, STR("It is there for a while."));
        else
            answer_now(x, 404, STR_NONE, STR("There is nothing at this address."));
    } else if (err) {
        answer_now(x, 403, STR_NONE, STR("This address has ended."));
    } else {
        media_download(x, id, until_us);
    }
}

#define METHOD(m) (1u << HTTP_##m)

static const struct media_path {
    struct str prefix;
    unsigned methods;
    const char *allow, *cors;
    void (*serve)(struct exchange *x, struct str id);
} paths[] = {
    {STR_INIT("/upload/"), METHOD(PUT) | METHOD(PATCH) | METHOD(HEAD) | METHOD(DELETE),
     "Allow: PUT, PATCH, HEAD, DELETE, OPTIONS\r\n",
     "Access-Control-Allow-Methods: PUT, PATCH, HEAD, DELETE\r\n"
     "Access-Control-Allow-Headers: authorization, content-type, upload-offset, upload-complete\r\n"
     "Access-Control-Max-Age: 86400\r\n",
     media_upload},
    {STR_INIT("/files/"), METHOD(GET) | METHOD(HEAD), "Allow: GET, HEAD, OPTIONS\r\n",
     "Access-Control-Allow-Methods: GET, HEAD\r\n"
     "Access-Control-Allow-Headers: range, if-range, if-none-match\r\n"
     "Access-Control-Max-Age: 86400\r\n",
     serve_file},
};

/* "ID/NAME": 22 characters, and a name without a further slash. */
static bool id_take(struct str rest, struct str *out) {
    struct str name = str_from(rest, SLOT_ID_LEN + 1);
    *out = str_first(rest, SLOT_ID_LEN);
    return rest.len > SLOT_ID_LEN + 1 && rest.p[SLOT_ID_LEN] == '/' && str_index(*out, '/') == SLOT_ID_LEN &&
           str_index(name, '/') == name.len;
}

static void path_serve(struct exchange *x, const struct media_path *path) {
    const struct http_request *r = x->request;
    struct str id, allow = str_c(path->allow);
    if (r->chunked) {
        x->keep_alive = false;
        answer_now(x, 411, STR_NONE, STR("Say how long it is (Content-Length)."));
    } else if (r->method == HTTP_OPTIONS) {
        answer_now(x, 204, ARENA_CONCAT(x->turn->arena, allow, str_c(path->cors)), STR_NONE);
    } else if (r->method == HTTP_OTHER || !(path->methods & (1u << r->method))) {
        answer_now(x, 405, allow, STR("That is not done here."));
    } else if (!x->server->media || !id_take(str_from(r->path, path->prefix.len), &id)) {
        answer_now(x, 404, STR_NONE, STR("There is nothing at this address."));
    } else if (r->content_length > 0 && !(r->method == HTTP_PUT || r->method == HTTP_PATCH)) {
        answer_now(x, 400, STR_NONE, STR("No body, please."));
    } else {
        path->serve(x, id);
    }
}

bool media_route(struct exchange *x) {
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (!str_starts(x->request->path, paths[i].prefix)) continue;
        path_serve(x, &paths[i]);
        return true;
    }
    return false;
}
