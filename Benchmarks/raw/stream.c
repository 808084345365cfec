// The client of a mount: readers or writers of whole files, one thread and one file each, 1 MiB a call unless said.
//
//   stream read cached|direct BYTES PATH…   from the first open until all have read BYTES (0: to the end) and closed;
//                                           SIGTERM is taken for the end
//   stream write SIZE PATH…                 from the first open to the last return of close, when bytes are said to be safe
//   stream pieces CALL SIZE PATH…           as write, CALL bytes a call
//   stream append BYTES PATH…               opens for appending, writes BYTES in one call, closes
//
// Prints seconds, CPU seconds of this process, and bytes.
#define _GNU_SOURCE
#include "pattern.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { CALL_LENGTH = 1 << 20 };

typedef struct {
    const char *path;
    uint8_t *buffer;
    uint64_t moved;
} Worker;

static int flags;
static uint64_t amount, written_at_once = CALL_LENGTH;
static const uint8_t *pattern;
static volatile sig_atomic_t is_ended;

static void end(int signal) {
    (void)signal;
    is_ended = 1;
}

static void fail(const char *what) {
    fprintf(stderr, "stream: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *read_file(void *context) {
    Worker *worker = context;
    int file = open(worker->path, O_RDONLY | flags);
    if (file < 0) fail(worker->path);
    while (!is_ended && (amount == 0 || worker->moved < amount)) {
        uint64_t left = amount ? amount - worker->moved : CALL_LENGTH;
        ssize_t count = read(file, worker->buffer, left < CALL_LENGTH ? (size_t)left : CALL_LENGTH);
        if (count < 0) fail("read");
        if (count == 0) break;
        worker->moved += (uint64_t)count;
    }
    close(file);
    return NULL;
}

static void *write_file(void *context) {
    Worker *worker = context;
    int file = open(worker->path, O_WRONLY | O_CREAT | flags, 0644);
    if (file < 0) fail(worker->path);
    while (worker->moved < amount) {
        uint64_t left = amount - worker->moved;
        // Calls stay aligned, and none runs over the pattern's end.
        size_t wanted = (size_t)(written_at_once - worker->moved % written_at_once);
        size_t room = (size_t)(PATTERN_LENGTH - worker->moved % PATTERN_LENGTH);
        if (wanted > room) wanted = room;
        ssize_t count = write(file, pattern + worker->moved % PATTERN_LENGTH, left < wanted ? (size_t)left : wanted);
        if (count < 0) fail("write");
        worker->moved += (uint64_t)count;
    }
    if (close(file) < 0) fail("close");
    return NULL;
}

static void run(void *(*body)(void *), int count, char **paths) {
    pthread_t threads[64];
    Worker workers[64];
    if (count < 1 || count > 64) fail("one to 64 files");
    for (int i = 0; i < count; i++) {
        workers[i] = (Worker){paths[i], aligned_alloc(4096, CALL_LENGTH), 0};
        if (!workers[i].buffer) fail("memory");
        memset(workers[i].buffer, 1, CALL_LENGTH);
    }
    double start = seconds_now(), cpu = processor_seconds();
    for (int i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, body, &workers[i])) fail("thread");
    }
    uint64_t total = 0;
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        total += workers[i].moved;
    }
    report(seconds_now() - start, processor_seconds() - cpu, total);
}

int main(int count, char **arguments) {
    if (count >= 5 && !strcmp(arguments[1], "read")) {
        flags = strcmp(arguments[2], "direct") ? 0 : O_DIRECT;
        amount = strtoull(arguments[3], NULL, 10);
        signal(SIGTERM, end);
        run(read_file, count - 4, arguments + 4);
    } else if (count >= 5 && !strcmp(arguments[1], "pieces") && strtoull(arguments[2], NULL, 10) > 0) {
        flags = O_TRUNC;
        written_at_once = strtoull(arguments[2], NULL, 10), amount = strtoull(arguments[3], NULL, 10);
        pattern = pattern_make();
        run(write_file, count - 4, arguments + 4);
    } else if (count >= 4 && (!strcmp(arguments[1], "write") || !strcmp(arguments[1], "append"))) {
        flags = strcmp(arguments[1], "append") ? O_TRUNC : O_APPEND;
        amount = strtoull(arguments[2], NULL, 10);
        pattern = pattern_make();
        run(write_file, count - 3, arguments + 3);
    } else {
        fputs("stream read cached|direct BYTES PATH… | write SIZE PATH… | pieces CALL SIZE PATH… | append BYTES PATH…\n", stderr);
        return 64;
    }
    return 0;
}
