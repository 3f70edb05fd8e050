/*
 * stream_stage.h: what fuzz_stream.c plays on: a gate and a shard on one thread, with a database in memory, a clock that stands still until it is moved and
 * chance that comes from a seed; and clients, over socket pairs. Everything is made anew for each input: the same input is the same run.
 */
#ifndef CONFAB_TESTS_FUZZ_STREAM_STAGE_H
#define CONFAB_TESTS_FUZZ_STREAM_STAGE_H

#include "base/crypto.h"
#include "front/front.h"
#include "stream_reader.h"

#define PASSWORD "secret" /* everybody's */

/* How the first client comes; the others are bound at once. */
enum start {
    START_GATE,     /* from this machine: may sign in without TLS */
    START_STRANGER, /* from elsewhere: must begin with STARTTLS */
    START_SIGNED,   /* SASL is done: a header comes next */
    START_BOUND,    /* and the session is bound: a@fuzz.example/0 */
};
/* The first byte: bits 0 and 1 are the start, 2 and 3 the framing (3 is TCP again), then: */
enum { SLOW_DISK = 16, RATES = 32, SMALL = 64, RELAY = 128 };

enum { CLIENTS = 3, ACCOUNTS = 3 };

/* The second is b's, the first and third are a's. */
struct client {
    int fd; /* -1: not connected */
    bool has_been, deaf;
    uint8_t piece; /* 0: whole packets */
    struct reader reader;
};

struct gate;

/* --- stream_stage.c --- */
extern struct hub hub;
extern struct server server;
extern struct front *front;
extern struct gate *gate;
extern struct shard *shard;
extern const char *const bares[ACCOUNTS];
extern struct client clients[CLIENTS];
extern struct buf sent; /* by all clients */
extern uint8_t start;   /* the input's first byte */
extern bool talks;      /* the dialogue goes to stderr: CONFAB_FUZZ_TALKS is set */

void world_open(uint8_t first_byte);
void world_close(void);
/* Until nothing moves. What comes to clients is read and judged. */
void run(bool commits);
void run_on(void); /* the disk as the first byte says */
void pass(int64_t ms);
/* Nobody is left, nothing is at work or owed. */
bool world_is_empty(void);

/* --- stream_client.c --- */
void client_connect(struct client *client); /* as the first byte says */
/* Over WebSocket it is one text message. */
void client_send(struct client *client, struct str bytes);
void client_break(struct client *client);
/* What SCRAM says now: for a challenge that is waiting its answer, else the first message; base64, added to `out`. */
void client_prove(struct client *client, struct buf *out);

#endif
