/*
 * console.c: the admin's socket on the loop of one shard (the first): local, rare, and small, so it needs no thread of its own; what belongs to
 * other homes is asked of them by message. What must hold: a request is ended exactly once, by its command, however long its client
 * stays; nothing is kept without a limit, neither lines nor requests under way nor unread answers.
 */
#include "admin/console.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/commands.h"
#include "admin/words.h"
#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "net/conn.h"

enum { CLIENTS_MAX = 16, REQUESTS_MAX = 256, LINGER_MS = 1000 };

struct console {
    struct server *server;
    struct shard *place;
    struct loop_watch watch;
    struct sockaddr_un address;
    struct link clients;
    unsigned client_count;
};

struct client {
    struct link link;
    struct console *console;
    struct conn *conn;
    struct link requests;
    unsigned request_count;
    bool closing;
};

struct request {
    struct link link;      /* in client->requests */
    struct client *client; /* NULL: it has hung up, or was told that no answer came */
    struct server *server;
    struct shard *place;
    struct loop_timer patience;
    void (*more)(struct turn *turn, struct request *request);
    void (*late)(struct turn *turn, struct request *request);
    unsigned long long tag;
    unsigned count;
    struct str words[CONSOLE_WORDS_MAX]; /* behind the command's name; in text */
    max_align_t memory[REQUEST_MEMORY / sizeof(max_align_t)];
    char text[];
};

static const struct conn_limits client_limits = {
    .unread_max = 1 << 20, .out_high = 256 * 1024, .out_max = 64 << 20, .turn_max = 256 * 1024};

/* --- requests --- */

struct server *request_server(const struct request *r) {
    return r->server;
}

struct str request_arg(const struct request *r, unsigned at) {
    return at < r->count ? r->words[at] : STR_NONE;
}

void *request_memory(struct request *r) {
    return r->memory;
}

void request_write(struct request *r, struct str lines) {
    if (!r->client) return;
    struct buf out = BUF_INIT;
    while (lines.len) {
        struct str line = str_first(lines, str_index(lines, '\n'));
        lines = str_from(lines, line.len + 1);
        buf_printf(&out, "%llu |", r->tag);
        buf_add_str(&out, line);
        buf_add_char(&out, '\n');
    }
    conn_write(r->client->conn, buf_str(&out));
    buf_free(&out);
}

static void request_say_end(struct request *r, int err, struct str text) {
    struct buf out = BUF_INIT;
    if (!text.p) text = str_c(err_text(err));
    if (err)
        buf_printf(&out, "%llu error %.*s\n", r->tag, STR_FMT(text));
    else
        buf_printf(&out, "%llu ok\n", r->tag);
    conn_write(r->client->conn, buf_str(&out));
    buf_free(&out);
}

/* The client has what it gets of this one. */
static void request_leave(struct request *r) {
    struct client *c = r->client;
    r->client = NULL;
    list_remove(&r->link);
    if (--c->request_count == REQUESTS_MAX / 2 && !c->closing) conn_resume(c->conn);
}

void request_end(struct request *r, int err, struct str text) {
    loop_timer_cancel(r->place->loop, &r->patience);
    if (r->client) {
        request_say_end(r, err, text);
        request_leave(r);
    }
    bytes_wipe(r->text, strlen(r->text)); /* there may be a password in it */
    free(r);
}

bool request_is_wanted(const struct request *r) {
    return r->client != NULL;
}

void request_when_drained(struct turn *turn, struct request *r,
                          void (*more)(struct turn *turn, struct request *request)) {
    if (r->client && conn_is_full(r->client->conn)) {
        loop_timer_cancel(r->place->loop, &r->patience);
        r->more = more;
    } else {
        more(turn, r);
    }
}

void request_on_late(struct request *r, void (*late)(struct turn *turn, struct request *request)) {
    r->late = late;
}

static void on_patience(struct loop_timer *timer, int64_t now_ms) {
    (void)now_ms;
    struct request *r = CONTAINER_OF(timer, struct request, patience);
    if (!r->client) return;
    if (r->late) r->late(shard_turn(r->place), r);
    request_say_end(r, ERR_AGAIN, STR("No answer in time. What was asked for may still happen."));
    request_leave(r);
}

/* --- questions to other places --- */

