/*
 * load.c: the load generator. One thread, one process; what it measures is the CPU time and the memory of another
 * (--pid), over messages delivered. It knows no more of the server than any client does.
 *
 *     load pairs    --pairs 100 --window 1     the two of each pair throw `window` messages to and fro
 *     load random   --accounts 10000 --window 500   each message from a random account to a random one
 *     load idle     --accounts 1000            signs in and looks at the memory
 *     load login    --accounts 100 --window 20 signs in, is answered a ping, leaves, again and again
 *     load fan      --accounts 10              the first account's messages go to that many sessions of the second
 *     load befriend --accounts 1000 --contacts 50   makes everybody a mutual contact of neighbours (setup for idle)
 *     load raw      --pairs 100                the same as pairs, against bench/null_relay
 *
 * With --every MS each pair waits so long between two messages: a person, not a flood.
 *
 * Accounts are PREFIX000000@DOMAIN and on, all with one password. Ends after --seconds (measured, after --warm-up) or
 * --count messages (logins); prints one line of key=value.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/check.h"
#include "measure.h"
#include "signin.h"

enum mode { MODE_PAIRS, MODE_RANDOM, MODE_IDLE, MODE_LOGIN, MODE_FAN, MODE_BEFRIEND, MODE_RAW };
static const char *const modes[] = {"pairs", "random", "idle", "login", "fan", "befriend", "raw"};
static const char *const mechanism_names[] = {"plain", "scram-sha-1", "scram-sha-256"};
static const char *const tls_names[] = {"none", "starttls", "direct"};

static struct {
    enum mode mode;
    const char *host, *prefix;
    int port;
    pid_t pid;
    uint32_t accounts, window, contacts, at_once, body;
    int64_t seconds, warm_up, settle, count, every_us;
    bool no_store, ask;
    struct signin_plan plan;
} o = {.host = "127.0.0.1",
       .port = 5222,
       .prefix = "load",
       .accounts = 200,
       .window = 1,
       .at_once = 50,
       .body = 64,
       .seconds = 10,
       .warm_up = 2,
       .settle = 3,
       .plan = {.domain = "localhost", .password = "load", .mechanism = SIGNIN_SCRAM_SHA_256}};

static struct client *clients;
static struct signin_keys *keys;
static uint32_t ready, starting, next_to_start;

static struct {
    bool measuring;
    uint64_t sent, delivered, logins;
    struct histogram latency;
} m;

static void give_up(const char *what, struct str why) {
    fprintf(stderr, "load: %s: %.*s\n", what, STR_FMT(why));
    exit(1);
}

static void on_failed(struct client *c, struct str why) {
    give_up(c->name, why);
}

/* ---- messages: the body begins with the time of sending, so that the receiver knows how long it took ---- */

static uint64_t random_state = 88172645463325252ULL; /* the same every time: runs are comparable */
static uint32_t random_below(uint32_t n) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 11) % n);
}

static void send_message(struct client *from, const char *to_name) {
    char text[2048];
    int n =
        snprintf(text, sizeof text, "<message to='%s@%s' type='chat' id='m%llx'><body>%016llx %0*d</body>%s</message>",
                 to_name, o.plan.domain, (unsigned long long)m.sent, (unsigned long long)now_us(), (int)o.body - 17, 0,
                 o.no_store ? "<no-store xmlns='urn:xmpp:hints'/>" : "");
    CHECK(n > 0 && (size_t)n < sizeof text);
    m.sent++;
    client_send(from, str_of(text, (size_t)n));
    if (o.ask) peer_send(&from->peer, STR("<r xmlns='urn:xmpp:sm:3'/>"));
}

/* One of ours: others may send to our accounts too (bench/hostile does). */
static bool take_message(struct str s) {
    if (!str_starts(s, STR("<message"))) return false;
    const char *body = memmem(s.p, s.len, "<body>", 6);
    if (!body || s.p + s.len - body < 24 || body[22] != ' ') return false;
    if (memmem(s.p, s.len < 200 ? s.len : 200, "error", 5)) give_up("a message came back", s);
    if (m.measuring) {
        m.delivered++;
        histogram_add(&m.latency, (uint64_t)now_us() - strtoull(body + 6, NULL, 16));
    }
    return true;
}

