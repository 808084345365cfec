// Many libcurl transfers at once on one thread: the loop that get.c, put.c and objects.c share. It is what outputfs's transport
// does, without anything around it.
#ifndef BENCHMARKS_TRANSFERS_H
#define BENCHMARKS_TRANSFERS_H
#include "latencies.h"
#include "pattern.h"

#include <curl/curl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct {
    CURL *handle;
    struct curl_slist *headers;
    uint64_t index;     // which part of the blob
    uint64_t done;      // bytes of it so far
    uint64_t checksum;  // CRC-64 of them
    char promised[16];  // the server's checksum
    double began;
} Transfer;

// Once this is past, nothing more is started; 0: never.
static double transfers_deadline;

static void give_up(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

// Sets what is different from part to part.
typedef void (*Prepare)(Transfer *, uint64_t index);
// Looks at the answer; ends the program if it is not good.
typedef void (*Check)(Transfer *);

static void transfers_start(CURLM *multi, Transfer *transfer, uint64_t index, Prepare prepare) {
    curl_slist_free_all(transfer->headers);
    transfer->headers = curl_slist_append(NULL, "Expect:");
    transfer->index = index, transfer->done = 0, transfer->checksum = 0, transfer->promised[0] = 0;
    prepare(transfer, index);
    transfer->began = seconds_now();
    curl_easy_setopt(transfer->handle, CURLOPT_HTTPHEADER, transfer->headers);
    curl_multi_add_handle(multi, transfer->handle);
}

// Takes answers that carry nothing.
static size_t transfers_ignore(char *bytes, size_t unit, size_t count, void *context) {
    (void)bytes, (void)context;
    return unit * count;
}

// Keeps what the server promises in x-ms-content-crc64; for CURLOPT_HEADERFUNCTION.
static size_t transfers_take_header(char *bytes, size_t unit, size_t count, void *context) {
    Transfer *transfer = context;
    static const char name[] = "x-ms-content-crc64: ";
    size_t length = sizeof name - 1;
    if (unit * count >= length + 12 && !strncasecmp(bytes, name, length)) {
        memcpy(transfer->promised, bytes + length, 12);
        transfer->promised[12] = 0;
    }
    return unit * count;
}

// Runs `count` transfers, `width` at a time, and notes their latencies. `once` sets what stays the same.
static void transfers_run(uint64_t count, int width, void (*once)(Transfer *), Prepare prepare, Check check) {
    CURLM *multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)width);
    Transfer *transfers = calloc((size_t)width, sizeof *transfers);
    uint64_t next = 0, ended = 0;
    for (int i = 0; i < width && next < count; i++) {
        transfers[i].handle = curl_easy_init();
        curl_easy_setopt(transfers[i].handle, CURLOPT_PRIVATE, &transfers[i]);
        curl_easy_setopt(transfers[i].handle, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(transfers[i].handle, CURLOPT_BUFFERSIZE, 128L << 10);
        curl_easy_setopt(transfers[i].handle, CURLOPT_UPLOAD_BUFFERSIZE, 512L << 10);
        curl_easy_setopt(transfers[i].handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        once(&transfers[i]);
        transfers_start(multi, &transfers[i], next++, prepare);
    }
    while (ended < next) {
        int running, left;
        curl_multi_perform(multi, &running);
        for (CURLMsg *message; (message = curl_multi_info_read(multi, &left));) {
            if (message->msg != CURLMSG_DONE) continue;
            Transfer *transfer;
            long status = 0;
            CURLcode code = message->data.result;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
            curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
            if (code != CURLE_OK) give_up("transfer", curl_easy_strerror(code));
            if (status / 100 != 2) {
                char text[32];
                snprintf(text, sizeof text, "HTTP %ld", status);
                give_up("transfer", text);
            }
            check(transfer);
            latencies_note(seconds_now() - transfer->began);
            ended++;
            curl_multi_remove_handle(multi, transfer->handle);
            if (transfers_deadline != 0 && seconds_now() > transfers_deadline) count = next;
            if (next < count) transfers_start(multi, transfer, next++, prepare);
        }
        if (ended < next) curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    for (int i = 0; i < width; i++) {
        if (transfers[i].handle) curl_easy_cleanup(transfers[i].handle);
        curl_slist_free_all(transfers[i].headers);
    }
    free(transfers);
    curl_multi_cleanup(multi);
}
#endif