struct ask *ask_new(struct request *r, struct str bare, struct str extra) {
    struct ask *ask = msg_new(MSG_CALL, sizeof *ask + bare.len + extra.len, 0);
    ask->request = r;
    ask->home = r->place->index;
    ask->bare_len = (uint16_t)bare.len;
    ask->extra_len = (uint16_t)extra.len;
    if (bare.len) memcpy(ask->text, bare.p, bare.len);
    if (extra.len) memcpy(ask->text + bare.len, extra.p, extra.len);
    return ask;
}

static void ask_run_there(struct turn *turn, struct msg_call *call) {
    struct ask *ask = (struct ask *)call;
    ask->there(turn, ask);
}

static void ask_run_back(struct turn *turn, struct msg_call *call) {
    struct ask *ask = (struct ask *)call;
    ask->back(turn, ask);
}

void ask_post(struct turn *turn, struct ask *ask, struct shard *to, int64_t patience_ms) {
    loop_timer_set(turn->shard->loop, &ask->request->patience, turn->now_ms + patience_ms);
    ask->call.run = ask_run_there;
    ask->call.msg.from = turn->shard->index;
    shard_post(to, &ask->call.msg);
}

void ask_return(struct turn *turn, struct ask *ask, int err) {
    ask->err = err;
    ask->call.run = ask_run_back;
    ask->call.msg.from = turn->shard->index;
    shard_post(turn->shard->hub->places[ask->home], &ask->call.msg);
}

void ask_free(struct ask **slot) {
    struct ask *ask = *slot;
    if (!ask) return;
    *slot = NULL;
    buf_free(&ask->out);
    bytes_wipe(ask->text, (size_t)ask->bare_len + ask->extra_len);
    free(ask);
}

/* --- lines --- */

static struct request *request_new(struct client *c, unsigned long long tag, const struct str *words, unsigned count) {
    size_t len = 1;
    for (unsigned i = 0; i < count; i++) len += words[i].len;
    struct request *r = calloc(1, sizeof *r + len);
    CHECK(r != NULL);
    r->client = c;
    r->server = c->console->server;
    r->place = c->console->place;
    r->patience.fire = on_patience;
    r->tag = tag;
    r->count = count;
    char *at = r->text;
    for (unsigned i = 0; i < count; i++) {
        memcpy(at, words[i].p, words[i].len);
        r->words[i] = str_of(at, words[i].len);
        at += words[i].len;
    }
    list_append(&c->requests, &r->link);
    c->request_count++;
    return r;
}

static void client_refuse(struct client *c, unsigned long long tag, const char *why) {
    struct buf out = BUF_INIT;
    buf_printf(&out, "%llu error %s\n", tag, why);
    conn_write(c->conn, buf_str(&out));
    buf_free(&out);
}

static void client_line(struct client *c, struct str line) {
    struct turn *turn = shard_turn(c->console->place);
    struct str words[CONSOLE_WORDS_MAX + 1];
    unsigned count, name_words;
    unsigned long long tag;
    if (words_parse(turn->arena, line, words, CONSOLE_WORDS_MAX + 1, &count) || count == 0 ||
        !str_to_u64(words[0], UINT64_MAX, &tag)) {
        client_refuse(c, 0, "This is no request.");
        return;
    }
    const struct command *command = command_find(words + 1, count - 1, &name_words);
    if (!command) {
        client_refuse(c, tag, "There is no such command.");
        return;
    }
    unsigned args = count - 1 - name_words;
    if (args < command->args_min || args > command->args_max) {
        client_refuse(c, tag, "The number of arguments is wrong.");
        return;
    }
    command->run(turn, request_new(c, tag, words + 1 + name_words, args));
}

static size_t on_data(struct conn *conn, struct str bytes) {
    struct client *c = conn_owner(conn);
    size_t done = 0;
    while (!c->closing) {
        if (c->request_count >= REQUESTS_MAX) {
            conn_pause(conn);
            return done;
        }
        struct str rest = str_from(bytes, done), line = str_first(rest, str_index(rest, '\n'));
        if (line.len > CONSOLE_LINE_MAX) {
            client_refuse(c, 0, "The line is too long.");
            c->closing = true;
            conn_close(conn, LINGER_MS);
        } else if (line.len == rest.len) {
            return done;
        } else {
            client_line(c, line);
            done += line.len + 1;
        }
    }
    return bytes.len;
}

