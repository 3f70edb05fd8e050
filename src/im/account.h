/*
 * account.h: one account in memory, on its home. It is loaded by the first thing that needs it and leaves some time after
 * its last session; what arrives meanwhile is parked in order. All that is ordered for an account goes through its pending list.
 */
#ifndef CONFAB_IM_ACCOUNT_H
#define CONFAB_IM_ACCOUNT_H

#include "base/ordered.h"
#include "im/im.h"

/* A contact. Compact: one allocation. */
struct contact {
    uint8_t flags; /* ROSTER_* (store/roster.h) */
    uint16_t jid_len, name_len, groups_len;
    char text[]; /* jid, name, groups (each ended by '\n') */
};
static inline struct str contact_jid(const struct contact *c) {
    return (struct str){c->text, c->jid_len};
}
static inline struct str contact_name(const struct contact *c) {
    return (struct str){c->text + c->jid_len, c->name_len};
}
static inline struct str contact_groups(const struct contact *c) {
    return (struct str){c->text + c->jid_len + c->name_len, c->groups_len};
}

/* An account's contacts, sorted by address: eight bytes each besides the contact, and a login reads them in order. */
struct contacts {
    struct contact **items;
    uint32_t count, cap;
    uint64_t bytes; /* of them all as a roster's answer writes them */
};

/* A request to subscribe that waits for an answer, as it came. */
struct request {
    uint16_t jid_len;
    uint32_t stanza_len;
    char text[]; /* jid, stanza */
};

/*
 * One thing that must happen in the account's order: a message of its own that is not yet committed (no action), one that waits for its
 * commit to be delivered, a query that must see all before it. `proceed` runs when it is done and all before it are gone; it frees the struct.
 */
struct pending {
    struct link link;
    bool done;
    uint8_t fate;     /* enum fate of the message that it is the place of */
    int64_t sequence; /* of the archive row it stands for; 0: none */
    void (*proceed)(struct turn *turn, struct account *account, struct pending *pending);
};

/* What its streams may still send before they are paused (stream.c): bytes, thousandths of stanzas. */
struct account_rate {
    int32_t bytes_left, stanzas_left;
    int64_t refilled_ms;
};

enum account_state { ACCOUNT_LOADING, ACCOUNT_READY, ACCOUNT_GONE };

struct account {
    /* First, and last beside its address, what each message touches: a missing line of the cache costs a hundred instructions. */
    struct im *im;
    int64_t id; /* the number; 0: there is no such account */
    enum account_state state;
    uint16_t slot;
    uint16_t local_len, bare_len;
    bool failed;      /* could not be loaded: nothing is known of it; it leaves at once */
    bool writing;     /* an exclusive change is at the store */
    bool releasing;   /* those that waited are being run */
    bool traced;      /* its stanzas are logged */
    bool edge_asked;  /* its first message is being looked for */
    bool hidden_rows; /* see hidden_newest: some may be there still */
    uint16_t session_count;
    uint16_t copying;      /* of these, how many want copies (im/copy.h) */
    uint16_t queries;      /* of its archive, under way */
    unsigned jobs;         /* at the store: the account stays until they are back */
    uint32_t outbox_count; /* what its sessions have not acknowledged or written: stanzas */
    uint64_t outbox_bytes; /* and bytes */
    struct account_rate rate;
    struct link sessions;
    struct link idle;      /* in im->idle_accounts */
    struct link pending;   /* struct pending, oldest first */
    struct map blocked;    /* jid -> struct blocked */
    struct prefs *prefs;   /* im/prefs.h; NULL: the server's */
    int64_t last_sequence; /* newest archive sequence given out */
    int64_t offline_mark;  /* handed over up to here, as far as we know */
    int64_t waiting_from;  /* from here on something may not have been handed to anybody; 0: no such thing */
    int64_t hidden_newest; /* place of the newest message kept for its delivery alone; 0: there was none */
    int64_t archive_first, archive_newest; /* committed and visible; 0: the archive is empty */
    int64_t generation;                    /* of its credentials */
    int64_t signed_out_us;                 /* when one of its devices was signed out last (im/devices.h) */
    struct msg *parked, **parked_end;      /* while loading: messages in order */
    int64_t idle_since_ms;
    int64_t left_us; /* when its last session that was available ended; 0: not since the store was told */
    struct contacts contacts;
    struct map requests; /* jid -> struct request */
    int64_t roster_version;
    int64_t mark_stored;           /* as the database knows it */
    uint8_t *avatar;               /* hash of its picture (im/avatar.h); NULL: it has none */
    struct loop_deferred settling; /* lets them go, in slices */
    struct link exclusive;         /* changes that wait for `writing` */
    struct handover_flood *flood;  /* im/handover.h; NULL: nobody is given what was missed just now */
    struct ordered places;         /* of its own messages that are not committed: their struct pending by sequence */
    struct ordered handovers;      /* im/handover.h, by sequence */
    char bare[];                   /* NUL-terminated */
};

