/*
 * confabctl.c: the admin's side of data_dir/admin.sock: words of the command line become a request (src/admin/console.h), its answer goes to
 * stdout, its error to stderr. Passwords come from stdin, one, or with --batch a line each; a batch keeps many requests under way, so that the
 * server can put them into few transactions. What the server has no part in is done here (confabctl_backup.h). Blocking, one thread.
 *
 * Status: 0 done, 1 refused or no server, 2 the command line is wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "admin/commands.h"
#include "admin/words.h"
#include "base/err.h"
#include "confabctl_backup.h"
#include "im/options.h"

enum { WINDOW = 200 }; /* requests under way: below what the server takes, and their answers fit into the socket */

struct ctl {
    struct arena *arena;
    const char *config;
    const char *iterations; /* NULL: the server's */
    bool batch;
    struct str words[CONSOLE_WORDS_MAX];
    unsigned count;
    const struct command *command;
    const struct local_command *local; /* or this one */
    struct local_options given;        /* to it */
    unsigned name_words;
    int fd;
    FILE *answer;                  /* where lines of the answer go */
    const char *file, *unfinished; /* of COMMAND_INTO_FILE */
    struct buf out, in;
    unsigned long long sent, ended, failed;
};

/* --- the command line --- */

static void usage_line(FILE *to, const char *name, const char *arguments, const char *text) {
    int width = fprintf(to, "  %s %s", name, arguments);
    fprintf(to, "%*s%s\n", width < 44 ? 44 - width : 2, "", text);
}

static int usage(FILE *to) {
    fprintf(to, "usage: confabctl --config FILE COMMAND\n\n");
    for (const struct command *c = commands; c->name; c++) usage_line(to, c->name, c->usage, c->text);
    fprintf(to, "\nWithout the server's help, whether it runs or not:\n\n");
    for (const struct local_command *c = local_commands; c->name; c++) usage_line(to, c->name, c->usage, c->text);
    fprintf(to, "\nuser add and user passwd take --batch: lines of JID PASSWORD from stdin.\n");
    return to == stdout ? 0 : 2;
}

/* One word, and what it takes. False: the command line is wrong. */
static bool find_local(struct ctl *ctl) {
    const struct local_command *c = local_commands;
    while (c->name && !str_eq(ctl->words[0], str_c(c->name))) c++;
    const struct local_options *given = &ctl->given;
    unsigned options =
        (given->media ? LOCAL_MEDIA : 0) | (given->force ? LOCAL_FORCE : 0) | (given->data_dir ? LOCAL_DATA_DIR : 0);
    if (!c->name) return options == 0;
    if (ctl->count != 2 || ctl->batch || ctl->iterations || (options & ~c->options)) return false;
    if (c->configured && !ctl->config && !given->data_dir) return false;
    ctl->local = c;
    ctl->given.path = ctl->words[1].p;
    return true;
}

/* Options may stand anywhere. -1: go on; else the status to exit with. */
static int read_arguments(struct ctl *ctl, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        const char **value = strcmp(arg, "--config") == 0       ? &ctl->config
                             : strcmp(arg, "--iterations") == 0 ? &ctl->iterations
                             : strcmp(arg, "--data-dir") == 0   ? &ctl->given.data_dir
                                                                : NULL;
        if (value) {
            if (++i == argc) return usage(stderr);
            *value = argv[i];
        } else if (strcmp(arg, "--batch") == 0) {
            ctl->batch = true;
        } else if (strcmp(arg, "--media") == 0) {
            ctl->given.media = true;
        } else if (strcmp(arg, "--force") == 0) {
            ctl->given.force = true;
        } else if (strcmp(arg, "--help") == 0 || (ctl->count == 0 && strcmp(arg, "help") == 0)) {
            return usage(stdout);
        } else if (arg[0] == '-' || ctl->count == CONSOLE_WORDS_MAX) {
            return usage(stderr);
        } else {
            ctl->words[ctl->count++] = str_c(arg);
        }
    }
    if (!find_local(ctl)) return usage(stderr);
    if (ctl->local) return -1;
    ctl->command = command_find(ctl->words, ctl->count, &ctl->name_words);
    if (!ctl->command || !ctl->config) return usage(stderr);
    const struct command *c = ctl->command;
    if (c->file && ctl->count == ctl->name_words) return usage(stderr);
    unsigned files = c->file == COMMAND_INTO_FILE;
    unsigned args = ctl->count - ctl->name_words - files, want_min = c->args_min - (c->password ? 1 : 0);
    unsigned want_max = c->args_max - (c->password ? 1 : 0) - (c->iterations ? 1 : 0);
    if (ctl->batch ? !c->password || args > 0 : args < want_min || args > want_max) return usage(stderr);
    if (ctl->iterations && !c->iterations) return usage(stderr);
    return -1;
}

