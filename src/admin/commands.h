/* commands.h: what an admin can ask of a running server: one table for the console, for confabctl and for its help. */
#ifndef CONFAB_ADMIN_COMMANDS_H
#define CONFAB_ADMIN_COMMANDS_H

#include "admin/console.h"

/* What confabctl does with the first argument: nothing; the answer goes into that new file, for its owner's eyes alone; the server gets its whole path. */
enum command_file { COMMAND_NO_FILE, COMMAND_INTO_FILE, COMMAND_FROM_FILE };

struct command {
    const char *name;            /* one or two words */
    const char *usage;           /* of its arguments, for people */
    const char *text;            /* what it does: one line */
    unsigned args_min, args_max; /* on the socket, a password included */
    bool password;               /* the second argument is one: confabctl reads it from stdin, and has --batch */
    bool iterations;             /* the third one may be --iterations */
    enum command_file file;
    void (*run)(struct turn *turn, struct request *request);
};

extern const struct command commands[]; /* ended by a NULL name */
/* The command that these words begin with, and how many of them are its name; NULL: none. */
const struct command *command_find(const struct str *words, unsigned count, unsigned *out_name_words);

/* The pieces of the table, by file. */
void command_user_add(struct turn *turn, struct request *request);
void command_user_delete(struct turn *turn, struct request *request);
void command_user_passwd(struct turn *turn, struct request *request);
void command_user_list(struct turn *turn, struct request *request);
void command_contact_add(struct turn *turn, struct request *request);
void command_sessions(struct turn *turn, struct request *request);
void command_stats(struct turn *turn, struct request *request);
void command_export(struct turn *turn, struct request *request);
void command_import(struct turn *turn, struct request *request);
void command_trace(struct turn *turn, struct request *request);

/* A bare address of this server from an argument; false: the request was ended with a reason. */
bool command_address(struct turn *turn, struct request *request, struct str arg, struct jid *out);

#endif
