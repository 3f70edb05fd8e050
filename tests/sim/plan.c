/*
 * plan.c: who there is, and what they do of themselves: write, ask, read their archives, block, lose their connection, come back. When the
 * world is ending they only finish what they have begun.
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "store/accounts.h"
#include "store/roster.h"

/* --- people --- */

static void client_init(struct world *w, struct person *p, enum client_kind kind) {
    struct client *c = &p->clients[p->client_count];
    *c = (struct client){.world = w, .person = p, .index = p->client_count++, .kind = kind, .page_question = -1};
    c->read = calloc(NOTES_MAX, sizeof(struct note *));
    c->page = calloc(NOTES_MAX, sizeof(struct note *));
    CHECK(c->read && c->page);
}

static void person_init(struct world *w, struct person *p) {
    struct scram_keys keys = {.iterations = 1};
    struct account_row row;
    struct db *db = store_db(w->server.store);
    p->index = (unsigned)(p - w->people);
    snprintf(p->bare, sizeof p->bare, "p%u@sim", p->index);
    CHECK(accounts_create(db, str_c(p->bare), &keys, &keys, 1, &p->id) == 0);
    CHECK(accounts_find(db, str_c(p->bare), &row) == 0);
    p->generation = row.generation;
    p->old = one_in(w, 3);
    client_init(w, p, !p->old ? CLIENT_MODERN : one_in(w, 3) ? CLIENT_OLD_UNCOUNTED : CLIENT_OLD);
    if (!p->old && one_in(w, 2)) client_init(w, p, CLIENT_MODERN);
    if (one_in(w, 3)) client_init(w, p, one_in(w, 2) ? CLIENT_OLD : CLIENT_OLD_UNCOUNTED);
}

static void people_meet(struct world *w) {
    for (unsigned i = 0; i < w->person_count; i++)
        for (unsigned k = 0; k < w->person_count; k++) {
            struct roster_row row = {.jid = str_c(w->people[k].bare),
                                     .name = STR(""),
                                     .groups = STR(""),
                                     .flags = ROSTER_TO | ROSTER_FROM | ROSTER_LISTED};
            if (i != k) CHECK(roster_put(store_db(w->server.store), w->people[i].id, &row, 1) == 0);
        }
}

void plan_people(struct world *w) {
    static const unsigned disk[] = {5, 20, 60, 200}, cuts[] = {0, 3, 10, 40}, batches[] = {1, 3, 0};
    w->person_count = 2 + roll(w, 4);
    w->disk_speed = disk[roll(w, 4)];
    w->cut_rate = cuts[roll(w, 4)];
    w->batch_max = batches[roll(w, 3)];
    w->note_goal = 20 + roll(w, 120);
    for (unsigned i = 0; i < w->person_count; i++) person_init(w, &w->people[i]);
    people_meet(w);
}

static void record_free(struct record *r) {
    for (uint32_t i = 0; i < r->sent_count; i++) free((char *)(uintptr_t)r->sent[i].bytes.p);
    free(r->sent);
    free(r->got);
    free(r->seen);
    free(r);
}

void plan_free(struct world *w) {
    for (unsigned i = 0; i < w->person_count; i++)
        for (unsigned k = 0; k < w->people[i].client_count; k++) {
            struct client *c = &w->people[i].clients[k];
            for (; c->answer_count > 0;) free((char *)(uintptr_t)c->answers[--c->answer_count].p);
            free(c->read);
            free(c->page);
        }
    for (struct record *r = w->records, *next; r; r = next) {
        next = r->next;
        record_free(r);
    }
}

static struct person *person_any(struct world *w) {
    return &w->people[roll(w, w->person_count)];
}

static struct client *client_any(struct world *w, struct person *p) {
    return &p->clients[roll(w, p->client_count)];
}

/* --- what they do --- */

static void plan_note(struct client *c) {
    struct world *w = c->world;
    if (w->note_count >= w->note_goal) return;
    struct note *n = &w->notes[w->note_count];
    struct person *to = one_in(w, 8) ? c->person : person_any(w);
    struct str full = one_in(w, 4) ? client_address(client_any(w, to)) : STR_NONE;
    *n = (struct note){.from = c->person,
                       .to = to,
                       .by = c,
                       .number = w->note_count++,
                       .kept = !one_in(w, 5),
                       .forged = one_in(w, 10)};
    snprintf(n->to_address, sizeof n->to_address, "%.*s", STR_FMT(str_some(full) ? full : str_c(to->bare)));
    if (c->state == CLIENT_HERE) client_flush(c);
}

static struct question *question_new(struct client *c, enum question_about about) {
    struct world *w = c->world;
    if (w->question_count >= QUESTIONS_MAX) return NULL;
    struct question *q = &w->questions[w->question_count++];
    *q = (struct question){.record = c->record, .about = about};
    return q;
}

