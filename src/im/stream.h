/*
 * stream.h: a signed-in connection on its account's home, from the gate's hand-over to the end: SASL success, bind or resume,
 * then stanzas for its session. One way to end a stream: stream_fail.
 */
#ifndef CONFAB_IM_STREAM_H
#define CONFAB_IM_STREAM_H

#include "im/im.h"
#include "im/peer.h"

struct session;

/* Gate -> home: a verified proof, and the connection with it. All strings are heap copies inside `text`. */
struct msg_adopt {
    struct msg msg;
    struct peer *peer;  /* detached; the home's from here on */
    int64_t generation; /* of the credentials that were proven */
    bool sasl2;
    struct str bare;           /* the account */
    struct str success;        /* SASL data of the success (SCRAM's v=...), raw; STR_NONE: none */
    struct str inline_request; /* SASL2: the <authenticate/> element, serialised; STR_NONE */
    struct str lang;
    char text[];
};

struct stream {
    struct link in_im;
    struct link in_crowd; /* im->crowd */
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
    struct loop_deferred going;    /* the next of them */
    struct session *resuming;      /* waits until that session has nothing undecided */
    struct msg_adopt *adopt;       /* until the success is written */
    int64_t asked_ms;
    int64_t generation;       /* of the credentials that were proven */
    int64_t unbound_until_ms; /* it must have bound by then */
    struct loop_timer timer;  /* keepalive, and the end of a rate pause */
    /* Rates: what may still be taken before it is paused. */
    int32_t bytes_left, stanzas_left;
    int64_t refilled_ms;
    struct stream_drain *drains; /* large answers that go on as the socket drains */
};

void stream_adopt(struct turn *turn, struct msg *msg);
/* One element for the client, outside stanza counting. */
void stream_write(struct turn *turn, struct stream *stream, const struct xml_node *el);
/* Ends the stream (and what hangs on it stays: the session decides). After it the stream is gone. */
void stream_close(struct turn *turn, struct stream *stream, enum stream_error error, struct str text);
/* The client did something wrong: the session (if any) ends with it. After it both are gone. */
void stream_fail(struct turn *turn, struct stream *stream, enum stream_error error, struct str text);
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
