/* signin.c: see signin.h. One state for each thing that is waited for. */
#include "signin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "measure.h"

enum {
    WAIT_HEADER,
    WAIT_FEATURES,
    WAIT_PROCEED,
    WAIT_CHALLENGE,
    WAIT_SUCCESS,
    WAIT_HEADER_AGAIN,
    WAIT_BIND_FEATURES,
    WAIT_BOUND,
    WAIT_PONG,
    READY,
};

static const char *const mechanisms[] = {"PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"};

static bool has(struct str s, const char *what) {
    return memmem(s.p, s.len, what, strlen(what)) != NULL;
}

static bool is(struct str s, const char *element) {
    size_t n = strlen(element);
    return s.len > n + 1 && s.p[0] == '<' && memcmp(s.p + 1, element, n) == 0 && strchr(" />", s.p[n + 1]);
}

/* What stands between `from` and `to`; STR_NONE when it is not there. */
static struct str between(struct str s, const char *from, const char *to) {
    const char *a = memmem(s.p, s.len, from, strlen(from));
    if (!a) return STR_NONE;
    a += strlen(from);
    const char *b = memmem(a, (size_t)(s.p + s.len - a), to, strlen(to));
    return b ? str_of(a, (size_t)(b - a)) : STR_NONE;
}

static void send_header(struct client *c) {
    peer_restart(&c->peer);
    peer_printf(&c->peer,
                "<?xml version='1.0'?><stream:stream to='%s' version='1.0' xmlns='jabber:client' "
                "xmlns:stream='http://etherx.jabber.org/streams'>",
                c->plan->domain);
}

static void send_auth(struct client *c, struct arena *arena) {
    struct str first;
    if (c->plan->mechanism == SIGNIN_SASL_PLAIN) {
        first = ARENA_CONCAT(arena, str_of("", 1), str_c(c->name), str_of("", 1), str_c(c->plan->password));
        c->state = WAIT_SUCCESS;
    } else {
        random_id(c->nonce);
        first = arena_printf(arena, "n,,n=%s,r=%s", c->name, c->nonce);
        c->state = WAIT_CHALLENGE;
    }
    peer_printf(&c->peer, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='%s'>%.*s</auth>",
                mechanisms[c->plan->mechanism], STR_FMT(base64_encode(arena, first)));
}

/* RFC 5802: the proof from the server's first message. */
static bool send_proof(struct client *c, struct arena *arena, struct str stanza) {
    enum hash hash = c->plan->mechanism == SIGNIN_SCRAM_SHA_1 ? HASH_SHA1 : HASH_SHA256;
    size_t len = hash_len(hash);
    struct str text = between(stanza, ">", "</challenge>"), server_first, salt;
    if (base64_decode(arena, text, &server_first) != 0) return false;
    struct str nonce = between(server_first, "r=", ","), salt64 = between(server_first, "s=", ",");
    const char *i = memmem(server_first.p, server_first.len, ",i=", 3);
    if (!i || !str_starts(nonce, str_c(c->nonce)) || salt64.len >= sizeof c->keys->salt) return false;
    unsigned iterations = (unsigned)strtoul(i + 3, NULL, 10);
    if (c->keys->iterations != iterations || !str_eq(str_c(c->keys->salt), salt64)) {
        uint8_t salted[HASH_LEN_MAX];
        if (base64_decode(arena, salt64, &salt) != 0) return false;
        pbkdf2(hash, str_c(c->plan->password), salt, iterations, salted);
        hmac(hash, str_of(salted, len), STR("Client Key"), c->keys->client_key);
        c->keys->iterations = iterations;
        memcpy(c->keys->salt, salt64.p, salt64.len);
        c->keys->salt[salt64.len] = '\0';
    }
    uint8_t stored[HASH_LEN_MAX], proof[HASH_LEN_MAX];
    hash_bytes(hash, str_of(c->keys->client_key, len), stored);
    struct str bare =
        arena_printf(arena, "n=%s,r=%s,%.*s,c=biws,r=%.*s", c->name, c->nonce, STR_FMT(server_first), STR_FMT(nonce));
    hmac(hash, str_of(stored, len), bare, proof);
    for (size_t k = 0; k < len; k++) proof[k] ^= c->keys->client_key[k];
    struct str final =
        arena_printf(arena, "c=biws,r=%.*s,p=%.*s", STR_FMT(nonce), STR_FMT(base64_encode(arena, str_of(proof, len))));
    peer_printf(&c->peer, "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>%.*s</response>",
                STR_FMT(base64_encode(arena, final)));
    return true;
}

