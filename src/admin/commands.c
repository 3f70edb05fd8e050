/*
 * commands.c: the table of commands, and the short ones. All run on the console's place; what they touch elsewhere they ask for (console.h).
 */
#include "admin/commands.h"

#include <signal.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "front/web.h"
#include "im/feature.h"
#include "store/search.h"

static void command_hooks(struct turn *turn, struct request *r) {
    (void)turn;
    struct buf out = BUF_INIT;
    grid_print(&out);
    request_write(r, buf_str(&out));
    buf_free(&out);
    request_end(r, 0, STR_NONE);
}

static void command_metrics(struct turn *turn, struct request *r) {
    (void)turn;
    struct buf out = BUF_INIT;
    metrics_write(request_server(r), &out);
    request_write(r, buf_str(&out));
    buf_free(&out);
    request_end(r, 0, STR_NONE);
}

static void command_search_rebuild(struct turn *turn, struct request *r) {
    (void)turn;
    search_rebuild(request_server(r)->search);
    request_end(r, 0, STR_NONE);
}

static void command_log(struct turn *turn, struct request *r) {
    (void)turn;
    enum log_level level;
    if (!log_level_parse(request_arg(r, 0), &level)) {
        request_end(r, ERR_INVALID, STR("The levels are error, warn, info and debug."));
        return;
    }
    log_set_level(level);
    request_end(r, 0, STR_NONE);
}

/* As an operator's SIGTERM: main.c knows how to stop in order. */
static void command_stop(struct turn *turn, struct request *r) {
    (void)turn;
    LOG0(LOG_INFO, "stop-asked");
    request_end(r, 0, STR_NONE);
    kill(getpid(), SIGTERM);
}

const struct command commands[] = {
    {"user add", "JID [--iterations N]", "creates an account; the password comes from stdin", 2, 3, true, true,
     COMMAND_NO_FILE, command_user_add},
    {"user delete", "JID", "removes an account and all that is its own; the name stays reserved", 1, 1, false, false,
     COMMAND_NO_FILE, command_user_delete},
    {"user passwd", "JID [--iterations N]", "sets a new password, from stdin, and ends the account's sessions", 2, 3,
     true, true, COMMAND_NO_FILE, command_user_passwd},
    {"user list", "", "every account", 0, 0, false, false, COMMAND_NO_FILE, command_user_list},
    {"contact add", "JID JID", "makes two accounts contacts of each other", 2, 2, false, false, COMMAND_NO_FILE,
     command_contact_add},
    {"sessions", "[JID]", "who is signed in, from where", 0, 1, false, false, COMMAND_NO_FILE, command_sessions},
    {"stats", "", "load of each thread, of the store, memory", 0, 0, false, false, COMMAND_NO_FILE, command_stats},
    {"metrics", "", "the same and more, in the text form of Prometheus", 0, 0, false, false, COMMAND_NO_FILE,
     command_metrics},
    {"hooks", "", "which features see a stanza, in order", 0, 0, false, false, COMMAND_NO_FILE, command_hooks},
    {"search rebuild", "", "indexes all messages for searching anew, beside what goes on", 0, 0, false, false,
     COMMAND_NO_FILE, command_search_rebuild},
    {"export", "FILE [JID]", "writes all accounts, or one, with archives and credentials, as XEP-0227 has it", 0, 1,
     false, false, COMMAND_INTO_FILE, command_export},
    {"import", "FILE", "makes accounts of such a file; those that exist are passed over", 1, 1, false, false,
     COMMAND_FROM_FILE, command_import},
    {"trace", "JID on|off", "logs all stanzas of an account while it is in memory", 2, 2, false, false, COMMAND_NO_FILE,
     command_trace},
    {"log", "LEVEL", "error, warn, info or debug", 1, 1, false, false, COMMAND_NO_FILE, command_log},
    {"stop", "", "stops the server in order", 0, 0, false, false, COMMAND_NO_FILE, command_stop},
    {0},
};

/* How many words the name has if these begin with it. */
static unsigned name_matches(const char *name, const struct str *words, unsigned count) {
    struct str left = str_c(name);
    unsigned n = 0;
    while (left.len) {
        struct str word = str_first(left, str_index(left, ' '));
        if (n == count || !str_eq(word, words[n])) return 0;
        n++;
        left = str_from(left, word.len + 1);
    }
    return n;
}

const struct command *command_find(const struct str *words, unsigned count, unsigned *out_name_words) {
    for (const struct command *c = commands; c->name; c++) {
        unsigned n = name_matches(c->name, words, count);
        if (!n) continue;
        *out_name_words = n;
        return c;
    }
    return NULL;
}

bool command_address(struct turn *turn, struct request *r, struct str arg, struct jid *out) {
    struct jid jid;
    if (jid_parse(turn->arena, arg, &jid) || !jid_is_bare(jid) || jid.local_len == 0) {
        request_end(r, ERR_INVALID, STR("This is no address of an account: NAME@DOMAIN."));
        return false;
    }
    if (!str_eq(jid_domain(jid), request_server(r)->options.domain)) {
        request_end(r, ERR_INVALID, STR("This server has another domain."));
        return false;
    }
    *out = jid;
    return true;
}