/* --- the socket --- */

static int fail(const char *what, const char *why) {
    fprintf(stderr, "confabctl: %s: %s\n", what, why);
    return 1;
}

static int ctl_connect(struct ctl *ctl) {
    struct options options;
    struct str message;
    if (conf_load(option_tables, ctl->config, ctl->arena, &options, &message)) {
        return fail("the configuration", arena_dup(ctl->arena, message).p);
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int len = snprintf(address.sun_path, sizeof address.sun_path, "%.*s/%s", STR_FMT(options.data_dir), CONSOLE_SOCKET);
    if (len < 0 || (size_t)len >= sizeof address.sun_path) return fail("data_dir", "the path is too long for a socket");
    ctl->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (ctl->fd < 0) return fail("socket", strerror(errno));
    if (connect(ctl->fd, (const struct sockaddr *)&address, sizeof address) == 0) return 0;
    if (errno == ENOENT || errno == ECONNREFUSED)
        return fail(address.sun_path, "the server is not running (start confabd with the same --config)");
    return fail(address.sun_path, strerror(errno));
}

static bool ctl_flush(struct ctl *ctl) {
    while (buf_len(&ctl->out)) {
        struct str bytes = buf_str(&ctl->out);
        ssize_t n = send(ctl->fd, bytes.p, bytes.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        buf_consume(&ctl->out, (size_t)n);
    }
    return true;
}

static bool ctl_read(struct ctl *ctl) {
    ssize_t n;
    do {
        n = recv(ctl->fd, buf_reserve(&ctl->in, 65536), 65536, 0);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) return false;
    buf_commit(&ctl->in, (size_t)n);
    return true;
}

/* "TAG |text", "TAG ok" or "TAG error text". */
static void ctl_line(struct ctl *ctl, struct str line) {
    size_t space = str_index(line, ' ');
    struct str tag = str_first(line, space), rest = str_from(line, space + 1);
    if (str_starts(rest, STR("|"))) {
        struct str text = str_from(rest, 1);
        fwrite(text.p, 1, text.len, ctl->answer);
        fputc('\n', ctl->answer);
        return;
    }
    ctl->ended++;
    if (str_eq(rest, STR("ok"))) return;
    ctl->failed++;
    struct str why = str_from(rest, strlen("error "));
    if (ctl->batch)
        fprintf(stderr, "confabctl: line %.*s: %.*s\n", STR_FMT(tag), STR_FMT(why));
    else
        fprintf(stderr, "confabctl: %.*s\n", STR_FMT(why));
}

/* Sends what is queued and reads until no more than `left` requests are under way. */
static bool ctl_settle(struct ctl *ctl, unsigned long long left) {
    if (!ctl_flush(ctl)) return false;
    while (ctl->sent - ctl->ended > left) {
        if (!ctl_read(ctl)) return false;
        struct str in;
        while (in = buf_str(&ctl->in), str_index(in, '\n') < in.len) {
            struct str line = str_first(in, str_index(in, '\n'));
            ctl_line(ctl, line);
            buf_consume(&ctl->in, line.len + 1);
        }
    }
    return true;
}

/* --- requests --- */

/* The words of the command line, an address of a batch, a password. */
static int ctl_request(struct ctl *ctl, unsigned long long tag, struct str jid, struct str password) {
    struct buf line = BUF_INIT;
    buf_printf(&line, "%llu", tag);
    int err = 0;
    for (unsigned i = 0; i < ctl->count && !err; i++) err = words_add(&line, ctl->words[i]);
    if (!err && jid.p) err = words_add(&line, jid);
    if (!err && password.p) err = words_add(&line, password);
    if (!err && ctl->iterations) err = words_add(&line, str_c(ctl->iterations));
    if (!err && buf_len(&line) > CONSOLE_LINE_MAX) err = ERR_LIMIT;
    if (!err) {
        buf_add_str(&ctl->out, buf_str(&line));
        buf_add_char(&ctl->out, '\n');
        ctl->sent++;
    }
    buf_free(&line);
    return err;
}

/* Without the newline; false: the end. */
static bool read_line(char **line, size_t *cap, struct str *out) {
    ssize_t n = getline(line, cap, stdin);
    if (n < 0) return false;
    while (n > 0 && ((*line)[n - 1] == '\n' || (*line)[n - 1] == '\r')) n--;
    *out = str_of(*line, (size_t)n);
    return true;
}

static bool read_password(char **line, size_t *cap, struct str *out) {
    struct termios before, quiet;
    bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
    if (terminal) {
        fputs("password: ", stderr);
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    bool got = read_line(line, cap, out);
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    return got && str_some(*out);
}

/* --- files --- */

/* Beside its place, under a name of its own, until all of it is on disk. */
static int answer_open(struct ctl *ctl, const char *path) {
    if (access(path, F_OK) == 0) return fail(path, "it exists");
    ctl->unfinished = arena_printf(ctl->arena, "%s.part", path).p;
    unlink(ctl->unfinished);
    int fd = open(ctl->unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ctl->answer = fd < 0 ? NULL : fdopen(fd, "w");
    if (ctl->answer) return 0;
    return fail(ctl->unfinished, strerror(errno));
}

static int answer_finish(struct ctl *ctl, const char *path, int status) {
    bool is_bad = fflush(ctl->answer) || fsync(fileno(ctl->answer));
    is_bad = fclose(ctl->answer) || is_bad;
    ctl->answer = stdout;
    if (!status && is_bad) status = fail(path, "it could not be written");
    if (!status && link(ctl->unfinished, path)) status = fail(path, strerror(errno));
    unlink(ctl->unfinished);
    return status;
}

/* The server has another working folder. */
static int file_resolve(struct ctl *ctl, struct str *word) {
    char *whole = realpath(word->p, NULL);
    if (!whole) return fail(word->p, strerror(errno));
    *word = arena_dup(ctl->arena, str_c(whole));
    free(whole);
    return 0;
}

static int file_begin(struct ctl *ctl) {
    struct str *word = &ctl->words[ctl->name_words];
    if (ctl->command->file == COMMAND_FROM_FILE) return file_resolve(ctl, word);
    if (ctl->command->file != COMMAND_INTO_FILE) return 0;
    ctl->file = word->p;
    memmove(word, word + 1, (ctl->count - ctl->name_words - 1) * sizeof *word);
    ctl->count--;
    return answer_open(ctl, ctl->file);
}

static int run_one(struct ctl *ctl) {
    char *line = NULL;
    size_t cap = 0;
    struct str password = STR_NONE;
    int status = 0;
    if (ctl->command->password && !read_password(&line, &cap, &password)) {
        status = fail("stdin", "there is no password");
    } else if (ctl_request(ctl, 1, STR_NONE, password)) {
        status = fail("the arguments", "control characters, or too long");
    }
    free(line);
    return status;
}

static int run_batch(struct ctl *ctl) {
    char *line = NULL;
    size_t cap = 0;
    struct str text;
    int status = 0;
    for (unsigned long long number = 1; status == 0 && read_line(&line, &cap, &text); number++) {
        if (text.len == 0) continue;
        struct str jid = str_first(text, str_index(text, ' ')), password = str_from(text, jid.len + 1);
        if (password.len == 0 || ctl_request(ctl, number, jid, password)) {
            fprintf(stderr, "confabctl: line %llu: not JID PASSWORD\n", number);
            ctl->failed++;
        }
        if (ctl->sent - ctl->ended >= WINDOW && !ctl_settle(ctl, WINDOW / 2))
            status = fail("the server", "it has hung up");
    }
    free(line);
    return status;
}

int main(int argc, char **argv) {
    struct ctl ctl = {.arena = arena_new(), .fd = -1, .answer = stdout};
    int status = read_arguments(&ctl, argc, argv);
    if (status < 0) status = ctl.local ? local_run(ctl.local, ctl.config, &ctl.given) : ctl_connect(&ctl);
    if (status == 0 && ctl.fd >= 0) status = file_begin(&ctl);
    if (status == 0 && ctl.fd >= 0) {
        status = ctl.batch ? run_batch(&ctl) : run_one(&ctl);
        if (status == 0 && !ctl_settle(&ctl, 0)) status = fail("the server", "it has hung up");
        if (status == 0 && ctl.failed) status = 1;
    }
    if (ctl.file && ctl.answer) status = answer_finish(&ctl, ctl.file, status);
    if (ctl.fd >= 0) close(ctl.fd);
    buf_free(&ctl.out);
    buf_free(&ctl.in);
    arena_free(&ctl.arena);
    return status;
}
