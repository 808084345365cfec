// The raw limit of listings: the List Blobs requests of one directory, page after page, on one connection.
//
//   list URL
//
// URL is the container's with restype, comp, prefix and SAS. Prints as `operations` how many blobs there were.
#define _GNU_SOURCE
#include "latencies.h"
#include "pattern.h"

#include <curl/curl.h>
#include <string.h>

typedef struct {
    char *bytes;
    size_t count, room;
} Page;

static void give_up(const char *why) {
    fprintf(stderr, "list: %s\n", why);
    exit(1);
}

static size_t take_body(char *bytes, size_t unit, size_t count, void *context) {
    Page *page = context;
    size_t length = unit * count;
    if (page->count + length + 1 > page->room) {
        page->room = 2 * (page->count + length + 1);
        page->bytes = realloc(page->bytes, page->room);
        if (!page->bytes) give_up("no memory");
    }
    memcpy(page->bytes + page->count, bytes, length);
    page->count += length;
    page->bytes[page->count] = 0;
    return length;
}

static uint64_t blobs_in(const Page *page) {
    uint64_t blobs = 0;
    const char *end = page->bytes + page->count;
    for (const char *at = page->bytes; (at = memmem(at, (size_t)(end - at), "<Blob>", 6)); at += 6) blobs++;
    return blobs;
}

// What stands between the tags of NextMarker; empty at the end. Markers are of letters that XML leaves alone.
static char *marker_after(const Page *page) {
    static const char open[] = "<NextMarker>";
    size_t tail = page->count < 8192 ? page->count : 8192;
    char *start = memmem(page->bytes + page->count - tail, tail, open, sizeof open - 1);
    if (!start) return strdup("");
    start += sizeof open - 1;
    char *end = strstr(start, "</NextMarker>");
    return end ? strndup(start, (size_t)(end - start)) : strdup("");
}

int main(int count, char **arguments) {
    if (count != 2) {
        fputs("list URL\n", stderr);
        return 64;
    }
    Page page = {0};
    uint64_t blobs = 0, bytes = 0;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *handle = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "x-ms-version: 2021-12-02");
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, 128L << 10);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &page);
    curl_easy_setopt(handle, CURLOPT_FAILONERROR, 1L);
    double start = seconds_now(), cpu = processor_seconds();
    char *marker = strdup("");
    do {
        char *escaped = curl_easy_escape(handle, marker, 0), *address;
        if (!escaped || asprintf(&address, "%s&marker=%s", arguments[1], escaped) < 0) give_up("no memory");
        curl_easy_setopt(handle, CURLOPT_URL, address);
        page.count = 0;
        CURLcode code = curl_easy_perform(handle);
        if (code != CURLE_OK) give_up(curl_easy_strerror(code));
        blobs += blobs_in(&page), bytes += page.count;
        free(marker), free(address), curl_free(escaped);
        marker = marker_after(&page);
    } while (*marker);
    double seconds = seconds_now() - start;
    printf("{\"seconds\": %.6f, \"cpu\": %.6f, \"bytes\": %llu, \"operations\": %llu}\n", seconds,
        processor_seconds() - cpu, (unsigned long long)bytes, (unsigned long long)blobs);
    free(marker), free(page.bytes);
    curl_slist_free_all(headers);
    curl_easy_cleanup(handle);
    return 0;
}
