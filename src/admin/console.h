/*
 * console.h: the unix socket of the admin, data_dir/admin.sock (mode 0600), served on the loop of one shard. A client sends requests, one a line:
 *
 *     TAG WORD WORD ...        TAG is a number of the client's choice; words as in admin/words.h
 *
 * and gets, of several requests in any order:
 *
 *     TAG |a line of the answer
 *     TAG ok                   or: TAG error A sentence.
 */
#ifndef CONFAB_ADMIN_CONSOLE_H
#define CONFAB_ADMIN_CONSOLE_H

#include "im/im.h"

#define CONSOLE_SOCKET "admin.sock"
#define CONSOLE_LINE_MAX 16384
#define CONSOLE_WORDS_MAX 8

struct console;

/* Before the place's thread runs, or on it. A log line on failure. ERR_EXISTS: another server is running on that directory. */
int console_open(struct server *server, struct shard *place, struct console **out);
/* On the place's thread, or after it: removes the socket and hangs up. Requests under way end in silence. */
void console_close(struct console **console);

/* --- for commands; all on the console's place --- */

/* One request under way: made by the console, ended by the command (request_end), whether the client is still there or not. */
struct request;

struct server *request_server(const struct request *request);
/* Words behind the command's name. STR_NONE: not there. */
struct str request_arg(const struct request *request, unsigned at);
/* Lines of the answer: each of them, the last one too, ends with '\n'. */
void request_write(struct request *request, struct str lines);
/* err 0: ok. Otherwise `text` says why (STR_NONE: err_text). */
void request_end(struct request *request, int err, struct str text);
/* The client is still there. */
bool request_is_wanted(const struct request *request);
/* Calls `more` once: when what was written has left far enough (at once if it has), or when the client has gone. */
void request_when_drained(struct turn *turn, struct request *request,
                          void (*more)(struct turn *turn, struct request *request));
/* Called before the client is told that no answer came: writes what is known. */
void request_on_late(struct request *request, void (*late)(struct turn *turn, struct request *request));
/* A place for what the command remembers between calls: 64 zeroed bytes, aligned. */
#define REQUEST_MEMORY 64
void *request_memory(struct request *request);

/*
 * A question to another place (or this one). `there` runs on it (again, if account_need parks the message) and in the end calls ask_return,
 * then or later; `back` runs on the console's place, goes on with ask->request, and frees the ask by ask_free. When no answer has come in
 * patience_ms, the client is told so; `back` still runs when it comes.
 */
struct ask {
    struct msg_call call;
    struct request *request; /* not to be touched by `there` */
    uint16_t home;           /* the console's place */
    void (*there)(struct turn *turn, struct ask *ask);
    void (*back)(struct turn *turn, struct ask *ask);
    struct buf out; /* lines found */
    int err;
    uint32_t at; /* the command's */
    uint16_t bare_len, extra_len;
    uint32_t number;
    char text[]; /* an address, and more */
};
/* The strings are copied. */
struct ask *ask_new(struct request *request, struct str bare, struct str extra);
static inline struct str ask_bare(const struct ask *ask) {
    return (struct str){ask->text, ask->bare_len};
}
static inline struct str ask_extra(const struct ask *ask) {
    return (struct str){ask->text + ask->bare_len, ask->extra_len};
}
void ask_post(struct turn *turn, struct ask *ask, struct shard *to, int64_t patience_ms);
void ask_return(struct turn *turn, struct ask *ask, int err);
void ask_free(struct ask **ask);

#endif
