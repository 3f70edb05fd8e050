/*
 * fuzz_stream.c: any bytes of clients on XMPP streams of a real gate and a real shard (stream_stage.h).
 *
 * The first byte chooses how the first client comes and what the server is like. Then there is what it sends; bytes that UTF-8 does not have
 * are for the stage (enum control). A second client, another account's, and a third one, of the first account, wait to be used.
 *
 * Beyond memory errors: what the server writes is what it may write (stream_reader.h); when all clients have gone nothing of them is left at
 * work, in memory or owed. CONFAB_FUZZ_TALKS=1 shows the dialogue.
 */
#include <sys/socket.h>

#include "stream_stage.h"

enum control {
    SEND = 0xFF,   /* the packet ends; what it causes happens */
    TICK = 0xFE,   /* likewise, and a second passes */
    SLEEP = 0xFD,  /* 40 s: sessions without a connection end, who is silent is pinged */
    COMMIT = 0xFC, /* with SLOW_DISK: the disk is done with what waits */
    BREAK = 0xFB,  /* the connection is gone; bytes that follow come on a new one */
    OTHER = 0xFA,  /* the next client goes on */
    PROOF = 0xF9,  /* what SCRAM sends now, base64: the first message of `a`, or the answer to the challenge */
    PREVID = 0xF8, /* of XEP-0198 */
    PIECES = 0xF7, /* from here the packet is sent in pieces; the next byte says how long they are */
    END = 0xF6,    /* the client will send nothing more */
    GOT = 0xF5,    /* how many stanzas came since <enabled/>: h */
    DEAF = 0xC0,   /* the client stops reading, or goes on */
};

static struct client *client; /* who writes */
static struct buf packet;

static void packet_end(void) {
    if (buf_len(&packet) && client->fd < 0) client_connect(client);
    if (buf_len(&packet)) client_send(client, buf_str(&packet));
    buf_clear(&packet);
    run_on();
}

static void control(enum control what) {
    if (what == PROOF) client_prove(client, &packet);
    if (what == PREVID) buf_add_str(&packet, str_c(client->reader.previd));
    if (what == GOT) buf_printf(&packet, "%u", client->reader.got);
    if (what == PROOF || what == PREVID || what == GOT) return;
    packet_end();
    if (what == TICK) pass(1100);
    if (what == SLEEP) pass(40000);
    if (what == COMMIT) run(true);
    if (what == BREAK) client_break(client);
    if (what == OTHER) client = &clients[(client - clients + 1) % CLIENTS];
    if (what == END && client->fd >= 0) shutdown(client->fd, SHUT_WR);
    if (what == DEAF) client->deaf = !client->deaf;
    run_on();
}

static void play(const uint8_t *data, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (data[i] < GOT && data[i] != DEAF) {
            buf_add_char(&packet, (char)data[i]);
        } else if (data[i] == PIECES) {
            packet_end();
            if (++i < size) client->piece = data[i] & 63;
        } else {
            control(data[i]);
        }
    }
    packet_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    world_open(data[0]);
    client = clients;
    buf_clear(&packet);
    play(data + 1, size - 1);
    for (unsigned i = 0; i < CLIENTS; i++) client_break(&clients[i]);
    start &= (uint8_t)~SLOW_DISK;
    run_on();
    for (unsigned tries = 0; !world_is_empty(); tries++) {
        MUST(tries < 60);
        pass(2000);
    }
    world_close();
    return 0;
}
