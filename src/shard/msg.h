/*
 * msg.h: the closed list of what threads say to one another. Every message is heap-allocated, starts with a struct msg,
 * and belongs to whoever holds it: the sender until shard_post, the mailbox, then the handler, which frees it.
 * The payload's struct stands in the header of the module that is named.
 */
#ifndef CONFAB_SHARD_MSG_H
#define CONFAB_SHARD_MSG_H

#include <stdint.h>

enum msg_type {
    MSG_STORE_DONE, /* a job is finished: back to the place that submitted it            (store/store.h) */
    MSG_ADOPT,      /* gate -> home: a connection with a verified proof                  (im/stream.h)   */
    MSG_HTTP,       /* gate -> shard: a connection that speaks plain HTTP                (front/web.h)   */
    MSG_UPGRADE,    /* shard -> gate: an HTTP connection that became a WebSocket         (front/web.h)   */
    MSG_STANZA,     /* home -> home: one stanza for one account                          (im/router.h)   */
    MSG_FAN,        /* home -> home: one presence for many accounts                      (im/router.h)   */
    MSG_SEATS,      /* room's home -> shard: for the sessions that sit in the room       (im/seats.h)    */
    MSG_DECIDED,    /* recipient's home -> sender's home: a stanza's fate is settled     (im/router.h)   */
    MSG_PEER_IN,    /* relay: connection -> session: bytes, drained, lost                (im/peer.h)     */
    MSG_PEER_OUT,   /* relay: session -> connection: bytes, pause, resume, close         (im/peer.h)     */
    MSG_ASK,        /* one gather: a question to every shard                             (shard/shard.h) */
    MSG_ANSWER,     /* its answers                                                       (shard/shard.h) */
    MSG_CALL,       /* run a function there: start, stop, admin commands                 (shard/shard.h) */
    MSG_TYPES,
};

struct msg {
    struct msg *next; /* of the mailbox */
    uint16_t type;    /* enum msg_type */
    uint16_t from;    /* index of the place that sent it */
    uint32_t bytes;   /* what it holds, for back-pressure: set by who allocates it */
};

#endif
