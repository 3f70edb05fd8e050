/* stream_stage.c: see the header. */
#include "stream_stage.h"

#include <openssl/rand.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "front/login.h"
#include "front/relay.h"
#include "front/throttle.h"
#include "front/web.h"
#include "im/feature.h"
#include "im/media.h"
#include "im/removal.h"
#include "im/router.h"
#include "store/accounts.h"
#include "store/archive_index.h"
#include "store/roster.h"

#define WALL_US INT64_C(1700000000000000)

struct hub hub;
struct server server;
struct front *front;
struct gate *gate;
struct shard *shard;
const char *const bares[ACCOUNTS] = {"a@fuzz.example", "b@fuzz.example", "c@fuzz.example"};
struct client clients[CLIENTS];
struct buf sent;
uint8_t start;
bool talks;

static msg_handler handlers[MSG_TYPES];
static struct scram_keys sha1, sha256;
static int64_t now_ms, changes;

/* --- chance: OpenSSL's, for whom it is linked before --- */

static uint64_t chance;

int RAND_bytes(unsigned char *out, int len) {
    for (int i = 0; i < len; i++) {
        uint64_t z = chance += UINT64_C(0x9E3779B97F4A7C15);
        z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
        out[i] = (unsigned char)(z >> 56);
    }
    return 1;
}

/* --- what lasts --- */

static char dir[64];

static void stage_close(void) {
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    (void)!system(command);
}

static void stage_options(void) {
    static struct arena *arena; /* of the options */
    arena = arena_new();
    struct str why;
    struct options *o = &server.options;
    MUST(conf_load(option_tables, NULL, arena, o, &why) == 0);
    o->domain = STR("fuzz.example");
    o->data_dir = str_c(dir);
    o->http = STR("127.0.0.1:80");
    o->web_dir = STR("");
    o->disk_reserve = 0;
    o->plaintext = PLAINTEXT_LOOPBACK;
    o->registration = REGISTRATION_OPEN;
    o->iterations = 1;
    o->sm_resume_ms = 20000;
    o->idle_ping_ms = 20000;
    o->dead_ms = 10000;
    o->idle_accounts_ms = 1000;
    o->roster_items = o->blocked_items = o->resources = 5;
    o->mam_page = o->inbox_page = o->offline_page = 3;
    server.limits = (struct xml_limits){(uint32_t)o->stanza_bytes, (uint16_t)o->depth, (uint16_t)o->attributes,
                                        (uint32_t)o->children};
    server.limits_unauthenticated = server.limits;
    server.limits_unauthenticated.bytes_max = (uint32_t)o->stanza_bytes_unauthenticated;
}