static void request_go_on(struct turn *turn, struct request *r) {
    void (*more)(struct turn *, struct request *) = r->more;
    r->more = NULL;
    if (more) more(turn, r);
}

static void on_drain(struct conn *conn) {
    struct client *c = conn_owner(conn);
    struct turn *turn = shard_turn(c->console->place);
    LIST_EACH (&c->requests, at, after) request_go_on(turn, CONTAINER_OF(at, struct request, link));
}

/* Who waits for an answer of another place ends when it comes; who waited for the client ends now. */
static void client_free(struct client *c) {
    struct turn *turn = shard_turn(c->console->place);
    LIST_EACH (&c->requests, at, after) {
        struct request *r = CONTAINER_OF(at, struct request, link);
        list_remove(&r->link);
        r->client = NULL;
        request_go_on(turn, r);
    }
    c->console->client_count--;
    list_remove(&c->link);
    conn_free(&c->conn);
    free(c);
}

static void on_closed(struct conn *conn, int err) {
    (void)err;
    client_free(conn_owner(conn));
}

static const struct conn_ops client_ops = {.on_data = on_data, .on_drain = on_drain, .on_closed = on_closed};

/* --- the socket --- */

static void client_new(struct console *console, int fd) {
    struct client *c = calloc(1, sizeof *c);
    CHECK(c != NULL);
    c->console = console;
    list_init(&c->requests);
    list_append(&console->clients, &c->link);
    console->client_count++;
    struct net_address nobody = {.port = 0};
    c->conn = conn_new(fd, &nobody, &client_limits);
    conn_attach(c->conn, console->place->loop, &client_ops, c);
}

static void on_accept(struct loop_watch *watch, uint32_t events) {
    (void)events;
    struct console *console = CONTAINER_OF(watch, struct console, watch);
    int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if (console->client_count >= CLIENTS_MAX) {
        close(fd);
    } else {
        client_new(console, fd);
    }
}

/* A socket file that nobody answers at is a leftover of a crash. */
static bool socket_is_alive(const struct sockaddr_un *address) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool alive = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;
    if (fd >= 0) close(fd);
    return alive;
}

static int socket_listen(const struct sockaddr_un *address) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    mode_t before = umask(0177);
    int failed = bind(fd, (const struct sockaddr *)address, sizeof *address) || listen(fd, CLIENTS_MAX);
    umask(before);
    if (!failed) return fd;
    close(fd);
    return -1;
}

int console_open(struct server *server, struct shard *place, struct console **out) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int len = snprintf(address.sun_path, sizeof address.sun_path, "%.*s/%s", STR_FMT(server->options.data_dir),
                       CONSOLE_SOCKET);
    if (len < 0 || (size_t)len >= sizeof address.sun_path) {
        LOG(LOG_ERROR, "console-failed", F_STR("data_dir", server->options.data_dir),
            F_C("why", "the path is too long for a socket"));
        return ERR_LIMIT;
    }
    if (socket_is_alive(&address)) {
        LOG(LOG_ERROR, "console-failed", F_C("socket", address.sun_path), F_C("why", "another server is running here"));
        return ERR_EXISTS;
    }
    unlink(address.sun_path);
    int fd = socket_listen(&address);
    if (fd < 0) {
        LOG(LOG_ERROR, "console-failed", F_C("socket", address.sun_path), F_C("why", strerror(errno)));
        return ERR_IO;
    }
    struct console *console = calloc(1, sizeof *console);
    CHECK(console != NULL);
    console->server = server;
    console->place = place;
    console->address = address;
    console->watch = (struct loop_watch){fd, on_accept};
    list_init(&console->clients);
    loop_add(place->loop, &console->watch, EPOLLIN);
    *out = console;
    return 0;
}

void console_close(struct console **slot) {
    struct console *console = *slot;
    if (!console) return;
    *slot = NULL;
    loop_del(console->place->loop, &console->watch);
    close(console->watch.fd);
    unlink(console->address.sun_path);
    LIST_EACH (&console->clients, at, after) client_free(CONTAINER_OF(at, struct client, link));
    free(console);
}
