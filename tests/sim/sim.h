/*
 * sim.h: several shards on one thread, with chance in the place of threads, disk and network. A world runs from one seed: the
 * same seed is the same run. Who reads what: world.c the shards, mailboxes, clock and disk; cable.c connections; client.c people's
 * programs; plan.c what they do; promises.c what must hold.
 */
#ifndef CONFAB_TESTS_SIM_H
#define CONFAB_TESTS_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "im/im.h"
#include "im/peer.h"
#include "im/stream.h"
#include "shard/shard.h"
#include "store/store.h"
#include "xml/node.h"

enum { SHARDS_MAX = 4, PEOPLE_MAX = 6, CLIENTS_MAX = 3, NOTES_MAX = 2000, QUESTIONS_MAX = 2000 };

/* Who posts to mailboxes: each pair of a sender and a shard is one FIFO, different pairs interleave freely. */
enum { FROM_GATE = SHARDS_MAX, FROM_WRITER, FROM_READER, FROM_OTHER_READER, SENDERS };

struct channel {
    struct msg *first, **end;
};

enum question_about { QUESTION_OTHER, QUESTION_PAGE, QUESTION_BLOCK, QUESTION_UNBLOCK };

/* A message as its author sees it, and what became of it. */
struct note {
    struct person *from, *to;
    struct client *by;
    unsigned number; /* its body is m<number>, its origin-id too */
    bool kept;       /* else it has a no-store hint */
    char to_address[128];
    struct record *in;                /* the session in which it was last sent */
    bool forged;                      /* carries a stanza-id that is not its author's to give */
    bool must_refuse;                 /* the recipient blocked the author before it was first sent */
    bool sent, resent, acked, failed; /* by, as its author knows */
    bool refused;                     /* an error about it was written to its author */
    int rows;                         /* messages in the database that are it */
    int64_t out_sequence, in_sequence;
    bool received; /* some client of the recipient has read it */
    bool proven;   /* and has acknowledged it */
};

/* A request of a client: to be answered once. */
struct question {
    struct record *record; /* NULL: gone with its session */
    struct person *to;     /* NULL: the server */
    struct record *target; /* asked of that session of theirs */
    bool was_read;         /* there */
    int answers;
    enum question_about about;
    struct person *blocked;
};

/* One stanza that a client sent or got, by its number in the session. */
struct sent {
    struct note *note;
    struct str bytes; /* heap; STR_NONE once acknowledged */
};

/* One session, as its client counts it. It outlives connections; what was forgotten stays for the checks. */
struct record {
    struct record *next;
    struct client *client;
    char full[128], previd[32]; /* previd empty: cannot be resumed */
    bool counts;                /* stream management is on */
    bool over;                  /* its client has begun another one */
    struct sent *sent;          /* by number - 1 */
    uint32_t sent_count, sent_cap, acked;
    uint32_t told;     /* the largest h that was written to it */
    struct note **got; /* by number - 1; NULL: something else */
    uint32_t got_count, got_cap;
    uint32_t proven;                          /* of these acknowledged */
    bool *seen;                               /* notes that came live: NOTES_MAX */
    unsigned newest[PEOPLE_MAX][CLIENTS_MAX]; /* last live note of each author */
};

/* A connection. Two queues of elements, and the server's end of it. */
enum line_kind { LINE_ELEMENT, LINE_HEADER, LINE_END };
struct line {
    struct line *next;
    enum line_kind kind;
    size_t len;
    char bytes[];
};
struct queue {
    struct line *first, **end;
    unsigned count;
};

struct cable {
    struct peer peer; /* first */
    struct cable *next;
    struct world *world;
    struct client *client;
    struct record *record; /* whose stanzas run here; NULL: not yet */
    struct shard *home;    /* where it is attached */
    const struct peer_events *events;
    void *owner;
    struct queue up, down;
    bool paused, full, drain_asked;
    bool cut;         /* the client has gone; the server will notice */
    bool server_gone; /* closed or dropped: the server will not touch it again */
    bool client_gone;
    int64_t heard_ms;
};

enum client_kind { CLIENT_MODERN, CLIENT_OLD, CLIENT_OLD_UNCOUNTED };

struct client {
    struct world *world;
    struct person *person;
    unsigned index; /* of the person */
    enum client_kind kind;
    struct cable *cable;   /* NULL: not connected */
    struct record *record; /* the session it has or would resume; NULL: none */
    enum { CLIENT_AWAY, CLIENT_SIGNING, CLIENT_BINDING, CLIENT_HERE } state;
    bool wants_ack;  /* a <r/> to answer */
    bool is_leaving; /* and reads to the end */
    /* The archive, page by page; modern ones alone. */
    char after[32]; /* id of the last row; empty: none yet */
    struct note **read;
    unsigned read_count;
    struct note **page; /* what came of the page that is being read */
    unsigned page_count;
    char page_last[32];
    int page_question; /* -1: none */
    bool is_caught_up;
    struct str answers[8]; /* heap: answers that it has not given yet */
    unsigned answer_count;
};