static void stage_open(void) {
    talks = getenv("CONFAB_FUZZ_TALKS") != NULL;
    log_set_level(talks ? LOG_DEBUG : LOG_ERROR);
    strcpy(dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/confab-fuzz-XXXXXX" : "/tmp/confab-fuzz-XXXXXX");
    MUST(mkdtemp(dir) && atexit(stage_close) == 0);
    stage_options();
    MUST(front_new(&server, &front) == 0);
    throttle_free(&front->throttle); /* each world has its own */
    uint8_t salt[SASL_SALT_LEN] = {1};
    MUST(scram_derive(HASH_SHA1, STR(PASSWORD), salt, 1, &sha1) == 0);
    MUST(scram_derive(HASH_SHA256, STR(PASSWORD), salt, 1, &sha256) == 0);
    grid_build();
    memcpy(handlers, im_handlers, sizeof handlers);
    handlers[MSG_HTTP] = web_on_http;
    handlers[MSG_PEER_IN] = relay_on_in;
}

/* Cheaper than another database. */
static void store_clear(struct db *db) {
    static struct archive_shared shared;
    archive_index_detach(db);
    MUST(db_script(
             db,
             "DELETE FROM accounts; DELETE FROM roster; DELETE FROM requests; DELETE FROM blocked; DELETE FROM owed;"
             "DELETE FROM messages; DELETE FROM archive_rows; DELETE FROM archive_origins; DELETE FROM owed_again;"
             "DELETE FROM slots; DELETE FROM blobs; DELETE FROM dead_files; UPDATE archive_settled SET message = 0;"
             "UPDATE upload_totals SET files = 0, bytes = 0, slots = 0;") == 0);
    shared = (struct archive_shared){0};
    MUST(archive_index_attach(db, &shared, NULL, NULL) == 0);
}

/* a and b are contacts; c is nobody's. */
static void store_make(void) {
    struct store_options options = {.db = {.path = ":memory:"}, .manual = true};
    int64_t ids[ACCOUNTS];
    if (!server.store) MUST(store_open(&options, &server.store) == 0);
    struct db *db = store_db(server.store);
    if (db_changes_total(db) == changes) return;
    store_clear(db);
    MUST(db_begin(db) == 0);
    for (unsigned i = 0; i < ACCOUNTS; i++) MUST(accounts_create(db, str_c(bares[i]), &sha1, &sha256, 1, &ids[i]) == 0);
    for (unsigned i = 0; i < 2; i++) {
        struct roster_row row = {.jid = str_c(bares[1 - i]),
                                 .name = STR(""),
                                 .groups = STR(""),
                                 .flags = ROSTER_TO | ROSTER_FROM | ROSTER_LISTED};
        MUST(roster_put(db, ids[i], &row, 1) == 0);
    }
    MUST(db_commit(db) == 0);
    changes = db_changes_total(db);
}

/* --- a world --- */

static void places_simulate(void) {
    for (unsigned i = 0; i < 2; i++) loop_simulate(hub.places[i]->loop, now_ms, WALL_US + now_ms * 1000);
}

void world_open(uint8_t first_byte) {
    if (!front) stage_open();
    start = first_byte;
    chance = 1;
    now_ms = 1000000;
    store_make();
    hub = (struct hub){.server = &server};
    server.hub = &hub;
    server.options.rates = start & RATES;
    server.options.relay = start & RELAY;
    server.options.session_waiting = start & SMALL ? 4096 : 1 << 20;
    server.options.sm_queue = start & SMALL ? 10 : 2000;
    uint32_t high = start & SMALL ? 2048 : 65536;
    front->authenticated.out_high = front->http.out_high = high;
    front->throttle = throttle_new();
    shard = shard_new(&hub, false, handlers);
    struct shard *place = shard_new(&hub, true, gate_handlers);
    places_simulate();
    im_new(&server, shard);
    MUST(media_new(&server, &server.media) == 0);
    server.removal = removal_new(&server);
    gate = front->gates[0] = gate_new(front, place);
    for (unsigned i = 0; i < CLIENTS; i++) clients[i] = (struct client){.fd = -1};
    buf_clear(&sent);
}

void world_close(void) {
    struct im *im = shard->im;
    struct shard *place = gate->place;
    web_close(turn_begin(shard));
    turn_end(shard);
    gate_free(&gate);
    im_free(&im);
    media_free(&server.media);
    removal_free(&server.removal);
    shard_free(&shard);
    shard_free(&place);
    throttle_free(&front->throttle);
}

static bool owed_seen(void *arg, int64_t id, struct str from_bare, struct str to_bare, struct str stanza) {
    (void)id;
    (void)from_bare;
    (void)to_bare;
    (void)stanza;
    ++*(unsigned *)arg;
    return true;
}

bool world_is_empty(void) {
    struct im *im = shard->im;
    uint64_t jobs, bytes;
    unsigned owed = 0;
    store_load(server.store, &jobs, &bytes);
    MUST(owed_each(store_db(server.store), owed_seen, &owed) == 0);
    return jobs == 0 && owed == 0 && im->session_count == 0 && map_count(&im->accounts) == 0 &&
           list_empty(&im->streams) && list_empty(&im->crowd) && list_empty(&gate->logins) &&
           list_empty(&gate->sniffs) && atomic_load(&server.connections) == 0 &&
           atomic_load(&server.unauthenticated) == 0;
}

/* --- what happens --- */

static bool client_read(struct client *c) {
    static char bytes[65536];
    if (c->fd < 0 || c->deaf) return false;
    ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);
    if (n <= 0) return false;
    if (talks) fprintf(stderr, "S%td: %.*s\n", c - clients, (int)n, bytes);
    reader_take(&c->reader, str_of(bytes, (size_t)n));
    return true;
}

/* Until nothing moves. */
void run(bool commits) {
    for (unsigned idle = 0; idle < 2; idle++) {
        for (unsigned i = 0; i < 2; i++) {
            turn_begin(hub.places[i]);
            if (shard_drain(hub.places[i])) idle = 0;
            loop_turn(hub.places[i]->loop, true);
            turn_end(hub.places[i]);
        }
        if (commits && store_manual_step(server.store, 0)) idle = 0;
        for (unsigned i = 0; i < CLIENTS; i++)
            if (client_read(&clients[i])) idle = 0;
    }
}

void run_on(void) {
    run(!(start & SLOW_DISK));
}

void pass(int64_t ms) {
    now_ms += ms;
    places_simulate();
    run_on();
}