static void question_send(struct client *c, const struct question *q, const char *type, const char *to,
                          const char *payload) {
    char text[512], address[160] = "";
    if (to) snprintf(address, sizeof address, " to='%s'", to);
    int len = snprintf(text, sizeof text, "<iq xmlns='jabber:client' type='%s' id='q%u'%s>%s</iq>", type,
                       (unsigned)(q - c->world->questions), address, payload);
    CHECK((size_t)len < sizeof text);
    client_send(c, str_of(text, (size_t)len), NULL);
}

static void plan_question(struct client *c) {
    struct world *w = c->world;
    struct question *q = question_new(c, QUESTION_OTHER);
    if (!q) return;
    const char *to = NULL;
    struct client *other = client_any(w, person_any(w));
    switch (roll(w, 5)) {
    case 0:
        to = "sim";
        break;
    case 1:
        to = "nobody@sim";
        break;
    case 2:
        q->to = other->person;
        to = other->person->bare;
        break;
    case 3:
        break;
    default:
        if (!other->record) break;
        q->to = other->person;
        q->target = other->record;
        to = other->record->full;
    }
    question_send(c, q, "get", to, "<ping xmlns='urn:xmpp:ping'/>");
}

void plan_page(struct client *c) {
    struct question *q = c->page_question < 0 ? question_new(c, QUESTION_PAGE) : NULL;
    if (!q) return;
    char text[256], after[64] = "";
    if (c->after[0]) snprintf(after, sizeof after, "<after>%s</after>", c->after);
    snprintf(text, sizeof text,
             "<query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>%u</max>%s</set>"
             "</query>",
             1 + roll(c->world, 10), after);
    c->page_question = (int)(q - c->world->questions);
    question_send(c, q, "set", NULL, text);
}

/* What the other has under way may now pass or not. */
static void block_is_uncertain(struct world *w, const struct person *p, const struct person *other) {
    for (unsigned i = 0; i < w->note_count; i++) {
        struct note *n = &w->notes[i];
        if ((n->from == p && n->to == other) || (n->from == other && n->to == p)) n->must_refuse = false;
    }
}

static void plan_block(struct client *c) {
    struct world *w = c->world;
    struct person *p = c->person, *other = person_any(w);
    if (other == p || p->block_busy[other->index]) return;
    bool lift = p->blocks[other->index];
    struct question *q = question_new(c, lift ? QUESTION_UNBLOCK : QUESTION_BLOCK);
    if (!q) return;
    char text[128];
    snprintf(text, sizeof text, "<%s xmlns='urn:xmpp:blocking'><item jid='%s'/></%s>", lift ? "unblock" : "block",
             other->bare, lift ? "unblock" : "block");
    q->blocked = other;
    p->block_busy[other->index] = p->has_blocked[other->index] = true;
    p->blocks[other->index] = false;
    if (lift) block_is_uncertain(w, p, other);
    question_send(c, q, "set", NULL, text);
}

/* Out of sight, not disturbed, or back again. */
static void plan_presence(struct client *c) {
    static const char *const words[] = {
        "<presence xmlns='jabber:client'/>",
        "<presence xmlns='jabber:client' type='unavailable'/>",
        "<presence xmlns='jabber:client'><priority>-1</priority></presence>",
        "<presence xmlns='jabber:client'><show>away</show></presence>",
    };
    client_send(c, str_c(words[roll(c->world, 4)]), NULL);
}

static void plan_here(struct client *c) {
    struct world *w = c->world;
    bool has_news = c->record->proven < c->record->got_count;
    if (roll(w, 1000) < w->cut_rate)
        client_drop(c);
    else if (c->record->counts && ((c->wants_ack && one_in(w, 2)) || (has_news && one_in(w, 8))))
        client_acknowledge(c);
    else if (c->answer_count && one_in(w, 2))
        client_answer(c);
    else if (c->kind == CLIENT_MODERN && one_in(w, 6))
        plan_page(c);
    else if (one_in(w, 10))
        client_ask(c);
    else if (one_in(w, 12))
        plan_question(c);
    else if (one_in(w, 50))
        plan_presence(c);
    else if (one_in(w, 40))
        plan_block(c);
    else if (one_in(w, 200))
        client_leave(c);
    else if (one_in(w, 3))
        plan_note(c);
}

static void plan_finish(struct client *c) {
    bool has_news = c->record->proven < c->record->got_count;
    if (c->answer_count)
        client_answer(c);
    else if (c->record->counts && (c->wants_ack || has_news))
        client_acknowledge(c);
    else if (c->kind == CLIENT_MODERN && !c->is_caught_up)
        plan_page(c);
    else if (one_in(c->world, 8))
        client_ask(c);
}

void plan_act(struct client *c) {
    struct world *w = c->world;
    if (c->is_leaving) return; /* reads what is left: the server counts on that */
    switch (c->state) {
    case CLIENT_AWAY:
        if (w->ending || one_in(w, 4))
            client_connect(c);
        else if (one_in(w, 4))
            plan_note(c);
        break;
    case CLIENT_SIGNING:
    case CLIENT_BINDING:
        if (!w->ending && roll(w, 1000) < w->cut_rate) client_drop(c);
        break;
    case CLIENT_HERE:
        if (w->ending)
            plan_finish(c);
        else
            plan_here(c);
        break;
    }
}