/* All at once, as apps that know what they want do; the ping's answer says that the server has come so far. */
static void send_session(struct client *c) {
    if (c->plan->sm) peer_send(&c->peer, STR("<enable xmlns='urn:xmpp:sm:3' resume='true'/>"));
    c->taken = c->sent = c->acked = 0;
    if (c->plan->roster) client_send(c, STR("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>"));
    if (c->plan->carbons) client_send(c, STR("<iq type='set' id='carbons'><enable xmlns='urn:xmpp:carbons:2'/></iq>"));
    if (c->plan->caps)
        client_send(
            c, STR("<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://example.org/load' "
                   "ver='QgayPKawpkPSDYmwT/WM94uAlu0='/></presence>"));
    else if (!c->plan->quiet)
        client_send(c, STR("<presence/>"));
    char ping[160];
    snprintf(ping, sizeof ping, "<iq type='get' id='ready' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>",
             c->plan->domain);
    client_send(c, str_c(ping));
    c->opening = c->sent;
    c->state = WAIT_PONG;
}

static void fail(struct client *c, struct str why) {
    static char copy[400]; /* `why` stands in the buffer that closing frees */
    snprintf(copy, sizeof copy, "%.*s", STR_FMT(why));
    peer_close(&c->peer);
    c->on_failed(c, str_c(copy));
}

static void on_session_frame(struct client *c, struct str s) {
    if (s.p[1] == 'r' && (s.p[2] == ' ' || s.p[2] == '/')) {
        peer_printf(&c->peer, "<a xmlns='urn:xmpp:sm:3' h='%u'/>", c->taken);
        return;
    }
    if (s.p[1] == 'a' && s.p[2] == ' ') {
        struct str h = between(s, "h='", "'");
        if (!h.p) h = between(s, "h=\"", "\"");
        if (h.p) c->acked = (uint32_t)strtoul(h.p, NULL, 10);
        return;
    }
    if (is(s, "enabled")) {
        c->taken = 0;
        return;
    }
    if (is(s, "stream:error") || is(s, "/stream:stream")) {
        fail(c, s);
        return;
    }
    if (!is(s, "message") && !is(s, "presence") && !is(s, "iq")) return;
    c->taken++;
    if (c->state == WAIT_PONG && is(s, "iq") && (has(s, "id='ready'") || has(s, "id=\"ready\""))) {
        c->state = READY;
        c->on_ready(c);
        return;
    }
    if (c->on_stanza) c->on_stanza(c, s);
}

static void on_frame(struct peer *peer, struct str s) {
    struct client *c = peer->user;
    if (c->state >= WAIT_PONG) {
        on_session_frame(c, s);
        return;
    }
    struct arena *arena = arena_new();
    bool good = true;
    switch (c->state) {
    case WAIT_HEADER:
    case WAIT_HEADER_AGAIN:
        good = has(s, "stream:stream");
        c->state++;
        break;
    case WAIT_FEATURES:
        good = is(s, "stream:features");
        if (c->plan->tls == SIGNIN_STARTTLS && !peer->ssl) {
            peer_send(peer, STR("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
            c->state = WAIT_PROCEED;
        } else if (good) {
            send_auth(c, arena);
        }
        break;
    case WAIT_PROCEED:
        good = is(s, "proceed");
        if (good) peer_start_tls(peer);
        break;
    case WAIT_CHALLENGE:
        good = is(s, "challenge") && send_proof(c, arena, s);
        c->state = WAIT_SUCCESS;
        break;
    case WAIT_SUCCESS:
        good = is(s, "success");
        c->state = WAIT_HEADER_AGAIN;
        if (good) send_header(c);
        break;
    case WAIT_BIND_FEATURES:
        good = is(s, "stream:features");
        peer_send(peer, STR("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"));
        c->state = WAIT_BOUND;
        break;
    case WAIT_BOUND: {
        struct str jid = between(s, "<jid>", "</jid>");
        good = jid.p && jid.len < sizeof c->address;
        if (!good) break;
        memcpy(c->address, jid.p, jid.len);
        c->address[jid.len] = '\0';
        send_session(c);
        break;
    }
    default:
        CHECK_UNREACHABLE("state of a sign-in");
    }
    if (!good) fail(c, s);
    arena_free(&arena);
}

static void on_open(struct peer *peer) {
    struct client *c = peer->user;
    c->state = WAIT_HEADER;
    send_header(c);
}

static void on_closed(struct peer *peer) {
    struct client *c = peer->user;
    c->on_failed(c, STR("the server closed the connection"));
}

void client_start(struct client *c) {
    c->peer.user = c;
    c->peer.on_open = on_open;
    c->peer.on_frame = on_frame;
    c->peer.on_closed = on_closed;
    c->state = WAIT_HEADER;
    c->began_us = now_us();
    peer_connect(&c->peer, c->plan->tls == SIGNIN_DIRECT);
}

void client_send(struct client *c, struct str stanza) {
    c->sent++;
    peer_send(&c->peer, stanza);
}

void client_end(struct client *c) {
    /* Straight to the socket: what was queued of this turn goes too. A lost end is only a dead socket. */
    peer_send(&c->peer, STR("</stream:stream>"));
    peer_finish(&c->peer);
}
