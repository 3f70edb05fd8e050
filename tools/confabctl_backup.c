/*
 * confabctl_backup.c: the commands that confabctl does itself: backups (src/store/backup.h). They read the server's files, not its socket, so that
 * they work whether it runs or not, and it has no more to do while they work.
 */
#include "confabctl_backup.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/console.h"
#include "base/arena.h"
#include "base/codec.h"
#include "base/err.h"
#include "im/options.h"
#include "store/backup.h"

static volatile sig_atomic_t stop_asked;

static void on_signal(int number) {
    (void)number;
    stop_asked = 1;
}

static bool is_stopped(void) {
    return stop_asked;
}

/* The first signal asks us to clean up and stop, the second is its own. */
static void signals_watch(void) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &(struct sigaction){.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND}, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a limit is an error, and told as one */
}

static bool socket_answers(void *arg) {
    const struct backup_job *job = arg;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int len = snprintf(address.sun_path, sizeof address.sun_path, "%.*s/%s", STR_FMT(job->data_dir), CONSOLE_SOCKET);
    if (len < 0 || (size_t)len >= sizeof address.sun_path) return false; /* no server could be there */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool answers = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0) close(fd);
    return answers;
}

static void facts_print(const char *path, const struct backup_facts *f) {
    struct arena *arena = arena_new();
    struct str when = datetime_format(arena, f->created_us);
    printf("%s: %llu bytes, made %.*s: database of %llu bytes (schema %u)", path, (unsigned long long)f->length,
           STR_FMT(when), (unsigned long long)f->database, f->schema);
    if (f->media)
        printf(", %llu files of %llu bytes", (unsigned long long)f->files, (unsigned long long)f->file_bytes);
    else
        printf(", no files");
    if (f->gone) printf(" (%llu that it names were deleted meanwhile)", (unsigned long long)f->gone);
    if (f->lost) printf("; %llu FILES ARE MISSING that the server should have had", (unsigned long long)f->lost);
    printf("\n");
    arena_free(&arena);
}

const struct local_command local_commands[] = {
    {"backup", "FILE [--media]", "the whole server in one file, while it runs; --media: with uploaded files", true,
     LOCAL_MEDIA, backup_write},
    {"verify", "FILE", "whether a backup is whole, from end to end", false, 0, backup_verify},
    {"restore", "FILE [--data-dir DIR] [--force]",
     "a backup becomes data_dir, of a stopped server; --force: instead of what is there", true,
     LOCAL_DATA_DIR | LOCAL_FORCE, backup_restore},
    {0},
};

int local_run(const struct local_command *command, const char *config, const struct local_options *given) {
    struct arena *arena = arena_new();
    struct options options = {.disk_reserve = 0};
    struct str message = STR_NONE;
    if (config && conf_load(option_tables, config, arena, &options, &message)) {
        fprintf(stderr, "confabctl: the configuration: %.*s\n", STR_FMT(message));
        arena_free(&arena);
        return 1;
    }
    struct backup_job job = {.data_dir = given->data_dir ? str_c(given->data_dir) : options.data_dir,
                             .path = given->path,
                             .media = given->media,
                             .force = given->force,
                             .reserve = (uint64_t)options.disk_reserve,
                             .stopped = is_stopped,
                             .in_use = socket_answers,
                             .arg = &job,
                             .why = BUF_INIT};
    struct backup_facts facts;
    signals_watch();
    int err = command->run(&job, &facts);
    if (err)
        fprintf(stderr, "confabctl: %s: %.*s\n", command->name, STR_FMT(buf_str(&job.why)));
    else
        facts_print(given->path, &facts);
    buf_free(&job.why);
    arena_free(&arena);
    return err ? 1 : 0;
}
