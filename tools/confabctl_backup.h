/* confabctl_backup.h: the commands that confabctl does without the server. */
#ifndef CONFAB_TOOLS_CONFABCTL_BACKUP_H
#define CONFAB_TOOLS_CONFABCTL_BACKUP_H

#include <stdbool.h>

struct backup_job;
struct backup_facts;

enum { LOCAL_MEDIA = 1, LOCAL_FORCE = 2, LOCAL_DATA_DIR = 4 };

struct local_options {
    const char *path;
    const char *data_dir; /* NULL: the configuration's */
    bool media, force;
};

/* All take one file. */
struct local_command {
    const char *name, *usage, *text;
    bool configured;  /* needs --config */
    unsigned options; /* LOCAL_* that it takes */
    int (*run)(struct backup_job *job, struct backup_facts *out);
};

extern const struct local_command local_commands[]; /* ended by a NULL name */
/* The status to exit with. */
int local_run(const struct local_command *command, const char *config, const struct local_options *given);

#endif