/* ---- the modes: what a received stanza leads to ---- */

static int64_t *due_us; /* with --every: when each client sends next; 0: it waits for a message */

static void on_pair(struct client *c, struct str s) {
    if (!take_message(s)) return;
    if (o.every_us)
        due_us[c->peer.index] = now_us() + o.every_us;
    else
        send_message(c, clients[c->peer.index ^ 1].name);
}

static void send_due(void) {
    int64_t now = now_us();
    for (uint32_t i = 0; i < o.accounts; i++) {
        if (!due_us[i] || due_us[i] > now) continue;
        due_us[i] = 0;
        send_message(&clients[i], clients[i ^ 1].name);
    }
}

static void send_random(void) {
    uint32_t from = random_below(o.accounts), to = random_below(o.accounts - 1);
    send_message(&clients[from], clients[to + (to >= from)].name);
}

static void on_random(struct client *c, struct str s) {
    (void)c;
    if (take_message(s)) send_random();
}

static uint32_t fan_missing;
static void on_fan(struct client *c, struct str s) {
    (void)c;
    if (take_message(s) && --fan_missing == 0) {
        fan_missing = o.accounts - 1;
        send_message(&clients[0], clients[1].name);
    }
}

/* Everybody asks the next contacts/2 accounts of the ring and says yes to everyone. */
static uint32_t friendships;
static void on_befriend(struct client *c, struct str s) {
    if (!str_starts(s, STR("<presence"))) return;
    bool asks = memmem(s.p, s.len, "type='subscribe'", 16) || memmem(s.p, s.len, "type=\"subscribe\"", 16);
    bool agrees = memmem(s.p, s.len, "type='subscribed'", 17) || memmem(s.p, s.len, "type=\"subscribed\"", 17);
    if (!asks && !agrees) return;
    if (agrees) {
        friendships++;
        return;
    }
    const char *from = memmem(s.p, s.len, " from=", 6);
    CHECK(from);
    from += 7;
    const char *end = memchr(from, from[-1], (size_t)(s.p + s.len - from));
    CHECK(end);
    int n = (int)(end - from);
    char text[512];
    snprintf(text, sizeof text, "<presence to='%.*s' type='subscribed'/>", n, from);
    client_send(c, str_c(text));
    /* Ask back once: whoever is before us in the ring does not get asked otherwise. */
    uint32_t other = (uint32_t)strtoul(from + strlen(o.prefix), NULL, 10);
    uint32_t ahead = (other + o.accounts - c->peer.index) % o.accounts;
    if (ahead > o.contacts / 2) {
        snprintf(text, sizeof text, "<presence to='%.*s' type='subscribe'/>", n, from);
        client_send(c, str_c(text));
    }
}

/* ---- signing in ---- */

static void start_next(void) {
    while (starting < o.at_once && next_to_start < o.accounts) {
        starting++;
        client_start(&clients[next_to_start++]);
    }
}

static void on_ready(struct client *c) {
    (void)c;
    ready++;
    starting--;
    start_next();
}

static void on_login(struct client *c) {
    if (m.measuring) histogram_add(&m.latency, (uint64_t)(now_us() - c->began_us));
    if (m.measuring) m.logins++;
    client_end(c);
    client_start(c);
}

static void make_clients(void) {
    clients = calloc(o.accounts, sizeof *clients);
    keys = calloc(o.accounts, sizeof *keys);
    due_us = calloc(o.accounts, sizeof *due_us);
    CHECK(clients && keys && due_us);
    for (uint32_t i = 0; i < o.accounts; i++) {
        struct client *c = &clients[i];
        c->peer.index = i;
        c->plan = &o.plan;
        c->keys = &keys[i];
        c->on_ready = on_ready;
        c->on_failed = on_failed;
        uint32_t account = o.mode == MODE_FAN && i > 1 ? 1 : i;
        snprintf(c->name, sizeof c->name, "%s%06u", o.prefix, account);
    }
}

static void turn_for(int64_t us) {
    for (int64_t end = now_us() + us; now_us() < end;) {
        peers_turn(o.every_us ? 1 : 10);
        if (o.every_us) send_due();
    }
}

