/*
 * session.h: one bound resource. It belongs to its account, and has a connection or, hibernating under stream management, none.
 * Everything that goes to its client goes through session_send, which numbers it and keeps it until it is acknowledged.
 */
#ifndef CONFAB_IM_SESSION_H
#define CONFAB_IM_SESSION_H

#include "base/ordered.h"
#include "im/account.h"
#include "im/hook.h"
#include "im/outbox.h"
#include "im/stream.h"

/* XEP-0198, only for sessions that enabled it. */
struct sm {
    /* First what each message touches: a missing line of the cache costs a hundred instructions. */
    uint32_t acked;   /* stanzas sent since it was enabled and acknowledged; behind them comes what is in the outbox */
    uint32_t asked;   /* how many were written when we last asked */
    int64_t asked_ms; /* when that was */
    uint32_t told;    /* the h that the client knows */
    uint32_t to_tell; /* the h that it should know (im/acks.h); not newer than told: nothing */
    uint32_t base;    /* session.received when it was enabled: h counts from there */
    uint8_t answers_due;      /* so many <r/> of its client wait for an answer */
    struct ordered undecided; /* numbers of kept stanzas whose fate is open; done: decided, but one before it is not */
    int64_t awaited;          /* the newest that ever was in it */
    struct session *session;
    struct loop_timer telling; /* to_tell waits for company no longer than this */
    struct loop_timer expiry;  /* while hibernating */
    int64_t resume_ms;         /* how long it hibernates */
    struct stream *resuming;   /* waits for what is undecided */
    uint32_t resuming_h;
    char id[23]; /* to resume by; empty: may not be resumed */
};

/* Archive sequences that were written and that no ping's answer has proven yet; the first `asked` are asked about. */
struct unproven {
    uint32_t asked, count, cap;
    int64_t sequences[];
};

struct session {
    /* First, and last beside its address, what each message touches: a missing line of the cache costs a hundred instructions. */
    struct link in_account;
    struct account *account;
    struct stream *stream; /* NULL: hibernating */
    struct sm *sm;         /* NULL: not enabled */
    struct wire *presence; /* the last available one, with from; NULL: not available */
    struct outbox outbox;
    struct loop_deferred acking; /* sends the <a/> */
    struct map held;             /* presence that waits until somebody does */
    struct caps_set *caps;       /* what its client wants to hear of (im/caps.h); NULL: it did not say */
    struct lasts *lasts;         /* items on their way to it (im/lasts.h); NULL: none */
    struct map *directed;        /* addresses it sent directed presence to; NULL: none */
    uint64_t user_agent;         /* hash of its id; 0: none */
    int64_t client;              /* the device (im/devices.h); 0: it did not say */
    struct unproven *unproven;   /* without SM; NULL: nothing */
    int64_t since_us;
    int64_t connection_ms;      /* when the connection began that it has, or had last */
    uint32_t index, generation; /* the handle */
    uint32_t received;          /* stanzas since SM was enabled (or bind) */
    uint32_t in_flight;         /* bytes that it has caused to be stored and that are not yet */
    int8_t priority;
    bool initial;    /* initial presence was sent */
    bool interested; /* asked for the roster: gets pushes */
    bool blocklist;  /* asked for the block list: gets pushes */
    bool copies;     /* wants carbons (im/copy.h) */
    bool quiet;      /* nobody looks at its client (im/quiet.h) */
    bool inbox;      /* asked for the inbox: is told what others have read (im/inbox.h) */
    bool modern;     /* catches up by the archive: no offline flood */
    bool ending;
    bool overflowed; /* too much waits for its client: it ends when the turn does */
    uint16_t full_len, resource_len;
    char full[]; /* the full address, NUL-terminated; the resource is its end */
};

static inline struct str session_resource(const struct session *s) {
    return (struct str){s->full + s->full_len - s->resource_len, s->resource_len};
}
static inline struct str session_full(const struct session *s) {
    return (struct str){s->full, s->full_len};
}
struct jid session_jid(const struct session *s);

/* Binds that resource (the caller has made sure it is free). */
struct session *session_new(struct turn *turn, struct account *account, struct str resource, struct stream *stream);
/* By handle; NULL when it is gone. */
struct session *session_at(const struct im *im, uint32_t index, uint32_t generation);
struct session *session_by_resource(const struct account *account, struct str resource);

