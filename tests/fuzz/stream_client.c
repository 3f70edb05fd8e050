/* stream_client.c: clients of fuzz_stream.c (stream_stage.h): how they come, write, prove who they are, and go. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/codec.h"
#include "front/c2s.h"
#include "front/connections.h"
#include "front/login.h"
#include "front/web.h"
#include "im/stream.h"
#include "store/accounts.h"
#include "stream_stage.h"

#define HEADER                                                                                                         \
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"        \
    " to='fuzz.example' version='1.0'>"
#define OPEN "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='fuzz.example' version='1.0'/>"
#define BIND                                                                                                           \
    "<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>%s"       \
    "</resource></bind></iq>"

enum { PIECES_MAX = 24 };

static struct conn *conn_make(struct client *c, bool local) {
    int pair[2], small = 4096;
    struct net_address from = {.ip = {[10] = 0xff, [11] = 0xff, [12] = local ? 127 : 192, [15] = 1}};
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    if (start & SMALL) setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    MUST(connections_enter(&from, &server));
    c->fd = pair[1];
    return conn_new(pair[0], &from, &front->unauthenticated);
}

/* As a gate does when the proof was right. */
static void client_adopt(struct conn *conn, bool websocket, struct str bare) {
    struct account_row row;
    if (accounts_find(store_db(server.store), bare, &row)) row.generation = 1;
    struct msg_adopt *m = msg_new(MSG_ADOPT, sizeof *m + bare.len, 0);
    m->bare = str_of(memcpy(m->text, bare.p, bare.len), bare.len);
    m->generation = row.generation;
    m->peer = c2s_new(&server, conn, websocket);
    shard_post(shard, &m->msg);
}

static void client_put(struct client *c, struct str bytes) {
    struct str left = bytes;
    if (talks) fprintf(stderr, "C%td: %.*s\n", c - clients, STR_FMT(bytes));
    buf_add_str(&sent, bytes);
    for (unsigned i = 0; left.len && c->fd >= 0; i++) {
        size_t len = c->piece && c->piece < left.len && i < PIECES_MAX ? c->piece : left.len;
        ssize_t n = send(c->fd, left.p, len, MSG_NOSIGNAL);
        if (n <= 0) return; /* it may be closed already, or be held */
        left = str_from(left, (size_t)n);
        run_on();
    }
}

static enum reader_framing framing_of(const struct client *c) {
    static const enum reader_framing framings[] = {READER_TCP, READER_WEBSOCKET, READER_HTTP, READER_TCP};
    return c == clients ? framings[(start >> 2) & 3] : READER_TCP;
}

static enum start start_of(const struct client *c) {
    return c == clients ? start & 3 : START_BOUND;
}

/* A frame of its own, masked with zeros, when the stage does the framing. */
void client_send(struct client *c, struct str bytes) {
    struct buf framed = BUF_INIT;
    if (framing_of(c) == READER_WEBSOCKET) {
        size_t len = bytes.len;
        buf_add_char(&framed, (char)0x81);
        buf_add_char(&framed, (char)(0x80 | (len < 126 ? len : 126)));
        if (len >= 126) buf_add_char(&framed, (char)(len >> 8)), buf_add_char(&framed, (char)len);
        buf_add(&framed, "\0\0\0", 4);
    }
    buf_add_str(&framed, bytes);
    client_put(c, buf_str(&framed));
    buf_free(&framed);
}

static void client_greet(struct client *c) {
    char bind[256], resource[2] = {(char)('0' + (c - clients)), 0};
    bool websocket = framing_of(c) == READER_WEBSOCKET;
    client_send(c, websocket ? STR(OPEN) : STR(HEADER));
    if (c->has_been) return; /* it may want to resume */
    snprintf(bind, sizeof bind, BIND, resource);
    client_send(c, str_c(bind));
}

void client_connect(struct client *c) {
    enum start how = start_of(c);
    bool websocket = framing_of(c) == READER_WEBSOCKET, adopted = how >= START_SIGNED;
    struct conn *conn = conn_make(c, how != START_STRANGER);
    bool is_http = framing_of(c) == READER_HTTP;
    reader_open(&c->reader, framing_of(c), adopted && !is_http, framing_of(clients) == READER_HTTP ? NULL : &sent);
    if (is_http) {
        struct msg_upgrade *m = msg_new(MSG_UPGRADE, sizeof *m, 0);
        m->conn = conn;
        shard_post(gate->place, &m->msg);
    } else if (adopted) {
        client_adopt(conn, websocket, str_c(bares[(c - clients) & 1]));
    } else {
        login_start(turn_begin(gate->place), gate, c2s_new(&server, conn, websocket));
        turn_end(gate->place);
    }
    run_on();
    if (how == START_BOUND && !is_http) client_greet(c);
    c->has_been = true;
}

void client_break(struct client *c) {
    if (c->fd < 0) return;
    close(c->fd);
    c->fd = -1;
    c->deaf = false;
    c->piece = 0;
    reader_close(&c->reader);
}

/* --- SCRAM --- */

static struct str challenge_part(struct str challenge, char name) {
    char mark[] = {name, '=', 0};
    const char *at = memmem(challenge.p, challenge.len, mark, 2);
    if (!at) return STR("");
    struct str value = str_from(challenge, (size_t)(at - challenge.p) + 2);
    const char *end = memchr(value.p, ',', value.len);
    return str_first(value, end ? (size_t)(end - value.p) : value.len);
}

static enum hash chosen_hash(void) {
    struct str text = buf_str(&sent);
    for (size_t i = text.len; i-- > 11;)
        if (memcmp(text.p + i - 11, "SCRAM-SHA-", 10) == 0) return text.p[i - 1] == '1' ? HASH_SHA1 : HASH_SHA256;
    return HASH_SHA256;
}

static struct str scram_answer(struct arena *arena, struct str challenge) {
    enum hash hash = chosen_hash();
    size_t len = hash_len(hash);
    uint8_t salted[HASH_LEN_MAX], key[HASH_LEN_MAX], stored[HASH_LEN_MAX], signature[HASH_LEN_MAX];
    struct str salt, nonce = challenge_part(challenge, 'r');
    if (base64_decode(arena, challenge_part(challenge, 's'), &salt)) salt = STR("");
    pbkdf2(hash, STR(PASSWORD), salt, 1, salted);
    hmac(hash, str_of((char *)salted, len), STR("Client Key"), key);
    hash_bytes(hash, str_of((char *)key, len), stored);
    struct str bare = ARENA_CONCAT(arena, STR("c=biws,r="), nonce);
    struct str all = ARENA_CONCAT(arena, STR("n=a,r=fuzz,"), challenge, STR(","), bare);
    hmac(hash, str_of((char *)stored, len), all, signature);
    for (size_t i = 0; i < len; i++) key[i] ^= signature[i];
    return ARENA_CONCAT(arena, bare, STR(",p="), base64_encode(arena, str_of((char *)key, len)));
}

void client_prove(struct client *c, struct buf *out) {
    struct arena *arena = arena_new();
    struct str challenge, message = STR("n,,n=a,r=fuzz");
    struct reader *r = &c->reader;
    if (r->is_challenged && base64_decode(arena, buf_str(&r->challenge), &challenge) == 0)
        message = scram_answer(arena, challenge);
    r->is_challenged = false;
    buf_add_str(out, base64_encode(arena, message));
    arena_free(&arena);
}