static void sign_in_all(void) {
    start_next();
    int64_t last = now_us();
    for (uint32_t seen = 0; ready < o.accounts;) {
        peers_turn(100);
        if (ready != seen) {
            seen = ready;
            last = now_us();
        } else if (now_us() - last > 60 * 1000000LL) {
            give_up("signing in", STR("nobody got in for a minute"));
        }
    }
}

/* ---- the null relay: no sign-in, pairs by number ---- */

static void raw_open(struct peer *peer) {
    peer_printf(peer, "pair %u\n", peer->index / 2);
    ready++;
}
static void raw_frame(struct peer *peer, struct str frame) {
    if (take_message(frame)) send_message(peer->user, clients[peer->index ^ 1].name);
}
static void raw_closed(struct peer *peer) {
    (void)peer;
    give_up("raw", STR("the relay closed the connection"));
}

static void connect_raw(void) {
    for (uint32_t i = 0; i < o.accounts; i++) {
        clients[i].peer.user = &clients[i];
        clients[i].peer.on_open = raw_open;
        clients[i].peer.on_frame = raw_frame;
        clients[i].peer.on_closed = raw_closed;
        peer_connect(&clients[i].peer, o.plan.tls != SIGNIN_PLAIN);
        while (ready <= i) peers_turn(100);
    }
    turn_for(200000);
}

/* ---- measuring ---- */

static uint64_t done(void) {
    return o.mode == MODE_LOGIN ? m.logins : m.delivered;
}

/* Runs for --seconds, or until --count; *out: what it cost. */
static void measure(int64_t *out_cpu_us, int64_t *out_wall_us) {
    if (!o.count) turn_for(o.warm_up * 1000000);
    m.measuring = true;
    int64_t began = now_us(), cpu = cpu_of(o.pid), last_done = began;
    uint64_t seen = 0;
    while (o.count ? done() < (uint64_t)o.count : now_us() - began < o.seconds * 1000000) {
        peers_turn(o.every_us ? 1 : 100);
        if (o.every_us) send_due();
        if (done() != seen) {
            seen = done();
            last_done = now_us();
        } else if (now_us() - last_done > 30 * 1000000LL) {
            give_up("measuring", STR("nothing was delivered for half a minute: a message is lost"));
        }
    }
    *out_cpu_us = cpu_of(o.pid) - cpu;
    *out_wall_us = now_us() - began;
    m.measuring = false;
}

static void report(int64_t cpu_us, int64_t wall_us) {
    double n = done() ? (double)done() : 1;
    printf("mode=%s tls=%s accounts=%u window=%u done=%llu per_s=%.0f cpu_us=%.2f cores=%.2f p50_us=%llu p99_us=%llu "
           "max_us=%llu "
           "rss_kib=%lld\n",
           modes[o.mode], tls_names[o.plan.tls], o.accounts, o.window, (unsigned long long)done(),
           n * 1e6 / (double)wall_us, (double)cpu_us / n, (double)cpu_us / (double)wall_us,
           (unsigned long long)histogram_at(&m.latency, 0.5), (unsigned long long)histogram_at(&m.latency, 0.99),
           (unsigned long long)histogram_at(&m.latency, 1 - 1e-12), (long long)rss_of(o.pid) / 1024);
}

/* Every message acknowledged, within twenty seconds; of other stanzas the server tells who asks. */
static void check_acks(void) {
    if (!o.plan.sm) return;
    uint64_t missing = 1;
    for (int64_t end = now_us() + 20000000; missing && now_us() < end;) {
        turn_for(50000);
        missing = 0;
        for (uint32_t i = 0; i < o.accounts; i++)
            if (clients[i].sent > clients[i].opening) missing += clients[i].sent - clients[i].acked;
    }
    uint64_t sent = 0;
    for (uint32_t i = 0; i < o.accounts; i++) sent += clients[i].sent;
    printf("acks: sent=%llu unacknowledged=%llu\n", (unsigned long long)sent, (unsigned long long)missing);
}