struct person {
    unsigned index;
    char bare[32];
    int64_t id, generation, mark;
    bool old; /* only clients that read no archives */
    struct client clients[CLIENTS_MAX];
    unsigned client_count;
    bool blocks[PEOPLE_MAX];      /* as a client was told it is so */
    bool has_blocked[PEOPLE_MAX]; /* ever */
    bool block_busy[PEOPLE_MAX];  /* a request about it has no answer yet */
};

struct world {
    uint64_t seed, chance;
    bool tells;  /* what happens, on stderr */
    bool ending; /* no new work: everything comes to rest */
    unsigned shard_count;
    struct hub hub;
    struct server server;
    struct arena *arena;   /* of the options */
    struct arena *scratch; /* of one step */
    int64_t now_ms, wall_offset_us;
    int64_t wall_last_us;
    unsigned posting; /* who runs: FROM_*, or a shard's index */
    struct channel channels[SENDERS][SHARDS_MAX];
    int64_t messages_seen; /* highest id of the table */
    struct note *doubtful; /* counted in this turn; what of it is not known yet */
    struct cable *doubter; /* by that session */
    struct map fates;      /* stanzas whose fate is open: session, number */
    struct person people[PEOPLE_MAX];
    unsigned person_count;
    struct note notes[NOTES_MAX];
    unsigned note_count;
    struct question questions[QUESTIONS_MAX];
    unsigned question_count;
    struct record *records;
    struct cable *cables;
    /* The mood of this run: chances in a thousand. */
    unsigned disk_speed, cut_rate, batch_max, note_goal;
    uint64_t steps;
};

/* --- chance.c --- */
void chance_seed(struct world *w, uint64_t seed);
unsigned roll(struct world *w, unsigned n); /* 0 .. n - 1 */
bool one_in(struct world *w, unsigned n);

/* --- world.c --- */
/* Prints what is wrong and ends the process: main.c says how to see it again. */
_Noreturn void world_fail(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_tell(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_open(struct world *w, unsigned shards);
void world_close(struct world *w);
struct turn *world_enter(struct world *w, struct shard *shard);
void world_leave(struct world *w, struct shard *shard);
void world_post(struct world *w, unsigned from, struct shard *to, struct msg *msg);
/* Something waits in a mailbox: handles one. */
bool world_deliver(struct world *w);
void world_commit(struct world *w, unsigned batch);
void world_pass(struct world *w, int64_t ms);
/* Nothing is under way but timers. */
bool world_is_quiet(const struct world *w);

/* --- cable.c --- */
struct cable *cable_new(struct world *w, struct client *client);
void cable_send(struct cable *cable, enum line_kind kind, struct str bytes);
/* The client goes away; the server will notice some time. */
void cable_cut(struct cable *cable);
/* One thing that came reaches the server, or that it is lost; false: nothing to do. */
bool cable_serve(struct cable *cable);
bool cable_lose(struct cable *cable);
struct xml_node *cable_parse(struct arena *arena, struct str bytes);
/* What the client reads next, to be freed; NULL: nothing. */
struct line *cable_receive(struct cable *cable);
void cables_sweep(struct world *w);

/* --- client.c --- */
void client_connect(struct client *c);
void client_leave(struct client *c); /* in order */
void client_drop(struct client *c);  /* its connection is gone */
/* Reads one line. */
bool client_read(struct client *c);
/* As a stanza of its session; note NULL: no message. */
void client_send(struct client *c, struct str bytes, struct note *note);
void client_acknowledge(struct client *c);
void client_ask(struct client *c);
void client_answer(struct client *c);
/* What it wrote and does not know to be stored, as far as this session has not sent it yet. */
void client_flush(struct client *c);
struct str client_address(const struct client *c); /* of its session; STR_NONE */

/* --- plan.c --- */
void plan_people(struct world *w);
void plan_free(struct world *w);
void plan_page(struct client *c); /* the next page of its archive */
void plan_act(struct client *c);  /* something that a client does of itself */

/* --- promises.c --- */
void promise_posted(struct world *w, struct msg *msg);
void promise_committed(struct world *w);
/* The server writes to a client. */
void promise_written(struct cable *cable, const struct xml_node *el);
void promise_turn_ended(struct world *w);
/* A client reads a live message. */
void promise_read(struct client *c, struct note *n, bool delayed);
/* NULL: no question of ours. */
struct question *promise_answered(struct client *c, struct str id);
struct note *promise_note(struct world *w, const struct xml_node *message); /* NULL: none of ours */
void promise_end(struct world *w);

#endif
