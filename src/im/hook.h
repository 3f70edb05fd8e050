/*
 * hook.h: the grid. The router sorts each stanza by direction, kind and target, and runs the handlers that features hooked
 * there, stage by stage, in the order of features/features.c. `confabctl hooks` prints the chains that result.
 */
#ifndef CONFAB_IM_HOOK_H
#define CONFAB_IM_HOOK_H

#include "im/im.h"
#include "shard/wire.h"
#include "xmpp/stanza.h"

enum direction {
    OUT, /* on the sender's home, for the sender's account */
    IN,  /* on the recipient's home, for the recipient's account */
};
#define DIRECTIONS 2

enum target {
    TO_SELF,    /* the sender's own bare address, or no address */
    TO_SERVER,  /* the domain */
    TO_ACCOUNT, /* another local bare address */
    TO_FULL,    /* a local full address, the sender's own too */
    TO_ROOM,    /* the groups domain: a room, somebody in it, or the service; IN, only DELIVER is run */
    TO_REMOTE,  /* another server: later */
};
#define TARGETS 6

enum stage {
    STAGE_CHECK,   /* may it pass? */
    STAGE_STAMP,   /* ids are made; OUT: the only stage that may replace the stanza */
    STAGE_ARCHIVE, /* what is kept goes to the store; the walk goes on after the commit */
    STAGE_DELIVER, /* to sessions, or to the handler of a request */
    STAGE_COPY,    /* carbons */
    STAGE_AFTER,   /* counters, push */
};
#define STAGES 6

enum verdict {
    PASS, /* the next handler */
    DONE, /* this stage is answered; the next stage */
    DROP, /* the walk ends here: refused (the handler has answered), or swallowed */
    WAIT, /* DELIVER goes on after a commit: only from STAGE_ARCHIVE of IN */
};

/* Where a stanza came from, for its fate to be told: the sender's session and its number there. */
struct origin {
    uint16_t shard;   /* home of the sender */
    uint16_t flags;   /* ORIGIN_* */
    uint32_t session; /* handle: index */
    uint32_t session_gen;
    uint32_t number; /* of the stanza on that session, XEP-0198's count */
    uint32_t bytes;  /* that the session was charged with (ORIGIN_KEPT) */
};
enum {
    ORIGIN_KEPT = 1, /* MSG_DECIDED is awaited */
    ORIGIN_LATER = 2 /* the handler that ended the walk decides its fate (session_decided) after a commit */
};

/* One stanza on its way through one chain. Lives in the turn's arena. */
struct walk {
    struct turn *turn;
    struct im *im;
    enum direction direction;
    enum target target;
    struct stanza stanza;
    struct account *account; /* OUT: the sender's; IN: the recipient's */
    struct session *session; /* OUT: the one that sent it; IN: NULL */
    /* IN: as it came (im/crossing.h), borrowed; a handler that returns WAIT takes it. stanza.el is NULL where nobody needs to look in. */
    struct msg_stanza *crossing;
    struct origin origin;
    /* What the archive service found out (im/archive.h). */
    bool kept;              /* goes into archives */
    bool offline;           /* and is handed over later if nobody is there */
    uint8_t row_flags;      /* of its rows: ARCHIVE_COUNTS, ARCHIVE_MARKER; or ARCHIVE_ON_THE_WAY (store/archive.h) */
    bool passing;           /* but for its delivery alone: its sender wants no lasting record */
    bool hidden;            /* IN: so it is, or the recipient's archive does not want it: it has no id there */
    int64_t sender_account; /* the sender's account number; 0: not a local account */
    int64_t out_sequence;   /* of its row in the sender's archive; 0: none */
    int64_t in_sequence;    /* of its row in the recipient's; 0: none */
    uint64_t origin_hash;   /* of its origin-id; 0: none */
    uint64_t about_hash;    /* of the id that it corrects or retracts, made in the same way; 0: none */
    int64_t owed;           /* id of the owed row that this settles; 0: none */
};

typedef enum verdict (*hook_handler)(struct walk *walk);

/* What a feature hooks. `targets` is a set: 1 << TO_ACCOUNT | ... */
struct hook {
    enum direction direction;
    enum stanza_kind kind;
    unsigned targets;
    enum stage stage;
    hook_handler run;
    const char *name; /* for `confabctl hooks` */
};

#define TO(t) (1u << TO_##t)

#endif