static void run_messages(void) {
    void (*on_stanza[])(struct client *,
                        struct str) = {[MODE_PAIRS] = on_pair, [MODE_RANDOM] = on_random, [MODE_FAN] = on_fan};
    if (o.mode != MODE_RAW) {
        sign_in_all();
        for (uint32_t i = 0; i < o.accounts; i++) clients[i].on_stanza = on_stanza[o.mode];
        turn_for(300000);
    } else {
        connect_raw();
    }
    if (o.mode == MODE_RANDOM) {
        for (uint32_t w = 0; w < o.window; w++) send_random();
    } else if (o.mode == MODE_FAN) {
        fan_missing = o.accounts - 1;
        send_message(&clients[0], clients[1].name);
    } else {
        for (uint32_t i = 0; i < o.accounts; i += 2)
            for (uint32_t w = 0; w < o.window; w++) send_message(&clients[i + (w & 1)], clients[i + !(w & 1)].name);
    }
    int64_t cpu, wall;
    measure(&cpu, &wall);
    /* No answers from here on, so that the acknowledgements can catch up. */
    for (uint32_t i = 0; i < o.accounts; i++) clients[i].on_stanza = NULL;
    report(cpu, wall);
    check_acks();
}

static void run_idle(void) {
    int64_t before = rss_of(o.pid), cpu = cpu_of(o.pid);
    sign_in_all();
    int64_t login_cpu = cpu_of(o.pid) - cpu;
    turn_for(o.settle * 1000000);
    int64_t after = rss_of(o.pid);
    cpu = cpu_of(o.pid);
    turn_for(1000000);
    printf("mode=idle tls=%s accounts=%u before_kib=%lld after_kib=%lld per_session_kib=%.2f login_cpu_us=%.0f "
           "idle_cpu_us_per_s=%lld\n",
           tls_names[o.plan.tls], o.accounts, (long long)before / 1024, (long long)after / 1024,
           (double)(after - before) / 1024 / o.accounts, (double)login_cpu / o.accounts,
           (long long)(cpu_of(o.pid) - cpu));
}

static void run_raw_idle(void) {
    int64_t before = rss_of(o.pid);
    connect_raw();
    turn_for(o.settle * 1000000);
    printf("mode=raw-idle tls=%s accounts=%u per_session_kib=%.2f\n", tls_names[o.plan.tls], o.accounts,
           (double)(rss_of(o.pid) - before) / 1024 / o.accounts);
}

static void run_login(void) {
    uint32_t at_once = o.window < o.accounts ? o.window : o.accounts;
    for (uint32_t i = 0; i < o.accounts; i++) clients[i].on_ready = on_login;
    o.accounts = at_once;
    for (uint32_t i = 0; i < at_once; i++) client_start(&clients[i]);
    int64_t cpu, wall;
    measure(&cpu, &wall);
    report(cpu, wall);
}

static void run_befriend(void) {
    o.plan.roster = true; /* requests go to those who asked for their contacts */
    o.plan.quiet = false;
    sign_in_all();
    for (uint32_t i = 0; i < o.accounts; i++) clients[i].on_stanza = on_befriend;
    uint32_t half = o.contacts / 2, wanted = o.accounts * half * 2;
    for (uint32_t step = 1; step <= half; step++)
        for (uint32_t i = 0; i < o.accounts; i++) {
            char text[256];
            snprintf(text, sizeof text, "<presence to='%s@%s' type='subscribe'/>",
                     clients[(i + step) % o.accounts].name, o.plan.domain);
            client_send(&clients[i], str_c(text));
            if (i % 16 == 0) peers_turn(0);
        }
    int64_t last = now_us();
    for (uint32_t seen = 0; friendships < wanted && now_us() - last < 20 * 1000000LL;) {
        peers_turn(100);
        if (seen != friendships) last = now_us();
        seen = friendships;
    }
    printf("mode=befriend accounts=%u contacts=%u agreed=%u wanted=%u\n", o.accounts, half * 2, friendships, wanted);
    turn_for(500000);
    if (friendships < wanted) exit(1);
}

/* ---- options ---- */

static int choice(const char *value, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(value, names[i]) == 0) return (int)i;
    give_up("no such choice", str_c(value));
    return 0;
}
#define CHOICE(value, names) choice((value), (names), sizeof(names) / sizeof *(names))

