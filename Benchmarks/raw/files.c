// Many small files by several processes: what make, git and rm do to a mount.
//
//   files read|stat|delete|rename DIRECTORY COUNT PROCESSES SECONDS
//   files create DIRECTORY COUNT PROCESSES SECONDS LEAST MOST
//
// The names are seven digits from 0000000 on, as the emulator's control interface and `objects` make them; a rename
// puts an x before. Deletes and renames hold their directory's lock in the kernel, one at a time: each process has a
// directory of its own for them, DIRECTORY/0 and so on, with COUNT/PROCESSES names from 0000000 on. Created files get sizes from LEAST to MOST, in steps of a power of two. Process p takes every
// PROCESSES-th name from p on; after SECONDS nothing more is begun. Prints seconds, CPU seconds of all processes, bytes, operations, and percentiles.
#define _GNU_SOURCE
#include "latencies.h"
#include "pattern.h"
#include "sizes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CALL_LENGTH = 256 << 10 };

static const char *directory;
static uint8_t *buffer;
static const uint8_t *pattern;
static uint64_t least, most;

static void fail(const char *what) {
    fprintf(stderr, "files: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t read_one(const char *path) {
    int file = open(path, O_RDONLY);
    if (file < 0) fail(path);
    uint64_t total = 0;
    for (ssize_t count; (count = read(file, buffer, CALL_LENGTH)) != 0; total += (uint64_t)count) {
        if (count < 0) fail("read");
    }
    close(file);
    return total;
}

static uint64_t create_one(const char *path, uint64_t size) {
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (file < 0) fail(path);
    for (uint64_t done = 0; done < size;) {
        ssize_t count = write(file, pattern + done, size - done);
        if (count < 0) fail("write");
        done += (uint64_t)count;
    }
    if (close(file)) fail("close");
    return size;
}

static uint64_t operate(const char *verb, uint64_t number, uint64_t processes) {
    char place[2048], path[4096], other[4096];
    struct stat status;
    snprintf(place, sizeof place, "%s", directory);
    if (!strcmp(verb, "delete") || !strcmp(verb, "rename")) {
        snprintf(place, sizeof place, "%s/%llu", directory, (unsigned long long)(number % processes));
        number /= processes;
    }
    snprintf(path, sizeof path, "%s/%07llu", place, (unsigned long long)number);
    if (!strcmp(verb, "read")) return read_one(path);
    if (!strcmp(verb, "create")) return create_one(path, size_of(number, least, most));
    if (!strcmp(verb, "stat")) {
        if (stat(path, &status)) fail(path);
        return 0;
    }
    if (!strcmp(verb, "delete")) {
        if (unlink(path)) fail(path);
        return 0;
    }
    snprintf(other, sizeof other, "%s/x%07llu", place, (unsigned long long)number);
    if (rename(path, other)) fail(path);
    return 0;
}

typedef struct {
    uint64_t bytes, operations;
} Tally;

int main(int count, char **arguments) {
    static const char *const verbs[] = {"read", "stat", "delete", "rename", "create"};
    int known = 0;
    for (int i = 0; i < 5; i++) known |= count >= 5 && !strcmp(arguments[1], verbs[i]);
    if (!known || count != (strcmp(arguments[1], "create") ? 6 : 8)) {
        fputs("files read|stat|delete|rename DIRECTORY COUNT PROCESSES SECONDS | create … LEAST MOST\n", stderr);
        return 64;
    }
    const char *verb = arguments[1];
    directory = arguments[2];
    uint64_t files = strtoull(arguments[3], NULL, 10), processes = strtoull(arguments[4], NULL, 10);
    double limit = strtod(arguments[5], NULL);
    if (count == 8) least = strtoull(arguments[6], NULL, 10), most = strtoull(arguments[7], NULL, 10);
    if (processes < 1 || processes > 64 || most > PATTERN_LENGTH) fail("1 to 64 processes, at most 64 MiB a file");
    buffer = malloc(CALL_LENGTH);
    pattern = pattern_make();
    // Shared, so that every process leaves its latencies where the first one finds them.
    double *shared = mmap(NULL, (files + 1) * sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    Tally *tallies = mmap(NULL, processes * sizeof *tallies, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || tallies == MAP_FAILED) fail("memory");
    double start = seconds_now();
    for (uint64_t process = 0; process < processes; process++) {
        pid_t child = fork();
        if (child < 0) fail("fork");
        if (child) continue;
        for (uint64_t number = process; number < files; number += processes) {
            double called = seconds_now();
            if (called - start > limit) break;
            tallies[process].bytes += operate(verb, number, processes);
            tallies[process].operations++;
            shared[number] = seconds_now() - called;
        }
        _exit(0);
    }
    int status, failed = 0;
    while (wait(&status) > 0) failed |= status;
    double seconds = seconds_now() - start;
    if (failed) return 1;
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    uint64_t bytes = 0;
    for (uint64_t process = 0; process < processes; process++) bytes += tallies[process].bytes;
    latencies_prepare(files);
    for (uint64_t number = 0; number < files; number++) {
        // What was not begun took no time.
        if (shared[number] > 0) latencies_note(shared[number]);
    }
    latencies_report(seconds, cpu, bytes);
    return 0;
}
