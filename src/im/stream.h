/*
 * stream.h: a signed-in connection on its account's home, from the gate's hand-over to the end: SASL success, bind or resume,
 * then stanzas for its session. One way to end a stream: stream_fail.
 */
#ifndef CONFAB_IM_STREAM_H
#define CONFAB_IM_STREAM_H

#include "im/im.h"
#include "im/peer.h"
#include "store/clients.h"
#include "xmpp/ht.h"

struct session;

/* Gate -> home: a verified proof, and the connection with it. All strings are heap copies inside `text`. */
struct msg_adopt {
    struct msg msg;
    struct peer *peer;        /* detached; the home's from here on */
    int64_t generation;       /* of the credentials that were proven */
    int64_t since_ms;         /* when the connection began, of the clock that all threads share */
    int64_t unbound_until_ms; /* set by the home: it must have bound by then */
    bool sasl2;
    int64_t looked_us;           /* when what follows was read */
    struct client_row client;    /* who signs in, if it names itself (SASL2) */
    int64_t token_us;            /* of the token that was the proof (XEP-0484); 0: it was a password */
    enum ht_mechanism mechanism; /* of that token, then of the new one */
    int64_t new_token_us;        /* it gets a token, made then (im/devices.h); 0: none */
    struct str bare;             /* the account */
    struct str success;          /* SASL data of the success (SCRAM's v=...), raw; STR_NONE: none */
    struct str inline_request;   /* SASL2: the <authenticate/> element, serialised; STR_NONE */
    struct str lang;
    char text[];
};

struct stream {
    /* First what each message touches: a missing line of the cache costs a hundred instructions. */
    struct im *im;
    struct peer *peer;
    struct account *account;
    struct session *session;           /* NULL: not bound */
    bool sasl2, opened, ending, asked; /* asked: a ping is out */
    bool paused, dead;                 /* dead: ended; the last of those who are `busy` frees it */
    bool success_due;                  /* SASL success is not yet written */
    bool end_held;                     /* the end of the stream waits, like `held` */
    uint8_t busy;                      /* calls up the stack that still look at it */
    bool drain_asked;                  /* the socket will tell when it has room */
    bool choked;                       /* held until less of its session is in flight */
    uint8_t holds; /* something that was sent must take effect before what came after it is looked at */
    char lang[12];
    struct held *held, **held_end; /* elements that wait for that, or for their step: nothing overtakes them */
    struct stream_drain *drains;   /* large answers that go on as the socket drains */
    int64_t since_ms;              /* when the connection began */
    struct loop_timer timer;       /* keepalive, and the end of a rate pause */
    struct loop_deferred going;    /* the next of them */
    struct session *resuming;      /* waits until that session has nothing undecided */
    struct msg_adopt *adopt;       /* until it has a session and the success is written; NULL: since then */
    int64_t asked_ms;
    struct link in_im;
    struct link in_crowd; /* im->crowd */
};

void stream_adopt(struct turn *turn, struct msg *msg);
/* One element for the client, outside stanza counting. */
void stream_write(struct turn *turn, struct stream *stream, const struct xml_node *el);
/* Ends the stream (and what hangs on it stays: the session decides). After it the stream is gone. */
void stream_close(struct turn *turn, struct stream *stream, enum stream_error error, struct str text);
/* The client did something wrong: the session (if any) ends with it. After it both are gone. */
void stream_fail(struct turn *turn, struct stream *stream, enum stream_error error, struct str text);
/* It has a session now: bound or resumed. */
void stream_bound(struct stream *stream, struct session *session);
/* Has this session, or had it last, a connection that began later? Then this one is what its client left behind, and arrives late: it gets nothing. */
bool stream_is_stale(const struct stream *stream, const struct session *session);
/* The timer fires within that time (it looks for dead peers and unproven deliveries). */
void stream_wake(struct stream *stream, int64_t within_ms);
/* sm.c: the session is this stream's now; writes the answer (nested in <success/> or not). */
void stream_resumed(struct turn *turn, struct stream *stream, struct session *session, struct xml_node *resumed);
/* What comes from now on waits until the release (a change of subscriptions is at the store). */
void stream_hold(struct stream *stream);
void stream_release(struct turn *turn, struct stream *stream);
/* It has sent little lately, and little of that is on its way to the disk: what others have filled does not stop it. */
bool stream_is_modest(const struct stream *stream);
/* So much waits somewhere for what it sends that it is held until there is room. */
void stream_crowd(struct stream *stream);
/* There is room: everybody who waits tries again. Any thread; struct hub's. */
void streams_relieved(struct hub *hub);
/* Goes on if little enough of its session is in flight. */
void stream_unchoke(struct turn *turn, struct stream *stream);
/* Costs beyond one stanza's: fan-out. */
void stream_charge(struct stream *stream, uint32_t stanzas);

/* The shard stops: all of them end. */
void streams_end(struct turn *turn, struct im *im);
/* The features that a signed-in client may use now. */
void stream_features(struct turn *turn, struct stream *stream);
/* What a parse error means for a stream. */
enum stream_error stream_error_of_xml(enum xml_error error);

/*
 * A large answer, produced as the socket drains: `more` is called with room, returns true when it has written all. `gone` is called instead when
 * the stream ends first. Either way the struct is freed by the callback's owner after it returned true / in gone.
 */
struct stream_drain {
    struct stream_drain *next;
    bool (*more)(struct turn *turn, struct session *session, struct stream_drain *drain);
    void (*gone)(struct turn *turn, struct stream_drain *drain);
};
/* The socket will tell when there is room: then the outbox goes on, and what is behind it. */
void stream_ask_drain(struct stream *stream);
/* There may be room again. */
void stream_drain_go(struct turn *turn, struct stream *stream);
void stream_drain_add(struct turn *turn, struct session *session, struct stream_drain *drain);

#endif
