/*
 * slots.h: who may upload, what was uploaded, and which content it is. Slots own blobs by count; a file whose last owner goes is written down
 * as dead in the same transaction, and deleted after it (slots_dead). Plain synchronous functions; a worker calls them inside a job.
 */
#ifndef CONFAB_STORE_SLOTS_H
#define CONFAB_STORE_SLOTS_H

#include "base/crypto.h"
#include "store/db.h"

#define SLOT_ID_LEN 22    /* of both ids, as text: 128 bits */
#define SLOT_NAME_MAX 255 /* bytes */
#define SLOT_TYPE_MAX 127
#define SLOT_HASH_LEN 32

enum slot_state { SLOT_OPEN, SLOT_DONE, SLOT_GONE };
enum slot_purpose { SLOT_MESSAGE, SLOT_PROFILE, SLOT_EPHEMERAL };
#define SLOT_PURPOSES 3

struct slot_row {
    int64_t id, account, size, created_us;
    int64_t expires_us; /* open: given up; done: the file goes, 0: never */
    int64_t gone_us;    /* the file must not be there later; 0: no such wish */
    enum slot_state state;
    enum slot_purpose purpose;
    char get_id[SLOT_ID_LEN + 1]; /* public; an open slot's file has this name */
    char file[SLOT_ID_LEN + 1];   /* done: where the content is */
    uint16_t name_len, type_len;
    char name[SLOT_NAME_MAX + 1], type[SLOT_TYPE_MAX + 1];
};

struct slot_limits {
    int64_t quota;    /* bytes of all that one account has, or has leave for */
    int64_t per_hour; /* 0: any number */
};

/* "message", "profile", "ephemeral", as XEP-0363's namespaces end. */
struct str slot_purpose_name(enum slot_purpose purpose);

/* The PUT address is not stored, only this of its secret. */
void slot_secret_hash(struct str secret, uint8_t out[SLOT_HASH_LEN]);

/* row: all but id, state and file. ERR_LIMIT: over the quota or the rate; *out_retry_us: when there may be room, 0: nobody knows. */
int slots_create(struct db *db, const struct slot_row *row, const uint8_t secret[SLOT_HASH_LEN],
                 const struct slot_limits *limits, int64_t *out_retry_us);
/*
 * The same for a file that comes from another server, under the id that it had there; no limit holds. nobodys: the hash of no secret that anybody
 * knows: only who calls can write it. ERR_EXISTS: there is a file of that id. Once more for the same account, while it is open: the same slot.
 */
int slots_adopt(struct db *db, const struct slot_row *row, const uint8_t nobodys[SLOT_HASH_LEN], int64_t *out_id);
/* slots_complete, and who holds the secret that it had may delete it here too, unless another file has that. */
int slots_adopted(struct db *db, int64_t id, const uint8_t hash[SLOT_HASH_LEN], const uint8_t secret[SLOT_HASH_LEN],
                  int64_t now_us, int64_t expires_us);
/* Open or done; ERR_NOT_FOUND also for one that has gone or has expired. */
int slots_find_by_secret(struct db *db, const uint8_t secret[SLOT_HASH_LEN], int64_t now_us, struct slot_row *out);
/* Only what is complete. */
int slots_find_by_id(struct db *db, struct str get_id, int64_t now_us, struct slot_row *out);
/* The next complete one of an account, by when it was made and its number. ERR_NOT_FOUND: that was all. */
int slots_next(struct db *db, int64_t account, int64_t after_us, int64_t after_id, struct slot_row *out,
               uint8_t out_hash[SLOT_HASH_LEN], uint8_t out_secret[SLOT_HASH_LEN]);
/* An open slot lives on. */
int slots_touch(struct db *db, int64_t id, int64_t expires_us);
/* All bytes are there, in a file named as the slot. If there is such content already the slot owns that, and its own file is dead.
 * ERR_EXISTS: it is complete already; ERR_NOT_FOUND: there is no such slot (any more). */
int slots_complete(struct db *db, int64_t id, const uint8_t hash[SLOT_HASH_LEN], int64_t now_us, int64_t expires_us);
/* Given up, or the file deleted. ERR_NOT_FOUND: it has gone already. */
int slots_remove(struct db *db, int64_t id);
/* Part of the end of an account: `max` of its slots (256 at most); out_more: there may be others. */
int slots_drop_account(struct db *db, int64_t account, uint32_t max, bool *out_more);

/* Removes up to `max` that have expired (not those of which busy says that they are being written), and forgets what has long gone. */
int slots_expire(struct db *db, int64_t now_us, unsigned max, bool (*busy)(void *arg, struct str get_id), void *arg,
                 unsigned *out_removed);
/* Whether an open slot has a half-written file of that name. */
bool slots_owns_open(struct db *db, struct str file);

/* Dead files, at most `max`; buried: it is deleted. */
int slots_dead(struct db *db, unsigned max, void (*each)(void *arg, struct str file), void *arg);
int slots_buried(struct db *db, struct str file);

struct slot_totals {
    int64_t files, bytes, slots; /* stored files and their bytes; complete slots */
};
int slots_totals(struct db *db, struct slot_totals *out);

#endif