static bool raw_idle;

static void parse_options(int argc, char **argv) {
    static const struct option options[] = {
        {"host", 1, NULL, 'h'},   {"port", 1, NULL, 'p'},     {"pid", 1, NULL, 'P'},       {"accounts", 1, NULL, 'n'},
        {"pairs", 1, NULL, '2'},  {"window", 1, NULL, 'w'},   {"seconds", 1, NULL, 's'},   {"warm-up", 1, NULL, 'W'},
        {"settle", 1, NULL, 'S'}, {"count", 1, NULL, 'c'},    {"body", 1, NULL, 'b'},      {"no-store", 0, NULL, 'N'},
        {"sm", 0, NULL, 'm'},     {"ask", 0, NULL, 'a'},      {"roster", 0, NULL, 'r'},    {"caps", 0, NULL, 'C'},
        {"quiet", 0, NULL, 'q'},  {"tls", 1, NULL, 't'},      {"mechanism", 1, NULL, 'M'}, {"domain", 1, NULL, 'd'},
        {"prefix", 1, NULL, 'u'}, {"password", 1, NULL, 'x'}, {"contacts", 1, NULL, 'k'},  {"at-once", 1, NULL, 'o'},
        {"idle", 0, NULL, 'i'},   {"every", 1, NULL, 'e'},    {"carbons", 0, NULL, 'B'},   {NULL, 0, NULL, 0},
    };
    if (argc < 2)
        give_up("usage", STR("load MODE [--option value]...; the modes and options stand at the top of load.c"));
    o.mode = (enum mode)CHOICE(argv[1], modes);
    for (int c; (c = getopt_long(argc - 1, argv + 1, "", options, NULL)) != -1;) {
        uint32_t n = optarg ? (uint32_t)strtoul(optarg, NULL, 10) : 0;
        switch (c) {
        case 'h':
            o.host = optarg;
            break;
        case 'p':
            o.port = (int)n;
            break;
        case 'P':
            o.pid = (pid_t)n;
            break;
        case 'n':
            o.accounts = n;
            break;
        case '2':
            o.accounts = 2 * n;
            break;
        case 'w':
            o.window = n;
            break;
        case 's':
            o.seconds = n;
            break;
        case 'W':
            o.warm_up = n;
            break;
        case 'S':
            o.settle = n;
            break;
        case 'c':
            o.count = n;
            break;
        case 'b':
            o.body = n < 18 ? 18 : n > 1024 ? 1024 : n;
            break;
        case 'N':
            o.no_store = true;
            break;
        case 'm':
            o.plan.sm = true;
            break;
        case 'a':
            o.ask = true;
            break;
        case 'r':
            o.plan.roster = true;
            break;
        case 'B':
            o.plan.carbons = true;
            break;
        case 'C':
            o.plan.caps = true;
            break;
        case 'q':
            o.plan.quiet = true;
            break;
        case 't':
            o.plan.tls = (enum signin_tls)CHOICE(optarg, tls_names);
            break;
        case 'M':
            o.plan.mechanism = (enum signin_mechanism)CHOICE(optarg, mechanism_names);
            break;
        case 'd':
            o.plan.domain = optarg;
            break;
        case 'u':
            o.prefix = optarg;
            break;
        case 'x':
            o.plan.password = optarg;
            break;
        case 'k':
            o.contacts = n;
            break;
        case 'o':
            o.at_once = n;
            break;
        case 'i':
            raw_idle = true;
            break;
        case 'e':
            o.every_us = (int64_t)n * 1000;
            break;
        default:
            exit(2);
        }
    }
}

int main(int argc, char **argv) {
    parse_options(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    peers_init(o.host, (uint16_t)o.port, o.mode == MODE_RAW);
    make_clients();
    switch (o.mode) {
    case MODE_IDLE:
        run_idle();
        break;
    case MODE_LOGIN:
        run_login();
        break;
    case MODE_BEFRIEND:
        run_befriend();
        break;
    case MODE_RAW:
        if (raw_idle) {
            run_raw_idle();
            break;
        }
        run_messages();
        break;
    default:
        run_messages();
    }
    return 0;
}
