/*
 * pie.h: accounts as a document that other servers understand (XEP-0227, "portable import/export"; docs/decisions/015-export.md). Written and
 * read piece by piece: neither an archive of millions nor an account of many nodes nor a film is ever held in memory.
 *
 *   server-data > host > user > scram-credentials, roster, blocklist, private XML, vCard, requests, prefs, pubsub, archive, files
 *
 * What no specification has a place for (read marks, what waits to be handed over, files) stands in elements of NS_PIE_CONFAB, which others skip.
 */
#ifndef CONFAB_STORE_PIE_H
#define CONFAB_STORE_PIE_H

#include "base/arena.h"
#include "base/buf.h"
#include "store/blobs.h"
#include "store/db.h"
#include "store/slots.h"
#include "xml/node.h"
#include "xmpp/jid.h"
#include "xmpp/sasl.h"

#define NS_PIE STR("urn:xmpp:pie:0")
#define NS_PIE_SCRAM STR("urn:xmpp:pie:0#scram")
#define NS_PIE_MAM STR("urn:xmpp:pie:0#mam")
#define NS_PIE_CONFAB STR("urn:confab:export:0")

/* --- writing (pie_export.c) --- */

struct pie_export;

struct pie_export_options {
    struct str domain;
    struct str only;     /* bare address; STR_NONE: all accounts */
    bool credentials;    /* what proves the password */
    struct blobs *blobs; /* uploaded files are in it; NULL: they are not */
    int64_t generation;  /* with `only`: ERR_DENIED if its credentials are others by now; 0: whatever they are */
};

/* Copies the strings. */
struct pie_export *pie_export_new(const struct pie_export_options *options);
void pie_export_free(struct pie_export **export);
/*
 * Appends what comes next, whole lines, some hundred KiB or so; *out_more: there is more. Inside a transaction of the
 * caller's, each time another: what is written while it lasts may be in it. ERR_NOT_FOUND: there is no such account (nothing was appended).
 */
int pie_export_next(struct db *db, struct pie_export *export, struct buf *out, bool *out_more);
uint64_t pie_export_users(const struct pie_export *export);

/* --- reading (pie_read.c) --- */

enum pie_event_kind { PIE_OPEN, PIE_ELEMENT, PIE_CLOSE };

struct pie_event {
    enum pie_event_kind kind;
    const struct xml_node *el; /* PIE_OPEN, PIE_CLOSE: the opening tag, without what is inside */
    const struct scram_keys
        *keys;           /* of a user whose password stands there: SHA-1's, SHA-256's; NULL. The caller's to add */
    const uint8_t *hash; /* at the end of a file that is on the disk, as a whole (pie_files.c); NULL */
};

struct pie_reader;

/* Touches only that file and what it includes. On failure *out_why says why. */
int pie_reader_open(const char *path, struct pie_reader **out, struct buf *out_why);
void pie_reader_free(struct pie_reader **reader);
/* 1: an event, in the arena; 0: the document is over; or an error, and pie_reader_why. */
int pie_read(struct pie_reader *reader, struct arena *arena, struct pie_event *out);
struct str pie_reader_why(const struct pie_reader *reader);
uint64_t pie_reader_bytes(const struct pie_reader *reader);

/* --- putting it in place (pie_import.c) --- */

#define PIE_KEY_LEN 16

struct pie_rules {
    struct str domain;                                 /* of this server: what is of others is passed over */
    const uint8_t *id_key;                             /* PIE_KEY_LEN bytes */
    unsigned (*flags)(const struct xml_node *message); /* of its row in an archive (store/archive.h) */
};

struct pie_counts {
    uint64_t users, existing, messages, files, repeated, unknown, refused, keyless;
};

/* A file whose content comes. */
struct pie_file {
    int64_t slot; /* 0: it is not wanted */
    int64_t size, until_us;
    char name[SLOT_ID_LEN + 1];
    uint8_t hash[SLOT_HASH_LEN], secret[SLOT_HASH_LEN]; /* as the document has them */
};

/* How far an import is, between two transactions; zeroed at the beginning. By value. */
struct pie_state {
    struct pie_counts counts;
    bool in_host, in_user, is_again; /* is_again: of this account an import had begun before */
    bool has_place;
    int64_t account, started_us, now_us;
    int64_t last;      /* sequence given to a message of the archive */
    int64_t last_owed; /* and to one that is to be handed over */
    int64_t place;     /* of what has been handed over */
    int64_t node;      /* whose items come; 0: none */
    struct pie_file file;
    struct scram_keys sha1, sha256;
    uint16_t bare_len;
    char bare[2 * JID_PART_MAX + 2];
};

/*
 * One event. An account that exists is passed over, whole, unless its own import was cut off: then that goes on. Until its end an account has no
 * credentials. PIE_CLOSE of a user says (*out_done) that the account is complete: state->bare. Writer; idempotent for the same document.
 * ERR_* of the database alone: what the document says wrongly is counted and left out.
 */
int pie_apply(struct db *db, const struct pie_rules *rules, struct arena *arena, const struct pie_event *event,
              struct pie_state *state, bool *out_done);

/* The end of a file, in a user. */
int pie_file_end(struct db *db, const struct pie_event *event, struct pie_state *state);

/* One element inside a user, by its name; *out_known: false when it means nothing to us (pie_parts.c). */
int pie_part(struct db *db, const struct pie_rules *rules, struct arena *arena, const struct xml_node *el,
             struct pie_state *state, bool *out_known);

/* --- the contents of files, on their way from the document to the disk (pie_files.c): a thread for files --- */

struct pie_files {
    struct blobs *blobs;
    struct blob_writer *writer; /* of the file that comes */
    bool is_bad, is_sealed;
    uint8_t hash[SLOT_HASH_LEN];
};

enum pie_fate {
    PIE_PASS, /* it is for pie_apply */
    PIE_PASS_LAST, /* the same, and what comes after it may be read only when that is committed: it says whether the file is wanted */
    PIE_TAKEN /* it has been dealt with */
};

/* Each event as it is read; state: as of the last commit. ERR_FULL, ERR_IO: not now. */
int pie_files_take(struct pie_files *files, const struct pie_state *state, struct arena *arena, struct pie_event *event,
                   enum pie_fate *out);
/* What is half-written stays for an import that goes on, or until its slot expires. */
void pie_files_release(struct pie_files *files);

#endif
