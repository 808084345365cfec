// Random calls into one file: aligned places, uniform, a generator of its own for each job.
//
//   random read cached|direct PATH BLOCK JOBS OPERATIONS SECONDS
//   random write PATH BLOCK OPERATIONS      one job into a file that is there; the time goes to the return of close
//
// Reading ends after OPERATIONS of all jobs together, after SECONDS, or at SIGTERM, whichever comes first. Prints
// seconds, CPU seconds of this process, bytes, operations, and the latencies of 50 % and 99 %.
#define _GNU_SOURCE
#include "latencies.h"
#include "pattern.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *path;
static size_t block;
static int flags;
static uint64_t operations, places;
static double deadline;
static _Atomic uint64_t started, moved;
static volatile sig_atomic_t is_ended;

static void fail(const char *what) {
    fprintf(stderr, "random: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void end(int signal) {
    (void)signal;
    is_ended = 1;
}

static uint64_t next_random(uint64_t *state) {
    *state += 0x9E3779B97F4A7C15u;  // splitmix64
    uint64_t mixed = *state;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
    return mixed ^ (mixed >> 31);
}

static void *read_places(void *job) {
    uint64_t state = (uint64_t)(uintptr_t)job * 0x1000003u + (uint64_t)getpid();
    int file = open(path, O_RDONLY | flags);
    uint8_t *buffer = aligned_alloc(4096, block);
    if (file < 0 || !buffer) fail(path);
    memset(buffer, 1, block);
    while (!is_ended && seconds_now() < deadline && started++ < operations) {
        off_t place = (off_t)(next_random(&state) % places * block);
        double start = seconds_now();
        if (pread(file, buffer, block, place) != (ssize_t)block) fail("pread");
        latencies_note(seconds_now() - start);
        moved += block;
    }
    close(file);
    return NULL;
}

static void read_all(int jobs, double limit) {
    pthread_t threads[256];
    if (jobs < 1 || jobs > 256) fail("1 to 256 jobs");
    signal(SIGTERM, end);
    double start = seconds_now(), cpu = processor_seconds();
    deadline = start + limit;
    for (int i = 0; i < jobs; i++) {
        if (pthread_create(&threads[i], NULL, read_places, (void *)(uintptr_t)(i + 1))) fail("thread");
    }
    for (int i = 0; i < jobs; i++) pthread_join(threads[i], NULL);
    latencies_report(seconds_now() - start, processor_seconds() - cpu, moved);
}

static void write_all(void) {
    const uint8_t *pattern = pattern_make();
    uint64_t state = (uint64_t)getpid();
    double start = seconds_now(), cpu = processor_seconds();
    int file = open(path, O_WRONLY);
    if (file < 0) fail(path);
    for (uint64_t i = 0; i < operations; i++) {
        uint64_t place = next_random(&state) % places;
        double called = seconds_now();
        const uint8_t *bytes = pattern + i * block % PATTERN_LENGTH;
        if (pwrite(file, bytes, block, (off_t)(place * block)) != (ssize_t)block) fail("pwrite");
        latencies_note(seconds_now() - called);
    }
    if (close(file) < 0) fail("close");
    latencies_report(seconds_now() - start, processor_seconds() - cpu, operations * block);
}

int main(int count, char **arguments) {
    int reads = count == 8 && !strcmp(arguments[1], "read"), writes = count == 5 && !strcmp(arguments[1], "write");
    if (!reads && !writes) {
        fputs("random read cached|direct PATH BLOCK JOBS OPERATIONS SECONDS | write PATH BLOCK OPERATIONS\n", stderr);
        return 64;
    }
    char **rest = arguments + (reads ? 3 : 2);
    struct stat status;
    path = rest[0], block = strtoull(rest[1], NULL, 10);
    flags = reads && !strcmp(arguments[2], "direct") ? O_DIRECT : 0;
    operations = strtoull(rest[reads ? 3 : 2], NULL, 10);
    if (stat(path, &status)) fail(path);
    if (block == 0 || PATTERN_LENGTH % block || (uint64_t)status.st_size < block) fail("the block does not fit");
    places = (uint64_t)status.st_size / block;
    latencies_prepare(operations);
    if (reads) read_all(atoi(rest[2]), strtod(rest[4], NULL)); else write_all();
    return 0;
}
