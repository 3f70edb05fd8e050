/* schema.h: the migrations of schema/, built into the program by tools/embed-sql. For migrate.c. */
#ifndef CONFAB_STORE_SCHEMA_H
#define CONFAB_STORE_SCHEMA_H

struct schema_step {
    int version; /* 1, 2, 3... */
    const char *name, *sql;
};

extern const struct schema_step schema_steps[];
extern const int schema_step_count;

#endif
