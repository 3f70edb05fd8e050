/*
 * rooms.h: rooms, their settings and the people who are something there. What is said in a room is in the archive (archive.h), whose
 * owner it is as account -id.
 */
#ifndef CONFAB_STORE_ROOMS_H
#define CONFAB_STORE_ROOMS_H

#include "store/db.h"

/* As stored; the order is the rank. */
enum affiliation {
    AFFILIATION_OUTCAST = -1,
    AFFILIATION_NONE,
    AFFILIATION_MEMBER,
    AFFILIATION_ADMIN,
    AFFILIATION_OWNER
};

struct room_row {
    int64_t id;
    struct str name;   /* the local part of its address */
    struct str config; /* the room's own business (features/muc) */
    bool is_public;
    struct str subject, subject_from; /* STR_NONE: it never had one; the nick of who set it */
    int64_t subject_us, created_us;
};

struct room_person {
    struct str jid; /* bare, or a domain */
    enum affiliation affiliation;
    struct str nick, reason; /* STR_NONE: none */
    int64_t since_us;        /* a member, or more, since then */
};

/* ERR_NOT_FOUND; else first the room, then all its people, by address. What they point to is borrowed. */
int rooms_read(struct db *db, struct str name, void (*room)(void *arg, const struct room_row *row),
               void (*person)(void *arg, const struct room_person *person), void *arg);
/* A new one: *out_id. ERR_EXISTS. */
int rooms_add(struct db *db, const struct room_row *row, int64_t *out_id);
int rooms_set_config(struct db *db, int64_t id, struct str config, bool is_public);
int rooms_set_subject(struct db *db, int64_t id, struct str subject, struct str from, int64_t us);
/* Those of one affiliation behind `after` (STR_NONE: from the first), by address, at most `max`. */
int rooms_people(struct db *db, int64_t id, enum affiliation affiliation, struct str after, uint32_t max,
                 void (*each)(void *arg, const struct room_person *person), void *arg);
/* Adds or replaces; one who is nothing there and has no nick is removed. */
int rooms_set_person(struct db *db, int64_t id, const struct room_person *person);
/* Its name is free again, its people are gone; what was said there goes in pieces (rooms_clear). */
int rooms_end(struct db *db, int64_t id);
/* Up to `max` messages of rooms that are ended go, and the rows of such as have none left; *out_id: whose, 0 when there is nothing (more) to do. */
int rooms_clear(struct db *db, uint32_t max, int64_t *out_id);
/* How many rooms are that person's, up to `limit`. */
int rooms_owned(struct db *db, struct str jid, uint32_t limit, uint32_t *out);
/* Names of public rooms behind `after` (STR_NONE: from the first), at most `max`; `each` is told of their settings. */
int rooms_public(struct db *db, struct str after, uint32_t max,
                 void (*each)(void *arg, struct str name, struct str config), void *arg);

#endif