struct blocked {
    uint16_t len;
    char jid[];
};

static inline struct str account_bare(const struct account *a) {
    return (struct str){a->bare, a->bare_len};
}
static inline struct jid account_jid(const struct account *a) {
    return (struct jid){a->bare, a->local_len, (uint16_t)(a->bare_len - a->local_len - 1), 0};
}

/* In memory, whatever its state; NULL when it is not. */
struct account *account_find(struct im *im, struct str bare);
/*
 * In memory, loading it if need be. When it is not ready, `msg` is parked (consumed) and will be dispatched again once it is, and NULL
 * comes back. An account that does not exist comes back with id 0 for the time of this turn.
 */
struct account *account_need(struct turn *turn, struct str bare, struct msg *msg);

/* Strictly rising, near the wall clock: the next archive sequence. */
int64_t account_next_sequence(struct turn *turn, struct account *a);

/* A row of its archive is committed. */
static inline void account_archived(struct account *a, int64_t sequence) {
    if (a->archive_first == 0 || sequence < a->archive_first) a->archive_first = sequence;
    if (sequence > a->archive_newest) a->archive_newest = sequence;
}

/* Appends to the pending list; does nothing else. */
void account_queue(struct account *a, struct pending *p);
/* A message of its own that is not yet committed holds its place in the archive: nothing newer is seen before it. */
void account_hold_place(struct account *a, int64_t sequence, struct pending *place); /* NULL: of no effect */
void account_free_place(struct turn *turn, struct account *a, int64_t sequence, uint8_t fate);
/* Runs what is done at the head of the list. */
void account_settle(struct turn *turn, struct account *a);
/* Every place in the archive up to this one is committed (or void), and what came in there has been delivered. */
int64_t account_settled_to(const struct account *a);
/* True when nothing waits: what is not kept may be delivered at once. */
static inline bool account_is_settled(const struct account *a) {
    return list_empty(&a->pending);
}

/*
 * One change at a time of what the account owns (roster, requests, blocks): run is called now or when those before it have
 * finished, with the account as it then is; it starts a store job and its completion calls account_release.
 */
struct exclusive {
    struct link link;
    void (*run)(struct turn *turn, struct account *account, struct exclusive *exclusive); /* consumes it */
};
void account_exclusive(struct turn *turn, struct account *a, struct exclusive *e);
void account_release(struct turn *turn, struct account *a);

/* Sessions come and go: keeps the account out of or in the idle list. */
void account_joined(struct account *a);
void account_left(struct turn *turn, struct account *a);
/* A job of this account is at the store (keeps it in memory) / is back. */
void account_job_begin(struct account *a);
void account_job_end(struct turn *turn, struct account *a);

/* Changes in memory, after their commit. */
struct contact *account_contact(const struct account *a, struct str jid); /* NULL: none */
void account_contact_set(struct account *a, struct str jid, struct str name, struct str groups, unsigned flags);
void account_contact_remove(struct account *a, struct str jid);
/* Such a contact, new or instead of the one with its address, keeps the roster within its limits; or makes it no longer than it is. */
bool account_has_room(const struct account *a, struct str jid, struct str name, struct str groups);
void account_request_set(struct account *a, struct str jid, struct str stanza);
void account_request_remove(struct account *a, struct str jid);
void account_blocked_set(struct account *a, struct str jid);
void account_blocked_remove(struct account *a, struct str jid); /* STR_NONE: all */
void account_prefs_set(struct account *a, struct prefs *prefs); /* consumes them */

/* RFC 6121 / XEP-0191 questions, by bare and full address. */
bool account_blocks(const struct account *a, struct jid other);
/* `other` may see this account's presence: subscription from or both, or it is itself. */
bool account_shows_presence_to(const struct account *a, struct jid other);
/* This account sees the presence of `other`: to or both, or itself. */
bool account_sees_presence_of(const struct account *a, struct jid other);

/* The offline mark moves forward, in memory at once and in the database soon. */
void account_mark(struct turn *turn, struct account *a, int64_t sequence);
/* Marks not yet written go to the store. */
void account_mark_flush(struct turn *turn, struct account *a);

/* When it was last here goes to the store: before it leaves memory, and at the end. */
void account_left_flush(struct turn *turn, struct account *a);

/* Every so often (im_new starts it): idle accounts leave, marks are written. */
void accounts_sweep(struct loop_timer *timer, int64_t now_ms);
/* The account was deleted or its password changed elsewhere: ends its sessions (but `except`) and forgets it. */
void account_end_sessions(struct turn *turn, struct account *a, struct session *except, int stream_error,
                          struct str text);
/* At the very end: all that is still in memory. */
void accounts_free(struct im *im);
void account_forget(struct turn *turn, struct account *a);

#endif
