/*
 * change.h: a change of what an account owns (contacts, requests, blocks, debts to other homes): decided from its state when its turn has
 * come, written in one transaction, and only then done in memory and told to anybody. One at a time an account.
 */
#ifndef CONFAB_IM_CHANGE_H
#define CONFAB_IM_CHANGE_H

#include "im/account.h"
#include "xml/node.h"

struct change;

/* Looks at the account and adds steps (below). No step: nothing is written, finish follows at once. */
typedef void (*change_decide)(struct turn *turn, struct account *account, struct change *change);
/* err 0: committed, and done in memory. Otherwise nothing has happened. What it sends comes after the debts of the change were sent. */
typedef void (*change_finish)(struct turn *turn, struct account *account, struct change *change, int err);

struct change {
    struct arena *arena;    /* of the change: what must live until finish */
    void *data;             /* the caller's, in the arena */
    struct iq_later *later; /* the request that it answers; NULL */
    bool pushes;            /* a contact changed: roster version moved */
    /* private */
    struct exclusive exclusive;
    struct account *account;
    struct change_step *first, **end;
    change_decide decide;
    change_finish finish;
    uint32_t session, session_gen, bytes; /* charged to the session that asked; bytes 0: none */
};

/* Makes one; fill in data (arena) and later, then change_start, which runs decide now or later and frees it at the end. */
struct change *change_new(change_decide decide, change_finish finish);
/* Instead of starting it. */
void change_drop(struct change **change);
void change_start(struct turn *turn, struct account *account, struct change *change);

void change_contact(struct change *change, struct str jid, struct str name, struct str groups, unsigned flags);
void change_contact_gone(struct change *change, struct str jid);
void change_request(struct change *change, struct str jid, struct str stanza);
void change_request_gone(struct change *change, struct str jid);
void change_block(struct change *change, struct str jid);
void change_unblock(struct change *change, struct str jid); /* STR_NONE: all */
struct prefs_row;
void change_prefs(struct change *change, const struct prefs_row *prefs); /* in the arena, with what it points to */
/* Another home is owed this stanza (from the account): recorded with the change, sent after its commit, settled there. */
void change_owe(struct turn *turn, struct change *change, struct xml_node *el, struct jid to);
/* A debt to this home is settled by this change. */
void change_settle(struct change *change, int64_t owed);
/* The account is deleted (and all that is its own). */
void change_delete_account(struct change *change, int64_t now_us);

#endif