/* Any way a session ends: presence goes unavailable, what is unacknowledged is re-routed, the connection (if any) is closed with
 * that error (STREAM_ERR_NONE: in order). */
void session_end(struct turn *turn, struct session *session, enum stream_error error, struct str text);
/* Its connection broke: hibernates if it may be resumed, else ends. */
void session_lost(struct turn *turn, struct session *session);

/* A stanza from its client: the sender's side of everything. */
void session_receive(struct turn *turn, struct session *session, const struct xml_node *el, size_t len);

/* To its client. `sequence`: archive row that this hands over, 0 if none. Borrows the wire. */
void session_send(struct turn *turn, struct session *session, struct wire *wire, int64_t sequence);
/* The same for a tree; `to` is set to its full address. */
void session_send_node(struct turn *turn, struct session *session, const struct xml_node *el);
/* Its bytes to the connection, and nothing else: the outbox knows what is kept. */
void session_write(struct turn *turn, struct session *session, struct wire *wire);
/* A stanza was written that nobody will acknowledge: the answer to a ping will prove it. */
void session_wrote(struct session *session, int64_t sequence);
/* At the end of the turn: acknowledgements, what waits to be written, and the end of a session that overflowed. */
void session_defer(struct session *session);
bool session_is_full(const struct session *session);
/* Available, i.e. presence was sent and not taken back. */
static inline bool session_is_available(const struct session *s) {
    return s->presence != NULL;
}
/* The fate of stanza `number` is settled (XEP-0198's h). */
void session_decided(struct turn *turn, struct session *session, uint32_t number);
/* It causes so many bytes to be stored; and they are, or never will be. Who has too many in flight is not read. */
void session_charge(struct session *session, uint32_t bytes);
void session_discharge(struct session *session, uint32_t bytes);
struct origin session_origin(const struct turn *turn, const struct session *session, uint32_t number);
/* Something was written that no ping under way asks about; a ping asks about all there is, unless an earlier one is still out. */
bool session_must_prove(const struct session *session);
void session_asked_proof(struct session *session);
/* What the ping asked about was received. */
void session_proven(struct turn *turn, struct session *session);

/* All that was ever written uncounted: its client has taken leave in order, with nothing left to send, or has shown that
 * it read something later. */
void session_proven_all(struct turn *turn, struct session *session);
/* So was what it has not acknowledged yet; but a request without an answer goes back to who asked. */
void session_has_read(struct turn *turn, struct session *session);

/* --- sm.c --- */
/* <enable/>, <r/>, <a/>; true when the element was of stream management. */
bool sm_receive(struct turn *turn, struct session *session, const struct xml_node *el);
/* Starts it as <enable/> asks; the answer is <enabled/> (in the arena) to be sent, or nested in <bound/>. */
struct xml_node *sm_enable(struct turn *turn, struct session *session, const struct xml_node *enable);
/* A stanza of the outbox was written: asks, if it is time to. */
void sm_wrote(struct turn *turn, struct session *session);
/* False: h is impossible (handled-count-too-high); the stream must end. */
bool sm_acknowledge(struct turn *turn, struct session *session, uint32_t h);
/* What was sent last is a request of that name (not 0), to be answered with an error if the session ends first; and: its client has answered. */
void sm_asked(struct session *session, uint64_t request);
void sm_answered(struct session *session, uint64_t request);
uint32_t sm_handled(const struct session *session);
/* How many stanzas are out on its connection, or were acknowledged: no client can acknowledge more. */
uint32_t sm_written(const struct session *session);
void sm_await(struct session *session, uint32_t number); /* its fate is open */
void sm_decided(struct turn *turn, struct session *session, uint32_t number);
/* Moves a hibernated (or half-dead) session to a new connection once nothing is undecided: <resumed/>, then what is unacknowledged. */
void sm_resume(struct turn *turn, struct session *session, struct stream *stream, uint32_t h);
struct session *sm_find(const struct account *account, struct str previd);
void sm_hibernate(struct turn *turn, struct session *session);
void sm_free(struct turn *turn, struct session *session);
/* Asks for an acknowledgement if enough is out. */
void sm_ask(struct turn *turn, struct session *session);
/* Now, if it was not asked for long and something went out since; else when it will be long. */
void sm_ask_in_time(struct turn *turn, struct session *session);

#endif
