// The client of a mount: one program that reads or writes one file from its first byte to its last, 1 MiB a call.
//
//   stream read PATH [direct]     from open to the end of the file
//   stream write PATH SIZE        from open to the return of close, which is when the bytes are said to be safe
//
// Prints seconds, CPU seconds of this process, and bytes.
#define _GNU_SOURCE
#include "pattern.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { CALL_LENGTH = 1 << 20 };

static void fail(const char *what) {
    fprintf(stderr, "stream: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void stream_read(const char *path, int flags) {
    uint8_t *buffer = aligned_alloc(4096, CALL_LENGTH);
    if (!buffer) fail("memory");
    memset(buffer, 1, CALL_LENGTH);
    double start = seconds_now(), cpu = processor_seconds();
    int file = open(path, O_RDONLY | flags);
    if (file < 0) fail("open");
    uint64_t total = 0;
    for (ssize_t count; (count = read(file, buffer, CALL_LENGTH)) != 0; total += (uint64_t)count) {
        if (count < 0) fail("read");
    }
    close(file);
    report(seconds_now() - start, processor_seconds() - cpu, total);
}

static void stream_write(const char *path, uint64_t size) {
    const uint8_t *pattern = pattern_make();
    double start = seconds_now(), cpu = processor_seconds();
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file < 0) fail("open");
    for (uint64_t done = 0; done < size;) {
        uint64_t left = size - done;
        // Calls stay aligned, so that none runs over the pattern's end.
        size_t wanted = CALL_LENGTH - (size_t)(done % CALL_LENGTH);
        ssize_t count = write(file, pattern + done % PATTERN_LENGTH, left < wanted ? (size_t)left : wanted);
        if (count < 0) fail("write");
        done += (uint64_t)count;
    }
    if (close(file) < 0) fail("close");
    report(seconds_now() - start, processor_seconds() - cpu, size);
}

int main(int count, char **arguments) {
    if (count >= 3 && !strcmp(arguments[1], "read")) {
        stream_read(arguments[2], count > 3 && !strcmp(arguments[3], "direct") ? O_DIRECT : 0);
    } else if (count == 4 && !strcmp(arguments[1], "write")) {
        stream_write(arguments[2], strtoull(arguments[3], NULL, 10));
    } else {
        fputs("stream read PATH [direct] | write PATH SIZE\n", stderr);
        return 64;
    }
    return 0;
}
